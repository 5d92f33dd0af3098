using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Tests.Definitions.Loading;

/// <summary>Steps that other workflows do, semaphores, barriers and priorities, as they stand in files.</summary>
public class CompositionLoadingTests
{
    private const string Graph = "language: 1\nname: main\nversion: 1.0.0\nplanner: dag\n";

    private static WorkflowDefinition Load(string steps) => Loading.Definition(Graph + "steps: " + steps + "\n");

    [Fact]
    public void Workflow_WithEverything_IsAChildCall()
    {
        WorkflowDefinition definition = Load("[{ id: a, workflow: { name: billing, version: '>=1.5 <2.0', input: { n: '${input.n}' }, on_parent_end: abandon }, timeout: 2h, retry: { max_attempts: 2 }, compensate: { tool: skill.echo } }]");
        var call = (CallNode)definition.Root.Children[0];
        Assert.Equal(("billing", ">=1.5 <2.0", false), (call.Child!.Workflow, call.Child.Versions.ToString(), call.Child.CancelsWithParent));
        Assert.Equal((TimeSpan.FromHours(2), 2, true), (call.Timeout, call.Retry.MaxAttempts, call.Compensation is not null));
        Assert.NotNull(call.Input);
    }

    [Fact]
    public void Workflow_WithNameAlone_IsTheNewestReleaseAndCancelledWithItsParent()
    {
        WorkflowDefinition definition = Load("[{ id: a, workflow: { name: billing } }]\ndefaults: { timeout: 1s, retry: { max_attempts: 9 } }");
        var call = (CallNode)definition.Root.Children[0];
        Assert.Equal(("*", true, 1, null), (call.Child!.Versions.ToString(), call.Child.CancelsWithParent, call.Retry.MaxAttempts, call.Timeout));
    }

    [Fact]
    public void Semaphore_OnEveryKindOfBody_IsTheNodes()
    {
        WorkflowDefinition definition = Load("""
            [{ id: a, tool: skill.echo, semaphore: { name: x, permits: 2, timeout: 5m } }, { id: b, wait: { for: 1s }, semaphore: { name: 'x-${input.r}', permits: 1 } },
             { id: c, planner: dag, steps: [{ id: d }], semaphore: { name: y, permits: 3 } }, { id: e, workflow: { name: z }, semaphore: { name: y, permits: 3 } }, { id: f }]
            """);
        Assert.Equal([2, 1, 3, 3, null], definition.Root.Children.Select(c => c.Semaphore?.Size));
        Assert.Equal((SharedKind.Semaphore, TimeSpan.FromMinutes(5)), (definition.Root.Children[0].Semaphore!.Kind, definition.Root.Children[0].Semaphore!.Timeout));
    }

    [Fact]
    public void Barrier_AndPriority_AreRead()
    {
        WorkflowDefinition definition = Load("[{ id: a, barrier: { name: 'r-${input.x}', parties: 3, timeout: 5m } }]\npolicies: { priority: -2 }");
        SharedUse barrier = ((BarrierNode)definition.Root.Children[0]).Barrier;
        Assert.Equal((SharedKind.Barrier, 3, TimeSpan.FromMinutes(5), -2), (barrier.Kind, barrier.Size, barrier.Timeout, definition.Policies.Priority));
    }

    [Fact]
    public void Tree_Actions_CanBeWorkflowsAndBarriers()
    {
        WorkflowDefinition definition = Loading.Definition("language: 1\nname: t\nversion: 1.0.0\nplanner: behavior_tree\nroot: { sequence: [{ workflow: { name: billing } }, { barrier: { name: x, parties: 2 } }] }\n");
        Assert.IsType<CallNode>(definition.Root.Children[0].Children[0]);
        Assert.IsType<BarrierNode>(definition.Root.Children[0].Children[1]);
    }

    [Fact]
    public void References_SayWhereAndWhatIsMissing()
    {
        LoadResult loaded = Loading.Load(Graph + "steps:\n  - id: a\n    workflow: { name: billing, version: 1.x }\n  - id: b\n    workflow: { name: other }\n");
        Assert.Equal([("billing", 7, 23), ("other", 9, 23)], loaded.Workflows.Select(w => (w.Name, w.Line, w.Column)));
        Assert.Null(loaded.Workflows[0].Missing([SemanticVersion.Parse("1.4.0"), SemanticVersion.Parse("2.0.0")]));
        Diagnostic old = loaded.Workflows[0].Missing([SemanticVersion.Parse("2.0.0")])!;
        Assert.Equal((DiagnosticCodes.UnknownWorkflow, false, 7), (old.Code, old.IsError, old.Line));
        Assert.Contains("there is 2.0.0", old.Message);
        Assert.Contains("There is no workflow 'other'", loaded.Workflows[1].Missing([])!.Message);
    }
}
