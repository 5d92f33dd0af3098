using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Simulation;

/// <summary>The promises, each checked where it can break. The names are the ones in docs/architecture/simulation.md.</summary>
internal sealed class Invariants(World world)
{
    /// <summary>A timer that stands no more, and faults, may wake a run for nothing now and then.</summary>
    private const int MostIdleWakes = 30;

    private readonly Dictionary<string, List<(string Key, int Attempt)>> _effects = new(StringComparer.Ordinal);
    private readonly Dictionary<Ulid, long> _published = [];
    private readonly Dictionary<Ulid, int> _idle = [];

    public int Effects => _effects.Values.Sum(e => e.Count);

    /// <summary>A tool is called: what allows it must be on disk, and must not be over.</summary>
    /// <param name="caller">Who calls: somebody who stood still for long may be too late with it.</param>
    public void EffectHappens(ToolCall call, Process caller)
    {
        SimulatedStore.Row row = world.Disk.Find(Ulid.Parse(call.RunId)) ?? throw Broken("announced before it happens", $"run {call.RunId} is not on disk");
        List<JournalEvent> journal = Journal(row);
        int id = IdOf(journal, row, call);
        if (!journal.OfType<StepStarted>().Any(e => e.Id == id && e.Attempt == call.Attempt))
        {
            throw Broken("announced before it happens", $"attempt {call.Attempt} of {call.StepPath} in {call.RunId}");
        }

        if (!_effects.TryGetValue(call.RunId + call.StepPath, out List<(string Key, int Attempt)>? calls))
        {
            _effects[call.RunId + call.StepPath] = calls = [];
        }

        if (calls.Exists(c => c.Attempt == call.Attempt))
        {
            throw Broken("an attempt happens once", $"attempt {call.Attempt} of {call.StepPath} in {call.RunId}");
        }

        calls.Add((call.IdempotencyKey, call.Attempt));
        NodeEntered entered = journal.OfType<NodeEntered>().Single(e => e.Id == id);
        if (row.Owner == caller.Number && world.Definition(row.Creation.Workflow).NodeAt(entered.Node) is { Semaphore: not null } or CallNode { Registered: not null } && !world.Disk.Places.Any(p => p.Run == row.Id && p.Step == id && p.IsGiven))
        {
            throw Broken("no call without its permit", $"{call.StepPath} in {call.RunId}");
        }
    }

    /// <summary>Something leaves the engine: it must be on disk, in order, without gaps.</summary>
    public void Published(CommittedFrame frame)
    {
        SimulatedStore.Row row = world.Disk.Find(frame.Run) ?? throw Broken("only the durable is visible", $"run {frame.Run} is not on disk");
        StoredFrame? stored = row.Frames.Find(f => f.FirstSeq == frame.FirstSeq);
        if (stored is null || !Decode(stored).Events.SequenceEqual(frame.Events))
        {
            throw Broken("only the durable is visible", $"frame {frame.FirstSeq} of {frame.Run}");
        }

        _published[frame.Run] = frame.FirstSeq;
    }

    /// <summary>A user was told that a run is accepted.</summary>
    public void Accepted(Order order)
    {
        if (order.Run is { } run && world.Disk.Find(run) is null)
        {
            throw Broken("nothing acknowledged is lost", $"run {run} was accepted and is not on disk");
        }
    }

    /// <summary>A frame is on disk.</summary>
    public void Committed(RunAppend append)
    {
        SimulatedStore.Row row = world.Disk.Find(append.Run)!;
        if ((row.Status == RunStatus.Waiting || append.Then == RowChange.End) && row.Inbox.Find(l => !l.Consumed) is { } unread)
        {
            throw Broken("nobody sleeps over work", $"run {row.Id} is {row.Status} with item {unread.Item.Item} unread");
        }

        int idle = _idle[row.Id] = append.Frame.IsEmpty ? _idle.GetValueOrDefault(row.Id) + 1 : 0;
        if (idle > MostIdleWakes)
        {
            throw Broken("a wake-up leads somewhere", $"run {row.Id} was woken {idle} times and did nothing but sleep again");
        }

        if (!append.Frame.IsEmpty && FrameCodec.Decode(append.Frame, world.Disk.Blob).Events.OfType<TimerFired>().FirstOrDefault(t => t.Due > world.LatestTime) is { } early)
        {
            throw Broken("a timer is never early", $"node {early.Id} in {row.Id} is due at {early.Due}, and no clock has shown more than {world.LatestTime}");
        }

        if (append.Snapshot is { } snapshot)
        {
            SnapshotHolds(row, append.NextSeq, snapshot);
        }
    }

