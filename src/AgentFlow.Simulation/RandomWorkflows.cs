using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Simulation;

/// <summary>Random trees of machines and graphs over calls, waits and passes; the same random source gives the same tree.</summary>
internal sealed class RandomWorkflows(IRandomSource random, ITool external, ITool pure)
{
    public const string Signal = "go";

    private static readonly CelExpression Failed = CelExpression.Compile("failed()", WorkflowExpressions.Options);
    private static readonly CelExpression Big = CelExpression.Compile("output > 2", WorkflowExpressions.Options);

    public WorkflowDefinition Next(string name)
    {
        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(name)));
        return new WorkflowDefinition(Scope("root", 0))
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

    private PlanNode Body(int i, int depth) => Below(depth < 2 ? 11 : 7) switch
    {
        9 => new ForeachNode(Body(0, depth + 1))
        {
            Id = $"f{i}",
            Items = ValueTemplate.Compile(System.Text.Json.JsonElement.Parse($"[{string.Join(',', Enumerable.Range(0, Below(6)))}]"), _ => null)!,
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
        3 => new CallNode { Id = $"e{i}", Tool = pure },
        7 or 8 => Scope($"n{i}", depth + 1),
        _ => new CallNode
        {
            Id = $"c{i}",
            Tool = external,
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
        },
    };

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
