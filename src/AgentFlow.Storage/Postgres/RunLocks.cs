using AgentFlow.Engine.Ports;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Locks the rows of all runs that a batch changes, in the order of their keys: transactions of several processes then wait
/// for each other in one direction only.
/// </summary>
internal sealed class RunLocks
{
    private readonly SetStatement _statement = new(
        """
        SELECT FROM runs r
        WHERE r.key IN (
            SELECT k FROM unnest($1::bigint[]) AS k
            UNION ALL
            SELECT x.key FROM unnest($2::text[], $3::uuid[]) AS u (tenant, id) JOIN runs x ON x.tenant = u.tenant AND x.id = u.id)
        ORDER BY r.key FOR NO KEY UPDATE OF r
        """,
        takesSession: false);

    private readonly List<long> _rows;
    private readonly List<string> _tenant;
    private readonly List<Guid> _id;

    public RunLocks()
    {
        _rows = _statement.Column<long>(Bigint);
        _tenant = _statement.Column<string>(Text);
        _id = _statement.Column<Guid>(Uuid);
    }

    public NpgsqlBatchCommand Command => _statement.Command;

    /// <param name="fewest">Changed rows that need locks. One needs none where nothing is waited for while it is held.</param>
    /// <returns>
    /// Whether locks are needed. An inbox item always needs one, because it is decided by what the row says before it is
    /// changed.
    /// </returns>
    public bool Fill(IEnumerable<CommitWave> waves, List<InboxAppend> items, int fewest)
    {
        _statement.Clear();
        foreach (CommitWave wave in waves)
        {
            wave.AddLocks(_rows);
        }

        foreach (InboxAppend item in items)
        {
            _tenant.Add(Parameters.Storable(item.Tenant));
            _id.Add(Parameters.ToUuid(item.Run));
        }

        return items.Count > 0 || _rows.Count >= fewest;
    }
}
