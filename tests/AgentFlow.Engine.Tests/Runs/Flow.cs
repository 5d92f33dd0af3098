using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>Short names for definitions in tests.</summary>
internal static class Flow
{
    public static readonly Ulid RunId = Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV");

    public static WorkflowDefinition Define(PlanNode root, RunPolicies? policies = null, ValueTemplate? output = null) => new(root)
    {
        Name = "test",
        Version = "1.0.0",
        Hash = new string('a', 64),
        Planner = "test",
        Source = new WorkflowSource("", WorkflowAssets.Empty),
        Policies = policies ?? RunPolicies.Default,
        Output = output,
    };

    private static readonly CelOptions InLoops = WorkflowExpressions.Options with { KnownVariables = [.. RunVariables.Names, "item", "index", "outer", "outer_index"] };

    public static CelExpression Cel(string source) => CelExpression.Compile(source, InLoops);

    public static ValueTemplate Template(string json) =>
        ValueTemplate.Compile(System.Text.Json.JsonDocument.Parse(json).RootElement, e => Cel(e.Source))!;

    public static CallNode Call(string id, ITool? tool = null, RetryPolicy? retry = null, OnUnknown unknown = OnUnknown.Retry, string? input = null, CallNode? undo = null, bool bestEffort = false) =>
        new() { Id = id, Tool = tool ?? FakeTool.External, Retry = retry ?? RetryPolicy.None, OnUnknown = unknown, Input = input is null ? null : Template(input), Compensation = undo, IsBestEffort = bestEffort };

    public static WaitNode Signal(string id, string name, TimeSpan? limit = null) => new() { Id = id, Signal = name, For = limit };

    public static WaitNode Sleep(string id, TimeSpan time) => new() { Id = id, For = time };

    /// <summary>A machine from states in order; names are looked up among them.</summary>
    public static StateMachineNode Machine(string id, params State[] states)
    {
        int Ordinal(string name) => Array.FindIndex(states, s => s.Body.Id == name) is >= 0 and var i ? i : throw new ArgumentException($"No state '{name}'.");
        return new StateMachineNode(
            [.. states.Select(s => (s.Body, new StateRules
            {
                Transitions = [.. s.When.Select(w => new ConditionalTransition(Cel(w.Condition), Ordinal(w.Target)))],
                OnSuccess = s.Next is null ? null : Ordinal(s.Next),
                OnError = s.OnError is null ? null : Ordinal(s.OnError),
                IsFinal = s.Final,
                Outcome = s.Outcome,
            }))],
            0)
        { Id = id };
    }

    public static GraphNode Graph(string id, params Step[] steps)
    {
        int Ordinal(string name) => Array.FindIndex(steps, s => s.Body.Id == name);
        return new GraphNode([.. steps.Select(s => (s.Body, new StepRules
        {
            DependsOn = [.. s.After.Select(Ordinal)],
            Condition = s.If is null ? null : Cel(s.If),
            RunsAfterFailure = s.If is not null && (s.If.Contains("failed()", StringComparison.Ordinal) || s.If.Contains("always()", StringComparison.Ordinal)),
            OnError = s.OnError,
        }))])
        { Id = id };
    }

    internal sealed record State(PlanNode Body)
    {
        public string? Next { get; init; }

        public string? OnError { get; init; }

        public bool Final { get; init; }

        public string? Outcome { get; init; }

        public (string Condition, string Target)[] When { get; init; } = [];
    }

    internal sealed record Step(PlanNode Body)
    {
        public string[] After { get; init; } = [];

        public string? If { get; init; }

        public OnStepError OnError { get; init; }
    }
}

/// <summary>
/// A run without a host: the test plays admission, tools, time and outsiders. Everything it feeds is recorded in frames,
/// one per cause, so that the journal can be loaded again.
/// </summary>
internal sealed class Play
{
    private readonly Dictionary<ReadOnlyMemory<byte>, Payload> _blobs = new(new HashComparer());
    private long _now = 1_700_000_000_000;

