using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Runs;

/// <summary>
/// What expressions see at a scope: <c>input</c>, <c>output</c> (of what ended last), <c>error</c> (likewise, or null),
/// <c>steps.&lt;id&gt;.{output, status, error, visits}</c> (found in the scope or the ones around it), <c>vars</c>, <c>run</c>, <c>env</c>.
/// Values are handed out lazily: nothing is parsed that no expression asks for.
/// </summary>
public sealed class RunVariables(RunState state, NodeRun? scope) : IPayloadVariables
{
    /// <summary>Every name that an expression of a workflow may use.</summary>
    public static IReadOnlyCollection<string> Names { get; } = ["input", "output", "steps", "error", "vars", "run", "env"];

    /// <summary>What <c>steps.&lt;id&gt;</c> has.</summary>
    public static IReadOnlyList<string> StepFields { get; } = ["output", "status", "error", "visits"];

    /// <summary>What <c>run</c> has.</summary>
    public static IReadOnlyList<string> RunFields { get; } = ["id", "workflow", "version", "tenant", "trace_id", "started_at", "now", "cost_dollars"];

    /// <summary>What <c>error</c> and <c>steps.&lt;id&gt;.error</c> have.</summary>
    public static IReadOnlyList<string> ErrorFields { get; } = ["code", "category", "message", "retryable"];

    private NodeRun? LatestScope
    {
        get
        {
            for (NodeRun? s = scope; s is not null; s = s.Parent)
            {
                if (s.Scope is { Latest: >= 0 })
                {
                    return s;
                }
            }

            return null;
        }
    }

    public bool TryGet(string name, out CelValue value)
    {
        switch (name)
        {
            case "input":
                value = state.Started!.Input.Value;
                return true;
            case "output":
                value = Output()?.Value ?? state.Started!.Input.Value;
                return true;
            case "steps":
                value = CelValue.Map(new StepsMap(scope));
                return true;
            case "error":
                StepError? error = LatestScope is { } s ? s.Scope!.Errors[s.Scope.Latest] : null;
                value = error is null ? CelValue.Null : ErrorValue(error);
                return true;
            case "vars":
                value = state.Definition.Vars.Value;
                return true;
            case "env":
                value = state.Started!.Env.Value;
                return true;
            case "run":
                value = RunValue();
                return true;
            default:
                value = default;
                return false;
        }
    }

    /// <summary>True when a step of the scope has failed; what <c>failed()</c> answers in a graph.</summary>
    public bool HasFailure => scope?.Scope is { } s && s.Statuses.Contains(NodeStatus.Failed);

    Payload? IPayloadVariables.Payload(string path)
    {
        switch (path)
        {
            case "input":
                return state.Started!.Input;
            case "output":
                return Output() ?? state.Started!.Input;
        }

        const string prefix = "steps.";
        const string suffix = ".output";
        return path.StartsWith(prefix, StringComparison.Ordinal) && path.EndsWith(suffix, StringComparison.Ordinal) && path.Length > prefix.Length + suffix.Length
            && Find(scope, path[prefix.Length..^suffix.Length]) is var (holder, ordinal) ? holder.Outputs[ordinal] : null;
    }

    internal static CelValue ErrorValue(StepError error) => CelValue.Map(new Dictionary<string, CelValue>(StringComparer.Ordinal)
    {
        ["code"] = CelValue.String(error.Code),
        ["category"] = CelValue.String(Contracts.Errors.ErrorCategories.Word(error.Category)),
        ["message"] = CelValue.String(error.Message),
        ["retryable"] = CelValue.Bool(error.Retryable),
    });

    private static (ScopeState Scope, int Ordinal)? Find(NodeRun? from, string id)
    {
        for (NodeRun? s = from; s is not null; s = s.Parent)
        {
            int ordinal = s.Node.OrdinalOf(id);
            if (ordinal >= 0)
            {
                return (s.Scope!, ordinal);
            }
        }

        return null;
    }

    private Payload? Output() => LatestScope is { } s ? s.Scope!.Outputs[s.Scope.Latest] : null;

