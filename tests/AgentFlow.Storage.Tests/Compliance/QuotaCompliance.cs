using System.Collections.Concurrent;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every store promises about quotas. One subclass an implementation.</summary>
public abstract class QuotaCompliance : IAsyncLifetime
{
    private static readonly UlidFactory Ids = new(TimeProvider.System, CryptographicRandom.Shared);

    protected abstract IQuotaStore Quotas { get; }

    protected abstract ICatalogue Catalogue { get; }

    /// <summary>The stores of all processes that share the tables; one where nobody shares them.</summary>
    protected abstract IReadOnlyList<IRunStore> Stores { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    [Fact]
    public async Task Set_Kinds_AreReadBackByTheTenantAlone()
    {
        Assert.Empty(await Quotas.ReadAsync("t1", default));
        await Quotas.SetAsync("t1", new Dictionary<QuotaKind, QuotaGrant?> { [QuotaKind.Runs] = new QuotaGrant(7), [QuotaKind.Storage] = QuotaGrant.Unlimited, [QuotaKind.Agents] = null }, default);
        Assert.Equal(new Dictionary<QuotaKind, QuotaGrant> { [QuotaKind.Runs] = new(7), [QuotaKind.Storage] = default }, await Quotas.ReadAsync("t1", default));
        await Quotas.SetAsync("t1", new Dictionary<QuotaKind, QuotaGrant?> { [QuotaKind.Runs] = null, [QuotaKind.Storage] = new QuotaGrant(0) }, default);
        Assert.Equal(new Dictionary<QuotaKind, QuotaGrant> { [QuotaKind.Storage] = new(0) }, await Quotas.ReadAsync("t1", default));
        Assert.Empty(await Quotas.ReadAsync("t2", default));
    }

    [Fact]
    public async Task CountRuns_WhatWasGoingBefore_IsInTheCount()
    {
        foreach (IRunStore store in Stores)
        {
            await CommitAsync(store, Create());
            await CommitAsync(store, Create(change: RowChange.CreateQueued));
            await CommitAsync(store, Create(then: RowChange.Park));
            await CommitAsync(store, Create(then: RowChange.End));
            await CommitAsync(store, Create(tenant: "t2"));
        }

        RunAppend ending = await CommitAsync(Stores[0], Create());
        Assert.Null(await Quotas.RunsAsync("t1", default));
        await Quotas.CountRunsAsync("t1", default);
        Assert.Equal((3 * Stores.Count) + 1, await Quotas.RunsAsync("t1", default));
        await CommitAsync(Stores[0], End(ending));
        Assert.Equal(3 * Stores.Count, await Quotas.RunsAsync("t1", default));
        await Quotas.CountRunsAsync("t1", default);
        Assert.Equal(3 * Stores.Count, await Quotas.RunsAsync("t1", default));
        Assert.Null(await Quotas.RunsAsync("t2", default));
    }

    [Fact]
    public async Task Create_NoPlaceLeft_WritesNothing()
    {
        await Quotas.CountRunsAsync("t1", default);
        RunAppend first = await CommitAsync(Stores[0], Create(most: 2, key: "k1"));
        RunAppend second = await CommitAsync(Stores[^1], Create(most: 2));
        Assert.Equal((CommitOutcome.Committed, CommitOutcome.Committed), (first.Outcome, second.Outcome));
        foreach (RowChange then in new[] { RowChange.None, RowChange.Park, RowChange.End })
        {
            RunAppend refused = await CommitAsync(Stores[^1], Create(most: 2, key: "k2", then: then));
            Assert.Equal(CommitOutcome.OverQuota, refused.Outcome);
            Assert.Null(await Stores[0].FindAsync("t1", refused.Run, default));
        }

        // The key that was refused stands for nothing; the one of a run that there is still gives that run.
        Assert.Equal((CommitOutcome.Duplicate, first.Run), await CommitAsync(Stores[^1], Create(most: 2, key: "k1")) is var again ? (again.Outcome, again.ExistingRun!.Value.Run) : default);
        Assert.Equal(CommitOutcome.Committed, (await CommitAsync(Stores[0], Create(tenant: "t2", most: 1))).Outcome);
        Assert.Equal(CommitOutcome.Committed, (await CommitAsync(Stores[0], End(first))).Outcome);
        Assert.Equal(CommitOutcome.Committed, (await CommitAsync(Stores[^1], Create(most: 2, key: "k2"))).Outcome);
        Assert.Equal(2, await Quotas.RunsAsync("t1", default));
    }

    [Fact]
    public async Task Create_ManyInOneBatch_AsManyAsThereArePlaces()
    {
        await Quotas.CountRunsAsync("t1", default);
        await CommitAsync(Stores[0], Create(most: 5, key: "a"));
        RunAppend[] batch = [Create(most: 5, key: "a"), .. Enumerable.Range(0, 4).Select(i => Create(most: 5, key: $"b{i}")), Create(most: 5, key: "b0"), Create(most: 5), Create(tenant: "t2", most: 1)];
        await CommitAsync(Stores[0], batch);
        Assert.Equal(
            [CommitOutcome.Duplicate, CommitOutcome.Committed, CommitOutcome.Committed, CommitOutcome.Committed, CommitOutcome.Committed, CommitOutcome.Duplicate, CommitOutcome.OverQuota, CommitOutcome.Committed],
            batch.Select(b => b.Outcome));
        Assert.Equal(5, await Quotas.RunsAsync("t1", default));
    }

    [Fact]
    public async Task SetAside_Run_GivesItsPlaceBack()
    {
        await Quotas.CountRunsAsync("t1", default);
        RunAppend run = await CommitAsync(Stores[0], Create(most: 1));
        await Stores[0].SetAsideAsync(Claim(run), "does not replay", default);
        Assert.Equal(0, await Quotas.RunsAsync("t1", default));
        await Stores[0].SetAsideAsync(Claim(run), "again", default);
        Assert.Equal(0, await Quotas.RunsAsync("t1", default));
    }

    /// <summary>
    /// Every process begins and ends runs of two tenants at random, with keys that repeat, while the count of one tenant begins.
    /// From then on never more of it are going than may, and in the end the count is what the rows say.
    /// </summary>
    [Fact]
    public async Task Create_AtRandomFromEveryProcess_IsNeverOneTooMany()
    {
        const int most = 6;
        ulong seed = (ulong)Random.Shared.NextInt64();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        int live = 0;
        int highest = 0;
        int begun = 0;
        int refused = 0;
        var counted = new Flag();
        var open = new ConcurrentQueue<RunAppend>();

        async Task WorkAsync(IRunStore store, ulong own)
        {
            var random = new SeededRandom(seed + own);
            var mine = new Queue<RunAppend>();
            for (int i = 0; i < 120; i++)
            {
                bool limited = counted.Value;
                if (random.NextUInt64() % 5 < 3 || mine.Count == 0)
                {
                    RunAppend[] batch = [.. Enumerable.Range(0, 1 + (int)(random.NextUInt64() % 3)).Select(n => Create(
                        tenant: random.NextUInt64() % 4 == 0 ? "t2" : "t1",
                        most: limited ? most : null,
                        key: random.NextUInt64() % 3 == 0 ? $"k{random.NextUInt64() % 40}" : null,
                        then: random.NextUInt64() % 6 == 0 ? RowChange.End : RowChange.None))];
                    // Before the count has begun few are started, so that there are places once it has.
                    if (!limited && mine.Count > 0)
                    {
                        continue;
                    }

                    await CommitAsync(store, batch);
                    foreach (RunAppend append in batch)
                    {
                        Assert.True(append.Outcome is CommitOutcome.Committed or CommitOutcome.Duplicate or CommitOutcome.OverQuota, $"{append.Outcome}");
                        Interlocked.Add(ref refused, append.Outcome == CommitOutcome.OverQuota && append.Tenant == "t1" ? 1 : 0);
                        Assert.False(append.Outcome == CommitOutcome.OverQuota && append.Tenant == "t2", "t2 is not counted");
                        if (append.Outcome == CommitOutcome.Committed && append.Then != RowChange.End)
                        {
                            mine.Enqueue(append);
                            if (append.Tenant == "t1")
                            {
                                Interlocked.Increment(ref begun);
                                int now = Interlocked.Increment(ref live);
                                int seen = Volatile.Read(ref highest);
                                while (limited && now > seen && Interlocked.CompareExchange(ref highest, now, seen) != seen)
                                {
                                    seen = Volatile.Read(ref highest);
                                }
                            }
                        }
                    }
                }
                else
                {
                    RunAppend run = mine.Dequeue();
                    if (run.Tenant == "t1")
                    {
                        Interlocked.Decrement(ref live);
                    }

                    RunAppend end = await CommitAsync(store, End(run));
                    Assert.Equal(CommitOutcome.Committed, end.Outcome);
                }
            }

            foreach (RunAppend left in mine)
            {
                open.Enqueue(left);
            }
        }

        Task[] workers = [.. Stores.SelectMany((store, s) => Enumerable.Range(0, store.ParallelCommits).Select(w => Task.Run(() => WorkAsync(store, (ulong)((s * 10) + w)))))];
        await Quotas.CountRunsAsync("t1", default);
        counted.Value = true;
        await Task.WhenAll(workers);
        Assert.True(begun > most, $"only {begun} runs were begun");
        Assert.True(refused > 0, "nothing was ever refused");
        Assert.InRange(highest, 0, most);
        Assert.Equal(open.Count(r => r.Tenant == "t1"), await Quotas.RunsAsync("t1", default));
        Assert.Null(await Quotas.RunsAsync("t2", default));
    }

    [Fact]
    public async Task Save_BeyondTheLimits_IsRefusedExactly()
    {
        var limits = new CatalogueLimits(Names: 2, Versions: 3);
        Assert.Equal(SaveOutcome.Created, await Catalogue.SaveAsync("t1", Workflow("a", "1.0.0"), limits, default));
        Assert.Equal(SaveOutcome.Created, await Catalogue.SaveAsync("t1", Workflow("b", "1.0.0"), limits, default));
        Assert.Equal(SaveOutcome.TooManyNames, await Catalogue.SaveAsync("t1", Workflow("c", "1.0.0"), limits, default));
        Assert.Equal(SaveOutcome.Created, await Catalogue.SaveAsync("t1", Workflow("a", "1.1.0"), limits, default));
        Assert.Equal(SaveOutcome.TooManyVersions, await Catalogue.SaveAsync("t1", Workflow("a", "1.2.0"), limits, default));
        Assert.Equal(SaveOutcome.Unchanged, await Catalogue.SaveAsync("t1", Workflow("a", "1.1.0"), limits, default));
        Assert.Equal(SaveOutcome.Conflict, await Catalogue.SaveAsync("t1", Workflow("a", "1.1.0", "other"), limits, default));
        Assert.Equal(SaveOutcome.Created, await Catalogue.SaveAsync("t2", Workflow("c", "1.0.0"), limits, default));
        Assert.Equal(new CatalogueCount(2, 3), await Catalogue.CountAsync("t1", default));
        Assert.Null(await Catalogue.FindAsync("t1", "c", null, default));
    }

    [Fact]
    public async Task Save_ManyAtOnce_AsManyAsThereArePlaces()
    {
        SaveOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(async () => await Catalogue.SaveAsync("t1", Workflow($"w{i}", "1.0.0"), new CatalogueLimits(Names: 5), default))));
        Assert.Equal(5, outcomes.Count(o => o == SaveOutcome.Created));
        Assert.Equal(7, outcomes.Count(o => o == SaveOutcome.TooManyNames));
    }

    [Fact]
    public async Task MeasureStorage_Tenant_IsTheBytesThatWereWritten()
    {
        Assert.Equal(0, await Quotas.MeasureStorageAsync("t1", default));
        RunAppend run = await CommitAsync(Stores[0], Create(blob: 5000));
        await CommitAsync(Stores[0], Create(tenant: "t2", blob: 9000));
        await Catalogue.SaveAsync("t1", Workflow("a", "1.0.0"), default);
        long bytes = await Quotas.MeasureStorageAsync("t1", default);
        Assert.Equal(run.Frame.Length + 5000 + "yaml: h".Length + 3, bytes);
    }

    private static StoredWorkflow Workflow(string name, string version, string hash = "h") => new(
        name, version, $"{name}-{version}-{hash}", "fsm", "", new WorkflowSource("yaml: h", new WorkflowAssets(new Dictionary<string, ReadOnlyMemory<byte>> { ["a.txt"] = new byte[] { 1, 2, 3 } }), "w.yaml"), 1);

    private static ClaimedRun Claim(RunAppend run) => new(run.Key, run.Run, run.Tenant, "w", "1.0.0", new string('a', 64));

    private static RunAppend Create(string tenant = "t1", long? most = null, string? key = null, RowChange change = RowChange.Create, RowChange then = RowChange.None, int blob = 0) => new()
    {
        Tenant = tenant,
        Run = Ids.Create(),
        FirstSeq = 0,
        NextSeq = 1,
        Frame = new byte[] { 1, 2, 3, 4 },
        Blobs = blob == 0 ? [] : [new Payload(new byte[blob])],
        Change = change,
        Then = then,
        Status = then == RowChange.End ? RunStatus.Completed : RunStatus.Waiting,
        Creation = new RunCreation("w", "1.0.0", new string('a', 64), key, "hash", most),
        At = 1000,
    };

    private static RunAppend End(RunAppend run) => new()
    {
        Tenant = run.Tenant,
        Run = run.Run,
        Key = run.Key,
        FirstSeq = 1,
        NextSeq = 2,
        Frame = new byte[] { 5, 6 },
        Then = RowChange.End,
        Status = RunStatus.Completed,
        Result = "done",
        At = 2000,
    };

    private static async Task<RunAppend> CommitAsync(IRunStore store, params RunAppend[] appends)
    {
        var batch = new CommitBatch();
        batch.Frames.AddRange(appends);
        await store.CommitAsync(batch, default);
        return appends[0];
    }

    private sealed class Flag
    {
        private volatile bool _value;

        public bool Value
        {
            get => _value;
            set => _value = value;
        }
    }
}
