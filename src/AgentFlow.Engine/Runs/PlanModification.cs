using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Runs;

/// <summary>Whether a run's plan can still be changed as somebody wants it. Pure: the run's own decision, and a look ahead for whoever asks.</summary>
public static class PlanModification
{
    private const int ProblemsInMessage = 5;

    /// <summary>Compiles changes and holds them against what the run has done.</summary>
    /// <param name="revision">How many changes the plan has that the sender saw; -1: any.</param>
    /// <param name="diagnostics">What the loader found.</param>
    /// <returns>The changed plan, or why it stays as it is: RUN_ALREADY_ENDED, PLAN_CHANGED, PLAN_CHANGE_INVALID or STEP_BEGUN.</returns>
    public static (WorkflowDefinition? Plan, StepError? Refusal) Check(RunState state, string text, int revision, out IReadOnlyList<Diagnostic> diagnostics)
    {
        diagnostics = [];
        if (state.Status is not (RunStatus.Running or RunStatus.Paused) || state.Root is null)
        {
            return (null, Refuse("RUN_ALREADY_ENDED", $"The run is {state.Status.Word()}; its plan cannot be changed."));
        }

        int known = state.Definition.Changes.Count;
        if (revision >= 0 && revision != known)
        {
            return (null, Refuse("PLAN_CHANGED", $"The plan has been changed {known} times, not {revision}; look at it again."));
        }

        LoadResult result = state.Definition.With(new PlanChange(PlanChange.Plan, text));
        diagnostics = result.Diagnostics;
        if (result.Definition is not { } plan)
        {
            return (null, Refuse("PLAN_CHANGE_INVALID", Summary(diagnostics)));
        }

        foreach (PlanEdit edit in plan.Edits)
        {
            if (Refusal(state, plan, edit) is { } why)
            {
                return (null, Refuse("STEP_BEGUN", why));
            }
        }

        return (plan, null);
    }

    internal static string Summary(IReadOnlyList<Diagnostic> diagnostics)
    {
        string[] problems = [.. diagnostics.Where(d => d.IsError).Select(d => d.ToString())];
        return string.Join('\n', problems.Take(ProblemsInMessage)) + (problems.Length > ProblemsInMessage ? $"\n… and {problems.Length - ProblemsInMessage} more" : "");
    }

    private static StepError Refuse(string code, string message) => new(code, ErrorCategory.Validation, message);

    private static string? Refusal(RunState state, WorkflowDefinition plan, PlanEdit edit)
    {
        NodeRun[] open = [.. Visits(state, edit.Scope)];
        if (open.Length > 0)
        {
            return open.Select(scope => Refusal(scope, plan, edit)).FirstOrDefault(r => r is not null);
        }

        // The scope itself has no open visit: it can be changed unless it will never have one again.
        string[] ids = edit.Scope.Length == 0 ? [] : edit.Scope.Split('/');
        for (int length = ids.Length - 1; length >= 0; length--)
        {
            foreach (NodeRun around in Visits(state, string.Join('/', ids.Take(length))))
            {
                if (around.Node is not StateMachineNode && IsBegun(around, ids[length]) && !HasOpen(around, ids[length]))
                {
                    return $"'{edit.Scope}' has ended already.";
                }

                return null;
            }
        }

        return null;
    }

    private static string? Refusal(NodeRun scope, WorkflowDefinition plan, PlanEdit edit)
    {
        string where = scope.Parent is null ? "The run" : $"'{scope.Path}'";
        if (scope.Closing is not null || scope.Compensating is not null)
        {
            return $"{where} is ending.";
        }

        switch (scope.Node)
        {
            case GraphNode:
                return edit.Kind != PlanEditKind.Insert && IsBegun(scope, edit.Id) ? $"Step '{edit.Address}' has begun." : null;
            case StateMachineNode when edit.Kind == PlanEditKind.Remove:
                return IsBegun(scope, edit.Id) ? $"State '{edit.Address}' has been visited." : null;
            case StateMachineNode:
                return edit.Kind == PlanEditKind.Replace && HasOpen(scope, edit.Id) ? $"State '{edit.Address}' is the active one." : null;
            case CompositeNode when edit.Kind == PlanEditKind.Insert:
                PlanNode changed = plan.NodeAt(scope.Node.Index);
                string ticked = scope.Node.Children[scope.Scope!.Current].Id;
                return changed.OrdinalOf(edit.Id) < changed.OrdinalOf(ticked) ? $"'{edit.Address}' would come before '{ticked}', which has been ticked." : null;
            case CompositeNode:
                return IsBegun(scope, edit.Id) ? $"'{edit.Address}' has been ticked." : null;
            default:
                return $"{where} is under way, and what it holds cannot be changed any more.";
        }
    }

    private static IEnumerable<NodeRun> Visits(RunState state, string address) =>
        state.Open.Values.Where(n => n.Scope is not null && n.Node.Address == address).OrderBy(n => n.Id);

    private static bool IsBegun(NodeRun scope, string child) =>
        scope.Node.OrdinalOf(child) is >= 0 and var ordinal && (scope.Scope!.Visits[ordinal] > 0 || scope.Scope.Statuses[ordinal] is not null);

    private static bool HasOpen(NodeRun scope, string child) =>
        scope.Node.OrdinalOf(child) is >= 0 and var ordinal && scope.Scope!.Visits[ordinal] > 0 && scope.Scope.Statuses[ordinal] is null;
}