    private CelValue RunValue() => CelValue.Map(new Dictionary<string, CelValue>(StringComparer.Ordinal)
    {
        ["id"] = CelValue.String(state.Id.ToString()),
        ["workflow"] = CelValue.String(state.Started!.Workflow),
        ["version"] = CelValue.String(state.Started.Version),
        ["tenant"] = CelValue.String(state.Tenant),
        ["trace_id"] = CelValue.String(state.Started.TraceId),
        ["started_at"] = CelValue.Timestamp(DateTimeOffset.FromUnixTimeMilliseconds(state.StartedAt)),
        ["now"] = CelValue.Timestamp(DateTimeOffset.FromUnixTimeMilliseconds(state.Now)),
        ["cost_dollars"] = CelValue.Double(state.SpentNanoDollars / 1e9),
    });

    /// <summary>The steps that have been visited, nearest scope first; an id that is declared but not visited is absent.</summary>
    private sealed class StepsMap(NodeRun? scope) : CelMap
    {
        private List<(string Id, ScopeState Scope, int Ordinal)>? _entries;

        private List<(string Id, ScopeState Scope, int Ordinal)> Entries => _entries ??= List();

        public override int Count => Entries.Count;

        public override CelValue KeyAt(int index) => CelValue.String(Entries[index].Id);

        public override CelValue ValueAt(int index) => StepValue(Entries[index].Scope, Entries[index].Ordinal);

        public override bool TryGet(string key, out CelValue value)
        {
            if (Find(scope, key) is var (holder, ordinal) && IsVisited(holder, ordinal))
            {
                value = StepValue(holder, ordinal);
                return true;
            }

            value = default;
            return false;
        }

        private static bool IsVisited(ScopeState holder, int ordinal) => holder.Visits[ordinal] > 0 || holder.Statuses[ordinal] is not null;

        private static CelValue StepValue(ScopeState holder, int ordinal) => CelValue.Map(new StepMap(holder, ordinal));

        private List<(string Id, ScopeState Scope, int Ordinal)> List()
        {
            var entries = new List<(string, ScopeState, int)>();
            var seen = new HashSet<string>(StringComparer.Ordinal);
            for (NodeRun? s = scope; s is not null; s = s.Parent)
            {
                foreach (PlanNode child in s.Node.Children)
                {
                    if (IsVisited(s.Scope!, child.Ordinal) && seen.Add(child.Id))
                    {
                        entries.Add((child.Id, s.Scope!, child.Ordinal));
                    }
                }
            }

            return entries;
        }
    }

    private sealed class StepMap(ScopeState holder, int ordinal) : CelMap
    {
        private static readonly string[] Keys = ["output", "status", "error", "visits"];

        public override int Count => Keys.Length;

        public override CelValue KeyAt(int index) => CelValue.String(Keys[index]);

        public override CelValue ValueAt(int index) => index switch
        {
            0 => holder.Outputs[ordinal]?.Value ?? CelValue.Null,
            1 => CelValue.String(holder.Statuses[ordinal] switch
            {
                NodeStatus.Succeeded => "succeeded",
                NodeStatus.Failed => "failed",
                NodeStatus.Cancelled => "cancelled",
                NodeStatus.Skipped => "skipped",
                _ => "running",
            }),
            2 => holder.Errors[ordinal] is { } error ? ErrorValue(error) : CelValue.Null,
            _ => CelValue.Int(holder.Visits[ordinal]),
        };

        public override bool TryGet(string key, out CelValue value)
        {
            int index = System.Array.IndexOf(Keys, key);
            value = index >= 0 ? ValueAt(index) : default;
            return index >= 0;
        }
    }
}

/// <summary>The CEL dialect of workflow files.</summary>
public static class WorkflowExpressions
{
    /// <summary>
    /// Options for compiling a condition or template: the known names, and <c>failed()</c> and <c>always()</c>.
    /// </summary>
    public static CelOptions Options { get; } = new()
    {
        KnownVariables = RunVariables.Names,
        Functions = new Dictionary<string, CelFunction>(StringComparer.Ordinal)
        {
            ["failed"] = new CelFunction(0, 0, static (ReadOnlySpan<CelValue> _, ref CelCall call) => CelValue.Bool(call.Variables is RunVariables { HasFailure: true })),
            ["always"] = new CelFunction(0, 0, static (ReadOnlySpan<CelValue> _, ref CelCall _) => CelValue.True),
        },
    };
}
