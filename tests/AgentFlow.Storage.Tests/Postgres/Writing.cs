using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Tests.Postgres;

/// <summary>Short words for what the tests write.</summary>
internal static class Writing
{
    private static readonly UlidFactory Ids = new(TimeProvider.System, CryptographicRandom.Shared);

    public static RunAppend Creation(string tenant = "t1", RowChange change = RowChange.Create, RowChange then = RowChange.None, string? key = null) => new()
    {
        Tenant = tenant,
        Run = Ids.Create(),
        FirstSeq = 0,
        NextSeq = 1,
        Frame = "first"u8.ToArray(),
        Change = change,
        Then = then,
        Status = RunStatus.Waiting,
        Creation = new RunCreation("w", "1.0.0", new string('a', 64), key, "hash-" + key),
        At = 1,
    };

    public static RunAppend Append(Ulid run, long key, long first, RowChange then = RowChange.None, long wake = 0, string tenant = "t1", IReadOnlyList<long>? consumed = null) => new()
    {
        Tenant = tenant,
        Run = run,
        Key = key,
        FirstSeq = first,
        NextSeq = first + 1,
        Frame = BitConverter.GetBytes(first),
        Then = then,
        WakeSeq = wake,
        Status = then == RowChange.End ? RunStatus.Completed : RunStatus.Waiting,
        Result = then == RowChange.End ? "done" : "",
        Consumed = consumed ?? [],
        At = 2,
    };

    public static RunAppend Append(RunAppend run, long first, RowChange then = RowChange.None, long wake = 0) => Append(run.Run, run.Key, first, then, wake, run.Tenant);

    public static InboxAppend Item(Ulid run, string dedupe, string tenant = "t1") => new()
    {
        Tenant = tenant,
        Run = run,
        Kind = InboxKind.Signal,
        Dedupe = dedupe,
        Data = "{}"u8.ToArray(),
    };

    public static async Task<RunAppend> WriteAsync(this IRunStore store, RunAppend append)
    {
        var batch = new CommitBatch();
        batch.Frames.Add(append);
        await store.CommitAsync(batch, default);
        return append;
    }

    public static async Task<InboxAppend> WriteAsync(this IRunStore store, InboxAppend item)
    {
        var batch = new CommitBatch();
        batch.Inbox.Add(item);
        await store.CommitAsync(batch, default);
        return item;
    }

    public static async Task WriteAsync(this IRunStore store, IEnumerable<RunAppend> appends)
    {
        var batch = new CommitBatch();
        batch.Frames.AddRange(appends);
        await store.CommitAsync(batch, default);
    }
}
