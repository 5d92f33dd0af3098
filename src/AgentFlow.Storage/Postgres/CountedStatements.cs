namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Beginning and ending runs where some tenants' are counted. The counts and the rows of the runs are locked before
/// (<see cref="RunCounts"/>, <see cref="RunLocks"/>), so that what a statement reads is what it changes. A tenant without a count
/// has no limit.
/// </summary>
internal static class CountedStatements
{
    /// <remarks>
    /// A run whose key is taken, or that an earlier try has written, takes no place: it is left out before places are given. One
    /// that ends in the transaction that begins it needs one and keeps none.
    /// </remarks>
    public const string Create = """
        WITH asked AS MATERIALIZED (
            SELECT u.*, c.active + row_number() OVER (PARTITION BY u.tenant ORDER BY u.n) AS place
            FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bytea[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::bigint[]) WITH ORDINALITY
                AS u (key, epoch, status, id, tenant, workflow, version, result, definition, cost, ended_at, idempotency_key, request_hash, most, n)
            LEFT JOIN run_counts c ON c.tenant = u.tenant AND c.ready
            WHERE NOT EXISTS (SELECT FROM runs r WHERE r.key = u.key)
                AND NOT EXISTS (SELECT FROM runs k WHERE k.tenant = u.tenant AND k.idempotency_key = u.idempotency_key)),
        begun AS MATERIALIZED (
            SELECT * FROM asked WHERE most IS NULL OR place IS NULL OR place <= most),
        counted AS (
            UPDATE run_counts c SET active = c.active + b.runs
            FROM (SELECT tenant, count(*) AS runs FROM begun WHERE status < 6 GROUP BY tenant) b WHERE c.tenant = b.tenant)
        INSERT INTO runs (key, id, tenant, workflow, version, definition, status, owner, epoch, result, cost, ended_at, idempotency_key, request_hash)
        SELECT b.key, b.id, b.tenant, b.workflow, b.version, b.definition, b.status, $1, b.epoch, b.result, b.cost, b.ended_at, b.idempotency_key, b.request_hash
        FROM begun b WHERE true
        """;

    public const string End = """
        WITH ended AS MATERIALIZED (
            SELECT r.key, r.tenant, u.status, u.result, u.cost, u.ended_at
            FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[])
                AS u (key, epoch, status, wake_seq, result, cost, ended_at)
            JOIN runs r ON r.key = u.key AND r.owner = $1 AND r.epoch = u.epoch AND r.status = 1 AND r.wake_seq = u.wake_seq),
        counted AS (
            UPDATE run_counts c SET active = c.active - e.runs
            FROM (SELECT tenant, count(*) AS runs FROM ended GROUP BY tenant) e WHERE c.tenant = e.tenant)
        UPDATE runs r SET status = e.status, result = e.result, cost = e.cost, ended_at = e.ended_at FROM ended e WHERE r.key = e.key
        """;
}