    /// <summary>Nothing moves and no clock will move it: whoever has not ended must be waiting for somebody outside.</summary>
    public void AtRest()
    {
        foreach (SimulatedStore.Row row in world.Disk.Rows.Where(r => world.IsCalm && !r.Status.IsTerminal() && r.Status != RunStatus.Diverged))
        {
            RunState state = Fold(row);
            if (state.Status == RunStatus.Paused && row.Inbox.FindLast(l => l.Item.Kind is InboxKind.Pause or InboxKind.Resume) is { Item.Kind: InboxKind.Resume, Consumed: true })
            {
                throw Broken("outsiders are heard in turn", $"run {row.Id} was told to go on, has taken that, and is paused");
            }

            NodeRun? timed = state.Open.Values.FirstOrDefault(n => n.Due != 0);
            if (row.Status == RunStatus.Queued || timed is not null || row.Inbox.Exists(l => !l.Consumed))
            {
                throw Broken("nobody sleeps over work", $"run {row.Id} is {row.Status}, {(timed is null ? "has something to do" : $"'{timed.Path}' has a timer")}, and nobody comes");
            }

            if (Waiting(row).FirstOrDefault(p => world.Disk.Places.Count(o => o.IsGiven && (o.Kind, o.Name) == (p.Kind, p.Name)) < (p.Kind == SharedKind.Semaphore ? p.Size : 0)) is { } free)
            {
                throw Broken("nobody sleeps over work", $"run {row.Id} waits for a permit of '{free.Name}', and there is one");
            }
        }
    }

    /// <summary>Nothing damages a frame here, so a run that cannot be followed was decided otherwise the second time.</summary>
    public void SetAside(string reason) => throw Broken("replay is exact", reason);

    public RunState Fold(SimulatedStore.Row row)
    {
        RunState state = Fold(row, null);
        if (row.Snapshot is { } snapshot)
        {
            RunState shortcut = Fold(row, snapshot);
            if (shortcut.Seq != state.Seq || shortcut.Status != state.Status || shortcut.SpentNanoDollars != state.SpentNanoDollars)
            {
                throw Broken("a snapshot is a cache", $"run {row.Id} at {snapshot.Seq}");
            }
        }

        return state;
    }

    private RunState Fold(SimulatedStore.Row row, StoredSnapshot? from)
    {
        var claim = new ClaimedRun(row.Key, row.Id, row.Tenant, row.Creation.Workflow, row.Creation.Version, row.Creation.DefinitionHash);
        var history = new RunHistory(from, [.. row.Frames.Where(f => f.FirstSeq >= (from?.Seq ?? 0))], [], 0);
        return RunLoader.Load(claim, world.Definition(row.Creation.Workflow), history, world.Disk.Blob).State;
    }

    public void AtEnd(IReadOnlyList<Order> orders, IReadOnlyList<Letter> letters)
    {
        if (world.Disk.Rows.Count(r => r.Creation.Parent is null) != orders.Count || orders.Select(o => o.Run).Distinct().Count() != orders.Count)
        {
            throw Broken("one run for one key", $"{orders.Count} orders, {world.Disk.Rows.Count(r => r.Creation.Parent is null)} runs");
        }

        if (world.Disk.Places is [var left, ..])
        {
            throw Broken("an end leaves nothing behind", $"run {left.Run} has ended, and its step {left.Step} {(left.IsGiven ? "holds" : "waits for")} '{left.Name}'");
        }

        foreach (SimulatedStore.Row row in world.Disk.Rows)
        {
            List<JournalEvent> journal = Journal(row);
            RunState state;
            try
            {
                state = Fold(row);
            }
            catch (RunUnreadableException e)
            {
                throw Broken("replay is exact", e.Message);
            }

            if (journal.Count(e => e is RunCompleted or RunFailed or RunCancelled) != 1 || state.Status != row.Status)
            {
                throw Broken("ends exactly once", $"run {row.Id}");
            }

            if (state.InFlight != 0 || state.ReservedNanoDollars != 0 || state.Open.Count != 0)
            {
                throw Broken("an end leaves nothing behind", $"run {row.Id}: {state.InFlight} in flight, {state.ReservedNanoDollars} reserved, {state.Open.Count} open");
            }

            Steps(row, journal);
            Sagas(row, journal, state);
            Attempts(row, journal);
            Loops(row, journal);
            Signals(row, journal, [.. letters.Where(l => l.Run == row.Id)]);
            Children(row, journal);
            Recoveries(row);
            Places(row, journal);
            Times(row, journal);
        }
    }

