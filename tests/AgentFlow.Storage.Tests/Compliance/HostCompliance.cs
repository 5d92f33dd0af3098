using System.Collections.Concurrent;
using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Steps;
using AgentFlow.Messaging.InProcess;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What the engine promises on every store.</summary>
public abstract partial class HostCompliance : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly UlidFactory Ids = new(TimeProvider.System, CryptographicRandom.Shared);

    private readonly ConcurrentDictionary<string, WorkflowDefinition> _definitions = new();
    private readonly InProcessBus _bus = new();
    private RunHost? _host;

    protected abstract IRunStore Store { get; }

    protected abstract ICatalogue Catalogue { get; }

    private RunHost Host => _host ??= NewHost(new EngineOptions());

    public abstract ValueTask InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await CloseStoreAsync();
        GC.SuppressFinalize(this);
    }

    protected abstract ValueTask CloseStoreAsync();

    protected abstract ValueTask ReopenAsync();

    private static IReadOnlyList<IAdmission> Admissions => [new SchemaAdmission(), new PermissionAdmission(), new BudgetAdmission()];

    private RunHost NewHost(EngineOptions options, TimeProvider? clock = null, IReadOnlyList<IAdmission>? admissions = null)
    {
        var cache = new DefinitionCache(Catalogue, source => _definitions[source.Path]);
        return _host = new RunHost(options, Store, cache, admissions ?? Admissions, new StepPerformer(TimeProvider.System), _bus, Ids, clock ?? TimeProvider.System, NullLogger.Instance);
    }

    private async Task StopAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
            while (!_host.IsQuiet)
            {
                await Task.Yield();
            }

            _host = null;
        }
    }

    /// <summary>The process dies and another one opens the store.</summary>
    private async Task<RunHost> RestartAsync(EngineOptions? options = null, TimeProvider? clock = null)
    {
        await StopAsync();
        await ReopenAsync();
        RunHost host = NewHost(options ?? new EngineOptions(), clock);
        await host.OpenAsync(default);
        return host;
    }

    private async Task<WorkflowDefinition> Define(PlanNode root, RunPolicies? policies = null)
    {
        string name = "w" + _definitions.Count;
        var definition = new WorkflowDefinition(root)
        {
            Name = name,
            Version = "1.0.0",
            Hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(name))),
            Planner = "test",
            Source = new WorkflowSource("", WorkflowAssets.Empty, name),
            Policies = policies ?? RunPolicies.Default,
        };
        _definitions[name] = definition;
        await Catalogue.SaveAsync("t1", new StoredWorkflow(name, "1.0.0", definition.Hash, "test", "", definition.Source, 0), default);
        return definition;
    }

    private static StartRequest Request(WorkflowDefinition definition, string input = "{}", string? key = null) => new("t1", definition, Payload.FromText(input), "tester", IdempotencyKey: key);

    private static StateMachineNode Chain(params PlanNode[] states) =>
        new([.. states.Select((s, i) => (s, new StateRules { OnSuccess = i + 1 < states.Length ? i + 1 : null, IsFinal = i + 1 == states.Length }))], 0) { Id = "root" };

    private static CallNode Call(string id, Ledger ledger, RetryPolicy? retry = null, OnUnknown unknown = OnUnknown.Retry) => new() { Id = id, Tool = ledger, Retry = retry ?? RetryPolicy.None, OnUnknown = unknown };

    private static void InterlockedMax(ref int most, int value)
    {
        for (int seen = most; value > seen; seen = most)
        {
            Interlocked.CompareExchange(ref most, value, seen);
        }
    }

    private Task<RunEnd?> End(Ulid run) => Host.WaitAsync("t1", run, default).WaitAsync(Patience);

    private async Task<List<JournalEvent>> Journal(Ulid run)
    {
        IReadOnlyList<StoredFrame> frames = await Store.ReadFramesAsync("t1", run, 0, 10_000, default);
        return [.. frames.SelectMany(f => FrameCodec.Decode(f.Data, h => Store.ReadBlob("t1", h)).Events)];
    }

    [Fact]
    public async Task Execute_Chain_CompletesAndEverythingIsOnDisk()
    {
        var ledger = new Ledger();
        WorkflowDefinition definition = await Define(Chain(Call("a", ledger), Call("b", ledger), Call("c", ledger)));
        (StartOutcome start, RunEnd end) = await Host.ExecuteAsync(Request(definition, """{"x":1}"""), default).WaitAsync(Patience);
        Assert.Equal((RunStatus.Completed, "c", """{"x":1}"""), (end.Status, end.Outcome, end.Output!.ToString()));
        List<JournalEvent> journal = await Journal(start.Run);
        Assert.IsType<RunStarted>(journal[0]);
        Assert.IsType<RunCompleted>(journal[^1]);
        Assert.Equal(3, ledger.Calls.Count);
        Assert.Equal(RunStatus.Completed, (await Store.FindAsync("t1", start.Run, default))!.Status);
        Assert.Equal(end with { Output = null }, (await End(start.Run))! with { Output = null });
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(0, true)]
    [InlineData(3, true)]
    public async Task Denial_OfAStageAtAnyPlace_IsJournaledAndAuditedAndNothingIsCalled(int place, bool throws)
    {
        List<IAdmission> stages = [.. Admissions];
        stages.Insert(place, new DenyingStage(throws));
        NewHost(new EngineOptions(), admissions: stages);
        var ledger = new Ledger();
        WorkflowDefinition definition = await Define(Chain(Call("a", ledger), Call("b", ledger)));
        (StartOutcome start, RunEnd end) = await Host.ExecuteAsync(Request(definition), default).WaitAsync(Patience);
        string code = throws ? "ADMISSION_FAILED" : DenyingStage.Code;
        Assert.Equal((RunStatus.Failed, code), (end.Status, end.Error!.Code));
        List<JournalEvent> journal = await Journal(start.Run);
        Assert.Equal(code, Assert.Single(journal.OfType<StepDenied>()).Error.Code);
        Assert.Empty(journal.OfType<StepStarted>());
        Assert.Empty(ledger.Calls);
        var trail = new RunTrail("t1", start.Run, definition);
        AuditNote note = Assert.Single(journal.Select(trail.Apply).OfType<AuditNote>(), n => n.Decision == AuditDecision.Denied);
        Assert.Equal(($"run:{start.Run}", "step.denied", $"run:{start.Run}/a#1"), (note.Actor, note.Action, note.Resource));
        Assert.Contains(code, note.Details.ToString());
    }

    [Fact]
    public async Task Effect_IsCalledOnlyAfterItsAnnouncementIsOnDisk()
    {
        Ulid run = default;
        bool announced = false;
        var checkedTool = new Ledger(async (call, _) =>
        {
            run = Ulid.Parse(call.RunId);
            announced = (await Journal(run)).OfType<StepStarted>().Any();
            return StepOutcome.Success(call.Input);
        });
        await Host.ExecuteAsync(Request(await Define(Chain(Call("a", checkedTool)))), default).WaitAsync(Patience);
        Assert.True(announced);
    }

    [Fact]
    public async Task Execute_SameIdempotencyKey_OneRunOneEffect()
    {
        var ledger = new Ledger();
        WorkflowDefinition definition = await Define(Chain(Call("a", ledger)));
        (StartOutcome Start, RunEnd End)[] all = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Host.ExecuteAsync(Request(definition, key: "order-1"), default))).WaitAsync(Patience);
        Assert.Single(all.Select(r => r.Start.Run).Distinct());
        Assert.Single(all, r => r.Start.IsNew);
        Assert.Single(ledger.Calls);
    }

    [Fact]
    public async Task Retry_TransientFailures_RealBackoff_ThenSuccess()
    {
        int failures = 3;
        var ledger = new Ledger((call, _) => ValueTask.FromResult(Interlocked.Decrement(ref failures) >= 0
            ? StepOutcome.Failure("FLAKY", ErrorCategory.Transient, "again")
            : StepOutcome.Success(call.Input)));
        WorkflowDefinition definition = await Define(Chain(Call("a", ledger, new RetryPolicy { MaxAttempts = 4, Initial = TimeSpan.FromMilliseconds(10) })));
        (_, RunEnd end) = await Host.ExecuteAsync(Request(definition), default).WaitAsync(Patience);
        Assert.Equal(RunStatus.Completed, end.Status);
        Assert.Equal(4, ledger.Calls.Count);
        Assert.Single(ledger.Calls.Select(c => c.IdempotencyKey).Distinct());
    }

    [Fact]
    public async Task Timeout_ToolThatIgnoresItsToken_FailsInItsTime()
    {
        var never = new Ledger((_, _) => new ValueTask<StepOutcome>(new TaskCompletionSource<StepOutcome>().Task));
        WorkflowDefinition definition = await Define(Chain(new CallNode { Id = "a", Tool = never, Timeout = TimeSpan.FromMilliseconds(50) }));
        (_, RunEnd end) = await Host.ExecuteAsync(Request(definition), default).WaitAsync(Patience);
        Assert.Equal("STEP_TIMEOUT", end.Error!.Code);
    }

    [Fact]
    public async Task Tool_ThatThrowsOrGivesNoJson_IsAnOutcome()
    {
        (_, RunEnd thrown) = await Host.ExecuteAsync(Request(await Define(Chain(Call("a", new Ledger((_, _) => throw new InvalidOperationException("boom")))))), default).WaitAsync(Patience);
        Assert.Equal("TOOL_CRASHED", thrown.Error!.Code);
        (_, RunEnd broken) = await Host.ExecuteAsync(Request(await Define(Chain(Call("a", new Ledger((_, _) => ValueTask.FromResult(StepOutcome.Success("{nope"u8.ToArray()))))))), default).WaitAsync(Patience);
        Assert.Equal("OUTPUT_INVALID", broken.Error!.Code);
    }

    [Fact]
    public async Task Signal_WakesAParkedRun_AlsoAfterARestart()
    {
        WorkflowDefinition definition = await Define(Chain(new WaitNode { Id = "w1", Signal = "go" }, new WaitNode { Id = "w2", Signal = "go" }));
        StartOutcome start = await Host.StartAsync(Request(definition), default).WaitAsync(Patience);
        await Evicted();
        Assert.Equal(RunStatus.Waiting, (await Store.FindAsync("t1", start.Run, default))!.Status);
        Assert.Equal(SendOutcome.Accepted, await Send(start.Run, "1", "s1"));
        Assert.Equal(SendOutcome.Accepted, await Send(start.Run, "1", "s1"));
        await RestartAsync();
        Assert.Equal(SendOutcome.Accepted, await Send(start.Run, "2", "s2"));
        RunEnd end = (await End(start.Run))!;
        Assert.Equal((RunStatus.Completed, "2"), (end.Status, end.Output!.ToString()));
        Assert.Equal(SendOutcome.RunEnded, await Send(start.Run, "3", "s3"));
        Assert.Equal(SendOutcome.RunNotFound, await Send(Ids.Create(), "3", "s3"));
    }

    [Fact]
    public async Task Timer_OfAParkedRun_FiresAndNeverEarly()
    {
        WorkflowDefinition definition = await Define(Chain(new WaitNode { Id = "z", For = TimeSpan.FromMilliseconds(1500) }));
        StartOutcome start = await Host.StartAsync(Request(definition), default).WaitAsync(Patience);
        await Evicted();
        RunEnd end = (await End(start.Run))!;
        Assert.Equal(RunStatus.Completed, end.Status);
        List<JournalEvent> journal = await Journal(start.Run);
        Assert.True(journal.OfType<TimerFired>().Single().At >= journal.OfType<TimerSet>().Single().Due);
    }

    [Fact]
    public async Task Timer_DueBeforeTheRunHasBegun_QueuesItOnce()
    {
        var ledger = new Ledger();
        WorkflowDefinition definition = await Define(Chain(new WaitNode { Id = "w", For = TimeSpan.FromMilliseconds(100) }, Call("a", ledger), Call("b", ledger)));
        StartOutcome[] starts = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Host.StartAsync(Request(definition), default))).WaitAsync(Patience);
        await StopAsync();
        await Task.Delay(150, default(CancellationToken));
        await RestartAsync(clock: new EagerClock());
        foreach (StartOutcome start in starts)
        {
            Assert.Equal(RunStatus.Completed, (await End(start.Run))!.Status);
        }

        Assert.Equal(2 * starts.Length, ledger.Calls.Count);
    }

    [Fact]
    public async Task Cancel_StepInFlight_StopsTheToolAndEnds()
    {
        var started = new TaskCompletionSource();
        var ledger = new Ledger(async (_, token) =>
        {
            started.SetResult();
            await Task.Delay(Timeout.Infinite, token);
            return StepOutcome.Success(default);
        });
        StartOutcome start = await Host.StartAsync(Request(await Define(Chain(Call("a", ledger)))), default).WaitAsync(Patience);
        await started.Task.WaitAsync(Patience);
        await Host.SendAsync("t1", start.Run, InboxKind.Cancel, "c", new InboxContent { By = "me", Reason = "enough" }, default).WaitAsync(Patience);
        RunEnd end = (await End(start.Run))!;
        Assert.Equal((RunStatus.Cancelled, "enough"), (end.Status, end.Error!.Message));
    }

    [Fact]
    public async Task Crash_StepInFlight_RepeatsItOnceUnderItsKey_AndNoFinishedStepAgain()
    {
        var gate = new TaskCompletionSource<StepOutcome>();
        int calls = 0;
        var first = new Ledger();
        var second = new Ledger((call, _) => Interlocked.Increment(ref calls) == 1 ? new ValueTask<StepOutcome>(gate.Task) : ValueTask.FromResult(StepOutcome.Success(call.Input)));
        WorkflowDefinition definition = await Define(Chain(Call("a", first), Call("b", second), Call("c", first)));
        StartOutcome start = await Host.StartAsync(Request(definition), default).WaitAsync(Patience);
        await second.Called.Task.WaitAsync(Patience);
        await RestartAsync();
        gate.SetResult(StepOutcome.Success("\"late\""u8.ToArray()));
        RunEnd end = (await End(start.Run))!;
        Assert.Equal(RunStatus.Completed, end.Status);
        Assert.Equal(["a#1", "c#1"], first.Calls.Select(c => c.StepPath));
        Assert.Equal(2, second.Calls.Count);
        Assert.Single(second.Calls.Select(c => c.IdempotencyKey).Distinct());
    }

    [Fact]
    public async Task Crash_OnUnknownAsk_WaitsForTheAnswer()
    {
        var hanging = new Ledger((_, _) => new ValueTask<StepOutcome>(new TaskCompletionSource<StepOutcome>().Task));
        StartOutcome start = await Host.StartAsync(Request(await Define(Chain(Call("a", hanging, unknown: OnUnknown.Ask)))), default).WaitAsync(Patience);
        await hanging.Called.Task.WaitAsync(Patience);
        await RestartAsync();
        await Evicted();
        int node = (await Journal(start.Run)).OfType<StepAsked>().Single().Id;
        await Host.SendAsync("t1", start.Run, InboxKind.Resolution, "r", new InboxContent { Node = node, Resolution = StepResolution.Succeed, Payload = Payload.FromText("7"), By = "ops" }, default).WaitAsync(Patience);
        Assert.Equal("7", (await End(start.Run))!.Output!.ToString());
    }

    [Fact]
    public async Task Capacity_MoreRunsThanFit_QueueInTheStoreAndAllEnd()
    {
        var ledger = new Ledger(async (call, _) =>
        {
            await Task.Delay(2, CancellationToken.None);
            return StepOutcome.Success(call.Input);
        });
        WorkflowDefinition definition = await Define(Chain(Call("a", ledger), Call("b", ledger)));
        RunHost host = NewHost(new EngineOptions { MaxResident = 4 });
        StartOutcome[] starts = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => host.StartAsync(Request(definition, $"{i}"), default))).WaitAsync(Patience);
        for (int i = 0; i < starts.Length; i++)
        {
            Assert.Equal($"{i}", (await End(starts[i].Run))!.Output!.ToString());
        }

        Assert.Equal(200, ledger.Calls.Count);
    }

    /// <summary>A pure step is done right after its announcement is on disk; the end that follows is refused, because something has arrived.</summary>
    [Fact]
    public async Task Signal_BetweenAPureStepAndTheEnd_NeitherIsLost()
    {
        int sent = 0;
        var pure = new Ledger(
            (call, _) =>
            {
                if (Interlocked.Exchange(ref sent, 1) == 0)
                {
                    WrittenElsewhere(Ulid.Parse(call.RunId), InboxKind.Signal, "s", new InboxContent { Name = "go", By = "me" }).GetAwaiter().GetResult();
                }

                return ValueTask.FromResult(StepOutcome.Success("1"u8.ToArray()));
            },
            effects: Effects.None);
        WorkflowDefinition definition = await Define(Chain(Call("a", pure)), RunPolicies.Default with { Durability = Durability.EveryStep });
        (StartOutcome start, RunEnd end) = await Host.ExecuteAsync(Request(definition), default).WaitAsync(Patience);
        Assert.Equal(RunStatus.Completed, end.Status);
        List<JournalEvent> journal = await Journal(start.Run);
        Assert.Equal((1, 1, 1, 1), (pure.Calls.Count, journal.Count(e => e is StepStarted), journal.Count(e => e is StepSucceeded), journal.Count(e => e is SignalReceived)));
    }

    [Fact]
    public async Task Items_OfSeveralProcesses_AreTakenInTheOrderInWhichTheyWereAccepted()
    {
        var gate = new TaskCompletionSource<StepOutcome>();
        var held = new Ledger((_, _) => new ValueTask<StepOutcome>(gate.Task));
        StartOutcome start = await Host.StartAsync(Request(await Define(Chain(Call("a", held), Call("b", new Ledger())))), default).WaitAsync(Patience);
        await held.Called.Task.WaitAsync(Patience);
        await WrittenElsewhere(start.Run, InboxKind.Pause, "p", new InboxContent { By = "me" });
        Assert.Equal(SendOutcome.Accepted, await Host.SendAsync("t1", start.Run, InboxKind.Resume, "r", new InboxContent { By = "me" }, default).WaitAsync(Patience));
        await WrittenElsewhere(start.Run, InboxKind.Signal, "s1", new InboxContent { Name = "go", Payload = Payload.FromText("1") });
        Assert.Equal(SendOutcome.Accepted, await Send(start.Run, "2", "s2"));
        gate.SetResult(StepOutcome.Success("1"u8.ToArray()));
        Assert.Equal(RunStatus.Completed, (await End(start.Run))!.Status);
        List<JournalEvent> journal = await Journal(start.Run);
        Assert.Equal(["1", "2"], journal.OfType<SignalReceived>().Select(s => s.Payload.ToString()));
        Assert.True(journal.FindIndex(e => e is PauseRequested) is var paused and >= 0 && journal.FindIndex(e => e is ResumeRequested) > paused, string.Join(", ", journal));
    }

    [Fact]
    public async Task Pause_BeforeASignal_HoldsWhatTheSignalSetsOff()
    {
        var ledger = new Ledger();
        await Host.OpenAsync(default);
        StartOutcome start = await Host.StartAsync(Request(await Define(Chain(new WaitNode { Id = "gate", Signal = "go" }, Call("b", ledger)))), default).WaitAsync(Patience);
        await Evicted();
        await StopAsync();
        await WrittenElsewhere(start.Run, InboxKind.Pause, "p", new InboxContent { By = "me" });
        await WrittenElsewhere(start.Run, InboxKind.Signal, "s", new InboxContent { Name = "go", By = "me" });
        await RestartAsync();
        await Until(async () => (await Journal(start.Run)).Exists(e => e is SignalReceived));
        await Evicted();
        List<JournalEvent> journal = await Journal(start.Run);
        Assert.True(journal.FindIndex(e => e is PauseRequested) is var paused and >= 0 && journal.FindIndex(e => e is SignalReceived) > paused, string.Join(", ", journal));
        Assert.Empty(ledger.Calls);
        Assert.Equal(SendOutcome.Accepted, await Host.SendAsync("t1", start.Run, InboxKind.Resume, "r", new InboxContent { By = "me" }, default).WaitAsync(Patience));
        Assert.Equal(RunStatus.Completed, (await End(start.Run))!.Status);
        Assert.Single(ledger.Calls);
    }

    [Fact]
    public async Task Attempts_MoreThanTheLimit_TakeTurns()
    {
        int now = 0, most = 0;
        var ledger = new Ledger(async (call, _) =>
        {
            int held = Interlocked.Increment(ref now);
            InterlockedMax(ref most, held);
            await Task.Delay(2, CancellationToken.None);
            Interlocked.Decrement(ref now);
            return StepOutcome.Success(call.Input);
        });
        WorkflowDefinition definition = await Define(Chain(Call("a", ledger), Call("b", ledger)));
        RunHost host = NewHost(new EngineOptions { MaxAttempts = 3 });
        StartOutcome[] starts = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => host.StartAsync(Request(definition), default))).WaitAsync(Patience);
        foreach (StartOutcome start in starts)
        {
            Assert.Equal(RunStatus.Completed, (await End(start.Run))!.Status);
        }

        Assert.Equal((120, 3), (ledger.Calls.Count, most));
    }

    [Fact]
    public async Task Migrate_StepInFlight_EndsItAndGoesOnFromTheStore()
    {
        var gate = new TaskCompletionSource<StepOutcome>();
        var first = new Ledger((_, _) => new ValueTask<StepOutcome>(gate.Task));
        var second = new Ledger();
        await Host.OpenAsync(default);
        StartOutcome start = await Host.StartAsync(Request(await Define(Chain(Call("a", first), Call("b", second)))), default).WaitAsync(Patience);
        await first.Called.Task.WaitAsync(Patience);
        Assert.Equal(SendOutcome.Accepted, await Host.SendAsync("t1", start.Run, InboxKind.Migrate, "m", new InboxContent { By = "me" }, default).WaitAsync(Patience));
        gate.SetResult(StepOutcome.Success("1"u8.ToArray()));
        Assert.Equal(RunStatus.Completed, (await End(start.Run))!.Status);
        Assert.Equal((1, 1), (first.Calls.Count, second.Calls.Count));
        List<JournalEvent> journal = await Journal(start.Run);
        Assert.DoesNotContain(journal, e => e is RunRecovered or StepUnknown);
    }

    [Fact]
    public async Task Saturation_MoreQueuedThanAllowed_IsRefusedUntilSomeAreDone()
    {
        var gate = new TaskCompletionSource<StepOutcome>();
        var hanging = new Ledger((_, _) => new ValueTask<StepOutcome>(gate.Task));
        WorkflowDefinition definition = await Define(Chain(Call("a", hanging)));
        RunHost host = NewHost(new EngineOptions { MaxResident = 1, MaxQueued = 5 });
        var accepted = new List<Ulid>();
        while (!host.IsSaturated)
        {
            accepted.Add((await host.StartAsync(Request(definition), default).WaitAsync(Patience)).Run);
            Assert.InRange(accepted.Count, 1, 20);
        }

        await Assert.ThrowsAsync<EngineSaturatedException>(() => host.StartAsync(Request(definition), default));
        gate.SetResult(StepOutcome.Success("1"u8.ToArray()));
        foreach (Ulid run in accepted)
        {
            Assert.Equal(RunStatus.Completed, (await End(run))!.Status);
        }

        await Until(() => Task.FromResult(!host.IsSaturated));
        await host.ExecuteAsync(Request(definition), default).WaitAsync(Patience);
    }

    [Fact]
    public async Task Snapshots_LongRun_RestartContinuesFromOne()
    {
        var ledger = new Ledger();
        PlanNode[] states = [.. Enumerable.Range(0, 60).Select(i => (PlanNode)Call("s" + i, ledger)), new WaitNode { Id = "w", Signal = "go" }, Call("end", ledger)];
        NewHost(new EngineOptions { SnapshotEvery = 32 });
        StartOutcome start = await Host.StartAsync(Request(await Define(Chain(states))), default).WaitAsync(Patience);
        await Evicted();
        await RestartAsync(new EngineOptions { SnapshotEvery = 32 });
        await Send(start.Run, "1", "s");
        Assert.Equal(RunStatus.Completed, (await End(start.Run))!.Status);
        Assert.Equal(61, ledger.Calls.Count);
    }

    [Fact]
    public async Task Signals_SentWhileTheRunEnds_AreEitherOnRecordOrRefused()
    {
        var ledger = new Ledger();
        WorkflowDefinition definition = await Define(Chain(Call("a", ledger), Call("b", ledger)));
        var random = new SeededRandom(7);
        for (int i = 0; i < 150; i++)
        {
            Task<StartOutcome> starting = Host.StartAsync(Request(definition), default);
            StartOutcome start = await starting.WaitAsync(Patience);
            for (ulong spin = random.NextUInt64() % 3000; spin > 0; spin--)
            {
                Thread.SpinWait(1);
            }

            SendOutcome sent = await Send(start.Run, $"{i}", "s");
            Assert.Equal(RunStatus.Completed, (await End(start.Run))!.Status);
            List<JournalEvent> journal = await Journal(start.Run);
            Assert.Equal(sent == SendOutcome.Accepted ? 1 : 0, journal.OfType<SignalReceived>().Count());
            Assert.IsType<RunCompleted>(journal[^1]);
            Assert.Equal(2, journal.OfType<StepSucceeded>().Count());
        }

        Assert.Equal(300, ledger.Calls.Count);
    }

    [Fact]
    public async Task Signals_OfManySendersAtOnce_AllArrive()
    {
        var ledger = new Ledger();
        WorkflowDefinition definition = await Define(Chain(new WaitNode { Id = "w", Signal = "go" }, Call("a", ledger)));
        for (int round = 0; round < 10; round++)
        {
            StartOutcome[] started = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Host.StartAsync(Request(definition), default))).WaitAsync(Patience);
            await Task.WhenAll(started.Select(s => Task.Run(async () =>
            {
                Assert.Equal(SendOutcome.Accepted, await Send(s.Run, "1", "s"));
                Assert.Equal(RunStatus.Completed, (await End(s.Run))!.Status);
            })));
        }

        Assert.Equal(1_000, ledger.Calls.Count);
    }

    [Fact]
    public async Task Bus_Frames_ComeInOrderAndOnlyWhenDurable()
    {
        var ledger = new Ledger();
        WorkflowDefinition definition = await Define(Chain([.. Enumerable.Range(0, 20).Select(i => Call("s" + i, ledger))]));
        using InProcessBus.Subscription subscription = _bus.Subscribe(1000, _ => true);
        (StartOutcome start, _) = await Host.ExecuteAsync(Request(definition), default).WaitAsync(Patience);
        long next = 0;
        while (subscription.Frames.TryRead(out CommittedFrame? frame))
        {
            Assert.Equal(next, frame.FirstSeq);
            next += frame.Events.Count;
        }

        Assert.Equal((await Journal(start.Run)).Count, next);
    }

    [Fact]
    public async Task Graph_HundredParallelSteps_AllRunAndJoin()
    {
        var ledger = new Ledger();
        (PlanNode, StepRules)[] steps = [.. Enumerable.Range(0, 100).Select(i => ((PlanNode)Call("s" + i, ledger), new StepRules())), (Call("join", ledger), new StepRules { DependsOn = [.. Enumerable.Range(0, 100)] })];
        (_, RunEnd end) = await Host.ExecuteAsync(Request(await Define(new GraphNode(steps) { Id = "root" })), default).WaitAsync(Patience);
        Assert.Equal(RunStatus.Completed, end.Status);
        Assert.Equal(101, ledger.Calls.Select(c => c.StepPath).Distinct().Count());
        Assert.Equal("join#1", ledger.Calls.Last().StepPath);
    }

    [Fact]
    public async Task Damage_FrameOfOneRun_SetsItAsideAndLeavesTheOthers()
    {
        WorkflowDefinition definition = await Define(Chain(new WaitNode { Id = "w", Signal = "go" }, new WaitNode { Id = "x", Signal = "go" }));
        StartOutcome bad = await Host.StartAsync(Request(definition), default).WaitAsync(Patience);
        StartOutcome good = await Host.StartAsync(Request(definition), default).WaitAsync(Patience);
        await Evicted();
        Assert.Empty(await Store.ClaimAsync(10, default));
        await Send(bad.Run, "1", "s1");
        await Evicted();
        // Nobody else claims meanwhile.
        await StopAsync();
        long next = await Damage(bad.Run);
        await RestartAsync();
        await Send(bad.Run, "2", "s2");
        await Send(good.Run, "1", "s1");
        await Send(good.Run, "2", "s2");
        Assert.Equal(RunStatus.Completed, (await End(good.Run))!.Status);
        RunEnd end = (await End(bad.Run))!;
        Assert.Equal(RunStatus.Diverged, end.Status);
        Assert.Contains($"Frame {next}", end.Error!.Message);
    }

    /// <summary>Owns a run for as long as it takes to append bytes that are no frame, and parks it again.</summary>
    /// <returns>Where they stand.</returns>
    private async Task<long> Damage(Ulid run)
    {
        StoredFrame last = (await Store.ReadLastFrameAsync("t1", run, default))!;
        long next = last.FirstSeq + FrameCodec.Decode(last.Data, _ => null).Events.Count;
        await WrittenElsewhere(run, InboxKind.Pause, "probe", new InboxContent());
        ClaimedRun claim = Assert.Single(await Store.ClaimAsync(1, default));
        RunHistory history = await Store.LoadAsync(claim, default);
        var damage = new CommitBatch();
        damage.Frames.Add(new RunAppend { Tenant = "t1", Run = run, Key = claim.Key, FirstSeq = next, NextSeq = next + 1, Frame = new byte[] { 1, 2, 3 }, Then = RowChange.Park, Status = RunStatus.Waiting, WakeSeq = history.WakeSeq, Consumed = [.. history.Inbox.Select(i => i.Item)] });
        await Store.CommitAsync(damage, default);
        Assert.Equal(CommitOutcome.Committed, damage.Frames[0].Outcome);
        return next;
    }

    /// <summary>Puts an item into an inbox as another process does, of which this one has not heard yet.</summary>
    private async Task WrittenElsewhere(Ulid run, InboxKind kind, string dedupe, InboxContent content)
    {
        var batch = new CommitBatch();
        batch.Inbox.Add(new InboxAppend { Tenant = "t1", Run = run, Kind = kind, Dedupe = dedupe, Data = content.Write() });
        await Store.CommitAsync(batch, CancellationToken.None);
        Assert.Equal(CommitOutcome.Committed, batch.Inbox[0].Outcome);
    }

    private Task<SendOutcome> Send(Ulid run, string payload, string dedupe) =>
        Host.SendAsync("t1", run, InboxKind.Signal, dedupe, new InboxContent { Name = "go", Payload = Payload.FromText(payload) }, default).WaitAsync(Patience);

    /// <summary>Waits until no run is in memory.</summary>
    private Task Evicted() => Until(() => Task.FromResult(Host.Resident == 0 && Host.IsQuiet));

    /// <summary>Waits until something holds; fails when it does not within <see cref="Patience"/>.</summary>
    private static async Task Until(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!await holds().WaitAsync(limit.Token))
        {
            await Task.Delay(1, limit.Token);
        }
    }

    private sealed class DenyingStage(bool throws) : IAdmission
    {
        public const string Code = "NOT_TODAY";

        public Verdict Check(RunState run, NodeRun step, CallNode call) =>
            throws ? throw new InvalidOperationException("the stage is broken") : new Verdict(new StepError(Code, ErrorCategory.Permission, "Not today."));
    }

    /// <summary>Admits a step, and with it its run's turn, no sooner than it is told to.</summary>
    private sealed class HoldingStage : IAdmission, IDisposable
    {
        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ManualResetEventSlim Release { get; } = new();

        public Verdict Check(RunState run, NodeRun step, CallNode call)
        {
            Reached.TrySetResult();
            Release.Wait(Patience);
            return Verdict.Admit;
        }

        public void Dispose() => Release.Dispose();
    }

    /// <summary>Its timers fire on the arming thread when they are due already: before anything else can happen.</summary>
    private sealed class EagerClock : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new EagerTimer(callback, state);

        private sealed class EagerTimer(TimerCallback callback, object? state) : ITimer
        {
            private readonly Timer _late = new(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                if (dueTime == TimeSpan.Zero)
                {
                    callback(state);
                    return true;
                }

                return _late.Change(dueTime, period);
            }

            public void Dispose() => _late.Dispose();

            public ValueTask DisposeAsync() => _late.DisposeAsync();
        }
    }

    /// <summary>An external tool that remembers its calls.</summary>
    private sealed class Ledger(Func<ToolCall, CancellationToken, ValueTask<StepOutcome>>? invoke = null, long most = 0, Effects effects = Effects.External) : ITool
    {
        public ConcurrentQueue<ToolCall> Calls { get; } = new();

        public TaskCompletionSource Called { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ToolContract Contract { get; } = new() { Id = "test.ledger", Version = "1.0.0", Effects = effects, Determinism = effects == Effects.None ? Determinism.Full : Determinism.None, MaxCostNanoDollars = most };

        public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
        {
            Calls.Enqueue(call);
            Called.TrySetResult();
            return invoke is null ? ValueTask.FromResult(StepOutcome.Success(call.Input)) : invoke(call, cancellationToken);
        }
    }
}
