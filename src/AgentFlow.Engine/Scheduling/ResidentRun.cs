using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Text;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Steps;

namespace AgentFlow.Engine.Scheduling;

/// <summary>
/// A run in memory: its state, what has arrived for it, and its attempts in flight. One turn at a time takes everything
/// that arrived, decides, and hands one frame to the writer; the next turn starts when that frame is on disk. So effects,
/// answers and messages only ever follow from what is durable.
/// </summary>
internal sealed class ResidentRun
{
    /// <summary>A turn ends after this many events, so that a long pure computation cannot starve its neighbours.</summary>
    private const int EventsPerTurn = 1024;

    /// <summary>Nobody answers a step after that; longer waits are cut to it.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromDays(3650);

    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(1);

    /// <summary>Stands for no node: the timer of a run that is to be claimed again.</summary>
    private const int Leaving = -1;

    private readonly RunHost _host;
    private readonly Lock _gate = new();
    private readonly Dictionary<int, Attempt> _attempts = [];
    private readonly List<NodeRun> _launches = [];
    private readonly List<NodeRun> _toAsk = [];
    private readonly Dictionary<string, List<int>> _uninformed = new(StringComparer.Ordinal);
    private readonly List<string> _informed = [];
    private readonly HashSet<int> _withPeople = [];
    private readonly HashSet<int> _paid = [];
    private readonly List<long> _consumed = [];
    private readonly HashSet<long> _taken = [];
    private readonly Dictionary<Ulid, Adoption> _adoptions = [];
    private List<(RunState State, List<JournalEvent> Events)>? _born;
    private List<Inbound> _mailbox = [];
    private List<Inbound> _turn = [];
    private List<Inbound> _sinceCommit = [];
    private RunMachine _machine;
    private RunAppend? _commit;
    private List<JournalEvent>? _committing;
    private bool _busy = true;
    private bool _evicted;
    private int _asking;
    private bool _hasRow;
    private bool _leaving;
    private bool _recovering;
    private volatile bool _dropped;
    private volatile bool _rebuilds;
    private long _wakeSeq;
    private long _snapshotSeq;
    private long _key;

    public ResidentRun(RunHost host, RunMachine machine, RunCreation? creation)
    {
        _host = host;
        _machine = machine;
        Creation = creation;
        if (creation is not null && S.Root is { Phase: NodePhase.AwaitingApproval } held)
        {
            RememberPeople(held);
            _toAsk.Add(held);
        }
    }

    public RunState State => _machine.State;

    /// <summary>How the run comes to be; <see langword="null"/> for one that was loaded.</summary>
    public RunCreation? Creation { get; }

    /// <summary>Completes when the run's creation is durable.</summary>
    public TaskCompletionSource<StartOutcome>? Accepted { get; init; }

    /// <summary>Follows what becomes durable while the run stays here; see <see cref="StartRequest.Observer"/>.</summary>
    public Action<long, IReadOnlyList<JournalEvent>>? Observer { get; init; }

    /// <summary>Whether an attempt is under way outside the run.</summary>
    public bool HasAttempts => S.InFlight > 0;

    private RunState S => _machine.State;

    /// <summary>Puts a loaded run's state and inbox in place, before its first turn.</summary>
    /// <param name="refused">Causes of a frame that was not written (<see cref="TakeRefused"/>).</param>
    public void Restore(RunMachine machine, ClaimedRun claim, RunHistory history, bool recovered, List<Inbound> refused)
    {
        lock (_gate)
        {
            _machine = machine;
            _key = claim.Key;
            _hasRow = true;
            _snapshotSeq = history.Snapshot?.Seq ?? 0;
            _toAsk.Clear();
            foreach (NodeRun node in S.Open.Values.Where(n => n.Phase is NodePhase.Awaiting or NodePhase.AwaitingApproval))
            {
                RememberPeople(node);
                if (node.Phase == NodePhase.AwaitingApproval)
                {
                    AskPeople(node);
                }
            }

            // Whoever was to leave has left: it was loaded here.
            List<Inbound> arrived = [.. Items(history).Select(i => i with { Leaves = false })];

            Planted.Do(Bug.SignalDroppedOnLoad, () => arrived.RemoveAll(i => i.Cause is SignalReceived));
            if (recovered)
            {
                arrived.Add(new Inbound(new RunRecovered(_host.Options.Owner)));
            }

            arrived.AddRange(_mailbox);
            arrived.AddRange(refused);
            _mailbox = arrived;
            _recovering = arrived.Exists(i => i.Cause is RunRecovered);
            Planted.Change(Bug.RecoveryBehindStarts, ref _recovering, false);
        }
    }

    /// <summary>Hands a cause to the run.</summary>
    /// <returns>False when the run has left memory: what is durable reaches it through its inbox.</returns>
    public bool TryPost(Inbound inbound)
    {
        lock (_gate)
        {
            if (_evicted)
            {
                return false;
            }

            _mailbox.Add(inbound);
            if (_busy)
            {
                return true;
            }

            _busy = true;
        }

        _host.Turns.Add(this);
        return true;
    }

    /// <summary>Gives the run up, as soon as no attempt of it is under way, to whoever claims it next. It admits no further step.</summary>
    public void Leave() => TryPost(Inbound.Left);

    /// <summary>Takes the run out of memory: it belongs to another process now.</summary>
    public void Drop()
    {
        _dropped = true;
        TryPost(Inbound.Left);
    }

    /// <summary>Takes the run out of memory as if its process had died; it is then rebuilt from what is durable.</summary>
    public void Rebuild()
    {
        _rebuilds = true;
        Drop();
    }