    /// <param name="watches">As a host starts it: loops that learn nothing end.</param>
    /// <param name="holds">It waits for an approval before it begins.</param>
    public Play(WorkflowDefinition definition, string input = "{}", bool watches = false, bool holds = false)
    {
        Machine = new RunMachine(new RunState("default", Flow.RunId, definition)) { WatchesLoops = watches && definition.WatchesLoops, HoldsStart = holds };
        Feed(new RunStarted("test", "1.0.0", definition.Hash, "", "trace", "tester", Payload.FromText(input), Payload.EmptyObject));
    }

    public RunMachine Machine { get; }

    public RunState State => Machine.State;

    public List<StoredFrame> Frames { get; } = [];

    public List<JournalEvent> Journal { get; } = [];

    public long Now => _now;

    public string[] Open => [.. State.Open.Values.OrderBy(n => n.Id).Where(n => n.Scope is null).Select(n => n.Node.Id)];

    public bool Feed(JournalEvent cause)
    {
        bool taken = Machine.Handle(cause with { At = _now });
        List<JournalEvent> events = Machine.TakeEvents();
        if (events.Count > 0)
        {
            var blobs = new List<Payload>();
            Frames.Add(new StoredFrame(Journal.Count, FrameCodec.Encode(events, blobs)));
            blobs.ForEach(b => _blobs[b.Hash] = b);
            Journal.AddRange(events);
        }

        return taken;
    }

    public Payload? Blob(ReadOnlyMemory<byte> hash) => _blobs.GetValueOrDefault(hash);

    public NodeRun Node(string id) => State.Open.Values.Single(n => n.Node.Id == id);

    /// <summary>Admits a scheduled step.</summary>
    public Play Start(string id)
    {
        NodeRun node = Node(id);
        Assert.True(Feed(new StepStarted(node.Id, node.Attempt + 1, 0, false)));
        return this;
    }

    public Play Succeed(string id, string output = "{}")
    {
        NodeRun node = Node(id);
        if (node.Phase == NodePhase.Scheduled)
        {
            Start(id);
        }

        Assert.True(Feed(new StepSucceeded(node.Id, node.Attempt, Payload.FromText(output), 0, 0, 0, "")));
        return this;
    }

    public Play Fail(string id, StepError? error = null)
    {
        NodeRun node = Node(id);
        if (node.Phase == NodePhase.Scheduled)
        {
            Start(id);
        }

        Assert.True(Feed(new StepFailed(node.Id, node.Attempt, error ?? FakeTool.Error(), 0)));
        return this;
    }

    public Play Advance(TimeSpan time)
    {
        _now += (long)time.TotalMilliseconds;
        return this;
    }

    /// <summary>Moves to the node's due time and fires its timer.</summary>
    public bool FireTimer(string id)
    {
        NodeRun node = Node(id);
        _now = Math.Max(_now, node.Due);
        return Feed(new TimerFired(node.Id, node.Due));
    }

    public RunMachine Reload(StoredSnapshot? snapshot = null) => Engine.Scheduling.RunLoader.Load(
        new ClaimedRun(1, Flow.RunId, "default", "test", "1.0.0", State.Definition.Hash),
        State.Definition,
        new RunHistory(snapshot, [.. Frames.Where(f => f.FirstSeq >= (snapshot?.Seq ?? 0))], [], 0),
        Blob);

    /// <summary>The state as bytes: equal bytes, equal state.</summary>
    public static byte[] Bytes(RunState state) => SnapshotCodec.Encode(state, new List<Payload>());

    private sealed class HashComparer : IEqualityComparer<ReadOnlyMemory<byte>>
    {
        public bool Equals(ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceEqual(y.Span);

        public int GetHashCode(ReadOnlyMemory<byte> obj) => BitConverter.ToInt32(obj.Span);
    }
}
