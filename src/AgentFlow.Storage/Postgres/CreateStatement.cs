namespace AgentFlow.Storage.Postgres;

/// <summary>How runs come to be: with or without counting, for themselves or as steps of others.</summary>
internal static class CreateStatement
{
    private const string Plain = """
        INSERT INTO runs (key, id, tenant, workflow, version, definition, status, owner, epoch, result, cost, ended_at, idempotency_key, request_hash, parent, priority, rank)
        SELECT u.key, u.id, u.tenant, u.workflow, u.version, u.definition, u.status, $1, u.epoch, u.result, u.cost, u.ended_at, u.idempotency_key, u.request_hash, u.parent, u.priority, u.rank
        FROM unnest(:arrays) AS u (:names) :started
        """;

    // A run whose key is taken, or that an earlier try has written, takes no place: it is left out before places are given. One
    // that ends in the transaction that begins it needs one and keeps none.
    private const string Counted = """
        WITH asked AS MATERIALIZED (
            SELECT u.*, c.active + row_number() OVER (PARTITION BY u.tenant ORDER BY u.n) AS place
            FROM unnest(:arrays) WITH ORDINALITY AS u (:names, n) :started
            LEFT JOIN run_counts c ON c.tenant = u.tenant AND c.ready
            WHERE NOT EXISTS (SELECT FROM runs r WHERE r.key = u.key)
                AND NOT EXISTS (SELECT FROM runs k WHERE k.tenant = u.tenant AND k.idempotency_key = u.idempotency_key)),
        begun AS MATERIALIZED (
            SELECT * FROM asked WHERE most IS NULL OR place IS NULL OR place <= most),
        counted AS (
            UPDATE run_counts c SET active = c.active + b.runs
            FROM (SELECT tenant, count(*) AS runs FROM begun WHERE status < 6 GROUP BY tenant) b WHERE c.tenant = b.tenant)
        INSERT INTO runs (key, id, tenant, workflow, version, definition, status, owner, epoch, result, cost, ended_at, idempotency_key, request_hash, parent, priority, rank)
        SELECT b.key, b.id, b.tenant, b.workflow, b.version, b.definition, b.status, $1, b.epoch, b.result, b.cost, b.ended_at, b.idempotency_key, b.request_hash, b.parent, b.priority, b.rank
        FROM begun b WHERE true
        """;

    private const string Started = "JOIN journal j ON j.run = u.parent_key AND j.first_seq = u.parent_seq AND j.xid = pg_current_xact_id()::text::bigint";

    /// <param name="counting">See <see cref="CountedStatements"/>.</param>
    /// <param name="children">Each has the key and the first sequence of the frame that says that it was started.</param>
    public static string Of(bool counting, bool children)
    {
        List<(string Name, string Type)> columns =
        [
            ("key", "bigint"), ("epoch", "integer"), ("status", "smallint"), ("id", "uuid"), ("tenant", "text"), ("workflow", "text"), ("version", "text"), ("result", "text"), ("definition", "bytea"),
            ("cost", "bigint"), ("ended_at", "bigint"), ("idempotency_key", "text"), ("request_hash", "text"), ("parent", "uuid"), ("priority", "smallint"), ("rank", "bigint"),
        ];
        columns.AddRange(children ? [("parent_key", "bigint"), ("parent_seq", "bigint")] : []);
        columns.AddRange(counting ? [("most", "bigint")] : []);
        return (counting ? Counted : Plain)
            .Replace(":arrays", string.Join(", ", columns.Select((c, i) => $"${i + 2}::{c.Type}[]")), StringComparison.Ordinal)
            .Replace(":names", string.Join(", ", columns.Select(c => c.Name)), StringComparison.Ordinal)
            .Replace(":started", children ? Started : "", StringComparison.Ordinal);
    }
}