    /// <summary>Reads what others have put into the inbox of the run.</summary>
    public void LookIntoInbox()
    {
        if (_hasRow)
        {
            _ = _host.ReadInboxAsync(this, _key);
        }
    }

    /// <summary>Queues the first turn. What is posted to a run that has not begun waits for it: nothing else queues one.</summary>
    /// <param name="quietly">The caller sees to it that somebody works.</param>
    public void Begin(bool quietly = false)
    {
        if (quietly)
        {
            _host.Turns.AddQuietly(this);
        }
        else
        {
            _host.Turns.Add(this);
        }
    }

    public void Turn()
    {
        if (_commit is { } commit)
        {
            _commit = null;
            if (!AfterCommit(commit))
            {
                return;
            }
        }

        if (_dropped && _hasRow)
        {
            Abandon();
            return;
        }

        while (true)
        {
            lock (_gate)
            {
                (_turn, _mailbox) = (_mailbox, _turn);
            }

            long now = _host.Clock.GetUtcNow().ToUnixTimeMilliseconds();
            AdmitInformed();
            TakeHolds(now);
            TakeSignals(now);
            PutPlacesFirst();
            Settle(now);
            int taken = 0;
            while (taken < _turn.Count && _machine.Events.Count < EventsPerTurn)
            {
                Take(_turn[taken++], now);
                Settle(now);
            }

            if (taken < _turn.Count)
            {
                lock (_gate)
                {
                    _mailbox.InsertRange(0, _turn.Skip(taken));
                }
            }

            _turn.Clear();
            bool leave = ShouldLeave();
            bool park = leave || ShouldPark();
            if (_machine.Events.Count > 0 || _consumed.Count > 0 || (park && _hasRow))
            {
                Submit(park, leave);
                return;
            }

            lock (_gate)
            {
                if (_mailbox.Count == 0)
                {
                    _busy = false;
                    return;
                }
            }
        }
    }

    /// <summary>
    /// Takes what pauses the run and lets it go on, in its order, before the signals: one that came before a signal was meant to
    /// hold what that sets off. Of a signal that came before it nothing is lost by being held.
    /// </summary>
    private void TakeHolds(long now)
    {
        if (S.Status.IsTerminal() || !_turn.Exists(IsHold))
        {
            return;
        }

        foreach (Inbound inbound in _turn.Where(IsHold))
        {
            Take(inbound, now);
        }

        _turn.RemoveAll(IsHold);
    }

    private static bool IsHold(Inbound inbound) => inbound.Cause is PauseRequested or ResumeRequested;

    /// <summary>
    /// Takes the signals of this turn before everything else, and together: they are on disk already, so none of them may
    /// be passed over because something beside it ended the run.
    /// </summary>
    private void TakeSignals(long now)
    {
        if (!_turn.Exists(i => i.Cause is SignalReceived))
        {
            return;
        }

        if (S.Status.IsTerminal())
        {
            // The run ended in memory before they were looked at. The store refuses that end, because nobody says yet that
            // everything up to them is known, and then they come first.
            lock (_gate)
            {
                _mailbox.InsertRange(0, _turn.Where(WaitsForARefusal));
            }

            _turn.RemoveAll(WaitsForARefusal);
            return;
        }

        List<JournalEvent> signals = [];
        foreach (Inbound inbound in _turn.Where(i => i.Cause is SignalReceived && Note(i)))
        {
            signals.Add(inbound.Cause! with { At = now });
        }

        _turn.RemoveAll(i => i.Cause is SignalReceived);
        if (signals.Count > 0)
        {
            _machine.HandleSignals(signals);
        }
    }

    /// <summary>
    /// A place that was given comes before what gives up waiting for it: others have gone on because this run was counted. Of what
    /// has not arrived yet, the store refuses the giving up.
    /// </summary>
    private void PutPlacesFirst()
    {
        int first = 0;
        for (int i = 0; i < _turn.Count; i++)
        {
            if (_turn[i] is { Cause: PlaceGranted } place)
            {
                _turn.RemoveAt(i);
                _turn.Insert(first++, place);
            }
        }

        Planted.Do(Bug.PlaceBehindTimeout, () =>
        {
            _turn.AddRange(_turn[..first]);
            _turn.RemoveRange(0, first);
        });
    }

    private static bool WaitsForARefusal(Inbound inbound) => inbound.Cause is SignalReceived || inbound is { Cause: null, WakeSeq: > 0 };

    /// <returns>False when the item has been taken before, or is to be taken later.</returns>
    private bool Note(in Inbound inbound)
    {
        if (IsAhead(inbound))
        {
            // Outsiders are heard in the order in which they were told that they are. Until the earlier one has come the run
            // can neither park nor end.
            LookIntoInbox();
            return false;
        }

        _wakeSeq = Math.Max(_wakeSeq, inbound.WakeSeq);
        _leaving |= inbound.Leaves;
        if (inbound.Item != 0)
        {
            Planted.Do(Bug.SignalTakenTwice, _taken.Clear);
            // An item may come twice: from whoever stored it, and read from the store. It acts once.
            if (!_taken.Add(inbound.Item))
            {
                return false;
            }

            _consumed.Add(inbound.Item);
        }

        if (inbound.Cause is not null)
        {
            _sinceCommit.Add(inbound);
        }

        return true;
    }

    private void Take(in Inbound inbound, long now)
    {
        if (Note(inbound) && inbound.Cause is { } cause)
        {
            Forget(cause);
            JournalEvent examined = cause switch
            {
                StepAnswered answer => Examined(answer),
                ChildStarted started => Adopted(started),
                _ => cause,
            };
            if (Happen(examined with { At = now }) && examined is StepAnswered answered)
            {
                GiveUp(answered.Id);
            }

            _recovering &= cause is not RunRecovered;
        }
    }

