namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Beginning and ending runs where some tenants' are counted. The counts and the rows of the runs are locked before
/// (<see cref="RunCounts"/>, <see cref="RunLocks"/>), so that what a statement reads is what it changes. A tenant without a count
/// has no limit.
/// </summary>
internal static class CountedStatements
{
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
