namespace AgentFlow.Engine.Definitions.Loading.Keys;

/// <summary>Words that users of other workflow systems type, and what they are called here.</summary>
internal static class ForeignWords
{
    private static readonly (string Key, bool SameShape, string[] Words)[] Meanings =
    [
        ("depends_on", true, ["needs", "dependencies", "requires", "after", "run_after", "upstream"]),
        ("condition", true, ["if", "when", "guard", "expression", "expr", "on_condition"]),
        ("transitions", true, ["conditional_transitions", "edges", "branches", "choices", "routes"]),
        ("target", true, ["to", "goto", "next", "next_state", "then", "dest", "destination", "state"]),
        ("on_success", true, ["next", "next_state", "goto", "then", "on_done", "on_complete", "default"]),
        ("on_error", true, ["on_failure", "on_fail", "catch", "on_exception", "error_handler", "fallback", "rescue"]),
        ("retry", false, ["retries", "retry_policy", "retry_count", "max_retries", "attempts", "retry_strategy"]),
        ("max_attempts", true, ["attempts", "max_retries", "retries", "limit", "count", "maximum_attempts", "times"]),
        ("initial", true, ["interval", "initial_interval", "initial_delay", "delay", "base_delay", "min_delay"]),
        ("max", true, ["max_interval", "maximum_interval", "max_delay", "cap"]),
        ("factor", true, ["multiplier", "coefficient", "backoff_coefficient", "backoff_rate", "rate"]),
        ("initial_state", true, ["start_at", "start", "initial", "entry", "entry_point", "entrypoint", "begin", "start_state"]),
        ("final_states", true, ["finals", "final", "end_states", "terminal_states", "accepting_states", "end"]),
        ("planner", true, ["type", "kind", "mode", "plan"]),
        ("steps", true, ["tasks", "jobs", "activities", "stages", "nodes"]),
        ("states", true, ["nodes", "tasks", "stages"]),
        ("tool", true, ["uses", "skill", "call", "action", "function", "activity", "run", "task", "ref"]),
        ("input", true, ["with", "params", "parameters", "args", "arguments", "inputs", "payload", "input_schema", "schema"]),
        ("output", true, ["outputs", "result", "returns", "return"]),
        ("id", true, ["name", "key", "step_id"]),
        ("name", true, ["id", "title", "workflow", "workflow_id"]),
        ("language", true, ["api_version", "schema_version", "spec_version", "dsl", "dsl_version"]),
        ("vars", true, ["variables", "constants", "env", "values"]),
        ("assets", true, ["files", "resources"]),
        ("defaults", false, ["default"]),
        ("policies", false, ["policy", "limits", "budget", "settings"]),
        ("max_budget", true, ["budget", "budget_usd", "max_cost", "cost_limit", "max_dollars"]),
        ("deadline", true, ["timeout", "ttl", "max_duration"]),
        ("max_parallel", true, ["max_concurrency", "parallelism", "concurrency", "max_workers"]),
        ("timeout", false, ["timeout_seconds", "timeout_ms", "timeout_minutes", "ttl", "time_limit", "timeout_s"]),
        ("wait", false, ["sleep", "pause", "delay", "await"]),
        ("signal", true, ["event", "message", "name"]),
        ("for", true, ["duration", "seconds", "delay", "time"]),
        ("description", true, ["comment", "summary", "notes", "title"]),
        ("outcome", true, ["status", "result_status"]),
        ("agents", true, ["actors", "workers"]),
    ];

    private static readonly Dictionary<string, string> StateAdvice = new(StringComparer.Ordinal)
    {
        ["end"] = "List the state in 'final_states' of its machine.",
        ["final"] = "List the state in 'final_states' of its machine.",
        ["is_final"] = "List the state in 'final_states' of its machine.",
        ["terminal"] = "List the state in 'final_states' of its machine.",
        ["type"] = "What a state or step does follows from its 'agent', 'tool', 'wait' or 'planner'; remove this key.",
        ["if"] = "Conditions stand in 'transitions' of the state before: '- { condition: …, target: … }'.",
        ["when"] = "Conditions stand in 'transitions' of the state before: '- { condition: …, target: … }'.",
        ["condition"] = "Conditions stand in 'transitions' of the state before: '- { condition: …, target: … }'.",
        ["depends_on"] = "In a state machine the state before names the next one, with 'on_success' or 'transitions'; 'depends_on' belongs to planner dag.",
        ["needs"] = "In a state machine the state before names the next one, with 'on_success' or 'transitions'.",
        ["id"] = "The key of a state is its id; remove this one.",
        ["name"] = "The key of a state is its id; use 'description' for a longer name.",
    };

    private static readonly Dictionary<string, string> StepAdvice = new(StringComparer.Ordinal)
    {
        ["type"] = "What a state or step does follows from its 'agent', 'tool', 'wait' or 'planner'; remove this key.",
        ["on_success"] = "In a graph the later step names the earlier one, with 'depends_on'; 'on_success' belongs to planner fsm.",
        ["next"] = "In a graph the later step names the earlier one, with 'depends_on'.",
        ["transitions"] = "In a graph a step has one 'condition' of its own; 'transitions' belong to planner fsm.",
    };

    private static readonly Dictionary<string, string> WorkflowAdvice = new(StringComparer.Ordinal)
    {
        ["env"] = "Nothing has to be declared: ${env.NAME} reads AF_ENV_NAME when a run starts. Constants belong under 'vars'.",
        ["triggers"] = "Triggers are not supported yet; start runs through the API or 'af run'.",
        ["tools"] = "Tools are registered with the host; a state or step names one with 'tool'.",
    };

    /// <summary>What to do instead, where it is more than another name.</summary>
    public static string? Advice(KeySet keys, string word)
    {
        Dictionary<string, string>? advice = keys == KeySet.State ? StateAdvice : keys == KeySet.Step ? StepAdvice : keys == KeySet.Workflow ? WorkflowAdvice : null;
        return advice?.GetValueOrDefault(word);
    }

    /// <summary>The key of this set that the word stands for, and whether its value has the same form.</summary>
    /// <param name="isMapping">The value is a mapping: <c>nodes</c> then means states, which have names, and not steps.</param>
    public static (string Key, bool SameShape)? Meaning(KeySet keys, string word, bool isMapping)
    {
        foreach ((string key, bool sameShape, string[] words) in Meanings)
        {
            if (keys.Has(key) && !(isMapping && key == "steps") && words.Contains(word, StringComparer.OrdinalIgnoreCase))
            {
                return (key, sameShape);
            }
        }

        return null;
    }
}
