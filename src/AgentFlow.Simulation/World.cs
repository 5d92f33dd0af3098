using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Steps;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentFlow.Simulation;

/// <summary>
/// Engine, scheduler, store, clock, tools and users in one thread, driven by one seed: the same seed gives the same world,
/// fault for fault. While faults last, workers die and stand still, commits get lost or ambiguous, clocks jump, tools fail
/// and hang. Then the faults stop, and everything that was accepted has to end; what happened is held against the invariants.
/// </summary>
public sealed class World
{
    private const int FaultySteps = 3000;
    private const int CalmSteps = 200_000;

    private readonly SeededRandom _random;
    private readonly SimulatedClock _clock = new();
    private readonly List<(Process Process, Action Work)> _ready = [];
    private readonly List<Process> _processes = [];
    private readonly List<Order> _orders = [];
    private readonly Dictionary<string, WorkflowDefinition> _definitions = new(StringComparer.Ordinal);
    private readonly Dictionary<Fault, int> _faults = [];
    private readonly Invariants _invariants;
    private readonly int _likelihood;
    private Process _current = null!;
    private Process _working = null!;
    private ulong _trace = 14695981039346656037;
    private bool _calm;
    private int _diskFullFor;

    public World(ulong seed)
    {
        Seed = seed;
        _random = new SeededRandom(seed);
        _likelihood = 1 + Below(8);
        _invariants = new Invariants(this);
    }

    public ulong Seed { get; }

    internal SimulatedStore Disk { get; } = new();

    internal bool IsCalm => _calm;

    /// <summary>Lives the world to its end.</summary>
    /// <exception cref="InvariantViolationException">The engine broke a promise; the message names it and the seed.</exception>
    public WorldReport Run()
    {
        MakeOrders();
        _current = Born();
        for (int i = 0; i < FaultySteps; i++)
        {
            Users();
            if (!Step())
            {
                break;
            }

            Trouble();
        }

        _calm = true;
        Resume();
        if (_random.NextUInt64() % 2 == 0)
        {
            Crash();
        }

        for (int i = 0; i < CalmSteps; i++)
        {
            Users();
            if (_orders.TrueForAll(o => o.Run is { } run && Disk.Find(run)!.Status.IsTerminal()))
            {
                Drain();
                _invariants.AtEnd(_orders);
                return new WorldReport(Seed, _trace, _faults, _orders.Count, _invariants.Effects, _processes.Count);
            }

            if (!Step())
            {
                Nudge();
            }
        }

        IEnumerable<string> stuck = _orders.Where(o => o.Run is null || !Disk.Find(o.Run.Value)!.Status.IsTerminal()).Select(Describe);
        throw new InvariantViolationException(Seed, "everything ends", $"{string.Join("; ", stuck)}; {_ready.Count} pieces of work wait, the clock shows {_clock.Now}");
    }

    internal bool IsLive(Process process) => process == _current;

    /// <summary>Decides whether a fault strikes here and now.</summary>
    internal bool Happens(Fault fault)
    {
        if (_calm)
        {
            return false;
        }

        if (fault == Fault.DiskFull)
        {
            if (_diskFullFor > 0)
            {
                _diskFullFor--;
                return true;
            }

            if (!Chance(fault, 4))
            {
                return false;
            }

            _diskFullFor = 1 + Below(6);
            return true;
        }

        return Chance(fault, fault switch
        {
            Fault.CommitSlow => 120,
            Fault.CommitAmbiguous or Fault.CommitLost => 25,
            Fault.ToolFailed => 150,
            Fault.ToolHung => 40,
            Fault.MessageDuplicated or Fault.MessageLost => 200,
            Fault.Reordered => 300,
            _ => 2,
        });
    }

    internal void Later(Process process, Action work) => _ready.Add((process, work));

    internal void Written(CommitBatch batch)
    {
        foreach (RunAppend append in batch.Frames.Where(f => f.Outcome is CommitOutcome.Committed or CommitOutcome.CommittedAwake))
        {
            foreach (byte b in append.Frame.Span)
            {
                Trace(b);
            }
        }
    }

    internal WorkflowDefinition Definition(string name) => _definitions[name];

    private string Describe(Order order)
    {
        if (order.Run is not { } run || Disk.Find(run) is not { } row)
        {
            return $"{order.Key} was never accepted";
        }

        IEnumerable<NodeRun> open = row.Status == RunStatus.Diverged ? [] : _invariants.Fold(row).Open.Values.Where(n => n.Scope is null);
        return $"{run} is {row.Status} {row.Reason} in life {row.Owner} of {_current.Number} with {string.Join(", ", open.Select(n => $"{n.Path} {n.Phase} attempt {n.Attempt} due {n.Due}{(n.Closing is null ? "" : " closing")}"))}, wake {row.WakeSeq}, unread {row.Inbox.Count(l => !l.Consumed)}";
    }

