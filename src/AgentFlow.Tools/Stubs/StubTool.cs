using System.IO.Enumeration;
using System.Text.Json;
using AgentFlow.Contracts.Text;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;
using AgentFlow.Expressions.JsonPath;
using AgentFlow.Tools.BuiltIn;

namespace AgentFlow.Tools.Stubs;

/// <summary>Answers by rules, and as the skill's own stand-in where none matches.</summary>
internal sealed class StubTool : ITool
{
    private const int MaxNodes = 1_000;

    private readonly ITool _fallback;
    private readonly IReadOnlyList<(List<(JsonPathQuery Path, string Pattern)> When, StepOutcome Outcome)> _rules;

    private StubTool(ITool fallback, IEnumerable<StubRule> rules)
    {
        _fallback = fallback;
        _rules = [.. rules.Select(r => (r.When.Select(w => (Path(w.Key, out _)!, w.Value)).ToList(), r.Outcome))];
    }

    public ToolContract Contract => _fallback.Contract;

    public static ToolDefinition Wrap(ToolDefinition definition, IReadOnlyList<StubRule> rules)
    {
        StubRule[] own = [.. rules.Where(r => r.Tool == definition.Contract.Id)];
        return own.Length == 0 ? definition : definition with { Create = profile => new StubTool(definition.Create(profile), own) };
    }

    /// <exception cref="ToolConfigurationException">A rule names none of the tools, or a path that can't be matched.</exception>
    public static void Check(IReadOnlyList<StubRule> rules, IReadOnlyList<string> tools)
    {
        List<string> problems = [];
        foreach (StubRule rule in rules)
        {
            if (!tools.Contains(rule.Tool, StringComparer.Ordinal))
                problems.Add($"a stub rule names '{rule.Tool}', which is no stub{NearWord.Hint(rule.Tool, tools)}");
            foreach (string key in rule.When.Keys)
            {
                JsonPathQuery? path = Path(key, out string? problem);
                if (path is not { IsSingular: true })
                    problems.Add($"a stub rule for '{rule.Tool}' matches on '{key}': {problem ?? "the path may select several values"}");
            }
        }

        if (problems.Count > 0)
            throw new ToolConfigurationException(problems);
    }

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) =>
        Canned(call.Input, cancellationToken) is { } outcome ? new(outcome) : _fallback.InvokeAsync(call, cancellationToken);

    private StepOutcome? Canned(ReadOnlyMemory<byte> utf8, CancellationToken cancellationToken)
    {
        using ToolInput input = ToolInput.Parse(utf8);
        if (input.Refusal is not null)
            return null;
        foreach ((List<(JsonPathQuery Path, string Pattern)> when, StepOutcome outcome) in _rules)
        {
            if (when.TrueForAll(w => Matches(w.Path, w.Pattern, input.Element, cancellationToken)))
                return outcome;
        }

        return null;
    }

    private static bool Matches(JsonPathQuery path, string pattern, JsonElement input, CancellationToken cancellationToken) =>
        path.Select(input, new JsonPathBudget(MaxNodes, long.MaxValue, cancellationToken)) is [var value]
        && FileSystemName.MatchesSimpleExpression(pattern, InputObject.Plain(value), ignoreCase: false);

    private static JsonPathQuery? Path(string key, out string? problem)
    {
        string text = key.StartsWith('$') ? key : $"$['{key.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}']";
        problem = JsonPathQuery.TryCompile(text, out JsonPathQuery? query, out JsonPathError? error) ? null : error.ToString();
        return query;
    }
}
