using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Nodes;

namespace AgentFlow.Engine.Definitions;

/// <summary>Workflows that each start the next one in every run, the last one the first: no run of them comes to an end by itself.</summary>
/// <param name="Call">What the first one starts the next with.</param>
/// <param name="Way">From what <paramref name="Call"/> starts to the first one itself.</param>
public sealed record StartCycle(CallNode Call, IReadOnlyList<WorkflowDefinition> Way)
{
    /// <summary>The shortest way from a workflow back to itself.</summary>
    /// <param name="known">Every version that there is, the workflow's own included; of several that fit a step the highest does it.</param>
    /// <returns><see langword="null"/>: there is none.</returns>
    public static StartCycle? Of(WorkflowDefinition start, IReadOnlyList<WorkflowDefinition> known)
    {
        var before = new Dictionary<WorkflowDefinition, (WorkflowDefinition By, CallNode Call)>();
        var open = new Queue<WorkflowDefinition>([start]);
        while (open.TryDequeue(out WorkflowDefinition? definition))
        {
            foreach (CallNode call in CertainStarts.Of(definition.Root))
            {
                if (Find(call.Child!, known) is not { } next || !before.TryAdd(next, (definition, call)))
                {
                    continue;
                }

                if (next == start)
                {
                    return Back(start, before);
                }

                open.Enqueue(next);
            }
        }

        return null;
    }

    private static StartCycle Back(WorkflowDefinition start, Dictionary<WorkflowDefinition, (WorkflowDefinition By, CallNode Call)> before)
    {
        var way = new List<WorkflowDefinition> { start };
        (WorkflowDefinition by, CallNode call) = before[start];
        while (by != start)
        {
            way.Insert(0, by);
            (by, call) = before[by];
        }

        return new StartCycle(call, way);
    }

    private static WorkflowDefinition? Find(ChildCall child, IReadOnlyList<WorkflowDefinition> known)
    {
        WorkflowDefinition[] named = [.. known.Where(d => d.Name == child.Workflow)];
        return child.Versions.Best(named.Select(d => SemanticVersion.Parse(d.Version))) is { } best ? named.First(d => SemanticVersion.Parse(d.Version) == best) : null;
    }
}