    /// <summary>An answer as it would have come from the call itself.</summary>
    private StepAnswered Examined(StepAnswered answer)
    {
        if (answer.Id == InboxContent.ByChild && S.Open.Values.FirstOrDefault(n => n.Child is { } child && answer.By == $"run:{child}") is { } adopter)
        {
            answer = answer with { Id = adopter.Id, Generation = adopter.Generation };
        }

        if (answer.Output is not { } output || !S.Open.TryGetValue(answer.Id, out NodeRun? step) || step.Node is not CallNode call)
        {
            return answer;
        }

        StepOutcome examined = _host.Performer.Examine(call, StepOutcome.Success(output.Utf8));
        return answer with { Output = examined.Ok ? new Payload(examined.Output) : null, Error = examined.Error };
    }

    /// <summary>A child as it is started now: the budget may not reach for it any more, and the step may be closing.</summary>
    private JournalEvent Adopted(ChildStarted started)
    {
        if (!S.Open.TryGetValue(started.Id, out NodeRun? step) || !_adoptions.TryGetValue(started.Child, out Adoption? adoption))
        {
            return started;
        }

        if (step.Closing is not null)
        {
            return new StepCancelled(started.Id, started.Attempt);
        }

        long? held = null;
        if (S.BudgetNanoDollars is { } limit && S.Definition.Policies.OnExceed == Definitions.OnExceed.Fail)
        {
            long left = Math.Max(0, limit - S.SpentNanoDollars - S.ReservedNanoDollars);
            held = adoption.Definition.Policies.MaxBudgetNanoDollars ?? left;
            if (held > left)
            {
                return new StepFailed(started.Id, started.Attempt, new StepError(
                    "BUDGET_EXCEEDED",
                    ErrorCategory.Permanent,
                    $"Workflow '{started.Workflow}' {started.Version}, which does step '{step.Path}', may spend {DollarText.Of(held.Value)}; {DollarText.Of(left)} of the run's {DollarText.Of(limit)} are left. Raise policies.max_budget here or lower it there."), 0);
            }
        }

        // How much it may cost is known only now; which workflows may be started at all, admission has asked.
        if (S.Authority?.Starts?.Problem(started.Workflow, held ?? adoption.Definition.Policies.MaxBudgetNanoDollars) is { } problem)
        {
            return new StepFailed(started.Id, started.Attempt, PermissionAdmission.Denied(S, step, problem), 0);
        }

        adoption.Parent = new RunAdopted(S.Id, step.Id, step.Generation, (S.Parent?.Depth ?? 0) + 1, held);
        return started with { ReservedNanoDollars = held ?? 0 };
    }

    /// <summary>Ends whatever still tries to do a step that somebody else has answered.</summary>
    private void GiveUp(int id)
    {
        _launches.RemoveAll(step => step.Id == id);
        if (_attempts.Remove(id, out Attempt? attempt))
        {
            attempt.Stop?.Cancel();
        }
    }

    /// <summary>
    /// Whether something that came before an item has not arrived yet: it came through another process, or the answer to
    /// its commit was lost.
    /// </summary>
    private bool IsAhead(in Inbound inbound)
    {
        bool ahead = inbound.Item != 0 && inbound.WakeSeq > _wakeSeq + 1;
        Planted.Change(Bug.WakeCountedAhead, ref ahead, false);
        return ahead;
    }

    private static IEnumerable<Inbound> Items(RunHistory history) =>
        [.. history.Inbox.Select(item => Inbound.From(item.Item, item.Kind, item.Data)), Inbound.Known(history.WakeSeq)];

    private void Forget(JournalEvent outcome)
    {
        (int id, int number) = outcome switch
        {
            StepSucceeded e => (e.Id, e.Attempt),
            StepFailed e => (e.Id, e.Attempt),
            StepCancelled e => (e.Id, e.Attempt),
            StepHandedOver e => (e.Id, e.Attempt),
            ChildStarted e => (e.Id, e.Attempt),
            _ => (-1, 0),
        };
        if (id >= 0 && _attempts.TryGetValue(id, out Attempt? attempt) && attempt.Number == number)
        {
            _attempts.Remove(id);
            attempt.Stop?.Dispose();
        }
    }

    /// <summary>Takes newly runnable steps through admission, and performs at once what needs no durable barrier.</summary>
    private void Settle(long now)
    {
        while (_machine.Runnable.Count > 0 || _machine.Stopping.Count > 0)
        {
            foreach (NodeRun stopping in _machine.Stopping.ToArray())
            {
                Stop(stopping, now);
            }

            _machine.Stopping.Clear();
            // What is in flight when the recovery is taken was called by somebody who is gone: nothing may join it before.
            if (S.Status == RunStatus.Paused || _leaving || _recovering || _host.IsStopping || _machine.Runnable.Count == 0)
            {
                return;
            }

            NodeRun[] runnable = [.. _machine.Runnable];
            _machine.Runnable.Clear();
            foreach (NodeRun step in runnable)
            {
                Admit(step, now);
            }
        }
    }

