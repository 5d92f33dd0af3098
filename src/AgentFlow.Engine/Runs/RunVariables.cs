using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Runs;

/// <summary>
/// What expressions see at a scope: <c>input</c>, <c>output</c> (of what ended last), <c>error</c> (likewise, or null),
/// <c>steps.&lt;id&gt;.{output, status, error, visits}</c> (found in the scope or the ones around it), <c>vars</c>, <c>run</c>, <c>env</c>;
/// inside of a loop <c>item</c> (or what <c>as</c> calls it) and <c>index</c>.
/// Values are handed out lazily: nothing is parsed that no expression asks for.
/// </summary>
/// <param name="scope">Whose children expressions can name.</param>
/// <param name="at">The visit that the expression belongs to, a child of the scope; default: the scope itself.</param>
public sealed class RunVariables(RunState state, NodeRun? scope, NodeRun? at = null) : IPayloadVariables
{
    /// <summary>Every name that an expression of a workflow may use.</summary>
    public static IReadOnlyCollection<string> Names { get; } = ["input", "output", "steps", "error", "vars", "run", "env"];

    /// <summary>What <c>steps.&lt;id&gt;</c> has.</summary>
    public static IReadOnlyList<string> StepFields { get; } = ["output", "status", "error", "visits"];

    /// <summary>What <c>run</c> has.</summary>
    public static IReadOnlyList<string> RunFields { get; } = ["id", "workflow", "version", "tenant", "trace_id", "started_at", "now", "cost_dollars"];

    /// <summary>What <c>error</c> and <c>steps.&lt;id&gt;.error</c> have.</summary>
    public static IReadOnlyList<string> ErrorFields { get; } = ["code", "category", "message", "retryable"];

    /// <summary>What <c>index</c> names where an item has a name of its own: <c>order_index</c>.</summary>
    public static string IndexOf(string item) => item == "item" ? "index" : $"{item}_index";

    /// <summary>Finds the nearest scope in which something has ended, from a scope outwards.</summary>
    /// <param name="scope">Where to look; afterwards the scope around the one that was found.</param>
    /// <param name="inside">The child of the scope that is looked from, if any.</param>
    internal static bool FindLatest(ref NodeRun? scope, ref NodeRun? inside, out Payload? output, out StepError? error)
    {
        while (scope is { } s)
        {
            NodeRun? child = inside;
            (inside, scope) = (s, s.Parent);
            switch (s.Node)
            {
                case ForeachNode when child is not null && s.Iterations is { } iterations:
                    // Iterations do not see each other: each begins with its item.
                    (output, error) = child.Ended is null ? (iterations[child.Visit - 1], null) : (child.Output, child.Error);
                    return true;
                case WhileNode when s.Scope!.Outputs[0] is { } last:
                    (output, error) = (last, null);
                    return true;
                case ForeachNode or WhileNode or WaitForNode:
                    break;
                default:
                    if (s.Scope is { Latest: >= 0 and var latest } known)
                    {
                        (output, error) = (known.Outputs[latest], known.Errors[latest]);
                        return true;
                    }

                    break;
            }
        }

        (output, error) = (null, null);
        return false;
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
                Latest(out _, out StepError? error);
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
                return TryGetOfLoop(name, out value);
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

        if (!path.Contains('.') && LoopOf(path, out bool isIndex) is { } iteration && !isIndex)
        {
            return iteration.Parent!.Iterations![iteration.Visit - 1];
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
            int ordinal = s.Node.NamesChildren ? s.Node.OrdinalOf(id) : -1;
            if (ordinal >= 0)
            {
                return (s.Scope!, ordinal);
            }
        }

        return null;
    }

    private Payload? Output()
    {
        Latest(out Payload? output, out _);
        return output;
    }

    private void Latest(out Payload? output, out StepError? error)
    {
        NodeRun? from = scope;
        NodeRun? inside = at == scope ? null : at;
        FindLatest(ref from, ref inside, out output, out error);
    }

    private bool TryGetOfLoop(string name, out CelValue value)
    {
        value = default;
        if (LoopOf(name, out bool isIndex) is not { } iteration)
        {
            return false;
        }

        value = isIndex ? CelValue.Int(iteration.Visit - 1) : iteration.Parent!.Iterations![iteration.Visit - 1].Value;
        return true;
    }

    /// <summary>The iteration around the expression to which a name belongs, nearest first.</summary>
    private NodeRun? LoopOf(string name, out bool isIndex)
    {
        isIndex = false;
        for (NodeRun? s = at ?? scope; s?.Parent is { } loop; s = loop)
        {
            switch (loop.Node)
            {
                case ForeachNode each when each.As == name:
                    return s;
                case ForeachNode each when IndexOf(each.As) == name:
                case WhileNode when name == "index" && s.Node.Ordinal == 0:
                    isIndex = true;
                    return s;
            }
        }

        return null;
    }

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
                foreach (PlanNode child in s.Node.NamesChildren ? s.Node.Children : [])
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
