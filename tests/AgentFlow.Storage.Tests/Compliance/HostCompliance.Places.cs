using System.Collections.Concurrent;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Storage.Tests.Compliance;

/// <content>What runs share: semaphores and barriers.</content>
public abstract partial class HostCompliance
{
    private static SharedUse Shared(SharedKind kind, string name, int size, TimeSpan? timeout = null) => new(
        kind,
        ValueTemplate.Compile(System.Text.Json.JsonSerializer.SerializeToElement(name), e => CelExpression.Compile(e.Source, WorkflowExpressions.Options))!,
        size,
        timeout);

    private static T Held<T>(T node, string name, int permits, TimeSpan? timeout = null)
        where T : PlanNode
    {
        node.Semaphore = Shared(SharedKind.Semaphore, name, permits, timeout);
        return node;
    }

    private static BarrierNode Gate(string id, string name, int parties, TimeSpan? timeout = null) => new() { Id = id, Barrier = Shared(SharedKind.Barrier, name, parties, timeout) };

    private async Task<IReadOnlyList<SharedPlace>> Places(SharedKind kind = SharedKind.Semaphore) => await Store.ListPlacesAsync("t1", kind, 1000, default);

    /// <summary>Waits until so many hold and so many wait.</summary>
    private Task UntilPlaces(int held, int waiting, SharedKind kind = SharedKind.Semaphore) =>
        Until(async () => await Places(kind) is var places && (places.Count(p => p.Held), places.Count(p => !p.Held)) == (held, waiting));

