using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Steps;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentFlow.Simulation.Rehearsals;

/// <summary>
/// One run of one workflow on the real engine, in this thread, on a clock that jumps to whatever is due next and with ids that
/// follow from a seed: the same definition, input, arrivals and performance always give the same journal. The run's worker can be
/// killed in the middle of a call; another one then goes on with what was written.
/// </summary>
/// <param name="start">What the clock shows at first.</param>
/// <param name="seed">Decides the run's id, and with it the jitter of its retries.</param>
public sealed class Rehearsal(DateTimeOffset start, ulong seed)
{
    private const string Tenant = "rehearsal";
    private const int MaxWork = 2_000_000;

    private readonly SimulatedClock _clock = new(start.ToUnixTimeMilliseconds());
    private readonly SimulatedStore _disk = new();
    private readonly Process _outside = new(0);
    private readonly Queue<(Process Process, IThreadPoolWorkItem Work)> _ready = new();
    private readonly List<Sending> _sendings = [];
    private readonly HashSet<(string Run, StepAddress Address)> _handedOver = [];
    private RehearsedPeople _people = null!;
    private RehearsalOptions _options = new();
    private WorkflowDefinition _definition = null!;
    private UlidFactory _ids = null!;
    private Process _current = null!;
    private int _lives;

    /// <summary>The clock of tools and agents: time passes when everything waits.</summary>
    public TimeProvider Clock => field ??= _clock.For(_outside);

    /// <summary>Starts the run and lets it go as far as it goes.</summary>
    /// <exception cref="InvalidOperationException">The engine refused to begin.</exception>
    public RehearsalReport Run(WorkflowDefinition definition, Payload input, RehearsalOptions options)
    {
        (_definition, _options) = (definition, options);
        _ids = new UlidFactory(Clock, new SeededRandom(seed));
        _people = new RehearsedPeople(AskedFor);
        _current = Born();
        foreach (Arrival arrival in options.Arrivals.Where(a => a.When is null))
        {
            Expect(arrival);
        }

        Task<StartOutcome> accepted = _current.Host.Launch(new StartRequest(Tenant, definition, input, "rehearsal", TraceId: new string('0', 32), IdempotencyKey: "rehearsal") { Approval = options.Approval }).Accepted;
        Live(() => accepted.IsCompleted);
        if (!accepted.IsCompletedSuccessfully && _disk.Rows.Count == 0)
        {
            throw new InvalidOperationException($"The engine did not accept the run: {accepted.Exception?.InnerException?.Message ?? "it gave no answer"}.");
        }

        SimulatedStore.Row row = _disk.Rows[0];
        Live(() => row.Status.IsTerminal() || row.Status == RunStatus.Diverged);
        return Report(row);
    }

    /// <summary>
    /// Ends the worker as kill -9 does: its memory is gone, nothing that it was doing ever answers, and another worker takes over
    /// what was written. For use inside a <see cref="Performance"/>, which must then never return.
    /// </summary>
    public void KillWorker()
    {
        _current.IsDead = true;
        foreach (Sending sending in _sendings)
        {
            sending.Again();
        }

        _disk.Release(_current.Number);
        _current = Born();
    }

    /// <summary>
    /// Has a step that is handed over (<see cref="StepOutcome.Later"/>) end by an answer from outside. For use inside a
    /// <see cref="Performance"/>; of a step that is handed over again after a crash, the first answer stays.
    /// </summary>
    /// <param name="call">The attempt that hands it over.</param>
    /// <param name="after">From now.</param>
    public void AnswerLater(ToolCall call, StepOutcome outcome, TimeSpan after)
    {
        StepAddress address = call.Address ?? throw new ArgumentException("Only a run's step can be handed over.", nameof(call));
        if (_handedOver.Add((call.RunId, address)))
        {
            string id = $"{call.StepPath}.{address.Generation}";
            _sendings.Add(new Sending(() => _current.Host.AnswerAsync(Tenant, Ulid.Parse(call.RunId), address, outcome, id, "rehearsal", CancellationToken.None), DueIn(after), _sendings.Count));
        }
    }

