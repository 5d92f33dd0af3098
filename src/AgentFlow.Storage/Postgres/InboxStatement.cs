using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Puts items into inboxes, counts them in their runs' wake sequences and wakes those that are parked. The runs' rows are
/// locked by an earlier statement (<see cref="RunLocks"/>), so that no parking or end is decided in between.
/// </summary>
internal sealed class InboxStatement
{
    private readonly SetStatement _statement = new(
        """
        WITH item AS MATERIALIZED (
            SELECT u.kind, u.dedupe, u.data, u.n, r.key, r.status, r.owner, r.wake_seq
            FROM unnest($1::text[], $2::uuid[], $3::smallint[], $4::text[], $5::bytea[]) WITH ORDINALITY AS u (tenant, id, kind, dedupe, data, n)
            JOIN runs r ON r.tenant = u.tenant AND r.id = u.id),
        added AS (
            INSERT INTO inbox (run, kind, dedupe, data)
            SELECT i.key, i.kind, i.dedupe, i.data FROM item i WHERE i.status < 6 ORDER BY i.n
            ON CONFLICT DO NOTHING
            RETURNING id, run, dedupe),
        woken AS (
            UPDATE runs r SET wake_seq = r.wake_seq + a.items, status = CASE WHEN r.status IN (2, 3) THEN 0 ELSE r.status END
            FROM (SELECT run, count(*) AS items FROM added GROUP BY run) a WHERE r.key = a.run)
        SELECT i.n, i.key, i.status, i.owner, NULL::text, i.wake_seq FROM item i
        UNION ALL
        SELECT NULL, a.run, NULL, a.id, a.dedupe, NULL FROM added a
        """,
        takesSession: false);

    private readonly List<string> _tenant;
    private readonly List<Guid> _id;
    private readonly List<short> _kind;
    private readonly List<string> _dedupe;
    private readonly List<ReadOnlyMemory<byte>> _data;

    public InboxStatement()
    {
        _tenant = _statement.Column<string>(Text);
        _id = _statement.Column<Guid>(Uuid);
        _kind = _statement.Column<short>(Smallint);
        _dedupe = _statement.Column<string>(Text);
        _data = _statement.Column<ReadOnlyMemory<byte>>(Bytea);
    }

    public NpgsqlBatchCommand Command => _statement.Command;

    public void Fill(List<InboxAppend> items)
    {
        foreach (InboxAppend item in items)
        {
            _tenant.Add(Parameters.Storable(item.Tenant));
            _id.Add(Parameters.ToUuid(item.Run));
            _kind.Add((short)item.Kind);
            _dedupe.Add(Parameters.Storable(item.Dedupe));
            _data.Add(item.Data);
        }
    }

    public void Clear() => _statement.Clear();

    /// <summary>Sets the outcomes from the statement's rows.</summary>
    /// <returns>Runs that another session owns now and that have something new in their inbox.</returns>
    public async Task<List<Ulid>> ReadOutcomesAsync(NpgsqlDataReader reader, List<InboxAppend> items, long session, CancellationToken cancellationToken)
    {
        var runs = new (long Key, long Owner)?[items.Count];
        var added = new Dictionary<(long Run, string Dedupe), long>();
        var wakes = new Dictionary<long, long>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (reader.IsDBNull(0))
            {
                added.Add((reader.GetInt64(1), reader.GetString(4)), reader.GetInt64(3));
                continue;
            }

            int position = (int)reader.GetInt64(0) - 1;
            runs[position] = (reader.GetInt64(1), reader.GetInt64(3));
            items[position].StatusBefore = (RunStatus)reader.GetInt16(2);
            wakes[reader.GetInt64(1)] = reader.GetInt64(5);
        }

        var elsewhere = new List<Ulid>();
        for (int i = 0; i < items.Count; i++)
        {
            InboxAppend item = items[i];
            if (runs[i] is not { } run)
            {
                item.Outcome = CommitOutcome.Missing;
            }
            else if (added.Remove((run.Key, _dedupe[i]), out long id))
            {
                item.Item = id;
                item.WakeSeq = ++wakes[run.Key];
                item.Outcome = CommitOutcome.Committed;
                if (item.StatusBefore == RunStatus.Running && run.Owner != session)
                {
                    elsewhere.Add(item.Run);
                }
            }
            else
            {
                item.Outcome = CommitOutcome.Ignored;
            }
        }

        return elsewhere;
    }
}
