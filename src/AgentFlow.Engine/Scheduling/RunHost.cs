using System.Collections.Concurrent;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Steps;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Engine.Scheduling;

/// <summary>
/// The engine of one process: accepts runs, executes the ones it owns, and carries what arrives to them. Every answer that
/// it gives rests on something durable.
/// </summary>
public sealed partial class RunHost : IAsyncDisposable
{
    private const int ClaimSize = 64;

    private readonly IRunStore _store;
    private readonly DefinitionCache _definitions;
    private readonly IBus _bus;
    private readonly UlidFactory _ids;
    private readonly ILogger _log;
    private readonly ConcurrentDictionary<Ulid, ResidentRun> _resident = new();
    private readonly ConcurrentDictionary<Ulid, Waiter> _waiters = new();
    private readonly StoreWatch? _watch;
    private readonly QueueDepth _depth;
    private readonly ConcurrentQueue<ClaimedRun> _unread = new();
    private readonly ConcurrentQueue<ClaimedRun> _unsure = new();
    private readonly ITimer _storeTimer;
    private readonly Lock _timerGate = new();
    private long _nextStoreTimer = long.MaxValue;
    private int _claiming;
    private int _claimAgain;
    private long _claimsHeldSince = long.MinValue;
    private volatile bool _stopping;

