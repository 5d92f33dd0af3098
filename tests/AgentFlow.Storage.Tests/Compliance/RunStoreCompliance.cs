using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every run store promises. One subclass an implementation.</summary>
public abstract partial class RunStoreCompliance : IAsyncLifetime
{
    private static readonly UlidFactory Ids = new(TimeProvider.System, CryptographicRandom.Shared);

    protected abstract IRunStore Store { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    /// <summary>Closes the store without a word to it and opens it again, as a restarted process would.</summary>
    protected abstract ValueTask ReopenAsync();

    private static byte[] Bytes(int seed, int length = 40)
    {
        byte[] bytes = new byte[length];
        new SeededRandom((ulong)seed).Fill(bytes);
        return bytes;
    }

    private protected static RunAppend Create(string tenant = "t1", RowChange change = RowChange.Create, RowChange then = RowChange.None, string? key = null, string workflow = "w", Ulid? id = null) => new()
    {
        Tenant = tenant,
        Run = id ?? Ids.Create(),
        FirstSeq = 0,
        NextSeq = 3,
        Frame = Bytes(1),
        Change = change,
        Then = then,
        Status = then == RowChange.End ? RunStatus.Completed : RunStatus.Waiting,
        Result = then == RowChange.End ? "done" : "",
        Creation = new RunCreation(workflow, "1.0.0", new string('a', 64), key, "hash-" + key),
        At = 1000,
    };

    private protected static RunAppend Next(RunAppend run, long first, RowChange then = RowChange.None, long wake = 0, long[]? consumed = null, RunStatus status = RunStatus.Waiting) => new()
    {
        Tenant = run.Tenant,
        Run = run.Run,
        Key = run.Key,
        FirstSeq = first,
        NextSeq = first + 2,
        Frame = Bytes((int)first + 100),
        Then = then,
        WakeSeq = wake,
        Consumed = consumed ?? [],
        Status = then == RowChange.End ? RunStatus.Completed : status,
        Result = "done",
        CostNanoDollars = 42,
        At = 2000,
    };

    private protected static InboxAppend Item(RunAppend run, string dedupe, string? tenant = null, bool claims = false) => new()
    {
        Claims = claims,
        Tenant = tenant ?? run.Tenant,
        Run = run.Run,
        Kind = InboxKind.Signal,
        Dedupe = dedupe,
        Data = "{}"u8.ToArray(),
    };

    private protected async Task<RunAppend> Commit(RunAppend append)
    {
        var batch = new CommitBatch();
        batch.Frames.Add(append);
        await Store.CommitAsync(batch, default);
        return append;
    }

    private async Task<InboxAppend> Send(InboxAppend item)
    {
        var batch = new CommitBatch();
        batch.Inbox.Add(item);
        await Store.CommitAsync(batch, default);
        return item;
    }

    private static ClaimedRun Claim(RunAppend run) => new(run.Key, run.Run, run.Tenant, "w", "1.0.0", new string('a', 64));

    [Fact]
    public async Task Create_Run_IsFoundAfterReopening()
    {
        RunAppend run = await Commit(Create());
        Assert.Equal(CommitOutcome.Committed, run.Outcome);
        Assert.True(run.Key > 0);
        await ReopenAsync();
        RunRow row = (await Store.FindAsync("t1", run.Run, default))!;
        Assert.Equal(("w", "1.0.0", new string('a', 64)), (row.Workflow, row.Version, row.DefinitionHash));
        StoredFrame frame = Assert.Single(await Store.ReadFramesAsync("t1", run.Run, 0, 10, default));
        Assert.Equal(run.Frame.ToArray(), frame.Data.ToArray());
    }

    [Fact]
    public async Task FindTenant_OfAnyTenant_IsTheOneThatHasTheRun()
    {
        Assert.Null(await Store.FindTenantAsync(Ids.Create(), default));
        foreach (string tenant in new[] { "b", "a", "z", "m" })
        {
            RunAppend run = await Commit(Create(tenant));
            Assert.Equal(tenant, await Store.FindTenantAsync(run.Run, default));
        }

        Assert.Null(await Store.FindTenantAsync(Ids.Create(), default));
    }

    [Fact]
    public async Task Find_OtherTenant_IsNothing()
    {
        RunAppend run = await Commit(Create());
        Assert.Null(await Store.FindAsync("t2", run.Run, default));
        Assert.Empty(await Store.ReadFramesAsync("t2", run.Run, 0, 10, default));
        Assert.Null(await Store.ReadLastFrameAsync("t2", run.Run, default));
        Assert.Equal(CommitOutcome.Missing, (await Send(Item(run, "x", "t2"))).Outcome);
        Assert.Equal(0, (await Store.ListAsync("t2", new RunFilter(), default)).Total);
    }

    [Fact]
    public async Task Append_Batch_KeepsOrderAndEveryFrame()
    {
        RunAppend a = await Commit(Create());
        RunAppend b = await Commit(Create());
        var batch = new CommitBatch();
        batch.Frames.AddRange([Next(a, 3), Next(b, 3), Next(a, 5)]);
        await Store.CommitAsync(batch, default);
        Assert.All(batch.Frames, f => Assert.Equal(CommitOutcome.Committed, f.Outcome));
        Assert.Equal([0, 3, 5], (await Store.ReadFramesAsync("t1", a.Run, 0, 10, default)).Select(f => f.FirstSeq));
        Assert.Equal(5, (await Store.ReadLastFrameAsync("t1", a.Run, default))!.FirstSeq);
    }

    [Theory]
    [InlineData(0, new long[] { 0, 3, 5 })]
    [InlineData(2, new long[] { 0, 3, 5 })]
    [InlineData(3, new long[] { 3, 5 })]
    [InlineData(4, new long[] { 3, 5 })]
    [InlineData(6, new long[] { 5 })]
    public async Task ReadFrames_FromASequence_BeginsWithTheFrameThatHoldsIt(long from, long[] expected)
    {
        RunAppend run = await Commit(Create());
        await Commit(Next(run, 3));
        await Commit(Next(run, 5));
        Assert.Equal(expected, (await Store.ReadFramesAsync("t1", run.Run, from, 10, default)).Select(f => f.FirstSeq));
    }

    [Fact]
    public async Task HasFrame_TellsEqualFromOtherAndFromNone()
    {
        RunAppend run = await Commit(Create());
        Assert.True(await Store.HasFrameAsync(run, default));
        Assert.False(await Store.HasFrameAsync(Like(run, 0, Bytes(9)), default));
        Assert.Null(await Store.HasFrameAsync(Like(run, 3, run.Frame), default));
    }

    [Fact]
    public async Task Idempotency_SameKey_GivesTheFirstRunAndWritesNothing()
    {
        RunAppend first = await Commit(Create(key: "k"));
        RunAppend second = await Commit(Create(key: "k"));
        Assert.Equal(CommitOutcome.Duplicate, second.Outcome);
        Assert.Equal((first.Run, "hash-k"), second.ExistingRun);
        Assert.Null(await Store.FindAsync("t1", second.Run, default));
        Assert.Equal(CommitOutcome.Committed, (await Commit(Create("t2", key: "k"))).Outcome);
    }

    [Fact]
    public async Task Idempotency_TwiceInOneBatch_OneRunIsMade()
    {
        var batch = new CommitBatch();
        batch.Frames.AddRange([Create(key: "k"), Create(key: "k")]);
        await Store.CommitAsync(batch, default);
        Assert.Equal([CommitOutcome.Committed, CommitOutcome.Duplicate], batch.Frames.Select(f => f.Outcome));
        Assert.Equal(1, (await Store.ListAsync("t1", new RunFilter(), default)).Total);
    }

    [Fact]
    public async Task Claim_QueuedRuns_OldestFirstAndOnce()
    {
        RunAppend[] runs = [await Commit(Create(change: RowChange.CreateQueued)), await Commit(Create("t2", RowChange.CreateQueued)), await Commit(Create(change: RowChange.CreateQueued))];
        IReadOnlyList<ClaimedRun> first = await Store.ClaimAsync(2, default);
        Assert.Equal([runs[0].Run, runs[1].Run], first.Select(r => r.Run));
        Assert.Equal("t2", first[1].Tenant);
        Assert.Equal([runs[2].Run], (await Store.ClaimAsync(2, default)).Select(r => r.Run));
        Assert.Empty(await Store.ClaimAsync(2, default));
    }

    [Fact]
    public async Task Reopen_RunsInProgress_AreFreeToClaim_EndedAndParkedAreNot()
    {
        RunAppend running = await Commit(Create());
        await Commit(Create(then: RowChange.Park));
        await Commit(Create(then: RowChange.End));
        await ReopenAsync();
        Assert.Equal([running.Run], (await Store.ClaimAsync(10, default)).Select(r => r.Run));
    }

    [Fact]
    public async Task Inbox_Item_WakesAParkedRunAndIsLoadedOnce()
    {
        RunAppend run = await Commit(Create(then: RowChange.Park));
        InboxAppend item = await Send(Item(run, "a"));
        Assert.Equal(CommitOutcome.Committed, item.Outcome);
        Assert.Equal((RunStatus.Waiting, 1L), (item.StatusBefore, item.WakeSeq));
        ClaimedRun claim = Assert.Single(await Store.ClaimAsync(10, default));
        RunHistory history = await Store.LoadAsync(claim, default);
        Assert.Equal(1, history.WakeSeq);
        Assert.Equal((item.Item, InboxKind.Signal, "a"), (history.Inbox[0].Item, history.Inbox[0].Kind, history.Inbox[0].Dedupe));
        RunAppend next = Next(run, 3, RowChange.Park, wake: 1, consumed: [item.Item]);
        next.Key = claim.Key;
        Assert.Equal(CommitOutcome.Committed, (await Commit(next)).Outcome);
        Assert.Empty((await Store.LoadAsync(claim, default)).Inbox);
        Assert.Empty(await Store.ClaimAsync(10, default));
    }

    [Fact]
    public async Task Inbox_SameDedupeKey_IsOneItem()
    {
        RunAppend run = await Commit(Create(then: RowChange.Park));
        await Send(Item(run, "a"));
        Assert.Equal(CommitOutcome.Ignored, (await Send(Item(run, "a"))).Outcome);
        RunHistory history = await Store.LoadAsync(Claim(run), default);
        Assert.Equal(1, history.WakeSeq);
        Assert.Single(history.Inbox);
    }

    [Fact]
    public async Task Inbox_SenderWithRoom_GetsAParkedRunOnceInOneWayOrTheOther()
    {
        RunAppend run = await Commit(Create(then: RowChange.Park));
        InboxAppend first = await Send(Item(run, "a", claims: true));
        InboxAppend second = await Send(Item(run, "b", claims: true));
        InboxAppend again = await Send(Item(run, "a", claims: true));
        Assert.Equal((CommitOutcome.Committed, CommitOutcome.Committed, CommitOutcome.Ignored), (first.Outcome, second.Outcome, again.Outcome));
        Assert.Null(second.Claimed);
        ClaimedRun claim = Assert.Single([.. await Store.ClaimAsync(10, default), .. first.Claimed is { } given ? new[] { given } : []]);
        Assert.Equal((run.Run, "t1", "w", "1.0.0", new string('a', 64)), (claim.Run, claim.Tenant, claim.Workflow, claim.Version, claim.DefinitionHash));
        RunHistory history = await Store.LoadAsync(claim, default);
        Assert.Equal(2, history.WakeSeq);
        Assert.Equal(["a", "b"], history.Inbox.Select(i => i.Dedupe));
        Assert.Equal(RunStatus.Running, (await Store.FindAsync("t1", run.Run, default))!.Status);
    }

    [Fact]
    public async Task Inbox_DeferredItem_IsSeenByEverybodyAtOnce()
    {
        RunAppend run = await Commit(Create(then: RowChange.Park));
        var batch = new CommitBatch { IsDeferred = Store.CanDefer };
        batch.Inbox.Add(Item(run, "a", claims: true));
        await Store.CommitAsync(batch, default);
        await Store.FlushAsync(default);
        Assert.Equal(CommitOutcome.Committed, batch.Inbox[0].Outcome);
        Assert.Equal(["a"], (await Store.LoadAsync(Claim(run), default)).Inbox.Select(i => i.Dedupe));
        Assert.Equal(CommitOutcome.Ignored, (await Send(Item(run, "a"))).Outcome);
    }

    [Fact]
    public async Task Inbox_EndedRun_IsIgnoredWithItsStatus()
    {
        RunAppend run = await Commit(Create(then: RowChange.End));
        InboxAppend item = await Send(Item(run, "a"));
        Assert.Equal((CommitOutcome.Ignored, RunStatus.Completed), (item.Outcome, item.StatusBefore));
    }

    [Fact]
    public async Task Park_SomethingArrived_AppendsButStaysAwake()
    {
        RunAppend run = await Commit(Create());
        await Send(Item(run, "a"));
        RunAppend park = await Commit(Next(run, 3, RowChange.Park));
        Assert.Equal(CommitOutcome.CommittedAwake, park.Outcome);
        Assert.True(await Store.HasFrameAsync(park, default));
        Assert.Equal(RunStatus.Running, (await Store.FindAsync("t1", run.Run, default))!.Status);
    }

    [Fact]
    public async Task End_SomethingArrived_WritesNothing()
    {
        RunAppend run = await Commit(Create());
        InboxAppend item = await Send(Item(run, "a"));
        RunAppend end = await Commit(Next(run, 3, RowChange.End));
        Assert.Equal(CommitOutcome.Woken, end.Outcome);
        Assert.Null(await Store.HasFrameAsync(end, default));
        RunAppend again = await Commit(Next(run, 3, RowChange.End, wake: 1, consumed: [item.Item]));
        Assert.Equal(CommitOutcome.Committed, again.Outcome);
        RunRow row = (await Store.FindAsync("t1", run.Run, default))!;
        Assert.Equal((RunStatus.Completed, "done", 42L, (long?)2000), (row.Status, row.Result, row.CostNanoDollars, row.EndedAt));
    }

    [Fact]
    public async Task Batch_OneRunsConflict_LeavesItsNeighboursAlone()
    {
        RunAppend a = await Commit(Create());
        RunAppend b = await Commit(Create());
        await Send(Item(a, "x"));
        var batch = new CommitBatch();
        batch.Frames.AddRange([Next(a, 3, RowChange.End), Next(b, 3, RowChange.End)]);
        await Store.CommitAsync(batch, default);
        Assert.Equal([CommitOutcome.Woken, CommitOutcome.Committed], batch.Frames.Select(f => f.Outcome));
    }

    [Fact]
    public async Task Timers_FireWhenDueAndNeverBefore_AndSayWhenTheNextOneIs()
    {
        RunAppend run = Create(then: RowChange.Park);
        RunAppend timed = await Commit(new RunAppend
        {
            Tenant = "t1",
            Run = run.Run,
            FirstSeq = 0,
            Frame = run.Frame,
            Change = RowChange.Create,
            Then = RowChange.Park,
            Status = RunStatus.Waiting,
            Creation = run.Creation,
            Timers = [(5000, 1), (9000, 2)],
        });
        Assert.Equal((0, (long?)5000), await Store.FireTimersAsync(4999, 10, default));
        Assert.Empty(await Store.ClaimAsync(10, default));
        await ReopenAsync();
        Assert.Equal((1, (long?)9000), await Store.FireTimersAsync(5000, 10, default));
        Assert.Equal([timed.Run], (await Store.ClaimAsync(10, default)).Select(r => r.Run));
        Assert.Equal((1, (long?)null), await Store.FireTimersAsync(99_999, 10, default));
    }

    private static RunAppend Like(RunAppend run, long firstSeq, ReadOnlyMemory<byte> frame) => new() { Tenant = run.Tenant, Run = run.Run, Key = run.Key, FirstSeq = firstSeq, Frame = frame };

    [Fact]
    public async Task CountQueued_CountsWhatCanBeClaimed_AndStopsAtTheLimit()
    {
        Assert.Equal(0, await Store.CountQueuedAsync(10, default));
        for (int i = 0; i < 5; i++)
        {
            RunAppend run = Create(then: RowChange.Park);
            await Commit(new RunAppend { Tenant = "t1", Run = run.Run, FirstSeq = 0, Frame = run.Frame, Change = RowChange.CreateQueued, Creation = run.Creation });
        }

        await Commit(Create(then: RowChange.Park));
        Assert.Equal((5, 3), (await Store.CountQueuedAsync(10, default), await Store.CountQueuedAsync(3, default)));
        await Store.ClaimAsync(2, default);
        Assert.Equal(3, await Store.CountQueuedAsync(10, default));
    }

    [Fact]
    public async Task Timers_MoreThanTheBatch_ComeInDueOrder()
    {
        for (int i = 0; i < 5; i++)
        {
            RunAppend run = Create(then: RowChange.Park);
            await Commit(new RunAppend { Tenant = "t1", Run = run.Run, FirstSeq = 0, Frame = run.Frame, Change = RowChange.Create, Then = RowChange.Park, Status = RunStatus.Waiting, Creation = run.Creation, Timers = [(100 - i, 1)] });
        }

        Assert.Equal((3, (long?)99), await Store.FireTimersAsync(1000, 3, default));
        Assert.Equal((2, (long?)null), await Store.FireTimersAsync(1000, 3, default));
    }

    [Fact]
    public async Task Snapshot_Load_GivesItAndOnlyTheFramesAfterIt()
    {
        RunAppend run = await Commit(Create());
        await Commit(new RunAppend { Tenant = "t1", Run = run.Run, Key = run.Key, FirstSeq = 3, NextSeq = 5, Frame = Bytes(103), Snapshot = Bytes(7) });
        await Commit(Next(run, 5));
        RunHistory history = await Store.LoadAsync(Claim(run), default);
        Assert.Equal(5, history.Snapshot!.Seq);
        Assert.Equal(Bytes(7), history.Snapshot.Data.ToArray());
        Assert.Equal([5], history.Frames.Select(f => f.FirstSeq));
    }

    [Fact]
    public async Task Blobs_SameContent_IsReadByItsOwnTenantOnly()
    {
        var blob = new Payload(Bytes(5, 5000));
        RunAppend run = Create();
        await Commit(new RunAppend { Tenant = "t1", Run = run.Run, FirstSeq = 0, Frame = run.Frame, Change = RowChange.Create, Creation = run.Creation, Blobs = [blob, blob] });
        Assert.Equal(blob, Store.ReadBlob("t1", blob.Hash));
        Assert.Null(Store.ReadBlob("t2", blob.Hash));
    }

    [Fact]
    public async Task SetAside_Run_IsNotClaimedAgainAndSaysWhy()
    {
        RunAppend run = await Commit(Create(change: RowChange.CreateQueued));
        ClaimedRun claim = Assert.Single(await Store.ClaimAsync(1, default));
        await Store.SetAsideAsync(claim, "frame 7 is damaged", default);
        await ReopenAsync();
        Assert.Empty(await Store.ClaimAsync(1, default));
        RunRow row = (await Store.FindAsync("t1", run.Run, default))!;
        Assert.Equal((RunStatus.Diverged, "frame 7 is damaged"), (row.Status, row.Result));
    }

    [Fact]
    public async Task List_FiltersAndPages_NewestFirstWithoutGapsOrRepeats()
    {
        var made = new List<Ulid>();
        for (int i = 0; i < 25; i++)
        {
            made.Add((await Commit(Create(workflow: i % 2 == 0 ? "even" : "odd", then: i % 5 == 0 ? RowChange.End : RowChange.None))).Run);
        }

        var seen = new List<Ulid>();
        Ulid? before = null;
        RunPage page;
        do
        {
            page = await Store.ListAsync("t1", new RunFilter(Before: before, Size: 7), default);
            Assert.Equal(25, page.Total);
            seen.AddRange(page.Rows.Select(r => r.Run));
            before = page.Rows[^1].Run;
        }
        while (page.HasMore);

        made.Reverse();
        Assert.Equal(made, seen);
        Assert.Equal(13, (await Store.ListAsync("t1", new RunFilter("even"), default)).Total);
        Assert.Equal(5, (await Store.ListAsync("t1", new RunFilter(Status: RunStatus.Completed), default)).Total);
        Assert.Equal(3, (await Store.ListAsync("t1", new RunFilter("even", RunStatus.Completed), default)).Rows.Count);
    }
}