    private void Steps(SimulatedStore.Row row, List<JournalEvent> journal)
    {
        foreach (IGrouping<int, JournalEvent> step in journal.Where(e => e is StepStarted or StepSucceeded or StepAnswered or StepFailed or StepUnknown or StepCancelled or RetryScheduled).GroupBy(IdOf))
        {
            if (step.Count(IsSuccess) > 1)
            {
                throw Broken("a recorded step never runs again", $"node {step.Key} of {row.Id} succeeded twice");
            }

            if (step.SkipWhile(e => !IsSuccess(e)).Skip(1).Any(e => e is StepStarted))
            {
                throw Broken("a recorded step never runs again", $"node {step.Key} of {row.Id} was started after its success");
            }
        }

        // One key for one intent: it changes only after a failure that certainly happened.
        foreach ((string place, List<(string Key, int Attempt)> calls) in _effects.Where(e => e.Key.StartsWith(row.Id.ToString(), StringComparison.Ordinal)))
        {
            int generations = calls.Select(c => c.Key).Distinct().Count();
            int definite = journal.OfType<RetryScheduled>().Where(r => r.Generation > 0).Select(r => (r.Id, r.Generation)).Distinct().Count();
            if (generations > definite + 1)
            {
                throw Broken("the key names the intent", $"{place} used {generations} keys");
            }
        }
    }

    /// <summary>Nothing is undone twice, and of a run that has not completed nothing stays done.</summary>
    private void Sagas(SimulatedStore.Row row, List<JournalEvent> journal, RunState state)
    {
        WorkflowDefinition definition = world.Definition(row.Creation.Workflow);
        var nodes = journal.OfType<NodeEntered>().ToDictionary(e => e.Id, e => definition.Nodes[e.Node]);
        int[] undone = [.. journal.OfType<NodeEntered>().Where(e => nodes[e.Id].IsCompensation).Select(e => e.Visit)];
        if (undone.Distinct().Count() != undone.Length)
        {
            throw Broken("what was done is undone once", $"{row.Id} undid a visit twice");
        }

        IEnumerable<int> done = journal.Where(IsSuccess).Select(IdOf).Where(id => nodes[id] is CallNode { Compensation: not null });
        if (state.Status != RunStatus.Completed && done.Except(undone).Any())
        {
            throw Broken("what was done is undone once", $"{row.Id} ended as {state.Status} with {string.Join(", ", done.Except(undone))} done");
        }
    }

    /// <summary>A list that has been gone through was gone through once, and what came of it stands in its order.</summary>
    private void Loops(SimulatedStore.Row row, List<JournalEvent> journal)
    {
        WorkflowDefinition definition = world.Definition(row.Creation.Workflow);
        foreach (ItemsListed list in journal.OfType<ItemsListed>())
        {
            NodeEntered[] entered = [.. journal.OfType<NodeEntered>().Where(e => e.Parent == list.Id && !definition.Nodes[e.Node].IsCompensation)];
            JsonElement items = JsonElement.Parse(list.Items.Utf8.Span);
            if (!entered.Select(e => e.Visit).SequenceEqual(Enumerable.Range(1, entered.Length)) || entered.Length > items.GetArrayLength())
            {
                throw Broken("an item is visited once", $"{row.Id} visited {string.Join(", ", entered.Select(e => e.Visit))} of {items}");
            }

            if (journal.OfType<NodeFinished>().FirstOrDefault(e => e.Id == list.Id) is not { Status: NodeStatus.Succeeded, Output: { } output })
            {
                continue;
            }

            string[] expected = [.. entered.Select(e => journal.Select(j => j switch
            {
                StepSucceeded s when s.Id == e.Id => s.Output,
                StepAnswered { Output: { } answer } s when s.Id == e.Id => answer,
                NodeFinished f when f.Id == e.Id => f.Status == NodeStatus.Succeeded ? f.Output : Payload.Null,
                _ => null,
            }).First(o => o is not null)!.ToString())];
            JsonElement got = JsonElement.Parse(output.Utf8.Span);
            JsonElement results = got.ValueKind == JsonValueKind.Array ? got : got.GetProperty("results");
            if (entered.Length != items.GetArrayLength() || !results.EnumerateArray().Select(r => r.GetRawText()).SequenceEqual(expected))
            {
                throw Broken("results stand in the order of their items", $"{row.Id} gave {output} for {string.Join(", ", expected)}");
            }
        }
    }