    public RunHost(
        EngineOptions options,
        IRunStore store,
        DefinitionCache definitions,
        IEnumerable<IAdmission> admissions,
        StepPerformer performer,
        IBus bus,
        UlidFactory ids,
        TimeProvider clock,
        ILogger log)
    {
        Options = options;
        _store = store;
        _definitions = definitions;
        Admissions = [.. admissions];
        Performer = performer;
        _bus = bus;
        _ids = ids;
        Clock = clock;
        _log = log;
        MaxQueued = options.MaxQueued;
        Turns = new TurnQueue(options.Workers, options.Schedule);
        Journal = new JournalWriter(store, options, clock, log, Turns) { Touched = OthersTouched };
        Turns.Attach(Journal);
        Timers = new TimerQueue(clock);
        Attempts = new AttemptGate(options.MaxAttempts, options.Schedule);
        _depth = new QueueDepth(store, clock);
        _watch = store.IsShared ? new StoreWatch(this, store, clock, log) : null;
        _storeTimer = clock.CreateTimer(_ => _ = FireStoreTimersAsync(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Runs held in memory now.</summary>
    public int Resident => _resident.Count;

    /// <summary>Frames and inbox items that wait for the disk.</summary>
    public int Backlog => Journal.Backlog;

    /// <summary>
    /// Why the store takes nothing at present; <see langword="null"/> while it does. Until it does again nothing is accepted;
    /// what had been sent by then is written all the same.
    /// </summary>
    public Exception? StoreFailure => Journal.Failure;

    /// <summary>More is waiting than this deployment should take on: what comes now is refused until some of it is done.</summary>
    public bool IsSaturated => Journal.Backlog >= Options.MaxBacklog || _depth.Current >= MaxQueued;

    /// <summary>Runs waiting in the store from which on new ones are refused; can be changed at any time.</summary>
    public int MaxQueued { get; set; }

    /// <summary>Nothing is being computed or written at this moment.</summary>
    internal bool IsQuiet => Turns.IsIdle && Journal.IsQuiet && Volatile.Read(ref _claiming) == 0;

    /// <summary>The process is handing over: no step is admitted any more.</summary>
    public bool IsStopping => _stopping;

    /// <summary>Where people find what runs want of them; <see langword="null"/>: whoever decides sends the answer (<see cref="DecideAsync"/>).</summary>
    public HumanTasks.HumanTaskDesk? Desk { get; init; }

    /// <summary>Decides about approvals before people are asked; <see langword="null"/>: people decide about all of them.</summary>
    public IApprover? Approver { get; init; }

    /// <summary>The policies of registered agents; <see langword="null"/>: there are none, and a step that names one is refused.</summary>
    public AgentPolicies? Agents { get; init; }

    internal EngineOptions Options { get; }

    internal AgentPace Pace { get; } = new();

    internal TimeProvider Clock { get; }

    internal IReadOnlyList<IAdmission> Admissions { get; }

    internal StepPerformer Performer { get; }

    internal TurnQueue Turns { get; }

    internal JournalWriter Journal { get; }

    internal TimerQueue Timers { get; }

    internal AttemptGate Attempts { get; }

    private bool TakesRuns => Options.Executes && !_stopping && !ClaimsAreHeld;

    private bool ClaimsAreHeld
    {
        get
        {
            long since = Volatile.Read(ref _claimsHeldSince);
            return since != long.MinValue && Clock.GetElapsedTime(since) < Options.LookAroundEvery * 2;
        }
    }

    /// <summary>Most runs that this process takes on: on a shared store not more than it can have attempts under way, since others can take them.</summary>
    private int Capacity => _watch is null ? Options.MaxResident : Math.Min(Options.MaxResident, Options.MaxAttempts);

    /// <summary>Takes over what an earlier process left, and from then on whatever is queued or woken.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        _watch?.Begin();
        if (!Options.Executes)
        {
            return;
        }

        Interlocked.Exchange(ref _claiming, 1);
        Interlocked.Exchange(ref _claimAgain, 1);
        try
        {
            await ClaimAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Exchange(ref _claiming, 0);
            Turns.Wake();
        }

        await FireStoreTimersAsync().ConfigureAwait(false);
    }

    /// <summary>Accepts a run. When it returns, the run is on disk and will end exactly once.</summary>
    /// <exception cref="OperationCanceledException">The wait was cancelled; the run may have been accepted all the same.</exception>
    public async Task<StartOutcome> StartAsync(StartRequest request, CancellationToken cancellationToken)
    {
        return await Begin(request, null).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Accepts a run and hands over both of its moments, for a caller that may stop waiting between them.</summary>
    public RunTicket Launch(StartRequest request)
    {
        var end = new Waiter(request.Tenant);
        return new RunTicket(Begin(request, end), end.Task);
    }

    /// <summary>Accepts a run and waits for its end. Cancelling the wait does not cancel the run.</summary>
    public async Task<(StartOutcome Start, RunEnd End)> ExecuteAsync(StartRequest request, CancellationToken cancellationToken)
    {
        var end = new Waiter(request.Tenant);
        var ticket = new RunTicket(Begin(request, end, helpsToTheEnd: true), end.Task);
        StartOutcome start = await ticket.Accepted.WaitAsync(cancellationToken).ConfigureAwait(false);
        RunEnd result = start.IsNew
            ? await ticket.Ended.WaitAsync(cancellationToken).ConfigureAwait(false)
            : await WaitAsync(request.Tenant, start.Run, cancellationToken).ConfigureAwait(false) ?? throw new InvalidOperationException($"Run {start.Run} was accepted and is gone.");
        return (start, result);
    }

    /// <summary>Waits for a run's end; <see langword="null"/> when the tenant has no such run.</summary>
    public async Task<RunEnd?> WaitAsync(string tenant, Ulid run, CancellationToken cancellationToken)
    {
        // Nobody registers for a run that is not the tenant's: the entry may be somebody else's.
        if (await _store.FindAsync(tenant, run, cancellationToken).ConfigureAwait(false) is not { } row)
        {
            return null;
        }

        Waiter waiter = _waiters.GetOrAdd(run, static (_, of) => new Waiter(of), tenant);

        // Read again: an end between the first look and the registration found nobody to tell.
        row = await _store.FindAsync(tenant, run, cancellationToken).ConfigureAwait(false) ?? row;
        if (row.Status.IsTerminal() || row.Status == RunStatus.Diverged)
        {
            RunEnd end = (await ReadEndAsync(tenant, row, cancellationToken).ConfigureAwait(false))!;
            if (_waiters.TryRemove(run, out Waiter? other))
            {
                other.TrySetResult(end);
            }

            return end;
        }

        return await waiter.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>How a run ended, read from its last frame; <see langword="null"/> while it has not.</summary>
    public async ValueTask<RunEnd?> ReadEndAsync(string tenant, RunRow row, CancellationToken cancellationToken)
    {
        if (!row.Status.IsTerminal())
        {
            return row.Status == RunStatus.Diverged
                ? new RunEnd(row.Run, row.Status, "", null, new StepError("RUN_DIVERGED", Contracts.Errors.ErrorCategory.Permanent, row.Result), row.CostNanoDollars)
                : null;
        }

        StoredFrame? last = await _store.ReadLastFrameAsync(tenant, row.Run, cancellationToken).ConfigureAwait(false);
        Frame frame = FrameCodec.Decode(row.Run, last!, hash => _store.ReadBlob(tenant, hash));
        return frame.Events[^1] switch
        {
            RunCompleted e => new RunEnd(row.Run, RunStatus.Completed, e.Outcome, e.Output, null, row.CostNanoDollars),
            RunFailed e => new RunEnd(row.Run, RunStatus.Failed, "", null, e.Error, row.CostNanoDollars),
            _ => new RunEnd(row.Run, RunStatus.Cancelled, "", null, new StepError("RUN_CANCELLED", Contracts.Errors.ErrorCategory.Permanent, ((RunCancelled)frame.Events[^1]).Reason), row.CostNanoDollars),
        };
    }

    /// <summary>
    /// Puts something in a run's inbox. When it returns <see cref="SendOutcome.Accepted"/> the item is on disk and will be
    /// taken exactly once; sending the same dedupe key again is accepted and changes nothing.
    /// </summary>
    /// <exception cref="EngineSaturatedException">The disk does not keep up; nothing was taken.</exception>
    public Task<SendOutcome> SendAsync(string tenant, Ulid run, InboxKind kind, string dedupe, InboxContent content, CancellationToken cancellationToken)
    {
        if (StoreFailure is { } failure)
        {
            return Task.FromException<SendOutcome>(failure);
        }

        if (Journal.Backlog >= Options.MaxBacklog)
        {
            return Task.FromException<SendOutcome>(new EngineSaturatedException());
        }

        var sent = new TaskCompletionSource<SendOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        int sender = System.Environment.CurrentManagedThreadId;
        bool takesOver = false;
        Journal.Add(new InboxAppend
        {
            Tenant = tenant,
            Run = run,
            Kind = kind,
            Dedupe = dedupe,
            Data = content.Write(),
            Claims = TakesRuns && Volatile.Read(ref _claimAgain) == 0 && _resident.Count + _unread.Count < Capacity,
            Unanswered = e => sent.TrySetException(e),
            Done = item =>
            {
                if (item.Claimed is { } claimed)
                {
                    // After a first try whose answer was lost the run may be in memory already.
                    (item.Outcome == CommitOutcome.Committed ? _unread : _unsure).Enqueue(claimed);
                    if (sender == System.Environment.CurrentManagedThreadId)
                    {
                        takesOver = true;
                    }
                    else
                    {
                        RequestTakeOver();
                    }
                }
                else if (item.Outcome == CommitOutcome.Committed)
                {
                    Deliver(item);
                }
                else if (item.Outcome == CommitOutcome.Ignored && !item.StatusBefore.IsTerminal())
                {
                    // It stands there already, perhaps from a first try whose answer was lost: nobody may have been told.
                    ItemArrived(item.Run);
                }
            },
            Durable = item =>
            {
                if (item.Outcome == CommitOutcome.Pending)
                {
                    // The engine was closed before the store answered.
                    sent.TrySetException(new EngineStoppingException());
                    return;
                }

                sent.TrySetResult(
                    item.Outcome == CommitOutcome.Missing ? SendOutcome.RunNotFound
                    : item.IsWaiting ? SendOutcome.Accepted
                    : SendOutcome.RunEnded);
            },
        });

        // He wrote the item himself: the frame that it leads to is what he waits for.
        sender = 0;
        if (takesOver && TakesRuns && Interlocked.CompareExchange(ref _claiming, 1, 0) == 0)
        {
            _ = ClaimLoopAsync(sent.Task);
        }

        return sent.Task.WaitAsync(cancellationToken);
    }

    /// <summary>
    /// Gives the outcome of a step that was handed over (<see cref="StepOutcome.Later"/>), or is about to be. When it returns
    /// <see cref="SendOutcome.Accepted"/> the answer is on disk and taken once; one that nobody waits for any more changes nothing.
    /// </summary>
    /// <param name="address">From the call: <see cref="ToolCall.Address"/>.</param>
    /// <param name="id">Names this answer among all to the run: the same one again is the same answer.</param>
    /// <param name="by">Who answers.</param>
    /// <exception cref="ArgumentException">The outcome itself only announces another one.</exception>
    /// <exception cref="EngineSaturatedException">The disk does not keep up; nothing was taken.</exception>
    public Task<SendOutcome> AnswerAsync(string tenant, Ulid run, StepAddress address, StepOutcome outcome, string id, string by, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        if (outcome.AnswersWithin is not null)
        {
            throw new ArgumentException("An answer is an outcome, not the promise of one.", nameof(outcome));
        }

        var content = new InboxContent
        {
            Node = address.Step,
            Generation = address.Generation,
            Payload = outcome.Ok ? new Payload(outcome.Output) : null,
            Error = outcome.Error,
            CostNanoDollars = outcome.CostNanoDollars,
            By = by,
        };
        return SendAsync(tenant, run, InboxKind.Answer, "answer:" + id, content, cancellationToken);
    }

    /// <summary>
    /// Says whether a step that waits for an approval may run. When it returns <see cref="SendOutcome.Accepted"/> the decision is on
    /// disk and taken once; one that nobody waits for any more changes nothing.
    /// </summary>
    /// <param name="step">The node visit's number in its run.</param>
    /// <param name="name">Which approval of the step it is.</param>
    /// <param name="id">Names this decision among all to the run: the same one again is the same decision.</param>
    /// <exception cref="EngineSaturatedException">The disk does not keep up; nothing was taken.</exception>
    public Task<SendOutcome> DecideAsync(string tenant, Ulid run, int step, string name, ApprovalAnswer answer, string id, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(answer);
        var content = new InboxContent
        {
            Node = step,
            Name = name,
            Resolution = answer.Granted ? StepResolution.Succeed : StepResolution.Fail,
            By = answer.By,
            Reason = answer.Reason,
        };
        return SendAsync(tenant, run, InboxKind.Approval, "approval:" + id, content, cancellationToken);
    }

    /// <summary>
    /// Puts a note where it becomes an audit record. When it returns, the note is on disk; when it throws, it may not be, and
    /// what it is about must not be done.
    /// </summary>
    /// <exception cref="EngineSaturatedException">The disk does not keep up.</exception>
    /// <exception cref="EngineStoppingException">The process is shutting down.</exception>
    public Task NoteAsync(AuditNote note, CancellationToken cancellationToken) =>
        _stopping ? Task.FromException(new EngineStoppingException()) : NoteAnywayAsync(note, cancellationToken);

    /// <summary><see cref="NoteAsync"/> for what has happened and only has to be told: taken until the process has handed over.</summary>
    public Task NoteAnywayAsync(AuditNote note, CancellationToken cancellationToken)
    {
        if (StoreFailure is { } failure)
        {
            return Task.FromException(failure);
        }

        if (Journal.Backlog >= Options.MaxBacklog)
        {
            return Task.FromException(new EngineSaturatedException());
        }

        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Journal.Add(new NoteAppend
        {
            Note = note,
            Done = failure =>
            {
                if (failure is null)
                {
                    written.TrySetResult();
                }
                else
                {
                    written.TrySetException(failure);
                }
            },
        });
        return written.Task.WaitAsync(cancellationToken);
    }

    /// <summary>
    /// Takes a run out of this process's memory as if the process had died, and has it rebuilt from its journal. Calls under way are
    /// told to stop; their outcome is unknown.
    /// </summary>
    /// <returns>False when the run is not in memory here.</returns>
    public bool Abandon(Ulid run)
    {
        if (!_resident.TryGetValue(run, out ResidentRun? resident))
        {
            return false;
        }

        resident.Rebuild();
        return true;
    }

    /// <summary>
    /// Begins to hand over and returns at once: nothing more is accepted or claimed, no further step is admitted, and on a
    /// shared store each run goes to others as soon as none of its steps is in flight. <see cref="StopAsync"/> follows.
    /// </summary>
    public void Drain()
    {
        _stopping = true;
        if (_store.IsShared)
        {
            foreach (ResidentRun run in _resident.Values)
            {
                run.Leave();
            }
        }
    }

    /// <summary>
    /// Hands over: accepts and claims nothing more, admits no further step, and returns once the steps in flight have their
    /// outcome on disk or the grace period is over. What is unfinished is continued by the next owner of the store.
    /// </summary>
    public async Task StopAsync(TimeSpan grace)
    {
        Drain();
        long start = Clock.GetTimestamp();
        while ((!Turns.IsIdle || !Journal.IsIdle || _resident.Values.Any(r => r.HasAttempts)) && Clock.GetElapsedTime(start) < grace)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), Clock).ConfigureAwait(false);
        }

        if (Agents is { } agents)
        {
            await agents.Spending.ReturnAsync().ConfigureAwait(false);
        }

        await DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Lets go at once: nothing is written any more, as if the process had died here.</summary>
    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        _watch?.Dispose();
        Turns.Close();
        Journal.Close();
        await _storeTimer.DisposeAsync().ConfigureAwait(false);
        Timers.Dispose();
    }

    internal void Published(RunState state, long firstSeq, List<JournalEvent> events)
    {
        if (_bus.HasConsumers)
        {
            _bus.Publish(new CommittedFrame(state.Tenant, state.Id, state.Definition.Name, firstSeq, events));
        }
    }

    internal void Ended(ResidentRun run)
    {
        Tell(run.State);
        if (Volatile.Read(ref _claimAgain) != 0)
        {
            RequestClaim();
        }
    }

    /// <summary>The run was not created (its idempotency key had one already, or the store refused it): nobody will end it.</summary>
    internal void NotCreated(Ulid run)
    {
        if (_waiters.TryRemove(run, out Waiter? waiter))
        {
            waiter.TrySetCanceled();
        }
    }

    /// <param name="left">The run is to be continued elsewhere: others are given the time to claim it first.</param>
    internal void Parked(ResidentRun run, IReadOnlyList<(long Due, int Node)> timers, bool left)
    {
        if (left && _store.IsShared)
        {
            Interlocked.Exchange(ref _claimsHeldSince, Clock.GetTimestamp());
        }

        foreach ((long due, _) in timers)
        {
            ArmStoreTimer(due);
        }

        if (Volatile.Read(ref _claimAgain) != 0)
        {
            RequestClaim();
        }
    }

    internal void Fenced(ResidentRun run) => LostRun(_log, run.State.Id);

    /// <summary>This process was taken for dead: what it holds is continued by others.</summary>
    internal void DropAll()
    {
        foreach (ResidentRun run in _resident.Values)
        {
            run.Drop();
        }

        RequestClaim();
    }

    /// <summary>Something is in the inbox of a run that this process owns.</summary>
    internal void ItemArrived(Ulid run)
    {
        if (_resident.TryGetValue(run, out ResidentRun? resident))
        {
            resident.LookIntoInbox();
        }
        else
        {
            RequestClaim();
        }
    }

    /// <summary>Runs of this process have put something into others' inboxes, or created them.</summary>
    private void OthersTouched(IReadOnlyList<Ulid>? runs)
    {
        foreach (ResidentRun run in runs is null ? _resident.Values : runs.Select(r => _resident.GetValueOrDefault(r)).OfType<ResidentRun>())
        {
            run.LookIntoInbox();
        }

        // Whoever is about to leave memory is queued by then.
        RequestClaim();
    }

    /// <summary>Finds out which run would do a step. Whether it may is for the step's run to say.</summary>
    internal async Task<(WorkflowDefinition? Definition, StepError? Error)> FindChildAsync(string tenant, ChildCall call, Payload input, CancellationToken cancellationToken)
    {
        try
        {
            (WorkflowDefinition? definition, string? problem) = await _definitions.FindAsync(tenant, call.Workflow, call.Versions, cancellationToken).ConfigureAwait(false);
            if (definition is null)
            {
                return (null, new StepError("WORKFLOW_NOT_FOUND", Contracts.Errors.ErrorCategory.Permanent, problem!));
            }

            return definition.Input.Problem(input.Utf8) is { } misfit
                ? (null, new StepError("INPUT_INVALID", Contracts.Errors.ErrorCategory.Validation, $"The input does not fit workflow '{definition.Name}' {definition.Version}: {misfit}."))
                : (definition, null);
        }
        catch (RunUnreadableException e)
        {
            return (null, new StepError("WORKFLOW_INVALID", Contracts.Errors.ErrorCategory.Permanent, e.Message));
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            ClaimFailed(_log, e);
            return (null, new StepError("STORE_UNAVAILABLE", Contracts.Errors.ErrorCategory.Transient, $"The versions of workflow '{call.Workflow}' could not be read: {e.Message}"));
        }
    }

    /// <summary>The run that does a step, to be written with the frame that says so.</summary>
    internal (RunAppend Append, RunState State, List<JournalEvent> Events) CreateChild(RunState parent, ChildStarted started, WorkflowDefinition definition, Payload input, RunAdopted adopted)
    {
        RunMachine machine = Machine(parent.Tenant, started.Child, definition, parent.Started!.TraceId, parent.Started.StartedBy, input, started.At, parent.Authority, parent.Priority);
        machine.Handle(adopted with { At = machine.State.Now });
        RunState state = machine.State;
        List<JournalEvent> events = machine.TakeEvents();
        var creation = new RunCreation(definition.Name, definition.Version, definition.Hash, null, "") { Parent = parent.Id, Priority = parent.Priority };
        return (FirstFrame(state, events, creation, adopted), state, events);
    }

    /// <summary>Runs that somebody here waits for and that are executed elsewhere.</summary>
    internal IEnumerable<Ulid> AwaitedElsewhere() => _waiters.Keys.Where(run => !_resident.ContainsKey(run));

    /// <summary>Tells whoever waits for a run that ended elsewhere, if it has.</summary>
    internal async Task EndedElsewhereAsync(Ulid run)
    {
        if (_waiters.TryGetValue(run, out Waiter? waiter)
            && await _store.FindAsync(waiter.Tenant, run, CancellationToken.None).ConfigureAwait(false) is { } row
            && await ReadEndAsync(waiter.Tenant, row, CancellationToken.None).ConfigureAwait(false) is { } end
            && _waiters.TryRemove(run, out waiter))
        {
            waiter.TrySetResult(end);
        }
    }

    /// <summary>A run has left memory.</summary>
    /// <param name="late">Something was posted to it while it left: what was durable is found by claiming.</param>
    internal void Forget(ResidentRun run, bool late)
    {
        _resident.TryRemove(new KeyValuePair<Ulid, ResidentRun>(run.State.Id, run));
        if (late)
        {
            RequestClaim();
        }
    }

    /// <summary>The store refused the end of a run because something had arrived: it starts over from what is durable.</summary>
    internal async Task ReloadAsync(ResidentRun run, long key, List<Inbound> refused)
    {
        try
        {
            RunState old = run.State;
            var claim = new ClaimedRun(key, old.Id, old.Tenant, old.Definition.Name, old.Definition.Version, old.Definition.Hash);
            RunHistory history = await _store.LoadAsync(claim, CancellationToken.None).ConfigureAwait(false);
            RunMachine machine = RunLoader.Load(claim, old.Definition, history, hash => _store.ReadBlob(old.Tenant, hash));
            if (machine.State.Status.IsTerminal())
            {
                // It has ended elsewhere, while this process stood still.
                Fenced(run);
                run.Drop();
            }
            else
            {
                run.Restore(machine, claim, history, recovered: false, refused);
            }

            run.Begin();
        }
        catch (Exception e)
        {
            // The refused outcomes are gone with the memory; to the next reader their attempts are unknown.
            ReloadFailed(_log, run.State.Id, e);
            Forget(run, late: false);
            _unread.Enqueue(new ClaimedRun(key, run.State.Id, run.State.Tenant, run.State.Definition.Name, run.State.Definition.Version, run.State.Definition.Hash));
            ArmStoreTimer(Clock.GetUtcNow().ToUnixTimeMilliseconds() + 1000);
        }
    }

    /// <summary>
    /// A run left memory without knowing whether it was parked. When it was not, it is still this process's, and nobody else
    /// will ever look at it. Looking is left to the claim loop: only there it is certain that it was not claimed meanwhile.
    /// </summary>
    internal void Reclaim(ResidentRun run, long key)
    {
        RunState state = run.State;
        _unsure.Enqueue(new ClaimedRun(key, state.Id, state.Tenant, state.Definition.Name, state.Definition.Version, state.Definition.Hash));
        ArmStoreTimer(Clock.GetUtcNow().ToUnixTimeMilliseconds());
        RequestClaim();
    }

    /// <summary>Hands a run what its inbox holds; asks until the store answers, because nobody else will look.</summary>
    internal async Task ReadInboxAsync(ResidentRun run, long key)
    {
        CrashPoint.Reach("inbox.read.before");
        RunState state = run.State;
        var claim = new ClaimedRun(key, state.Id, state.Tenant, state.Definition.Name, state.Definition.Version, state.Definition.Hash);
        while (!_stopping)
        {
            try
            {
                run.TakeInbox(await _store.LoadAsync(claim, CancellationToken.None).ConfigureAwait(false));
                CrashPoint.Reach("inbox.read.after");
                return;
            }
            catch (Exception e)
            {
                ReloadFailed(_log, state.Id, e);
                await Task.Delay(TimeSpan.FromSeconds(1), Clock, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Why the store did not create a run.</summary>
    internal static Exception Refused(Ulid run, RunAppend append) => append.Outcome == CommitOutcome.OverQuota
        ? new RunQuotaException(append.Creation!.MaxRuns!.Value)
        : new InvalidOperationException($"Run {run} was refused by the store ({append.Outcome}); ask again.");

    /// <summary>Tells whoever waits how the run ended.</summary>
    private void Tell(RunState state)
    {
        if (_waiters.TryRemove(state.Id, out Waiter? waiter))
        {
            StepError? error = state.Status == RunStatus.Cancelled
                ? new StepError("RUN_CANCELLED", Contracts.Errors.ErrorCategory.Permanent, state.CancelReason)
                : state.Error;
            waiter.TrySetResult(new RunEnd(state.Id, state.Status, state.Outcome ?? "", state.Output, error, state.SpentNanoDollars));
        }
    }

    /// <param name="helpsToTheEnd">The caller has nothing else to do before the run ends.</param>
    private Task<StartOutcome> Begin(StartRequest request, Waiter? end, bool helpsToTheEnd = false)
    {
        if (_stopping)
        {
            end?.TrySetCanceled(CancellationToken.None);
            return Task.FromException<StartOutcome>(new EngineStoppingException());
        }

        if (StoreFailure is { } failure)
        {
            end?.TrySetCanceled(CancellationToken.None);
            return Task.FromException<StartOutcome>(failure);
        }

        if (IsSaturated)
        {
            end?.TrySetCanceled(CancellationToken.None);
            return Task.FromException<StartOutcome>(new EngineSaturatedException());
        }

        Ulid id = _ids.Create();
        WorkflowDefinition definition = request.Definition;
        int priority = Math.Clamp(request.Priority ?? definition.Policies.Priority, RunPriority.Lowest, RunPriority.Highest);
        RunMachine machine = Machine(request.Tenant, id, definition, request.TraceId ?? id.ToString(), request.StartedBy, request.Input, Clock.GetUtcNow().ToUnixTimeMilliseconds(), request.Authority, priority, request.Approval);
        var creation = new RunCreation(definition.Name, definition.Version, definition.Hash, request.IdempotencyKey, request.RequestHash, request.MaxRuns) { Priority = priority };
        if (end is not null)
        {
            _waiters[id] = end;
        }

        var accepted = new TaskCompletionSource<StartOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        Planted.Do(Bug.AcknowledgeBeforeCommit, () => accepted.TrySetResult(new StartOutcome(id, request.RequestHash, IsNew: true)));
        if (!Options.Executes || _resident.Count >= Capacity)
        {
            _depth.Added();
            Enqueue(machine, creation, accepted);
        }
        else
        {
            var run = new ResidentRun(this, machine, creation) { Accepted = accepted, Observer = request.Observer };
            _resident[id] = run;
            run.Begin(quietly: true);
            Turns.Help(helpsToTheEnd ? end!.Task : accepted.Task);
        }

        return accepted.Task;
    }

    /// <summary>A new run that has decided what it does first.</summary>
    private RunMachine Machine(string tenant, Ulid id, WorkflowDefinition definition, string traceId, string startedBy, Payload input, long at, RunAuthority? authority, int priority, ApprovalRequest? approval = null)
    {
        var machine = new RunMachine(new RunState(tenant, id, definition)) { WatchesLoops = definition.WatchesLoops, HoldsStart = approval is not null };
        machine.Handle(new RunStarted(definition.Name, definition.Version, definition.Hash, _definitions.ToolsHash(definition), traceId, startedBy, input, Environment(definition)) { At = at });
        if (authority is { IsUnrestricted: false })
        {
            machine.Handle(new RunRestricted(authority with { Starts = null }) { At = machine.State.Now });
            if (authority.Starts is { } starts)
            {
                machine.Handle(new RunStartsRestricted(starts) { At = machine.State.Now });
            }
        }

        if (priority != 0)
        {
            machine.Handle(new RunPrioritized(priority) { At = machine.State.Now });
        }

        if (approval is not null)
        {
            NodeRun root = machine.State.Root!;
            machine.Handle(new ApprovalRequested(root.Id, approval.Name, approval.Order.ToPayload()) { At = machine.State.Now });
            if (Approver?.Decide(machine.State, root, approval) is { } answer)
            {
                machine.Handle(new ApprovalDecided(root.Id, approval.Name, answer.Granted, answer.By, answer.Reason) { At = machine.State.Now });
            }
        }

        return machine;
    }

    /// <summary>What creates a run for somebody to claim.</summary>
    private static RunAppend FirstFrame(RunState state, List<JournalEvent> events, RunCreation creation, RunAdopted? parent, Action<RunAppend>? done = null, Action<Exception>? unanswered = null)
    {
        var blobs = new List<Payload>();
        return new RunAppend
        {
            Tenant = state.Tenant,
            Run = state.Id,
            FirstSeq = 0,
            NextSeq = state.Seq,
            Frame = FrameCodec.Encode(events, blobs),
            Blobs = blobs,
            Change = RowChange.CreateQueued,
            Then = state.Status.IsTerminal() ? RowChange.End : RowChange.None,
            Status = state.Status,
            Result = state.Outcome ?? state.Error?.Code ?? "",
            Creation = creation,
            At = state.Now,
            Cross = CrossEffects.Of(state, events, parent, null),
            Done = done,
            Unanswered = unanswered,
        };
    }

    /// <summary>Accepts a run that this process cannot hold now: its first frame goes to the store, where somebody claims it.</summary>
    private void Enqueue(RunMachine machine, RunCreation creation, TaskCompletionSource<StartOutcome> accepted)
    {
        List<JournalEvent> events = machine.TakeEvents();
        RunState state = machine.State;
        Interlocked.Exchange(ref _claimAgain, 1);
        Journal.Add(FirstFrame(
            state,
            events,
            creation,
            null,
            unanswered: failure =>
            {
                accepted.TrySetException(failure);
                NotCreated(state.Id);
            },
            done: append =>
            {
                if (append.Outcome == CommitOutcome.Duplicate)
                {
                    accepted.TrySetResult(new StartOutcome(append.ExistingRun!.Value.Run, append.ExistingRun.Value.RequestHash, IsNew: false));
                    NotCreated(state.Id);
                    return;
                }

                if (append.Outcome != CommitOutcome.Committed)
                {
                    NotCreated(state.Id);
                    accepted.TrySetException(Refused(state.Id, append));
                    return;
                }

                Published(state, 0, events);
                accepted.TrySetResult(new StartOutcome(state.Id, creation.RequestHash, IsNew: true));
                if (state.Status.IsTerminal())
                {
                    Tell(state);
                }
                else if (Options.Executes)
                {
                    RequestClaim();
                }
            }));
        Turns.Wake();
    }

    private Payload Environment(WorkflowDefinition definition) => definition.EnvironmentNames.Count == 0
        ? Payload.EmptyObject
        : JsonPayload.Object(definition.EnvironmentNames.Select(name => (name, JsonPayload.Text(Options.Env(name)))));

    /// <summary>Carries a stored item to the run's memory, or makes sure that somebody loads the run.</summary>
    private void Deliver(InboxAppend item)
    {
        if (!_resident.TryGetValue(item.Run, out ResidentRun? run) || !run.TryPost(Inbound.From(item.Item, item.Kind, item.Data, item.WakeSeq)))
        {
            RequestClaim();
        }
    }

    internal void RequestClaim()
    {
        Interlocked.Exchange(ref _claimAgain, 1);
        RequestTakeOver();
    }

    /// <summary>Has what is this process's already read, without looking for more.</summary>
    private void RequestTakeOver()
    {
        if (TakesRuns && Interlocked.CompareExchange(ref _claiming, 1, 0) == 0)
        {
            Options.Schedule(new ClaimWork(this));
        }
    }

    private async Task ClaimAsync(CancellationToken cancellationToken)
    {
        while (!_stopping)
        {
            bool looks = Interlocked.Exchange(ref _claimAgain, 0) != 0;
            int room = looks ? Math.Min(ClaimSize, Capacity - _resident.Count) : 0;
            IReadOnlyList<ClaimedRun> claimed = room > 0 ? await _store.ClaimAsync(room, cancellationToken).ConfigureAwait(false) : [];
            foreach (ClaimedRun claim in claimed)
            {
                _unread.Enqueue(claim);
            }

            // A claim is this process's until it is read; one that could not be read stays in the queue.
            while (_unread.TryPeek(out ClaimedRun? next))
            {
                await TakeOverAsync(next, cancellationToken).ConfigureAwait(false);
                _unread.TryDequeue(out _);
                if (!_unread.IsEmpty || (room > 0 && claimed.Count == room))
                {
                    Turns.Wake();
                }
            }

            while (_unsure.TryPeek(out ClaimedRun? unsure))
            {
                if (!_resident.ContainsKey(unsure.Run) && await _store.FindAsync(unsure.Tenant, unsure.Run, cancellationToken).ConfigureAwait(false) is { Status: RunStatus.Running })
                {
                    await TakeOverAsync(unsure, cancellationToken).ConfigureAwait(false);
                }

                _unsure.TryDequeue(out _);
            }

            if (looks && claimed.Count >= Math.Max(room, 0))
            {
                // There may be more; whoever leaves memory next asks again.
                Interlocked.Exchange(ref _claimAgain, 1);
            }

            if (room <= 0 || claimed.Count < room)
            {
                return;
            }
        }
    }

    /// <param name="wanted">What whoever claims waits for; <see langword="null"/>: a worker.</param>
    private async Task ClaimLoopAsync(Task? wanted = null)
    {
        bool failed = false;
        try
        {
            await ClaimAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            failed = true;
            ClaimFailed(_log, e);
            ArmStoreTimer(Clock.GetUtcNow().ToUnixTimeMilliseconds() + 1000);
        }

        Interlocked.Exchange(ref _claiming, 0);
        if ((Volatile.Read(ref _claimAgain) != 0 && _resident.Count < Capacity) || (!failed && !(_unread.IsEmpty && _unsure.IsEmpty)))
        {
            RequestTakeOver();
        }

        if (wanted is null)
        {
            Turns.Work();
        }
        else
        {
            Turns.Help(wanted);
        }
    }

    private async Task TakeOverAsync(ClaimedRun claim, CancellationToken cancellationToken)
    {
        try
        {
            CrashPoint.Reach("load.before");
            WorkflowDefinition definition = await _definitions.GetAsync(claim.Tenant, claim.DefinitionHash, cancellationToken).ConfigureAwait(false);
            RunHistory history = await _store.LoadAsync(claim, cancellationToken).ConfigureAwait(false);
            RunMachine machine = RunLoader.Load(claim, definition, history, hash => _store.ReadBlob(claim.Tenant, hash));
            CrashPoint.Reach("load.after");
            if (machine.State.Status.IsTerminal())
            {
                // It was claimed and has ended elsewhere, while this process stood still.
                return;
            }

            var run = new ResidentRun(this, machine, null);
            run.Restore(machine, claim, history, recovered: machine.State.InFlight > 0, []);
            _resident[claim.Run] = run;
            run.ArmOpenTimers();
            run.Begin(quietly: true);
        }
        catch (RunUnreadableException e)
        {
            RunSetAside(_log, claim.Run, e);
            await TellParentAsync(claim, e.Message, cancellationToken).ConfigureAwait(false);
            IReadOnlyList<Ulid> given = await _store.SetAsideAsync(claim, e.Message, cancellationToken).ConfigureAwait(false);
            if (given.Count > 0)
            {
                OthersTouched(given);
            }

            if (_waiters.TryRemove(claim.Run, out Waiter? waiter))
            {
                waiter.TrySetResult(new RunEnd(claim.Run, RunStatus.Diverged, "", null, new StepError("RUN_DIVERGED", Contracts.Errors.ErrorCategory.Permanent, e.Message), 0));
            }
        }
    }

    /// <summary>A run that cannot go on is a failure of the step that it does.</summary>
    private async Task TellParentAsync(ClaimedRun claim, string reason, CancellationToken cancellationToken)
    {
        if (await _store.FindAsync(claim.Tenant, claim.Run, cancellationToken).ConfigureAwait(false) is { Parent: { } parent } row)
        {
            var error = new StepError("RUN_DIVERGED", Contracts.Errors.ErrorCategory.Permanent, reason);
            CrossItem item = CrossEffects.AnswerItem(parent, InboxContent.ByChild, 0, claim.Run, null, error, row.CostNanoDollars);
            await SendAsync(claim.Tenant, parent, item.Kind, item.Dedupe, InboxContent.Read(item.Data), cancellationToken).ConfigureAwait(false);
        }
    }

    private void ArmStoreTimer(long due)
    {
        lock (_timerGate)
        {
            if (due < _nextStoreTimer)
            {
                _nextStoreTimer = due;
                long wait = due - Clock.GetUtcNow().ToUnixTimeMilliseconds();
                _storeTimer.Change(TimeSpan.FromMilliseconds(Math.Clamp(wait, 0, TimerQueue.LongestSleep)), Timeout.InfiniteTimeSpan);
            }
        }
    }

    internal async Task FireStoreTimersAsync()
    {
        try
        {
            lock (_timerGate)
            {
                _nextStoreTimer = long.MaxValue;
            }

            while (!_stopping)
            {
                (int fired, long? next) = await _store.FireTimersAsync(Clock.GetUtcNow().ToUnixTimeMilliseconds(), 256, CancellationToken.None).ConfigureAwait(false);
                if (next is { } due)
                {
                    ArmStoreTimer(due);
                }

                RequestClaim();
                if (fired < 256)
                {
                    return;
                }
            }
        }
        catch (Exception e)
        {
            ClaimFailed(_log, e);
            ArmStoreTimer(Clock.GetUtcNow().ToUnixTimeMilliseconds() + 1000);
        }
    }

    /// <summary>Somebody who wants to know how a run ends.</summary>
    private sealed class Waiter(string tenant) : TaskCompletionSource<RunEnd>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public string Tenant => tenant;
    }

    private sealed class ClaimWork(RunHost host) : IThreadPoolWorkItem
    {
        public void Execute() => _ = host.ClaimLoopAsync();
    }

    [LoggerMessage(1, LogLevel.Error, "Run {Run} is owned by somebody else; this process drops it")]
    private static partial void LostRun(ILogger logger, Ulid run);

    [LoggerMessage(2, LogLevel.Error, "Run {Run} cannot go on and is set aside")]
    private static partial void RunSetAside(ILogger logger, Ulid run, Exception exception);

    [LoggerMessage(3, LogLevel.Error, "Queued runs could not be claimed; trying again in a second")]
    private static partial void ClaimFailed(ILogger logger, Exception exception);

    [LoggerMessage(4, LogLevel.Error, "Run {Run} could not be read again")]
    private static partial void ReloadFailed(ILogger logger, Ulid run, Exception exception);
}

/// <summary>A run that somebody wants.</summary>
/// <param name="IdempotencyKey">Unique in the tenant; the same key gives the same run.</param>
/// <param name="RequestHash">What the key stands for; the caller compares it with the outcome's.</param>
public sealed record StartRequest(string Tenant, WorkflowDefinition Definition, Payload Input, string StartedBy, string? TraceId = null, string? IdempotencyKey = null, string RequestHash = "")
{
    /// <summary>What the starter lets the run do outside. Default <see langword="null"/>: whatever the workflow grants.</summary>
    public RunAuthority? Authority { get; init; }

    /// <summary>What somebody has to approve before the run begins. Default <see langword="null"/>: it begins at once.</summary>
    public ApprovalRequest? Approval { get; init; }

    /// <summary><see cref="RunPriority.Lowest"/> to <see cref="RunPriority.Highest"/>. Default <see langword="null"/>: what the workflow's policies say.</summary>
    public int? Priority { get; init; }

    /// <summary>
    /// Most runs of the tenant that may be going with this one. Default <see langword="null"/>: any number. The store must count
    /// the tenant's runs (<see cref="IQuotaStore.CountRunsAsync"/>).
    /// </summary>
    public long? MaxRuns { get; init; }

    /// <summary>
    /// Gets each frame's first sequence and events once they are durable, in order, for as long as the run stays in memory
    /// from its start. Called on the writing thread; must neither block nor throw.
    /// </summary>
    public Action<long, IReadOnlyList<JournalEvent>>? Observer { get; init; }
}

/// <summary>The two moments of a run that its starter may wait for.</summary>
/// <param name="Accepted">The run is on disk.</param>
/// <param name="Ended">It has ended; cancelled when the run was not new (<see cref="StartOutcome.IsNew"/>) or was refused, never before <paramref name="Accepted"/> says so.</param>
public readonly record struct RunTicket(Task<StartOutcome> Accepted, Task<RunEnd> Ended);

/// <param name="RequestHash">Of the request that created the run.</param>
/// <param name="IsNew">False when a run with the same idempotency key existed.</param>
public sealed record StartOutcome(Ulid Run, string RequestHash, bool IsNew);

/// <summary>How a run ended.</summary>
public sealed record RunEnd(Ulid Run, RunStatus Status, string Outcome, Payload? Output, StepError? Error, long CostNanoDollars);

public enum SendOutcome
{
    /// <summary>On disk; taken exactly once.</summary>
    Accepted,
    RunNotFound,
    RunEnded,
}

/// <summary>The process is shutting down and accepts nothing any more; try another one, or again after the restart.</summary>
public sealed class EngineStoppingException() : InvalidOperationException("The engine is shutting down and accepts nothing any more; try again shortly.");

/// <summary>As many runs of the tenant are going as may; nothing was accepted. One that ends makes room.</summary>
/// <param name="most"><see cref="StartRequest.MaxRuns"/>.</param>
public sealed class RunQuotaException(long most) : InvalidOperationException($"{most} runs of the tenant may be going at once, and are; nothing was accepted.")
{
    public long Most => most;
}

/// <summary>More work is waiting than this deployment should take on: send it again a little later.</summary>
public sealed class EngineSaturatedException() : InvalidOperationException("Too much work is waiting to be done; nothing was accepted. Send it again a little later.");
