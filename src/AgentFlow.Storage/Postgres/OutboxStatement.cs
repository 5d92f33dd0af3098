using AgentFlow.Engine.Ports;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Notes which frames a commit wrote: those that were refused, or that an earlier try of the same batch had written, are not
/// this transaction's, and are left out. So every frame is noted exactly once.
/// </summary>
internal sealed class OutboxStatement
{
    private readonly SetStatement _statement = new(
        """
        INSERT INTO outbox (runs, first_seqs)
        SELECT array_agg(j.run ORDER BY u.n), array_agg(j.first_seq ORDER BY u.n)
        FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS u (run, first_seq, n)
        JOIN journal j ON j.run = u.run AND j.first_seq = u.first_seq AND j.xmin = pg_current_xact_id()::xid
        HAVING count(*) > 0
        """,
        takesSession: false);
    private readonly List<long> _run, _firstSeq;

    public OutboxStatement()
    {
        _run = _statement.Column<long>(Bigint);
        _firstSeq = _statement.Column<long>(Bigint);
    }

    public NpgsqlBatchCommand Command => _statement.Command;

    public int Rows => _statement.Rows;

    public void Add(RunAppend append)
    {
        _run.Add(RunKey.From(append.Key).Row);
        _firstSeq.Add(append.FirstSeq);
    }

    public void Clear() => _statement.Clear();
}