    private static bool IsSuccess(JournalEvent e) => e is StepSucceeded or StepAnswered { Error: null };

    private void Attempts(SimulatedStore.Row row, List<JournalEvent> journal)
    {
        WorkflowDefinition definition = world.Definition(row.Creation.Workflow);
        var nodes = journal.OfType<NodeEntered>().ToDictionary(e => e.Id, e => definition.NodeAt(e.Node));
        var current = new Dictionary<int, int>();
        var failures = new Dictionary<int, int>();
        HashSet<int> closing = [];
        for (int i = 0; i < journal.Count; i++)
        {
            (int id, int attempt) = journal[i] switch
            {
                StepStarted e => (e.Id, current[e.Id] = e.Attempt),
                StepSucceeded e => (e.Id, e.Attempt),
                StepFailed e => (e.Id, e.Attempt),
                StepCancelled e => (e.Id, e.Attempt),
                StepUnknown e => (e.Id, e.Attempt),
                StepHandedOver e => (e.Id, e.Attempt),
                StepExpired e => (e.Id, e.Attempt),
                _ => (-1, 0),
            };
            if (id >= 0 && attempt != current[id])
            {
                throw Broken("an outcome belongs to its attempt", $"{journal[i].Tag} of node {id} in {row.Id} speaks of attempt {attempt} while {current[id]} runs");
            }

            if (journal[i] is ScopeCancelling cancelling)
            {
                closing.Add(cancelling.Id);
            }

            (int failed, ErrorCategory? category) = journal[i] switch
            {
                StepFailed e => (e.Id, e.Error.Category),
                StepExpired e => (e.Id, e.Error.Category),
                StepAnswered { Error: { } error } e => (e.Id, error.Category),
                _ => (-1, (ErrorCategory?)null),
            };
            if (category is { } why && nodes[failed] is CallNode call)
            {
                int count = failures[failed] = failures.GetValueOrDefault(failed) + 1;
                if (count < call.Retry.MaxAttempts && call.Retry.On.Contains(why) && !closing.Contains(failed) && journal[i + 1] is not RetryScheduled)
                {
                    throw Broken("a step gets its attempts", $"node {failed} of {row.Id} was given up after {count} of {call.Retry.MaxAttempts}");
                }
            }
        }
    }

    private void SnapshotHolds(SimulatedStore.Row row, long seq, ReadOnlyMemory<byte> snapshot)
    {
        RunState? restored = SnapshotCodec.TryDecode(snapshot, row.Tenant, row.Id, world.Definition(row.Creation.Workflow), world.Disk.Blob);
        if (restored?.Seq != seq || !SnapshotCodec.Encode(Fold(row, null), []).AsSpan().SequenceEqual(snapshot.Span))
        {
            throw Broken("a snapshot is a cache", $"the one of {row.Id} at {seq} is not what its journal comes to");
        }
    }

    /// <summary>A child is there once, and of a step that waits for it nothing is over before it is.</summary>
    private void Children(SimulatedStore.Row row, List<JournalEvent> journal)
    {
        WorkflowDefinition definition = world.Definition(row.Creation.Workflow);
        ChildStarted[] started = [.. journal.OfType<ChildStarted>()];
        Ulid[] there = [.. world.Disk.Rows.Where(r => r.Creation.Parent == row.Id).Select(r => r.Id)];
        if (!started.Select(s => s.Child).Order().SequenceEqual(there.Order()))
        {
            throw Broken("a child is started once", $"{row.Id} started {string.Join(", ", started.Select(s => s.Child))}, and there are {string.Join(", ", there)}");
        }

        foreach (ChildStarted child in started)
        {
            var call = (CallNode)definition.NodeAt(journal.OfType<NodeEntered>().Single(e => e.Id == child.Id).Node);
            if (call.Child!.CancelsWithParent && journal.OfType<StepAnswered>().Count(a => a.Id == child.Id && a.By == $"run:{child.Child}") != 1)
            {
                throw Broken("a step outlives its child", $"step {child.Id} of {row.Id} did not hear of the end of {child.Child}");
            }
        }
    }

