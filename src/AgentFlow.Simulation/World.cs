using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Agents;
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

    /// <summary>A run that is still open when everybody was woken this often waits for something that does not come.</summary>
    private const int MostNudges = 2_000;

    private readonly SeededRandom _random;
    private readonly SimulatedClock _clock = new();
    private readonly List<(Process Process, string Kind, Action Work)> _ready = [];
    private readonly List<Process> _processes = [];
    private readonly List<Order> _orders = [];
    private readonly Dictionary<string, WorkflowDefinition> _definitions = new(StringComparer.Ordinal);
    private readonly Dictionary<Fault, int> _faults = [];
    private readonly Dictionary<string, int> _crashes = new(StringComparer.Ordinal);
    private readonly List<RemoteWork> _remote = [];
    private readonly List<Letter> _letters = [];
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

    /// <summary>Every way in which a worker dies; a report counts by these names.</summary>
    public static IReadOnlyList<string> CrashPoints { get; } =
    [
        "idle", "before its start", "before a turn", "before a claim", "before a call", "before a slow commit", "before a commit", "behind a commit", "before a flush", "behind a flush",
        "before the claim's answer", "before a load", "before timers fire", "behind timers that fired", "before an effect", "behind an effect",
    ];

    internal SimulatedStore Disk { get; } = new();

    /// <summary>The first promise that was broken. Engine and tools may have swallowed the exception.</summary>
    internal InvariantViolationException? Violation { get; set; }

    internal bool IsCalm => _calm;

    internal long LatestTime => _clock.Latest;

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
            Crash(NextWork());
        }

        int nudges = 0;
        for (int i = 0; i < CalmSteps && nudges < MostNudges; i++)
        {
            Users();
            if (_orders.TrueForAll(o => o.Run is not null) && Disk.Rows.All(r => r.Status.IsTerminal()))
            {
                Drain();
                Check();
                _invariants.AtEnd(_orders, _letters);
                return new WorldReport(Seed, _trace, _faults, _crashes, Disk.Rows.Count, Disk.Rows.Count(r => r.Creation.Parent is not null), Disk.Given, _invariants.Effects, _processes.Count);
            }

            if (!Step())
            {
                Nudge();
                nudges++;
            }
        }

        IEnumerable<string> stuck = [.. _orders.Where(o => o.Run is null).Select(o => $"{o.Key} was never accepted"), .. Disk.Rows.Where(r => !r.Status.IsTerminal()).Select(Describe)];
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
            Fault.PowerLost => 500,
            Fault.CommitAmbiguous or Fault.CommitLost => 25,
            Fault.ToolFailed => 150,
            Fault.ToolHung or Fault.AnswerLost => 40,
            Fault.MessageDuplicated or Fault.MessageLost or Fault.SentElsewhere => 200,
            Fault.Reordered => 300,
            _ => 2,
        });
    }

    /// <param name="kind">One of <see cref="CrashPoints"/>: what never happens if the process dies now.</param>
    internal void Later(Process process, string kind, Action work) => _ready.Add((process, kind, work));

    /// <summary>
    /// Decides whether the worker dies inside a piece of work, or has died further down on this stack. Whoever asks then never answers.
    /// </summary>
    /// <param name="perMille">How often of a thousand times; more for what happens seldom.</param>
    internal bool Dies(Process process, string point, int perMille = 20)
    {
        if (process.IsDead)
        {
            return true;
        }

        if (_calm || process != _current || !Chance(Fault.Crash, perMille))
        {
            return false;
        }

        Crash(point);
        return true;
    }

    internal void Written(CommitBatch batch)
    {
        foreach (RunAppend append in batch.Frames.Where(f => f.Outcome is CommitOutcome.Committed or CommitOutcome.CommittedAwake))
        {
            _invariants.Committed(append);
            foreach (byte b in append.Frame.Span)
            {
                Trace(b);
            }
        }
    }

    internal void SetAside(string reason) => _invariants.SetAside(reason);

    internal WorkflowDefinition Definition(string name) => _definitions[name];

    private string Describe(SimulatedStore.Row row)
    {
        IEnumerable<NodeRun> open = row.Status == RunStatus.Diverged ? [] : _invariants.Fold(row).Open.Values.Where(n => n.Scope is null);
        return $"{row.Id} is {row.Status} {row.Reason} in life {row.Owner} of {_current.Number} with {string.Join(", ", open.Select(n => $"{n.Path} {n.Phase} attempt {n.Attempt} due {n.Due}{(n.Closing is null ? "" : " closing")}"))}, wake {row.WakeSeq}, unread {row.Inbox.Count(l => !l.Consumed)}";
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
        var definitions = new DefinitionCache(new CachedCatalogue([.. _definitions.Values]), _ => throw new NotSupportedException());
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
                Schedule = item => Later(process, KindOf(item), item.Execute),
                Env = static _ => null,
            },
            new SimulatedSession(this, process, parallelCommits: 1 + Below(3)),
            definitions,
            [new SchemaAdmission(), new PermissionAdmission(), new BudgetAdmission()],
            new StepPerformer(clock),
            new WatchingBus(_invariants),
            new UlidFactory(clock, _random),
            clock,
            NullLogger.Instance)
        {
            Agents = new AgentPolicies(new SimulatedRegistry(id => RandomWorkflows.Policies[id]), clock),
        };
        Later(process, "before its start", () => _ = process.Host.OpenAsync(CancellationToken.None));
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
            (_working, _, Action work) = _ready[index];
            _ready.RemoveAt(index);
            Trace((byte)index);
            work();
            Check();
            return true;
        }

        if (_clock.NextDue() is not { } due)
        {
            _invariants.AtRest();
            return !_calm;
        }

        _clock.AdvanceTo(due);
        _clock.FireDue(process => _working = process);
        Check();
        return true;
    }

    private void Check()
    {
        if (Violation is not null)
        {
            throw Violation;
        }
    }

    private static string KindOf(IThreadPoolWorkItem item) => item.GetType().Name switch
    {
        "TurnQueue" => "before a turn",
        "ClaimWork" => "before a claim",
        "PerformWork" => "before a call",
        string other => throw new NotSupportedException($"A crash before {other} has no name yet."),
    };

    /// <summary>What would have come next in the life of the present worker.</summary>
    private string NextWork() => _ready.Find(w => w.Process == _current).Kind ?? "idle";

    private void Trouble()
    {
        if (Happens(Fault.Crash))
        {
            Crash(NextWork());
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
            _clock.Jump(Below(240_000) - 120_000);
        }
    }

    private void Crash(string point)
    {
        _crashes[point] = _crashes.GetValueOrDefault(point) + 1;
        _current.IsDead = true;
        foreach (Order order in _orders.Where(o => o.Process == _current))
        {
            order.Forget();
        }

        Disk.Release(_current.Number);
        if (_processes.TrueForAll(p => p.IsDead) && Happens(Fault.PowerLost))
        {
            Disk.LosePower();
        }

        Born();
    }

    private void Resume()
    {
        foreach (Process process in _processes)
        {
            process.IsPaused = false;
        }
    }

    /// <summary>
    /// Users start what they ordered, send signals, sometimes two in a row, pause it and have it go on, and ask again when nobody
    /// answers.
    /// </summary>
    private void Users()
    {
        foreach (Order order in _orders)
        {
            order.Listen();
            _invariants.Accepted(order);
            if (order.Run is null && order.Pending is null && Below(_calm ? 1 : 20) == 0)
            {
                order.Ask(_current, _current.Host.Launch(
                    new StartRequest("sim", order.Definition, Payload.FromText($$"""{"order":{{_orders.IndexOf(order)}}}"""), "user", IdempotencyKey: order.Key)).Accepted);
            }
            else if (order.Run is { } run && Below(_calm ? 60 : order.Signals % 4 == 1 ? 3 : 150) == 0 && order.Signals < 12)
            {
                Send(run, InboxKind.Signal, $"s{order.Signals++}", new InboxContent { Name = RandomWorkflows.Signal, Payload = Payload.FromText("1") });
            }
            else if (order.Run is { } cancelled && Below(4000) == 0)
            {
                Send(cancelled, InboxKind.Cancel, "cancel", new InboxContent { By = "user", Reason = "changed my mind" });
            }
            else if (order.Run is { } held && order.Pause is null && !_calm && Below(400) == 0)
            {
                order.Pause = Send(held, InboxKind.Pause, $"pause-{_letters.Count}", new InboxContent { By = "user" });
            }

            if (order.Pause is { IsUnanswered: false })
            {
                order.Pause = null;
                Send(order.Run!.Value, InboxKind.Resume, $"resume-{_letters.Count}", new InboxContent { By = "user" });
            }
        }

        foreach (SimulatedStore.Row child in Disk.Rows.Where(r => r.Creation.Parent is not null && !r.Status.IsTerminal()))
        {
            if (Below(_calm ? 60 : 150) == 0 && _letters.Count(l => l.Run == child.Id) is var sent and < 12)
            {
                Send(child.Id, InboxKind.Signal, $"s{sent}", new InboxContent { Name = RandomWorkflows.Signal, Payload = Payload.FromText("1") });
            }
        }

        foreach (RemoteWork work in _remote.Where(w => --w.Rounds <= 0).ToArray())
        {
            _remote.Remove(work);
            Send(work.Run, InboxKind.Answer, work.Dedupe, work.Answer);
        }

        foreach (Letter letter in _letters.Where(l => l.IsUnanswered).ToArray())
        {
            letter.Retry(_current, _calm);
        }
    }

    private Letter Send(Ulid run, InboxKind kind, string dedupe, InboxContent content)
    {
        var letter = new Letter(run, kind, dedupe, content);
        _letters.Add(letter);
        if (Happens(Fault.SentElsewhere))
        {
            letter.PostElsewhere(Disk);
            News(_current, run, hops: Below(40));
            return letter;
        }

        letter.Post(_current);
        if (Happens(Fault.MessageDuplicated))
        {
            letter.Post(_current);
        }
        else if (Happens(Fault.MessageLost))
        {
            letter.Forget();
        }

        return letter;
    }

    /// <summary>News overtakes nothing and is overtaken by much.</summary>
    private void News(Process process, Ulid run, int hops) => Later(
        process,
        "before news",
        () =>
        {
            if (hops > 0)
            {
                News(process, run, hops - 1);
            }
            else
            {
                process.Host.ItemArrived(run);
            }
        });

    /// <summary>Nothing moves by itself any more: whoever still waits for somebody gets an answer.</summary>
    private void Nudge()
    {
        foreach (SimulatedStore.Row row in Disk.Rows.Where(r => !r.Status.IsTerminal()).ToArray())
        {
            RunState state = _invariants.Fold(row);
            foreach (NodeRun asked in state.Open.Values.Where(n => n.Phase == NodePhase.Asked).OrderBy(n => n.Id))
            {
                Send(row.Id, InboxKind.Resolution, $"answer-{asked.Id}-{asked.Attempt}", new InboxContent { Node = asked.Id, Resolution = (StepResolution)Below(3), Payload = Payload.FromText("1"), By = "user" });
            }

            Send(row.Id, InboxKind.Signal, $"late-{_letters.Count}", new InboxContent { Name = RandomWorkflows.Signal, Payload = Payload.FromText("2") });
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
        if (Dies(caller, "before an effect"))
        {
            await Never();
        }

        _invariants.EffectHappens(call, caller);
        if (Dies(caller, "behind an effect"))
        {
            await Never();
        }

        if (Happens(Fault.ToolHung))
        {
            await Never();
        }

        bool fails = Happens(Fault.ToolFailed);
        int kind = Below(5);
        if (Below(4) == 0)
        {
            return HandOver(call, fails ? SimulatedTool.Failure(kind) : SimulatedTool.Answer(kind));
        }

        if (Below(3) > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(1 + Below(4000)), _clock.For(caller), cancellationToken);
        }

        return fails ? SimulatedTool.Failure(kind) : SimulatedTool.Answer(kind);
    }

    /// <summary>Somebody else does it and answers later: at once, before the call has returned; in time; too late; or never.</summary>
    private StepOutcome HandOver(ToolCall call, StepOutcome outcome)
    {
        var run = Ulid.Parse(call.RunId);
        if (!Happens(Fault.AnswerLost))
        {
            _remote.Add(new RemoteWork(
                run,
                $"{call.StepPath}:{call.Attempt}",
                new InboxContent
                {
                    Node = call.Address!.Value.Step,
                    Generation = call.Address.Value.Generation,
                    Payload = outcome.Ok ? new Payload(outcome.Output) : null,
                    Error = outcome.Error,
                    CostNanoDollars = outcome.CostNanoDollars,
                    By = "agent:far",
                })
            { Rounds = Below(4) == 0 ? 0 : Below(200) });
        }

        return StepOutcome.Later(TimeSpan.FromMilliseconds(1 + Below(20_000)));
    }

    private static Task Never() => new TaskCompletionSource().Task;

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
/// <param name="Crashes">How often a worker died at each of <see cref="World.CrashPoints"/>.</param>
/// <param name="Runs">All of them, children too.</param>
/// <param name="Children">Runs that did steps of others.</param>
/// <param name="Places">Permits that were given and arrivals that a barrier let through.</param>
/// <param name="Lives">Processes that lived.</param>
public sealed record WorldReport(ulong Seed, ulong Trace, IReadOnlyDictionary<Fault, int> Faults, IReadOnlyDictionary<string, int> Crashes, int Runs, int Children, long Places, int Effects, int Lives);

/// <summary>The engine broke a promise.</summary>
public sealed class InvariantViolationException(ulong seed, string invariant, string what) : Exception($"Seed {seed} breaks '{invariant}': {what}")
{
    /// <summary>Its name, as in docs/architecture/simulation.md.</summary>
    public string Invariant { get; } = invariant;
}