    /// <summary>An approval that a run has put; its end comes when it is time.</summary>
    private void AskedFor(HumanTask task)
    {
        if (_options.Decide(task) is { Answer: { } answer } ended)
        {
            (bool granted, string reason) = ApprovalRequest.Read(answer);
            var decision = new ApprovalAnswer(granted, ended.AnsweredBy, reason);
            _sendings.Add(new Sending(() => _current.Host.DecideAsync(Tenant, task.Run, task.Address.Step, task.Approval, decision, task.Id.ToString(), CancellationToken.None), ended.EndedAt, _sendings.Count)
            {
                IsWanted = () => _people.IsWanted(task.Id),
            });
        }
    }

    private Process Born()
    {
        var process = new Process(++_lives);
        TimeProvider clock = _clock.For(process);
        var definitions = new DefinitionCache(new CachedCatalogue(_options.Children), _ => throw new NotSupportedException());
        foreach (WorkflowDefinition definition in _options.Children.Append(_definition))
        {
            definitions.Add(Tenant, definition);
        }

        process.Host = new RunHost(
            new EngineOptions
            {
                Workers = 1,
                LeastParallelCommit = 1,
                Owner = $"life-{process.Number}",
                Schedule = item => _ready.Enqueue((process, item)),
                Env = _options.Env,
            },
            new RehearsalSession(_disk, process),
            definitions,
            [new SchemaAdmission(), new PermissionAdmission(), new BudgetAdmission(), new ApprovalAdmission()],
            new StepPerformer(clock),
            new Listener(this),
            _ids,
            clock,
            NullLogger.Instance)
        {
            Desk = new HumanTaskDesk(_people, _ids, clock),
            Agents = new AgentPolicies(new SimulatedRegistry(_options.PolicyOf), clock),
        };
        _ready.Enqueue((process, new Opening(process.Host)));
        return process;
    }

    private void Live(Func<bool> isOver)
    {
        for (int work = 0; work < MaxWork; work++)
        {
            if (_ready.TryDequeue(out (Process Process, IThreadPoolWorkItem Work) next))
            {
                if (!next.Process.IsDead)
                {
                    next.Work.Execute();
                }

                continue;
            }

            if (isOver())
            {
                return;
            }

            Sending? sending = _sendings.Where(s => !s.IsSent && s.IsWanted()).OrderBy(s => s.Due).ThenBy(s => s.Number).FirstOrDefault();
            long? due = _clock.NextDue();
            if (sending is not null && _disk.Rows.Count > 0 && (due is null || sending.Due <= due))
            {
                _clock.AdvanceTo(sending.Due);
                sending.Send();
            }
            else if (due is { } time && time <= start.ToUnixTimeMilliseconds() + (long)_options.Horizon.TotalMilliseconds)
            {
                _clock.AdvanceTo(time);
                _clock.FireDue(_ => { });
            }
            else
            {
                return;
            }
        }
    }

    private void Expect(Arrival arrival)
    {
        int number = _sendings.Count;
        InboxContent content = arrival.Signal is { } name
            ? new InboxContent { Name = name, Payload = arrival.Payload, By = "rehearsal" }
            : new InboxContent { By = "rehearsal", Reason = "The scenario cancels the run." };
        InboxKind kind = arrival.Signal is null ? InboxKind.Cancel : InboxKind.Signal;
        _sendings.Add(new Sending(() => _current.Host.SendAsync(Tenant, _disk.Rows[0].Id, kind, $"arrival-{number}", content, CancellationToken.None), DueIn(arrival.After), number));
    }

    private long DueIn(TimeSpan time) => _clock.Now + (long)time.TotalMilliseconds;

    private void Committed(CommittedFrame frame)
    {
        // What comes is written down for the run itself, not for those that do its steps.
        if (frame.Run != _disk.Rows[0].Id)
        {
            return;
        }

        // Nodes that were added while the run went are nobody's who wrote down what comes.
        foreach (NodeEntered entered in frame.Events.OfType<NodeEntered>().Where(e => e.Node < _definition.Nodes.Count))
        {
            string id = _definition.Nodes[entered.Node].Id;
            foreach (Arrival arrival in _options.Arrivals.Where(a => a.When == id && a.Visit == entered.Visit))
            {
                Expect(arrival);
            }
        }
    }