    private void Admit(NodeRun step, long now)
    {
        if (step.Ended is not null || step.Phase != NodePhase.Scheduled)
        {
            return;
        }

        var call = (CallNode)step.Node;
        KnownPolicy? agent = null;
        if (call.Registered is { } registered && (agent = PolicyOf(step, registered, now)) is null)
        {
            return;
        }

        long reserve = 0;
        bool over = false;
        ApprovalRequest? asks = null;
        foreach (IAdmission admission in _host.Admissions)
        {
            Verdict verdict = Ask(admission, step, call);
            if (verdict.Denied is { } denied)
            {
                _machine.Handle(new StepDenied(step.Id, denied) { At = now });
                return;
            }

            reserve += verdict.ReserveNanoDollars;
            over |= verdict.OverBudget;
            asks ??= verdict.Asks is { } wanted && !step.Approvals.Contains(wanted.Name) ? wanted : null;
        }

        if (agent is not null && !IsPaid(step, call, agent, null, now))
        {
            return;
        }

        // Nobody is asked about what would be refused anyhow, and nothing is waited for before somebody was asked.
        asks ??= agent is null ? null : AgentAdmission.Asks(agent, S, step, call);
        if (asks is not null)
        {
            AskFor(step, asks, now);
            return;
        }

        if (agent is not null && HasToWait(step, call, agent, now))
        {
            return;
        }

        _machine.Handle(new StepStarted(step.Id, step.Attempt + 1, reserve, over) { At = now });
        RememberPeople(step);
        bool atOnce = call.Effects == Effects.None && S.Definition.Policies.Durability != Definitions.Durability.EveryStep;
        Planted.Change(Bug.EffectBeforeFrame, ref atOnce, true);
        if (atOnce)
        {
            Perform(step, call, isAnnounced: false, now);
        }
        else
        {
            _launches.Add(step);
        }
    }

    /// <summary>The policy of a step's registered agent; <see langword="null"/> when it has to be read first, or the step is refused.</summary>
    private KnownPolicy? PolicyOf(NodeRun step, string agent, long now)
    {
        if (_host.Agents is not { } agents)
        {
            _machine.Handle(new StepDenied(step.Id, new StepError(ErrorCode.AgentNotFound.Code, ErrorCategory.Permanent, $"Step '{step.Path}' names the registered agent '{agent}', and this host has no registry.")) { At = now });
            return null;
        }

        // Where the registry answers at once, so does this.
        if ((agents.Find(S.Tenant, agent) ?? (agents.LearnAsync(S.Tenant, agent).IsCompletedSuccessfully ? agents.Find(S.Tenant, agent) : null)) is not { } known)
        {
            Inform(step, agent, () => agents.LearnAsync(S.Tenant, agent));
            return null;
        }

        if (known.Problem is { } problem)
        {
            _machine.Handle(new StepDenied(step.Id, problem) { At = now });
            return null;
        }

        return known;
    }

    /// <summary>Asks the registry something about an agent. The step stays as it is, which keeps the run here; a later owner asks again.</summary>
    private void Inform(NodeRun step, string agent, Func<Task> ask)
    {
        if (_uninformed.TryGetValue(agent, out List<int>? steps))
        {
            steps.Add(step.Id);
        }
        else
        {
            _uninformed.Add(agent, [step.Id]);
            _ = InformAsync(agent, ask);
        }
    }

    private async Task InformAsync(string agent, Func<Task> ask)
    {
        while (!_evicted)
        {
            try
            {
                await ask().ConfigureAwait(false);
                break;
            }
            catch (Exception)
            {
                // Whatever it is, the store says so itself; nobody may run past a policy that cannot be read, or a cap.
                await Task.Delay(AskAgainAfter, _host.Clock).ConfigureAwait(false);
            }
        }

        lock (_gate)
        {
            _informed.Add(agent);
        }

        TryPost(Inbound.Nothing);
    }

    /// <summary>Steps of whose agent something is known now go through admission.</summary>
    private void AdmitInformed()
    {
        lock (_gate)
        {
            foreach (string agent in _informed)
            {
                if (_uninformed.Remove(agent, out List<int>? steps))
                {
                    _machine.Runnable.AddRange(steps.Where(S.Open.ContainsKey).Select(id => S.Open[id]));
                }
            }

            _informed.Clear();
        }
    }

    /// <summary>Whether a step waits for a place or for a turn at its agent, which stands in the journal then, or is not paid for.</summary>
    private bool HasToWait(NodeRun step, CallNode call, KnownPolicy agent, long now)
    {
        // What helps a step over a failure is a part of its task. Two that each had one and wanted another's would wait for ever.
        if (!call.IsRemedy && agent.Policy.MaxConcurrentTasks is { } places && !S.Places.ContainsKey(step.Id))
        {
            return _machine.Handle(new PlaceWanted(step.Id, AgentAdmission.PlaceOf(agent.Agent), places) { At = now });
        }

        // Before the turn, which is given once.
        if (!IsPaid(step, call, agent, step.Attempt + 1, now))
        {
            return true;
        }

        if (_host.Pace.Ask(S.Tenant, agent, (S.Id, step.Id, step.Attempt), now, AgentAdmission.Leaps(call)) is not { } wait)
        {
            return false;
        }

        long due = now + (long)Math.Ceiling(call.Tool.WaitOf(TimeSpan.FromMilliseconds(wait.WaitMs)).TotalMilliseconds);
        return _machine.Handle(new StepHeld(step.Id, due, wait.WaitMs, wait.Rate) { At = now });
    }

    /// <summary>Pays for a call where its agent's month has a cap. False when that has to be asked for first, or the step is refused.</summary>
    /// <param name="attempt">The attempt that is about to begin; <see langword="null"/>: it could be paid for.</param>
    private bool IsPaid(NodeRun step, CallNode call, KnownPolicy agent, int? attempt, long now)
    {
        if (agent.Policy.MonthlyCapNanoDollars is not { } cap)
        {
            return true;
        }

        AgentSpending spending = _host.Agents!.Spending;
        long most = call.Tool.Contract.MaxCostNanoDollars;
        // What was done has to be undone, whatever it costs.
        switch (spending.Pay(S.Tenant, agent, attempt is { } number ? (S.Id, step.Id, number) : null, most, call.IsCompensation))
        {
            case Payment.Made:
                if (attempt is not null)
                {
                    _paid.Add(step.Id);
                }

                return true;
            case Payment.Unknown:
                Inform(step, call.Registered!, () => spending.TakeAsync(S.Tenant, agent, most));
                return false;
            default:
                _machine.Handle(new StepDenied(step.Id, AgentAdmission.UsedUp(agent.Agent, step, cap, most, now)) { At = now });
                return false;
        }
    }