    private void MakeOrders()
    {
        var external = new SimulatedTool(Effects.External, Effect);
        var pure = new SimulatedTool(Effects.None, static (call, _) => new ValueTask<StepOutcome>(SimulatedTool.Answer(call.StepPath.Length % 5)));
        var workflows = new RandomWorkflows(_random, external, pure);
        int count = 2 + Below(6);
        for (int i = 0; i < count; i++)
        {
            WorkflowDefinition definition = workflows.Next($"w{i}");
            _definitions[definition.Name] = definition;
            _orders.Add(new Order($"order-{i}", definition));
        }
    }

    private Process Born()
    {
        var process = new Process(_processes.Count + 1);
        _processes.Add(process);
        _current = process;
        TimeProvider clock = _clock.For(process);
        var definitions = new DefinitionCache(new NoCatalogue(), _ => throw new NotSupportedException());
        foreach (WorkflowDefinition definition in _definitions.Values)
        {
            definitions.Add("sim", definition);
        }

        process.Host = new RunHost(
            new EngineOptions
            {
                MaxResident = 1 + Below(6),
                ParkAfter = TimeSpan.FromMilliseconds(Below(2) * 1000),
                SnapshotEvery = 8 + Below(60),
                Workers = 1 + Below(3),
                LeastParallelCommit = 1,
                Owner = $"life-{process.Number}",
                Schedule = item => Later(process, item.Execute),
                Env = static _ => null,
            },
            new SimulatedSession(this, process, parallelCommits: 1 + Below(3)),
            definitions,
            [new SchemaAdmission(), new PermissionAdmission(), new BudgetAdmission()],
            new StepPerformer(clock),
            new WatchingBus(_invariants),
            new UlidFactory(clock, _random),
            clock,
            NullLogger.Instance);
        Later(process, () => _ = process.Host.OpenAsync(CancellationToken.None));
        return process;
    }

    /// <summary>Does one thing: a piece of queued work, or what the clock brings next.</summary>
    private bool Step()
    {
        _ready.RemoveAll(w => w.Process.IsDead);
        List<int> runnable = [.. Enumerable.Range(0, _ready.Count).Where(i => _ready[i].Process.IsRunnable)];
        if (runnable.Count > 0)
        {
            int index = runnable.Count > 1 && Happens(Fault.Reordered) ? runnable[Below(runnable.Count)] : runnable[0];
            (_working, Action work) = _ready[index];
            _ready.RemoveAt(index);
            Trace((byte)index);
            work();
            return true;
        }

        if (_clock.NextDue() is not { } due)
        {
            return !_calm;
        }

        _clock.AdvanceTo(due);
        _clock.FireDue(process => _working = process);
        return true;
    }

    private void Trouble()
    {
        if (Happens(Fault.Crash))
        {
            Crash();
        }
        else if (!_processes.Exists(p => p.IsPaused) && Happens(Fault.StaleOwner))
        {
            // It stands still; the store gives its runs to another; what it was about to do comes later.
            _current.IsPaused = true;
            Disk.Release(_current.Number);
            Born();
        }
        else if (_processes.Exists(p => p.IsPaused) && Below(40) == 0)
        {
            Resume();
        }
        else if (Happens(Fault.ClockJump))
        {
            _clock.Jump(Below(120_000));
        }
    }

    private void Crash()
    {
        _current.IsDead = true;
        foreach (Order order in _orders.Where(o => o.Process == _current))
        {
            order.Forget();
        }

        Disk.Release(_current.Number);
        Born();
    }

    private void Resume()
    {
        foreach (Process process in _processes)
        {
            process.IsPaused = false;
        }
    }

    /// <summary>Users start what they ordered, send signals, and ask again when nobody answers.</summary>
    private void Users()
    {
        foreach (Order order in _orders)
        {
            order.Listen();
            if (order.Run is null && order.Pending is null && Below(_calm ? 1 : 20) == 0)
            {
                order.Ask(_current, _current.Host.Launch(
                    new StartRequest("sim", order.Definition, Payload.FromText($$"""{"order":{{_orders.IndexOf(order)}}}"""), "user", IdempotencyKey: order.Key)).Accepted);
            }
            else if (order.Run is { } run && Below(_calm ? 60 : 150) == 0 && order.Signals < 12)
            {
                Send(order, run, InboxKind.Signal, $"s{order.Signals++}", new InboxContent { Name = RandomWorkflows.Signal, Payload = Payload.FromText("1") });
            }
            else if (order.Run is { } cancelled && Below(4000) == 0)
            {
                Send(order, cancelled, InboxKind.Cancel, "cancel", new InboxContent { By = "user", Reason = "changed my mind" });
            }
        }

        foreach (Letter letter in _orders.SelectMany(o => o.Letters).Where(l => l.IsUnanswered).ToArray())
        {
            letter.Retry(_current, _calm);
        }
    }