    private RehearsalReport Report(SimulatedStore.Row row)
    {
        List<JournalEvent> journal = [.. row.Frames.SelectMany(f => FrameCodec.Decode(row.Id, f, _disk.Blob).Events)];
        var claim = new ClaimedRun(row.Key, row.Id, row.Tenant, row.Creation.Workflow, row.Creation.Version, row.Creation.DefinitionHash);
        RunState state;
        string? divergence = row.Status == RunStatus.Diverged ? row.Reason : null;
        try
        {
            state = RunLoader.Load(claim, _definition, new RunHistory(null, row.Frames, [], 0), _disk.Blob).State;
        }
        catch (RunUnreadableException e)
        {
            divergence ??= e.Message;
            state = new RunState(Tenant, row.Id, _definition);
        }

        return new RehearsalReport(journal, state, divergence, TimeSpan.FromMilliseconds(_clock.Now - start.ToUnixTimeMilliseconds()), _lives);
    }

    private sealed class Opening(RunHost host) : IThreadPoolWorkItem
    {
        public void Execute() => _ = host.OpenAsync(CancellationToken.None);
    }

    private sealed class Listener(Rehearsal rehearsal) : IBus
    {
        public bool HasConsumers => true;

        public void Publish(CommittedFrame frame) => rehearsal.Committed(frame);
    }

    /// <summary>Something that is sent to a run once it is due.</summary>
    private sealed class Sending(Func<Task<SendOutcome>> send, long due, int number)
    {
        private Task<SendOutcome>? _answer;

        public long Due => due;

        public int Number => number;

        public bool IsSent { get; private set; }

        /// <summary>Whether it is worth waiting for.</summary>
        public Func<bool> IsWanted { get; init; } = static () => true;

        public void Send() => (IsSent, _answer) = (true, send());

        /// <summary>Who asked a dead worker gets no answer and asks the next one, under the same key.</summary>
        public void Again() => IsSent = _answer is { IsCompletedSuccessfully: true };
    }
}

/// <summary>What surrounds a rehearsed run.</summary>
public sealed record RehearsalOptions
{
    /// <summary>What comes to the run from outside.</summary>
    public IReadOnlyList<Arrival> Arrivals { get; init; } = [];

    /// <summary>What may do steps of the run, as if it were published. Default: nothing.</summary>
    public IReadOnlyList<WorkflowDefinition> Children { get; init; } = [];

    /// <summary>What somebody has to approve before the run begins. Default: nothing.</summary>
    public ApprovalRequest? Approval { get; init; }

    /// <summary>Gets an approval as it is put, and gives it as it ends; <see langword="null"/>: it is waited for without end. Default: nobody decides, and it ends with its time.</summary>
    public Func<HumanTask, HumanTask?> Decide { get; init; } = static task => task.AgeToItsEnd();

    /// <summary>The policies of registered agents as their registry has them, as JSON. Default: none restricts anything.</summary>
    public Func<string, string> PolicyOf { get; init; } = static _ => "{}";

    /// <summary>Reads <c>env.NAME</c>. Default: there is none.</summary>
    public Func<string, string?> Env { get; init; } = static _ => null;

    /// <summary>How far the clock may go. Default ten years: nothing waits longer.</summary>
    public TimeSpan Horizon { get; init; } = TimeSpan.FromDays(3_660);
}

/// <summary>Something that comes to a run from outside.</summary>
/// <param name="Signal">The signal's name; <see langword="null"/>: the run is cancelled.</param>
/// <param name="When">Counts from the entry of the node with this id; <see langword="null"/>: from the start.</param>
/// <param name="Visit">Which visit of that node.</param>
public sealed record Arrival(string? Signal, Payload Payload, string? When, int Visit, TimeSpan After);

/// <summary>What came of a rehearsal.</summary>
/// <param name="Journal">Every event, as it was read back.</param>
/// <param name="State">The fold of the journal.</param>
/// <param name="Divergence">Why the journal does not fold to what was decided; <see langword="null"/>: it does.</param>
/// <param name="Took">On the rehearsal's clock.</param>
/// <param name="Lives">Workers that had the run, one after the other.</param>
public sealed record RehearsalReport(IReadOnlyList<JournalEvent> Journal, RunState State, string? Divergence, TimeSpan Took, int Lives)
{
    public bool Ended => State.Status.IsTerminal() && Divergence is null;

    /// <summary>Open calls and waits, by path: where a run that has not ended stands.</summary>
    public IReadOnlyList<NodeRun> Open => [.. State.Open.Values.Where(n => n.Scope is null).OrderBy(n => n.Id)];
}
