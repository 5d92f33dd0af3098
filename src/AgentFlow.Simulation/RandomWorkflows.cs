using System.Text.Json;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Steps;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Simulation;

/// <summary>
/// Random trees of machines and graphs over calls, waits, passes, children and what runs share; the same random source gives the same
/// tree. Later workflows call earlier ones. Permits are for single calls and barriers have time limits, so that nobody waits in a circle.
/// </summary>
internal sealed class RandomWorkflows(IRandomSource random, ITool external, ITool pure)
{
    public const string Signal = "go";

    /// <summary>Policies of registered agents, by id.</summary>
    public static IReadOnlyDictionary<string, string> Policies { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["lone"] = """{"max_concurrent_tasks":1}""",
        ["crew"] = """{"max_concurrent_tasks":2,"rate_limits":{"requests_per_minute":6}}""",
    };

    private static readonly CelExpression Failed = CelExpression.Compile("failed()", WorkflowExpressions.Options);
    private static readonly CelExpression Big = CelExpression.Compile("output > 2", WorkflowExpressions.Options);

    private readonly List<(string Name, int Depth)> _known = [];
    private int _depth;

    public WorkflowDefinition Next(string name)
    {
        _depth = 0;
        PlanNode root = Scope("root", 0);
        _known.Add((name, _depth));
        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(name)));
        return new WorkflowDefinition(root)
        {
            Name = name,
            Version = "1.0.0",
            Hash = hash,
            Planner = "random",
            Source = new WorkflowSource("", WorkflowAssets.Empty, name),
            Policies = new RunPolicies
            {
                MaxSteps = 120,
                Durability = Below(2) == 0 ? Durability.Effects : Durability.EveryStep,
                Deadline = Below(4) == 0 ? TimeSpan.FromSeconds(20 + Below(200)) : null,
            },
        };
    }

    private PlanNode Scope(string id, int depth)
    {
        int count = 1 + Below(5);
        PlanNode[] bodies = [.. Enumerable.Range(0, count).Select(i => Body(i, depth))];
        return Below(2) == 0 ? Graph(id, bodies) : Machine(id, bodies);
    }

    private PlanNode Body(int i, int depth) => Below(12) switch
    {
        0 when Below(2) == 0 => new BarrierNode { Id = $"b{i}", Barrier = Shared(SharedKind.Barrier, 2 + Below(2), TimeSpan.FromMilliseconds(1 + Below(60_000))) },
        1 when Callee() is { } callee => new CallNode
        {
            Id = $"k{i}",
            Tool = new WorkflowTool(callee),
            Input = ValueTemplate.Compile(JsonElement.Parse("{}"), _ => null),
            Child = new ChildCall(callee, VersionRange.Any, CancelsWithParent: Below(3) > 0),
            Timeout = Below(3) == 0 ? TimeSpan.FromSeconds(2 + Below(100)) : null,
            Retry = new RetryPolicy { MaxAttempts = 1 + Below(2), Initial = TimeSpan.FromMilliseconds(50 + Below(3000)) },
        },
        2 => With(Leaf(i, 2 + Below(2), alone: true), Shared(SharedKind.Semaphore, 1 + Below(2), Below(2) == 0 ? TimeSpan.FromMilliseconds(1 + Below(60_000)) : null)),
        _ => Plain(i, depth),
    };

    private PlanNode Plain(int i, int depth) => Below(depth < 2 ? 11 : 7) switch
    {
        9 => new ForeachNode(Body(0, depth + 1))
        {
            Id = $"f{i}",
            Items = ValueTemplate.Compile(JsonElement.Parse($"[{string.Join(',', Enumerable.Range(0, Below(6)))}]"), _ => null)!,
            MaxParallel = 1 + Below(4),
            OnError = (OnStepError)Below(2),
            MinSuccess = Below(3),
            Timeout = Below(5) == 0 ? TimeSpan.FromSeconds(5 + Below(100)) : null,
        },
        10 => new WhileNode(Body(0, depth + 1), Below(2) == 0 ? TimeSpan.FromMilliseconds(1 + Below(5000)) : null) { Id = $"l{i}", Max = 1 + Below(3), Until = Big },
        0 when Below(3) == 0 => new WaitForNode(
        [
            new WaitNode { Id = "a", Signal = Signal },
            new WaitNode { Id = "b", Signal = Signal },
            new WaitNode { Id = "c", For = TimeSpan.FromMilliseconds(1 + Below(30_000)) },
        ])
        {
            Id = $"a{i}",
            All = Below(2) == 0,
            Timeout = Below(2) == 0 ? TimeSpan.FromSeconds(1 + Below(60)) : null,
        },
        0 => new WaitNode { Id = $"w{i}", Signal = Signal, For = Below(2) == 0 ? TimeSpan.FromSeconds(1 + Below(60)) : null },
        1 => new WaitNode { Id = $"z{i}", For = TimeSpan.FromMilliseconds(1 + Below(30_000)) },
        2 => new PassNode { Id = $"p{i}" },
        7 or 8 => Scope($"n{i}", depth + 1),
        var kind => Leaf(i, kind),
    };

    /// <summary>A call.</summary>
    /// <param name="kind">3 for one without effects.</param>
    /// <param name="alone">Under no agent's policy.</param>
    private CallNode Leaf(int i, int kind, bool alone = false) => kind == 3
        ? new CallNode { Id = $"e{i}", Tool = pure }
        : new CallNode
        {
            Id = $"c{i}",
            Tool = external,
            Registered = alone || Below(6) > 0 ? null : Below(2) == 0 ? "lone" : "crew",
            Timeout = TimeSpan.FromSeconds(2 + Below(10)),
            Retry = new RetryPolicy { MaxAttempts = 1 + Below(3), Initial = TimeSpan.FromMilliseconds(50 + Below(3000)) },
            OnUnknown = (OnUnknown)Below(3),
            Compensation = Below(3) > 0 ? null : new CallNode
            {
                Id = $"u{i}",
                Tool = external,
                Timeout = TimeSpan.FromSeconds(2 + Below(10)),
                Retry = new RetryPolicy { MaxAttempts = 1 + Below(3), Initial = TimeSpan.FromMilliseconds(50 + Below(3000)) },
                OnUnknown = (OnUnknown)Below(3),
                IsBestEffort = Below(2) == 0,
            },
        };

    private static CallNode With(CallNode call, SharedUse semaphore)
    {
        call.Semaphore = semaphore;
        return call;
    }

    /// <summary>Few names, so that runs meet.</summary>
    private SharedUse Shared(SharedKind kind, int size, TimeSpan? timeout) =>
        new(kind, ValueTemplate.Compile(JsonElement.Parse(Below(2) == 0 ? "\"north\"" : "\"south\""), _ => null)!, size, timeout);

    /// <summary>An earlier workflow that calls no others, or only such: trees of runs stay small.</summary>
    private string? Callee()
    {
        (string Name, int Depth)[] small = [.. _known.Where(k => k.Depth < 2)];
        if (small.Length == 0)
        {
            return null;
        }

        (string name, int depth) = small[Below(small.Length)];
        _depth = Math.Max(_depth, depth + 1);
        return name;
    }

    private GraphNode Graph(string id, PlanNode[] bodies) => new([.. bodies.Select((body, i) => (body, new StepRules
    {
        DependsOn = [.. Enumerable.Range(0, i).Where(_ => Below(3) == 0)],
        OnError = (OnStepError)Below(2),
        Condition = Below(6) == 0 ? Failed : null,
        RunsAfterFailure = Below(6) == 0,
    }))])
    { Id = id, MaxParallel = Below(3) == 0 ? 1 + Below(3) : null };

    private StateMachineNode Machine(string id, PlanNode[] bodies)
    {
        int last = bodies.Length - 1;
        return new StateMachineNode(
            [.. bodies.Select((body, i) => (body, new StateRules
            {
                IsFinal = i == last,
                OnSuccess = i == last ? null : Below(5) == 0 ? Below(bodies.Length) : i + 1,
                OnError = Below(2) == 0 ? Below(bodies.Length) : null,
                Transitions = Below(4) == 0 && i < last ? [new ConditionalTransition(Big, Below(bodies.Length))] : [],
            }))],
            Below(bodies.Length))
        { Id = id, Timeout = Below(5) == 0 ? TimeSpan.FromSeconds(5 + Below(100)) : null };
    }

    private int Below(int limit) => (int)(random.NextUInt64() % (ulong)limit);
}
