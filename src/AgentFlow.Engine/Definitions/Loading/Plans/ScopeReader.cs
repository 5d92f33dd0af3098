using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Nodes;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Reads a scope: the plan of the workflow, or one inside a state or step.</summary>
internal sealed class ScopeReader(PlanContext context)
{
    /// <summary>The keys that make a state or step a scope.</summary>
    public static IReadOnlyList<string> Keys { get; } = ["planner", "states", "steps", "initial_state", "final_states", "max_parallel"];

    /// <param name="what">The scope in words, as the start of a sentence.</param>
    /// <param name="outer">Where the scope itself stands; <see langword="null"/> for the workflow's own.</param>
    /// <param name="depth">Scopes around it, itself included.</param>
    /// <returns>The scope, and what an expression sees that is evaluated after it; <see langword="null"/> where that cannot be told.</returns>
    public (PlanNode? Node, StepScope? After) Read(Fields fields, string id, string what, StepScope? outer, int depth)
    {
        if (depth > LoadLimits.ScopeDepth)
        {
            context.Findings.Error(fields.Place, DiagnosticCodes.TooDeep, $"Scopes nest deeper than {LoadLimits.ScopeDepth} levels.", "Flatten the plan.");
            return default;
        }

        fields.Require("planner", what, "Add 'planner: fsm' for states or 'planner: dag' for steps.");
        TimeSpan? timeout = outer is null ? null : fields.Duration("timeout", TimeSpan.FromMilliseconds(1));
        switch (PlannerOf(fields))
        {
            case "fsm":
                fields.Refuse("steps", "with 'planner: fsm'", "Write 'states', or use 'planner: dag'.");
                fields.Refuse("max_parallel", "with 'planner: fsm': one state is active at a time", "Remove it.");
                return new StateMachineReader(context).Read(fields, id, what, outer, depth, timeout);
            case "dag":
                fields.Refuse("states", "with 'planner: dag'", "Write 'steps', or use 'planner: fsm'.");
                fields.Refuse("initial_state", "with 'planner: dag': steps start when what they depend on has ended", "Remove it.");
                fields.Refuse("final_states", "with 'planner: dag': it ends when all steps have", "Remove it.");
                return new GraphReader(context).Read(fields, id, what, outer, depth, timeout);
            default:
                return default;
        }
    }

    private string? PlannerOf(Fields fields)
    {
        if (!fields.Has("planner"))
        {
            // Reported as missing; what is there tells how to check the rest.
            return fields.Has("states") ? "fsm" : fields.Has("steps") ? "dag" : null;
        }

        if (fields.Text("planner") is not { } planner)
        {
            return null;
        }

        switch (planner.Text)
        {
            case "fsm" or "dag":
                return planner.Text;
            case "behavior_tree" or "llm":
                context.Findings.Error(planner, DiagnosticCodes.NotSupported, $"'planner: {planner.Text}' is not supported by this version.", "Use 'planner: fsm' or 'planner: dag'.");
                return null;
            default:
                string[] known = ["fsm", "dag"];
                string nearest = planner.Text.ToLowerInvariant() switch
                {
                    "state_machine" or "statemachine" or "finite_state_machine" => "Did you mean 'fsm'? ",
                    "graph" or "workflow" or "pipeline" => "Did you mean 'dag'? ",
                    _ => context.Findings.Suggest(planner.Text, known),
                };
                context.Findings.Error(planner, DiagnosticCodes.UnknownValue, $"'{Excerpt.Of(planner.Text)}' is not a planner.", nearest + "Known: fsm, dag.");
                return null;
        }
    }
}
