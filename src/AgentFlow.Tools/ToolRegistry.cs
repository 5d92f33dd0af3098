using System.Collections.Frozen;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.Stubs;

namespace AgentFlow.Tools;

/// <summary>
/// The tools of a host under its policies. Immutable: a workflow's own policy makes a narrower registry
/// (<see cref="Under"/>), it never changes this one.
/// </summary>
public sealed class ToolRegistry : IToolRegistry
{
    private const int MaxIdLength = 128;

    private readonly ToolDefinition[] _definitions;
    private readonly IReadOnlyList<ToolPolicy> _policies;
    private readonly FrozenDictionary<string, ITool> _tools;

    /// <exception cref="ToolConfigurationException">An id stands twice, a contract is malformed or a policy is; every problem is listed.</exception>
    public ToolRegistry(IEnumerable<ToolDefinition> definitions, ToolPolicy policy)
        : this(Checked([.. definitions]), [policy])
    {
    }

    private ToolRegistry(ToolDefinition[] definitions, IReadOnlyList<ToolPolicy> policies)
    {
        _definitions = definitions;
        _policies = policies;
        _tools = definitions.ToFrozenDictionary(d => d.Contract.Id, d => Bind(d, policies), StringComparer.Ordinal);
        Contracts = [.. definitions.Select(d => d.Contract)];
    }

    /// <summary>The built-in skills as deterministic stand-ins: for tests, demonstrations and replays without effects.</summary>
    /// <param name="rules">Canned outcomes; the first that matches a call answers it.</param>
    /// <exception cref="ToolConfigurationException">A rule names no skill, or its path is malformed.</exception>
    public static ToolRegistry Stubs(long seed, params IReadOnlyList<StubRule> rules) =>
        new(BuiltInTools.DefineStubs(seed, rules), ToolPolicy.GrantAll);

    public IReadOnlyList<ToolContract> Contracts { get; }

    /// <summary>
    /// Finds a tool. One that the policies deny is found too and answers every call with <c>TOOL_NOT_PERMITTED</c>, so that a
    /// denied tool and a misspelt one get different messages.
    /// </summary>
    public ITool? Find(string id) => _tools.GetValueOrDefault(id);

    /// <summary>The same tools under one more policy, typically a workflow's.</summary>
    /// <exception cref="ToolConfigurationException">The policy is malformed.</exception>
    public ToolRegistry Under(ToolPolicy policy) => new(_definitions, [.. _policies, policy]);

    private static ITool Bind(ToolDefinition definition, IReadOnlyList<ToolPolicy> policies) =>
        ExecutionProfile.Compile(definition.Contract, policies, out IReadOnlyList<string> missing) is { } profile
            ? definition.Create(profile)
            : new DeniedTool(definition.Contract, missing);

    private static ToolDefinition[] Checked(ToolDefinition[] definitions)
    {
        Array.Sort(definitions, (a, b) => string.CompareOrdinal(a.Contract.Id, b.Contract.Id));
        List<string> problems = [];
        for (int i = 0; i < definitions.Length; i++)
        {
            ToolContract contract = definitions[i].Contract;
            if (i > 0 && definitions[i - 1].Contract.Id == contract.Id)
                problems.Add($"tool '{contract.Id}' is registered twice: ids are unique, rename or remove one");
            problems.AddRange(Problems(contract).Select(p => $"tool '{contract.Id}': {p}"));
        }

        return problems.Count == 0 ? definitions : throw new ToolConfigurationException(problems);
    }

    private static IEnumerable<string> Problems(ToolContract contract)
    {
        if (contract.Id.Length is 0 or > MaxIdLength || !contract.Id.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
            yield return $"an id has 1 to {MaxIdLength} ASCII letters, digits, '.', '_' and '-'";
        if (!SemanticVersion.TryParse(contract.Version, out _))
            yield return $"version '{contract.Version}' is no semantic version: write MAJOR.MINOR.PATCH, for example 1.0.0";
        if (contract.Timeout <= TimeSpan.Zero)
            yield return "the timeout must be above 0";
        if (contract.MaxCostNanoDollars < 0)
            yield return "the maximum cost must not be negative";
        if (!IsSchema(contract.InputSchema) || !IsSchema(contract.OutputSchema))
            yield return "a schema is a JSON object, true or false";
        foreach (string problem in contract.Permissions.Select(Grant.ToolProblem).OfType<string>())
            yield return problem;
        if (contract.Permissions.Count == 0)
            yield return "no permission is stated: a tool that needs none says [none]";
        bool pure = contract.Permissions is [Grant.None];
        if (!pure && contract.Permissions.Contains(Grant.None, StringComparer.Ordinal))
            yield return "'none' stands alone: remove it or the other permissions";
        if (!pure && contract.Effects == Effects.None)
            yield return "effects: none contradicts permissions: whoever needs some reaches outside the run";
    }

    private static bool IsSchema(JsonElement? schema) =>
        schema is null or { ValueKind: JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False };

    private sealed class DeniedTool(ToolContract contract, IReadOnlyList<string> missing) : ITool
    {
        private readonly StepOutcome _outcome = StepOutcome.Failure(
            "TOOL_NOT_PERMITTED",
            ErrorCategory.Permission,
            $"'{contract.Id}' needs the permission {string.Join(", ", missing)}, which a policy of the host or the workflow withholds: grant it there or use another tool");

        public ToolContract Contract => contract;

        public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) => new(_outcome);
    }
}