    [Fact]
    public async Task Semaphore_ManyRuns_NeverMoreThanItsPermitsAndEverybodyOnce()
    {
        int now = 0, most = 0;
        var ledger = new Ledger(async (call, _) =>
        {
            InterlockedMax(ref most, Interlocked.Increment(ref now));
            await Task.Delay(2, CancellationToken.None);
            Interlocked.Decrement(ref now);
            return StepOutcome.Success(call.Input);
        });
        await Host.OpenAsync(default);
        WorkflowDefinition definition = await Define(Chain(Held(Call("a", ledger), "shared", 3), Held(Call("b", ledger), "shared", 3)));
        StartOutcome[] starts = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => Host.StartAsync(Request(definition), default))).WaitAsync(Patience);
        foreach (StartOutcome start in starts)
        {
            Assert.Equal(RunStatus.Completed, (await End(start.Run))!.Status);
        }

        Assert.Equal(80, ledger.Calls.Count);
        Assert.InRange(most, 1, 3);
        Assert.Empty(await Places());
    }

    [Fact]
    public async Task Semaphore_OnePermit_IsGivenInTheOrderOfAskingAndSurvivesRestarts()
    {
        WorkflowDefinition definition = await Define(Chain(Held(new WaitNode { Id = "w", Signal = "go" }, "one", 1)));
        var runs = new List<Ulid>();
        for (int i = 0; i < 5; i++)
        {
            runs.Add((await Host.StartAsync(Request(definition), default).WaitAsync(Patience)).Run);
            await UntilPlaces(1, i);
        }

        foreach (Ulid run in runs)
        {
            await Evicted();
            await RestartAsync();
            SharedPlace held = Assert.Single(await Places(), p => p.Held);
            Assert.Equal(run, held.Run);
            await Send(run, "1", "s");
            Assert.Equal(RunStatus.Completed, (await End(run))!.Status);
        }

        Assert.Empty(await Places());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Semaphore_CancelOfOneThatHoldsOrWaits_LetsTheNextOneThrough(bool holder)
    {
        await Host.OpenAsync(default);
        WorkflowDefinition definition = await Define(Chain(Held(new WaitNode { Id = "w", Signal = "go" }, "one", 1)));
        var runs = new List<Ulid>();
        for (int i = 0; i < 3; i++)
        {
            runs.Add((await Host.StartAsync(Request(definition), default).WaitAsync(Patience)).Run);
            await UntilPlaces(1, i);
        }

        Ulid cancelled = runs[holder ? 0 : 1];
        await Host.SendAsync("t1", cancelled, InboxKind.Cancel, "c", new InboxContent { By = "me", Reason = "enough" }, default).WaitAsync(Patience);
        Assert.Equal(RunStatus.Cancelled, (await End(cancelled))!.Status);
        await UntilPlaces(1, 1);
        foreach (Ulid run in runs.Where(r => r != cancelled))
        {
            Assert.Equal(run, Assert.Single(await Places(), p => p.Held).Run);
            await Send(run, "1", "s");
            Assert.Equal(RunStatus.Completed, (await End(run))!.Status);
        }
    }

    [Fact]
    public async Task Semaphore_FailureOfTheHolder_ReturnsThePermit()
    {
        var broken = new Ledger((_, _) => ValueTask.FromResult(StepOutcome.Failure("BROKE", Contracts.Errors.ErrorCategory.Permanent, "no")));
        WorkflowDefinition definition = await Define(Chain(Held(Call("a", broken), "one", 1)));
        await Host.OpenAsync(default);
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal("BROKE", (await Host.ExecuteAsync(Request(definition), default).WaitAsync(Patience)).End.Error!.Code);
        }

        Assert.Empty(await Places());
    }

    [Fact]
    public async Task Semaphore_OfAnotherTenant_IsAnotherOne()
    {
        WorkflowDefinition definition = await Define(Chain(Held(new WaitNode { Id = "w", Signal = "go" }, "one", 1)));
        await Catalogue.SaveAsync("t2", new StoredWorkflow(definition.Name, "1.0.0", definition.Hash, "test", "", definition.Source, 0), default);
        await Host.StartAsync(Request(definition), default).WaitAsync(Patience);
        await Host.StartAsync(Request(definition) with { Tenant = "t2" }, default).WaitAsync(Patience);
        await UntilPlaces(1, 0);
        Assert.True(Assert.Single(await Store.ListPlacesAsync("t2", SharedKind.Semaphore, 10, default)).Held);
    }

    [Fact]
    public async Task Barrier_LastArrival_LetsAllOfItsRoundThroughAndNobodyElse()
    {
        await Host.OpenAsync(default);
        WorkflowDefinition definition = await Define(Chain(new PassNode { Id = "a" }, Gate("gate", "release", 3)));
        var runs = new List<Ulid>();
        for (int i = 0; i < 7; i++)
        {
            runs.Add((await Host.StartAsync(Request(definition), default).WaitAsync(Patience)).Run);
            await UntilPlaces(0, (i + 1) % 3, SharedKind.Barrier);
        }

        RunEnd[] ends = await Task.WhenAll(runs.Take(6).Select(async r => (await End(r))!));
        Assert.All(ends, e => Assert.Equal(RunStatus.Completed, e.Status));
        string[] outputs = [.. ends.Select(e => e.Output!.ToString())];
        Assert.Equal([1, 2, 3, 1, 2, 3], outputs.Select(o => System.Text.Json.JsonDocument.Parse(o).RootElement.GetProperty("position").GetInt32()));
        Assert.Equal(2, outputs.Select(o => System.Text.Json.JsonDocument.Parse(o).RootElement.GetProperty("round").GetInt64()).Distinct().Count());
        Assert.Equal(runs[6], Assert.Single(await Places(SharedKind.Barrier)).Run);
    }

    [Fact]
    public async Task Barrier_NotInTime_TheArrivalIsWithdrawn()
    {
        await Host.OpenAsync(default);
        (_, RunEnd end) = await Host.ExecuteAsync(Request(await Define(Chain(Gate("gate", "late", 2, TimeSpan.FromMilliseconds(50))))), default).WaitAsync(Patience);
        Assert.Equal("BARRIER_TIMEOUT", end.Error!.Code);
        Assert.Empty(await Places(SharedKind.Barrier));
    }

    /// <summary>Whoever is told that the barrier opened was counted, and whoever is told that time is up was not.</summary>
    [Fact]
    public async Task Barrier_TimeoutAgainstTheLastArrival_TheStoreDecidesAndBothAgree()
    {
        await Host.OpenAsync(default);
        var random = new SeededRandom(11);
        var pairs = new List<(WorkflowDefinition Early, WorkflowDefinition Late, int ArrivesAfter)>();
        for (int i = 0; i < 100; i++)
        {
            pairs.Add((
                await Define(Chain(Gate("gate", "race" + i, 2, TimeSpan.FromMilliseconds(200)))),
                await Define(Chain(Gate("gate", "race" + i, 2, TimeSpan.FromMilliseconds(600)))),
                (int)(180 + (random.NextUInt64() % 20))));
        }

        await Task.WhenAll(pairs.Select(p => Race(p.Early, p.Late, p.ArrivesAfter)));
        Assert.Empty(await Places(SharedKind.Barrier));

        async Task Race(WorkflowDefinition early, WorkflowDefinition late, int arrivesAfter)
        {
            StartOutcome first = await Host.StartAsync(Request(early), default).WaitAsync(Patience);
            await Task.Delay(arrivesAfter);
            StartOutcome second = await Host.StartAsync(Request(late), default).WaitAsync(Patience);
            bool passed = (await End(first.Run))!.Status == RunStatus.Completed;
            Assert.Equal(passed, (await End(second.Run))!.Status == RunStatus.Completed);
            Assert.Equal(passed ? 0 : 1, (await Journal(first.Run)).OfType<PlaceLeft>().Count());
        }
    }

    /// <summary>The party that is counted learns both in one turn, the timeout first: its thread stands while they come.</summary>
    [Fact]
    public async Task Barrier_TimeoutAndTheLastArrivalInOneTurn_TheArrivalCounts()
    {
        using var stage = new HoldingStage();
        await NewHost(new EngineOptions { Workers = 4 }, admissions: [stage]).OpenAsync(default);
        WorkflowDefinition early = await Define(new ParallelNode(
            [
                Gate("gate", "one-turn", 2, TimeSpan.FromSeconds(2)),
                new SequenceNode([new WaitNode { Id = "w", Signal = "go" }, Call("a", new Ledger())]) { Id = "late" },
            ],
            2)
        { Id = "root" });
        StartOutcome first = await Host.StartAsync(Request(early), default).WaitAsync(Patience);
        await UntilPlaces(0, 1, SharedKind.Barrier);
        // Who sends to an idle engine works on it.
        Task<SendOutcome> sent = Task.Run(() => Send(first.Run, "1", "s1"));
        await stage.Reached.Task.WaitAsync(Patience);
        await Task.Delay(2200);
        (_, RunEnd second) = await Host.ExecuteAsync(Request(await Define(Chain(Gate("gate", "one-turn", 2)))), default).WaitAsync(Patience);
        await Task.Delay(100);
        stage.Release.Set();
        Assert.Equal(SendOutcome.Accepted, await sent);
        Assert.Equal((RunStatus.Completed, RunStatus.Completed), (second.Status, (await End(first.Run))!.Status));
        Assert.Empty((await Journal(first.Run)).OfType<PlaceLeft>());
    }

    [Fact]
    public async Task Barrier_ManyAtOnce_EachRoundIsWhole()
    {
        await Host.OpenAsync(default);
        WorkflowDefinition definition = await Define(Chain(Gate("one", "b", 4), Gate("two", "b", 4), Gate("three", "c", 20)));
        StartOutcome[] starts = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Host.StartAsync(Request(definition), default))).WaitAsync(Patience);
        foreach (StartOutcome start in starts)
        {
            Assert.Equal(RunStatus.Completed, (await End(start.Run))!.Status);
        }

        var rounds = new ConcurrentDictionary<(string, long), int>();
        foreach (StartOutcome start in starts)
        {
            List<JournalEvent> journal = await Journal(start.Run);
            foreach (PlaceGranted granted in journal.OfType<PlaceGranted>())
            {
                string name = journal.OfType<PlaceRequested>().Single(p => p.Id == granted.Id).Name;
                rounds.AddOrUpdate((name, granted.Round), 1, (_, n) => n + 1);
            }
        }

        Assert.Equal(11, rounds.Count);
        Assert.All(rounds, r => Assert.Equal(r.Key.Item1 == "b" ? 4 : 20, r.Value));
    }

    [Fact]
    public async Task Priority_OfWaitingRuns_DecidesWhoIsClaimedFirst()
    {
        var gate = new TaskCompletionSource<StepOutcome>();
        var first = new Ledger((_, _) => new ValueTask<StepOutcome>(gate.Task));
        var order = new Ledger();
        WorkflowDefinition blocker = await Define(Chain(Call("a", first)));
        WorkflowDefinition definition = await Define(Chain(Call("a", order)), new RunPolicies { Priority = 2 });
        RunHost host = NewHost(new EngineOptions { MaxResident = 1 });
        await host.OpenAsync(default);
        StartOutcome blocking = await host.StartAsync(Request(blocker), default).WaitAsync(Patience);
        await first.Called.Task.WaitAsync(Patience);
        int?[] priorities = [null, -3, 0, 9, null, 5];
        var starts = new List<StartOutcome>();
        foreach ((int i, int? priority) in priorities.Index())
        {
            starts.Add(await host.StartAsync(Request(definition, $"{i}") with { Priority = priority }, default).WaitAsync(Patience));
        }

        int[] kept = await Task.WhenAll(starts.Select(async s => (await Store.FindAsync("t1", s.Run, default))!.Priority));
        Assert.Equal([2, -3, 0, 9, 2, 5], kept);
        gate.SetResult(StepOutcome.Success("1"u8.ToArray()));
        await End(blocking.Run);
        foreach (StartOutcome start in starts)
        {
            await End(start.Run);
        }

        Assert.Equal("350421", string.Concat(order.Calls.Select(c => System.Text.Encoding.UTF8.GetString(c.Input.Span))));
    }
}