    /// <summary>Takes a cause; what an attempt has cost then counts for its agent's month.</summary>
    private bool Happen(JournalEvent cause)
    {
        (int id, long cost) = cause switch
        {
            StepSucceeded e => (e.Id, e.CostNanoDollars),
            StepFailed e => (e.Id, e.CostNanoDollars),
            StepAnswered e => (e.Id, e.CostNanoDollars),
            StepCancelled e => (e.Id, 0),
            _ => (-1, 0),
        };
        if (id < 0 || !S.Open.TryGetValue(id, out NodeRun? step) || step.Node is not CallNode { Registered: { } agent }
            || _host.Agents is not { } agents || agents.Latest(S.Tenant, agent) is not { Policy.MonthlyCapNanoDollars: not null } known)
        {
            return _machine.Handle(cause);
        }

        long reserved = step.ReservedNanoDollars;
        if (!_machine.Handle(cause))
        {
            return false;
        }

        _paid.Remove(id);
        agents.Spending.Settle(S.Tenant, known, (S.Id, id), reserved, cost);
        return true;
    }

    /// <summary>Gives back what steps were paid with that have ended without an outcome.</summary>
    private void ReleasePaid(List<JournalEvent> events)
    {
        if (_paid.Count == 0)
        {
            return;
        }

        foreach (NodeFinished ended in events.OfType<NodeFinished>().Where(e => _paid.Remove(e.Id)))
        {
            _host.Agents!.Spending.Release((S.Id, ended.Id));
        }
    }

    /// <summary>What an attempt has used counts against the rates of its agent.</summary>
    private void Count(CallNode call, StepOutcome? outcome)
    {
        if (call.Registered is { } agent && outcome is { InputTokens: var read, OutputTokens: var written } && _host.Agents?.Latest(S.Tenant, agent) is { } known)
        {
            _host.Pace.Spent(S.Tenant, known, read + written, _host.Clock.GetUtcNow().ToUnixTimeMilliseconds(), AgentAdmission.Leaps(call));
        }
    }

    private void AskFor(NodeRun step, ApprovalRequest request, long now)
    {
        _machine.Handle(new ApprovalRequested(step.Id, request.Name, request.Order.ToPayload()) { At = now });
        if (_host.Approver?.Decide(S, step, request) is { } answer)
        {
            _machine.Handle(new ApprovalDecided(step.Id, request.Name, answer.Granted, answer.By, answer.Reason) { At = now });
        }
        else if (_host.Desk is not null)
        {
            RememberPeople(step);
            _toAsk.Add(step);
        }
    }

    /// <summary>Puts a durable request for an approval where people find it. Until it is there the run stays here; a later owner does it again.</summary>
    private void AskPeople(NodeRun step)
    {
        if (_host.Desk is { } desk && step is { Phase: NodePhase.AwaitingApproval, Approval: { } approval })
        {
            Interlocked.Increment(ref _asking);
            _ = AskPeopleAsync(desk, step.Id, step.Generation, step.Path, approval);
        }
    }

    private async Task AskPeopleAsync(HumanTaskDesk desk, int step, int generation, string path, ApprovalRequested approval)
    {
        while (!_evicted)
        {
            try
            {
                await desk.OpenAsync(S.Tenant, S.Id, new StepAddress(step, generation), approval.Name, S.Definition.Name, path, HumanTaskOrder.Read(approval.Order.Utf8), CancellationToken.None).ConfigureAwait(false);
                break;
            }
            catch (Exception)
            {
                // Whatever it is, the store says so itself; the run needs somebody to ask.
                await Task.Delay(AskAgainAfter, _host.Clock).ConfigureAwait(false);
            }
        }

        Interlocked.Decrement(ref _asking);
        TryPost(Inbound.Nothing);
    }

    /// <summary>Notes that people may have something to do for a step.</summary>
    private void RememberPeople(NodeRun step)
    {
        if (_host.Desk is not null && (step.Phase == NodePhase.AwaitingApproval || step.Node is CallNode { Tool: HumanTaskTool }))
        {
            _withPeople.Add(step.Id);
        }
    }

    /// <summary>Takes back what people had to do for steps that have ended without them.</summary>
    private void ReleasePeople(List<JournalEvent> events)
    {
        if (_withPeople.Count == 0)
        {
            return;
        }

        foreach (NodeFinished ended in events.OfType<NodeFinished>().Where(e => _withPeople.Remove(e.Id)))
        {
            _ = CloseTasksAsync(ended.Id);
        }
    }

