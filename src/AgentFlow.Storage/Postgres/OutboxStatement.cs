using AgentFlow.Engine.Ports;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>Notes which frames a commit wrote. Frames that were refused are noted too: who reads looks them up and finds them or not.</summary>
internal sealed class OutboxStatement
{
    private readonly SetStatement _statement = new("INSERT INTO outbox (runs, first_seqs) VALUES ($1, $2)", takesSession: false);
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
