using AgentFlow.Engine.Ports;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// What most commits are: frames of runs that the session owns, and nothing else. One statement holds the session and writes
/// them all, which costs the server far less than a statement for each.
/// </summary>
internal sealed class PlainAppends
{
    // The session's row is locked before anything is written, and while it stands nobody else changes who owns its runs.
    private const string Held = "WITH held AS MATERIALIZED (SELECT FROM sessions WHERE id = $1 FOR KEY SHARE)";

    private const string Insert = """
        INSERT INTO journal (run, first_seq, data)
        SELECT u.key, u.first_seq, u.data
        FROM unnest($2::bigint[], $3::integer[], $4::bigint[], $5::bytea[]) AS u (key, epoch, first_seq, data)
        JOIN runs r ON r.key = u.key AND r.owner = $1 AND r.epoch = u.epoch AND r.status = 1
        WHERE EXISTS (SELECT FROM held)
        """;

    private readonly SetStatement _statement;

    private readonly List<long> _key, _firstSeq;
    private readonly List<int> _epoch;
    private readonly List<ReadOnlyMemory<byte>> _frame;

    public PlainAppends()
    {
        _statement = new SetStatement($"{Held}\n{Insert}");
        _key = _statement.Column<long>(Bigint);
        _epoch = _statement.Column<int>(Integer);
        _firstSeq = _statement.Column<long>(Bigint);
        _frame = _statement.Column<ReadOnlyMemory<byte>>(Bytea);
    }

    public NpgsqlBatchCommand Command => _statement.Command;

    public bool AllWritten => (int)_statement.Command.Rows == _statement.Rows;

    /// <returns>False when the batch holds anything but plain frames.</returns>
    public bool TryFill(CommitBatch batch, long session)
    {
        _statement.Clear();
        _statement.Session = session;
        if (batch.Inbox.Count + batch.Notes.Count > 0)
        {
            return false;
        }

        foreach (RunAppend append in batch.Frames)
        {
            if (append is not { Change: RowChange.None, Then: RowChange.None, Frame.IsEmpty: false, Snapshot: null, Cross: null, Blobs.Count: 0, Consumed.Count: 0 })
            {
                return false;
            }

            RunKey key = RunKey.From(append.Key);
            _key.Add(key.Row);
            _epoch.Add(key.Epoch);
            _firstSeq.Add(append.FirstSeq);
            _frame.Add(append.Frame);
        }

        return true;
    }
}