    private async Task CloseTasksAsync(int step)
    {
        try
        {
            await _host.Desk!.CloseAsync(S.Tenant, S.Id, step, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Tasks of ended runs are looked for from time to time.
        }
    }

    /// <summary>Calls the tool: outside the turn when it has effects, otherwise here, taking an outcome that is there at once.</summary>
    /// <param name="isAnnounced">The step's start is durable: should the next frame be refused, nobody would ask for the outcome again.</param>
    private void Perform(NodeRun step, CallNode call, bool isAnnounced, long now)
    {
        if (call.Child is { } child)
        {
            Adopt(step, call, child, now);
            return;
        }

        var attempt = new Attempt(step.Attempt, call.Effects == Effects.None && call.Tool.Contract.Determinism == Determinism.Full ? null : new CancellationTokenSource());
        var toolCall = new ToolCall(
            S.Tenant,
            S.Id.ToString(),
            step.Path,
            step.Attempt,
            StepIdentity.IdempotencyKey(S, step),
            step.Input!.Utf8,
            DateTimeOffset.FromUnixTimeMilliseconds(now) + call.AttemptTimeout,
            S.Definition,
            Address: new StepAddress(step.Id, step.Generation),
            Failures: step.FailedAttempts);
        Planted.Do(Bug.StaleOutcome, () => _ = step.Attempt > 1 && TryPost(new Inbound(Outcome(call, step.Id, step.Attempt - 1, StepOutcome.Success("1"u8.ToArray()), now))));
        if (call.Effects == Effects.External)
        {
            _attempts[step.Id] = attempt;
            _host.Attempts.Enter(new PerformWork(this, step.Id, call, toolCall, attempt), RunPriority.Rank(now, S.Priority));
            return;
        }

        ValueTask<StepOutcome?> performed = _host.Performer.PerformAsync(call, toolCall, attempt.Stop?.Token ?? CancellationToken.None);
        if (performed.IsCompletedSuccessfully)
        {
            attempt.Stop?.Dispose();
            StepOutcome? outcome = performed.Result;
            Count(call, outcome);
            JournalEvent cause = Outcome(call, step.Id, attempt.Number, outcome, now);
            if (isAnnounced)
            {
                Take(new Inbound(cause), now);
            }
            else
            {
                Happen(cause with { At = now });
            }

            return;
        }

        _attempts[step.Id] = attempt;
        _ = PostAsync(call, step.Id, attempt, performed);
    }

    /// <summary>Finds the run that is to do a step; it is created with the frame that says that it was started.</summary>
    private void Adopt(NodeRun step, CallNode call, ChildCall child, long now)
    {
        if ((S.Parent?.Depth ?? 0) >= ChildCall.MaxDepth)
        {
            var tooDeep = new StepError(
                "CHILD_DEPTH_EXCEEDED",
                ErrorCategory.Permanent,
                $"Step '{step.Path}' of '{S.Definition.Name}' calls workflow '{child.Workflow}', and {ChildCall.MaxDepth} runs stand above this one. Workflows that call each other in a circle end here; break the circle, or flatten the plan.");
            Take(new Inbound(new StepFailed(step.Id, step.Attempt, tooDeep, 0)), now);
            return;
        }

        var attempt = new Attempt(step.Attempt, new CancellationTokenSource());
        _attempts[step.Id] = attempt;
        long due = call.Timeout is { } limit ? now + (long)Math.Ceiling(limit.TotalMilliseconds) : 0;
        _ = AdoptAsync(step.Id, attempt, child, step.Input!, StepIdentity.Child(S.Id, step.Path, step.Generation, now), due);
    }

    private async Task AdoptAsync(int id, Attempt attempt, ChildCall child, Payload input, Ulid run, long due)
    {
        JournalEvent outcome;
        try
        {
            (Definitions.WorkflowDefinition? definition, StepError? error) = await _host.FindChildAsync(S.Tenant, child, input, attempt.Stop!.Token).ConfigureAwait(false);
            if (definition is null)
            {
                outcome = new StepFailed(id, attempt.Number, error!, 0);
            }
            else
            {
                lock (_gate)
                {
                    _adoptions[run] = new Adoption(definition, input);
                }

                outcome = new ChildStarted(id, attempt.Number, run, definition.Name, definition.Version, definition.Hash, 0, due);
            }
        }
        catch (OperationCanceledException)
        {
            outcome = new StepCancelled(id, attempt.Number);
        }

        TryPost(new Inbound(outcome));
    }

    private RunAppend Create(ChildStarted started)
    {
        Adoption adoption;
        lock (_gate)
        {
            adoption = _adoptions[started.Child];
        }

        (RunAppend append, RunState state, List<JournalEvent> events) = _host.CreateChild(S, started, adoption.Definition, adoption.Input, adoption.Parent!);
        (_born ??= []).Add((state, events));
        return append;
    }

    private async Task PerformOutsideAsync(int id, CallNode call, ToolCall toolCall, Attempt attempt)
    {
        // The time limit counts from here: the call may have waited for its turn.
        DateTimeOffset deadline = _host.Clock.GetUtcNow() + call.AttemptTimeout;
        await PostAsync(call, id, attempt, _host.Performer.PerformAsync(call, toolCall with { Deadline = deadline }, attempt.Stop!.Token)).ConfigureAwait(false);
        _host.Attempts.Leave();
    }

    private async Task PostAsync(CallNode call, int id, Attempt attempt, ValueTask<StepOutcome?> performed)
    {
        StepOutcome? outcome = await performed.ConfigureAwait(false);
        Count(call, outcome);
        TryPost(new Inbound(Outcome(call, id, attempt.Number, outcome, _host.Clock.GetUtcNow().ToUnixTimeMilliseconds())));
    }

    private static JournalEvent Outcome(CallNode call, int id, int attempt, StepOutcome? outcome, long now)
    {
        if (outcome is null)
        {
            return new StepCancelled(id, attempt);
        }

        if (outcome is { AnswersWithin: { } within, Ok: true })
        {
            return new StepHandedOver(id, attempt, now + (long)Math.Ceiling(Math.Clamp(within.TotalMilliseconds, 0, MaxWait.TotalMilliseconds)));
        }

        return outcome.Error is { } error
            ? Failure(call, id, attempt, error, outcome)
            : new StepSucceeded(id, attempt, new Payload(outcome.Output), outcome.CostNanoDollars, outcome.InputTokens, outcome.OutputTokens, outcome.Provider ?? "");
    }

    /// <summary>A failure; with what it gave, where a remedy of the step may make something of that.</summary>
    private static StepFailed Failure(CallNode call, int id, int attempt, StepError error, StepOutcome outcome) =>
        !outcome.Output.IsEmpty && outcome.Output.Length <= Payload.MaxLength && call.Remedies.Any(r => r.On.Contains(error.Code, StringComparer.Ordinal))
            ? new StepRejected(id, attempt, error, new Payload(outcome.Output), outcome.CostNanoDollars)
            : new StepFailed(id, attempt, error, outcome.CostNanoDollars);

    private void Stop(NodeRun step, long now)
    {
        if (_launches.Remove(step))
        {
            // Announced but not yet called: it never happened.
            Happen(new StepCancelled(step.Id, step.Attempt) { At = now });
        }
        else if (_attempts.TryGetValue(step.Id, out Attempt? attempt))
        {
            attempt.Stop?.Cancel();
        }
    }

    /// <summary>What a stage says; a stage that fails refuses.</summary>
    private Verdict Ask(IAdmission admission, NodeRun step, CallNode call)
    {
        try
        {
            return admission.Check(S, step, call);
        }
        catch (Exception e)
        {
            return new Verdict(new StepError(ErrorCode.AdmissionFailed.Code, ErrorCategory.Permanent, $"{admission.GetType().Name} could not decide about step '{step.Path}': {e.Message}"));
        }
    }

    private bool ShouldPark()
    {
        if (_host.IsStopping || !S.IsIdle || _launches.Count > 0 || _toAsk.Count > 0 || Volatile.Read(ref _asking) > 0 || (!_hasRow && Creation is null))
        {
            return false;
        }

        // By the clock, not by run time: a run that its timer woke stays until the timer has fired.
        long soon = Math.Max(S.Now, _host.Clock.GetUtcNow().ToUnixTimeMilliseconds()) + (long)_host.Options.ParkAfter.TotalMilliseconds;
        Planted.Change(Bug.ParkedByRunTime, ref soon, S.Now);
        foreach (NodeRun node in S.Open.Values)
        {
            if (node.Due != 0 && node.Due <= soon)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether the run can be given up now: what it is about to do, somebody else can do.</summary>
    private bool ShouldLeave() =>
        _leaving && _hasRow && !S.Status.IsTerminal() && S.InFlight == 0 && _launches.Count == 0;

    private void Submit(bool park, bool leave)
    {
        List<JournalEvent> events = _machine.TakeEvents();
        var blobs = new List<Payload>();
        bool ended = S.Status.IsTerminal();
        long first = S.Seq - events.Count;
        _born = null;
        CrossAppend? cross = CrossEffects.Of(S, events, S.Parent, Create);
        ReadOnlyMemory<byte>? snapshot = null;
        // A frame that may be refused has no snapshot of what follows from it.
        if (!ended && cross is not { Withdraws: true } && events.Count > 0 && S.Seq - _snapshotSeq >= _host.Options.SnapshotEvery)
        {
            snapshot = SnapshotCodec.Encode(S, blobs);
            _snapshotSeq = S.Seq;
        }

        Planted.Do(Bug.PublishBeforeDurable, () => _host.Published(S, first, events));
        _committing = events;
        long[] consumed = [.. _consumed];
        _consumed.Clear();
        // The last thing that this turn does: another thread may write the frame and begin the next turn at once.
        _host.Journal.Add(new RunAppend
        {
            Tenant = S.Tenant,
            Run = S.Id,
            Key = _key,
            FirstSeq = first,
            NextSeq = S.Seq,
            Frame = events.Count > 0 ? FrameCodec.Encode(events, blobs) : ReadOnlyMemory<byte>.Empty,
            Blobs = blobs,
            Consumed = consumed,
            Change = _hasRow ? RowChange.None : RowChange.Create,
            Then = ended ? RowChange.End : park ? RowChange.Park : RowChange.None,
            Creation = _hasRow ? null : Creation,
            WakeSeq = _wakeSeq,
            Status = ended ? S.Status : S.Status == RunStatus.Paused ? RunStatus.Paused : RunStatus.Waiting,
            // A run that leaves is woken at once, by whoever looks first.
            Timers = leave ? [(S.Now, Leaving)] : park ? [.. S.Open.Values.Where(n => n.Due != 0).Select(n => (n.Due, n.Id))] : [],
            Result = ended ? S.Outcome ?? S.Error?.Code ?? "" : "",
            CostNanoDollars = S.SpentNanoDollars,
            At = S.Now,
            Cross = cross,
            Snapshot = snapshot,
            Done = Committed,
            Unanswered = _hasRow ? null : Unanswered,
        });
    }

    private void Committed(RunAppend append)
    {
        _commit = append;
        _host.Turns.AddQuietly(this);
    }

    /// <summary>Nobody can say now whether the run is accepted: its starter asks again.</summary>
    private void Unanswered(Exception failure)
    {
        Accepted?.TrySetException(failure);
        _host.NotCreated(S.Id);
    }

    /// <returns>True when the turn goes on.</returns>
    private bool AfterCommit(RunAppend append)
    {
        List<JournalEvent> events = _committing!;
        _committing = null;
        switch (append.Outcome)
        {
            case CommitOutcome.Committed or CommitOutcome.CommittedAwake or CommitOutcome.CommittedUnsure:
                break;
            case CommitOutcome.Woken:
                _ = _host.ReloadAsync(this, _key, TakeRefused(append));
                return false;
            case CommitOutcome.Duplicate:
                Evict();
                Accepted?.TrySetResult(new StartOutcome(append.ExistingRun!.Value.Run, append.ExistingRun.Value.RequestHash, IsNew: false));
                _host.NotCreated(S.Id);
                return false;
            case CommitOutcome.OverQuota:
                Abandon();
                Accepted?.TrySetException(RunHost.Refused(S.Id, append));
                _host.NotCreated(S.Id);
                return false;
            default:
                _host.Fenced(this);
                Abandon();
                if (!_hasRow)
                {
                    Accepted?.TrySetException(RunHost.Refused(S.Id, append));
                    _host.NotCreated(S.Id);
                }

                return false;
        }

        // What was created after the loss is this process's own.
        _dropped &= _hasRow;

        _key = append.Key;
        _hasRow = true;
        _sinceCommit.Clear();
        Accepted?.TrySetResult(new StartOutcome(S.Id, Creation?.RequestHash ?? "", IsNew: true));
        if (events.Count > 0)
        {
            Observer?.Invoke(append.FirstSeq, events);
            _host.Published(S, append.FirstSeq, events);
            ReleasePeople(events);
            ReleasePaid(events);
        }

        if (_born is not null)
        {
            Born();
        }

        foreach (PlanEnd end in _machine.PlanEnds)
        {
            end.Node.Model.Learn(end);
        }

        _machine.PlanEnds.Clear();
        if (append.Then == RowChange.End)
        {
            Evict();
            _host.Ended(this);
            return false;
        }

        if (append.Then == RowChange.Park && append.Outcome == CommitOutcome.Committed)
        {
            Evict();
            _host.Parked(this, append.Timers, _leaving);
            return false;
        }

        if (append.Outcome == CommitOutcome.CommittedUnsure)
        {
            Evict();
            StopAttempts();
            _host.Reclaim(this, _key);
            return false;
        }

        if (append.Outcome == CommitOutcome.CommittedAwake)
        {
            _ = _host.ReadInboxAsync(this, _key);
        }

        if (_dropped)
        {
            Abandon();
            return false;
        }

        long now = _host.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        ArmTimers(events);
        foreach (NodeRun step in _toAsk)
        {
            AskPeople(step);
        }

        _toAsk.Clear();
        if (_launches.Count > 0)
        {
            NodeRun[] launches = [.. _launches];
            _launches.Clear();
            foreach (NodeRun step in launches)
            {
                Perform(step, (CallNode)step.Node, isAnnounced: true, now);
            }
        }

        return true;
    }

    /// <summary>Causes that the refused frame would have recorded; they are fed again after what had arrived first.</summary>
    private List<Inbound> TakeRefused(RunAppend append)
    {
        List<Inbound> refused = _sinceCommit;
        _sinceCommit = [];
        _launches.Clear();
        _toAsk.Clear();
        foreach (long item in append.Consumed)
        {
            _taken.Remove(item);
        }

        return refused;
    }

    /// <summary>The children of the last frame are on disk.</summary>
    private void Born()
    {
        foreach ((RunState state, List<JournalEvent> events) in _born!)
        {
            _host.Published(state, 0, events);
            lock (_gate)
            {
                _adoptions.Remove(state.Id);
            }
        }

        _born = null;
    }

    private void ArmTimers(List<JournalEvent> events)
    {
        foreach (JournalEvent journalEvent in events)
        {
            switch (journalEvent)
            {
                case TimerSet e:
                    _host.Timers.Set(this, e.Id, e.Due);
                    break;
                case RetryScheduled e:
                    _host.Timers.Set(this, e.Id, e.Due);
                    break;
                case StepHeld e:
                    _host.Timers.Set(this, e.Id, e.Due);
                    break;
                case StepHandedOver e:
                    _host.Timers.Set(this, e.Id, e.Due);
                    break;
                case ChildStarted { Due: > 0 } e:
                    _host.Timers.Set(this, e.Id, e.Due);
                    break;
            }
        }
    }

    /// <summary>Arms the timers of a loaded run.</summary>
    public void ArmOpenTimers()
    {
        foreach (NodeRun node in S.Open.Values)
        {
            if (node.Due != 0)
            {
                _host.Timers.Set(this, node.Id, node.Due);
            }
        }
    }

    /// <summary>Takes inbox items that were read from the store.</summary>
    public void TakeInbox(RunHistory history)
    {
        foreach (Inbound inbound in Items(history))
        {
            TryPost(inbound);
        }
    }

    private void Evict()
    {
        bool late;
        lock (_gate)
        {
            _evicted = true;
            late = _mailbox.Count > 0;
        }

        _host.Forget(this, late);
    }

    /// <summary>Leaves memory without a trace: others go on with the run. Calls under way are told to stop.</summary>
    private void Abandon()
    {
        Evict();
        StopAttempts();
        if (_rebuilds && _hasRow)
        {
            _host.Reclaim(this, _key);
        }
    }

    /// <summary>Nobody listens to their outcomes any more: who has the run next takes them for unknown.</summary>
    private void StopAttempts()
    {
        foreach (Attempt attempt in _attempts.Values)
        {
            attempt.Stop?.Cancel();
        }
    }

    /// <summary>A call with effects: made outside the turn, so that a slow tool never holds a worker.</summary>
    private sealed class PerformWork(ResidentRun run, int id, CallNode call, ToolCall toolCall, Attempt attempt) : IThreadPoolWorkItem
    {
        public void Execute() => _ = run.PerformOutsideAsync(id, call, toolCall, attempt);
    }

    private sealed record Attempt(int Number, CancellationTokenSource? Stop);

    /// <summary>What a run that is to do a step is made of.</summary>
    private sealed record Adoption(Definitions.WorkflowDefinition Definition, Payload Input)
    {
        /// <summary>Set when the start is taken.</summary>
        public RunAdopted? Parent { get; set; }
    }
}
