using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Simulation;

/// <summary>The promises, each checked where it can break. The names are the ones in docs/architecture/simulation.md.</summary>
internal sealed class Invariants(World world)
{
    private readonly Dictionary<string, List<(string Key, int Attempt)>> _effects = new(StringComparer.Ordinal);
    private readonly Dictionary<Ulid, long> _published = [];

    public int Effects => _effects.Values.Sum(e => e.Count);

    /// <summary>A tool is called: what allows it must be on disk, and must not be over.</summary>
    public void EffectHappens(ToolCall call)
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

    public RunState Fold(SimulatedStore.Row row)
    {
        var claim = new ClaimedRun(row.Key, row.Id, row.Tenant, row.Creation.Workflow, row.Creation.Version, row.Creation.DefinitionHash);
        WorkflowDefinition definition = world.Definition(row.Creation.Workflow);
        RunState state = RunLoader.Load(claim, definition, new RunHistory(null, row.Frames, [], 0), world.Disk.Blob).State;
        if (row.Snapshot is { } snapshot)
        {
            RunState shortcut = RunLoader.Load(claim, definition, new RunHistory(snapshot, [.. row.Frames.Where(f => f.FirstSeq >= snapshot.Seq)], [], 0), world.Disk.Blob).State;
            if (shortcut.Seq != state.Seq || shortcut.Status != state.Status || shortcut.SpentNanoDollars != state.SpentNanoDollars)
            {
                throw Broken("a snapshot is a cache", $"run {row.Id} at {snapshot.Seq}");
            }
        }

        return state;
    }

    public void AtEnd(IReadOnlyList<Order> orders)
    {
        if (world.Disk.Rows.Count != orders.Count || orders.Select(o => o.Run).Distinct().Count() != orders.Count)
        {
            throw Broken("one run for one key", $"{orders.Count} orders, {world.Disk.Rows.Count} runs");
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
            Signals(row, journal, orders.Single(o => o.Run == row.Id));
            Times(row, journal);
        }
    }

    private void Steps(SimulatedStore.Row row, List<JournalEvent> journal)
    {
        foreach (IGrouping<int, JournalEvent> step in journal.Where(e => e is StepStarted or StepSucceeded or StepFailed or StepUnknown or StepCancelled or RetryScheduled).GroupBy(IdOf))
        {
            if (step.Count(e => e is StepSucceeded) > 1)
            {
                throw Broken("a recorded step never runs again", $"node {step.Key} of {row.Id} succeeded twice");
            }

            if (step.SkipWhile(e => e is not StepSucceeded).Skip(1).Any(e => e is StepStarted))
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

    private void Signals(SimulatedStore.Row row, List<JournalEvent> journal, Order order)
    {
        long[] taken = [.. journal.OfType<SignalReceived>().Select(s => s.Item)];
        if (taken.Distinct().Count() != taken.Length)
        {
            throw Broken("outsiders only knock", $"a signal was taken twice by {row.Id}");
        }

        int accepted = order.Letters.Where(l => l is { Kind: InboxKind.Signal, Answer: SendOutcome.Accepted }).Select(l => l.Dedupe).Distinct().Count();
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

    private InvariantViolationException Broken(string invariant, string what) => new(world.Seed, invariant, what);
}