    private void Send(Order order, Ulid run, InboxKind kind, string dedupe, InboxContent content)
    {
        var letter = new Letter(run, kind, dedupe, content);
        order.Letters.Add(letter);
        letter.Post(_current);
        if (Happens(Fault.MessageDuplicated))
        {
            letter.Post(_current);
        }
        else if (Happens(Fault.MessageLost))
        {
            letter.Forget();
        }
    }

    /// <summary>Nothing moves by itself any more: whoever still waits for somebody gets an answer.</summary>
    private void Nudge()
    {
        foreach (Order order in _orders)
        {
            if (order.Run is not { } run || Disk.Find(run) is not { } row || row.Status.IsTerminal())
            {
                continue;
            }

            RunState state = _invariants.Fold(row);
            foreach (NodeRun asked in state.Open.Values.Where(n => n.Phase == NodePhase.Asked).OrderBy(n => n.Id))
            {
                Send(order, run, InboxKind.Resolution, $"answer-{asked.Id}-{asked.Attempt}", new InboxContent { Node = asked.Id, Resolution = (StepResolution)Below(3), Payload = Payload.FromText("1"), By = "user" });
            }

            Send(order, run, InboxKind.Signal, $"late-{order.Letters.Count}", new InboxContent { Name = RandomWorkflows.Signal, Payload = Payload.FromText("2") });
        }
    }

    /// <summary>Lets what is queued run out, so that late work shows.</summary>
    private void Drain()
    {
        for (int i = 0; i < 10_000 && (_ready.Exists(w => w.Process.IsRunnable) || _clock.NextDue() is { } due && due < _clock.Now + 60_000); i++)
        {
            Step();
        }
    }

    private async ValueTask<StepOutcome> Effect(ToolCall call, CancellationToken cancellationToken)
    {
        Process caller = _working;
        _invariants.EffectHappens(call);
        if (Happens(Fault.ToolHung))
        {
            await new TaskCompletionSource().Task;
        }

        bool fails = Happens(Fault.ToolFailed);
        int kind = Below(5);
        if (Below(3) > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(1 + Below(4000)), _clock.For(caller), cancellationToken);
        }

        return fails ? SimulatedTool.Failure(kind) : SimulatedTool.Answer(kind);
    }

    private bool Chance(Fault fault, int perMille)
    {
        bool happens = Below(1000 * 4) < perMille * _likelihood;
        if (happens)
        {
            Count(fault);
        }

        return happens;
    }

    private void Count(Fault fault) => _faults[fault] = _faults.GetValueOrDefault(fault) + 1;

    private int Below(int limit) => (int)(_random.NextUInt64() % (ulong)limit);

    private void Trace(byte value) => _trace = (_trace ^ value) * 1099511628211;

    /// <summary>Every definition is in the cache.</summary>
    private sealed class NoCatalogue : ICatalogue
    {
        public ValueTask<SaveOutcome> SaveAsync(string tenant, StoredWorkflow workflow, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<StoredWorkflow?> FindAsync(string tenant, string name, string? version, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<StoredWorkflow?> FindByHashAsync(string tenant, string hash, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<IReadOnlyList<StoredWorkflow>> VersionsAsync(string tenant, string name, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<IReadOnlyList<StoredWorkflow>> ListAsync(string tenant, CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    /// <summary>Looks at everything that leaves the engine.</summary>
    private sealed class WatchingBus(Invariants invariants) : IBus
    {
        public bool HasConsumers => true;

        public void Publish(CommittedFrame frame) => invariants.Published(frame);
    }
}

/// <summary>What a world was like.</summary>
/// <param name="Trace">Hash over every choice and every committed byte: equal for equal seeds.</param>
/// <param name="Faults">How often each fault struck.</param>
/// <param name="Lives">Processes that lived.</param>
public sealed record WorldReport(ulong Seed, ulong Trace, IReadOnlyDictionary<Fault, int> Faults, int Runs, int Effects, int Lives);

/// <summary>The engine broke a promise.</summary>
public sealed class InvariantViolationException(ulong seed, string invariant, string what) : Exception($"Seed {seed} breaks '{invariant}': {what}");