    /// <summary>What a frame starts is called after it: a recovery in that frame knows nothing of it.</summary>
    private void Recoveries(SimulatedStore.Row row)
    {
        foreach (StoredFrame frame in row.Frames)
        {
            IReadOnlyList<JournalEvent> events = Decode(frame).Events;
            if (events.Any(e => e is RunRecovered) && events.TakeWhile(e => e is not RunRecovered).OfType<StepStarted>().FirstOrDefault() is { } started)
            {
                throw Broken("only what was called can be unknown", $"node {started.Id} of {row.Id} was started and given up in one frame");
            }
        }
    }

    private IEnumerable<SimulatedStore.Held> Waiting(SimulatedStore.Row row) => world.Disk.Places.Where(p => p.Run == row.Id && !p.IsGiven);

    /// <summary>Others go on because this run was counted; then it is not told that nobody came.</summary>
    private void Places(SimulatedStore.Row row, List<JournalEvent> journal)
    {
        foreach (int step in row.Inbox.Where(l => l.Item.Kind == InboxKind.Place).Select(l => InboxContent.Read(l.Item.Data).Node))
        {
            if (journal.OfType<NodeFinished>().FirstOrDefault(f => f.Id == step)?.Error?.Code is "BARRIER_TIMEOUT" or "SEMAPHORE_TIMEOUT")
            {
                throw Broken("who was counted is let through", $"step {step} of {row.Id} was given its place and timed out");
            }
        }
    }

    private void Signals(SimulatedStore.Row row, List<JournalEvent> journal, Letter[] letters)
    {
        long[] taken = [.. journal.OfType<SignalReceived>().Select(s => s.Item)];
        if (taken.Distinct().Count() != taken.Length)
        {
            throw Broken("outsiders only knock", $"a signal was taken twice by {row.Id}");
        }

        if (!taken.SequenceEqual(taken.Order()))
        {
            throw Broken("outsiders are heard in turn", $"{row.Id} has taken the signals {string.Join(", ", taken)} in this order");
        }

        int accepted = letters.Where(l => l is { Kind: InboxKind.Signal, Answer: SendOutcome.Accepted }).Select(l => l.Dedupe).Distinct().Count();
        if (taken.Length < accepted)
        {
            throw Broken("nothing acknowledged is lost", $"{accepted} signals were acknowledged for {row.Id}, {taken.Length} are on record");
        }

        if (row.Inbox.Exists(l => !l.Consumed))
        {
            throw Broken("nothing acknowledged is lost", $"run {row.Id} ended with an unread item");
        }
    }

    private void Times(SimulatedStore.Row row, List<JournalEvent> journal)
    {
        long now = 0;
        foreach (JournalEvent e in journal)
        {
            if (e.At < now)
            {
                throw Broken("time never goes back", $"{e.Tag} in {row.Id}");
            }

            if (e is TimerFired fired && fired.At < fired.Due)
            {
                throw Broken("a timer is never early", $"node {fired.Id} in {row.Id}");
            }

            now = e.At;
        }
    }

    private static int IdOf(JournalEvent e) => e switch
    {
        StepStarted s => s.Id,
        StepSucceeded s => s.Id,
        StepFailed s => s.Id,
        StepAnswered s => s.Id,
        StepUnknown s => s.Id,
        StepCancelled s => s.Id,
        RetryScheduled s => s.Id,
        _ => -1,
    };

    /// <summary>The visit that a path names.</summary>
    private int IdOf(List<JournalEvent> journal, SimulatedStore.Row row, ToolCall call)
    {
        WorkflowDefinition definition = world.Definition(row.Creation.Workflow);
        var paths = new Dictionary<int, string>();
        foreach (NodeEntered e in journal.OfType<NodeEntered>())
        {
            string own = $"{definition.Nodes[e.Node].Id}#{e.Visit}";
            paths[e.Id] = e.Parent < 0 ? "" : paths[e.Parent].Length == 0 ? own : $"{paths[e.Parent]}/{own}";
        }

        KeyValuePair<int, string>[] found = [.. paths.Where(p => p.Value == call.StepPath)];
        return found.Length == 1 ? found[0].Key : throw Broken("announced before it happens", $"{call.StepPath} names {found.Length} visits in {row.Id}");
    }

    private List<JournalEvent> Journal(SimulatedStore.Row row) => [.. row.Frames.SelectMany(f => Decode(f).Events)];

    private Frame Decode(StoredFrame frame) => FrameCodec.Decode(frame.Data, world.Disk.Blob);

    private InvariantViolationException Broken(string invariant, string what) => world.Violation ??= new InvariantViolationException(world.Seed, invariant, what);
}
