using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Nodes;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Reads a scope: the plan of the workflow, or one inside a state or step.</summary>
internal sealed class ScopeReader(PlanContext context)
{
    /// <summary>The keys that make a state or step a scope.</summary>
    public static IReadOnlyList<string> Keys { get; } = ["planner", "states", "steps", "initial_state", "final_states", "max_parallel", "root", "plan"];

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

        fields.Require("planner", what, "Add 'planner: fsm' for states, 'planner: dag' for steps, 'planner: behavior_tree' for a root or 'planner: llm' for a plan.");
        TimeSpan? timeout = outer is null ? null : fields.Duration("timeout", TimeSpan.FromMilliseconds(1));
        string? planner = PlannerOf(fields);
        if (planner is not (null or "llm"))
        {
            fields.Refuse("plan", $"with 'planner: {planner}'", "Remove it, or use 'planner: llm'.");
        }

        switch (planner)
        {
            case "fsm":
                fields.Refuse("steps", "with 'planner: fsm'", "Write 'states', or use 'planner: dag'.");
                fields.Refuse("max_parallel", "with 'planner: fsm': one state is active at a time", "Remove it.");
                fields.Refuse("root", "with 'planner: fsm'", "Write 'states', or use 'planner: behavior_tree'.");
                return new StateMachineReader(context).Read(fields, id, what, outer, depth, timeout);
            case "dag":
                fields.Refuse("states", "with 'planner: dag'", "Write 'steps', or use 'planner: fsm'.");
                fields.Refuse("initial_state", "with 'planner: dag': steps start when what they depend on has ended", "Remove it.");
                fields.Refuse("final_states", "with 'planner: dag': it ends when all steps have", "Remove it.");
                fields.Refuse("root", "with 'planner: dag'", "Write 'steps', or use 'planner: behavior_tree'.");
                return new GraphReader(context).Read(fields, id, what, outer, depth, timeout);
            case "behavior_tree":
                foreach (string foreign in new[] { "states", "steps", "initial_state", "final_states", "max_parallel" })
                {
                    fields.Refuse(foreign, "with 'planner: behavior_tree'", "Write 'root'.");
                }

                return new BehaviorTreeReader(context).Read(fields, id, what, outer, depth, timeout);
            case "llm":
                foreach (string foreign in new[] { "states", "steps", "initial_state", "final_states", "max_parallel", "root" })
                {
                    fields.Refuse(foreign, "with 'planner: llm': the model makes the plan", "Remove it; predefined ways are written under 'plan', as 'branches' and 'fallback'.");
                }

                return new LlmPlanReader(context).Read(fields, id, what, outer, depth, timeout);
            default:
                return default;
        }
    }

    private string? PlannerOf(Fields fields)
    {
        if (!fields.Has("planner"))
        {
            // Reported as missing; what is there tells how to check the rest.
            return fields.Has("states") ? "fsm" : fields.Has("steps") ? "dag" : fields.Has("root") ? "behavior_tree" : fields.Has("plan") ? "llm" : null;
        }

        if (fields.Text("planner") is not { } planner)
        {
            return null;
        }

        switch (planner.Text)
        {
            case "fsm" or "dag" or "behavior_tree" or "llm":
                return planner.Text;
            default:
                string[] known = ["fsm", "dag", "behavior_tree", "llm"];
                string nearest = planner.Text.ToLowerInvariant() switch
                {
                    "state_machine" or "statemachine" or "finite_state_machine" => "Did you mean 'fsm'? ",
                    "graph" or "workflow" or "pipeline" => "Did you mean 'dag'? ",
                    "bt" or "behaviour_tree" or "tree" => "Did you mean 'behavior_tree'? ",
                    "ai" or "model" or "gpt" or "claude" or "agent" or "llm_planner" => "Did you mean 'llm'? ",
                    _ => context.Findings.Suggest(planner.Text, known),
                };
                context.Findings.Error(planner, DiagnosticCodes.UnknownValue, $"'{Excerpt.Of(planner.Text)}' is not a planner.", nearest + "Known: fsm, dag, behavior_tree, llm.");
                return null;
        }
    }
}
