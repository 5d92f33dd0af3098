using System.Globalization;
using System.Text.Json;
using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Access;

namespace AgentFlow.Engine.Agents;

/// <summary>
/// What a registered agent may do without asking, how fast and for how much: <c>policy</c> and <c>cost</c> of its registry entry's <c>definition</c>.
/// It holds for the calls of every workflow that names the agent with <c>registered</c>. What is <see langword="null"/> does not restrict.
/// </summary>
public sealed record AgentPolicy
{
    private const decimal MostDollars = 1_000_000_000m;

    /// <summary>An agent without a policy.</summary>
    public static AgentPolicy None { get; } = new();

    /// <summary>Steps of all runs of the tenant that it does at once; from 1. A step counts from its first attempt to its end.</summary>
    public int? MaxConcurrentTasks { get; init; }

    /// <summary>Attempts in any 60 seconds; from 1.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Model tokens in any 60 seconds; from 1. They count when an attempt has ended: no attempt begins while they are used up.</summary>
    public long? TokensPerMinute { get; init; }

    /// <summary>Tools whose use somebody approves first.</summary>
    public NamePatterns? RequiresApproval { get; init; }

    /// <summary>Billionths of a dollar: what may cost more, somebody approves first.</summary>
    public long? ApprovalAboveNanoDollars { get; init; }

    /// <summary>Billionths of a dollar that its calls may cost in a calendar month (UTC), in all runs of the tenant together.</summary>
    public long? MonthlyCapNanoDollars { get; init; }

    /// <summary>Reads the policy of a <c>definition</c>: its <c>policy</c>, and the <c>monthly_cap</c> (dollars) of its <c>cost</c>.</summary>
    /// <inheritdoc cref="Read(JsonElement, out string?)"/>
    public static AgentPolicy? ReadDefinition(JsonElement definition, out string? problem)
    {
        AgentPolicy? read = Read(Member(definition, "policy"), out problem);
        long? cap = ReadCap(definition, ref problem);
        return problem is null ? read! with { MonthlyCapNanoDollars = cap } : null;
    }

    /// <summary>Reads the <c>monthly_cap</c> (dollars) of the <c>cost</c> of a definition.</summary>
    /// <param name="problem">What is wrong with it, unless there was a problem before.</param>
    /// <returns>Billionths of a dollar; <see langword="null"/>: none, or a problem.</returns>
    public static long? ReadCap(JsonElement definition, ref string? problem) =>
        Dollars(Member(Member(definition, "cost"), "monthly_cap"), "cost.monthly_cap", ref problem);

    /// <summary>Reads <c>rate_limits</c> (<c>requests_per_minute</c>, <c>tokens_per_minute</c>), <c>max_concurrent_tasks</c>, <c>requires_approval</c> and <c>requires_approval_above</c> (dollars); other members mean nothing here.</summary>
    /// <param name="problem">What is wrong with it.</param>
    /// <returns><see langword="null"/> with a problem: a limit that cannot be read must not be taken for none.</returns>
    public static AgentPolicy? Read(JsonElement policy, out string? problem)
    {
        problem = null;
        if (policy.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return None;
        }

        if (policy.ValueKind != JsonValueKind.Object)
        {
            problem = "'policy' is no object";
            return null;
        }

        JsonElement rates = Member(policy, "rate_limits");
        if (rates.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.Object))
        {
            problem = "'rate_limits' is no object";
            return null;
        }

        var read = new AgentPolicy
        {
            MaxConcurrentTasks = (int?)Number(policy, "max_concurrent_tasks", int.MaxValue, ref problem),
            RequestsPerMinute = (int?)Number(rates, "requests_per_minute", int.MaxValue, ref problem),
            TokensPerMinute = Number(rates, "tokens_per_minute", long.MaxValue, ref problem),
            RequiresApproval = Tools(Member(policy, "requires_approval"), ref problem),
            ApprovalAboveNanoDollars = Dollars(Member(policy, "requires_approval_above"), "requires_approval_above", ref problem),
        };
        return problem is null ? read : null;
    }

    /// <summary>Why a call needs somebody's approval; <see langword="null"/> when it does not.</summary>
    /// <param name="tools">What the call uses.</param>
    /// <param name="mostNanoDollars">The most that it may cost.</param>
    public string? ReasonToAsk(IReadOnlyList<string> tools, long mostNanoDollars)
    {
        if (RequiresApproval is { } patterns && tools.FirstOrDefault(patterns.Matches) is { } tool)
        {
            return $"The agent's policy wants an approval for {tool}.";
        }

        return mostNanoDollars > ApprovalAboveNanoDollars
            ? $"The call may cost {DollarText.Of(mostNanoDollars)}, and the agent's policy wants an approval above {DollarText.Of(ApprovalAboveNanoDollars.Value)}."
            : null;
    }

    private static JsonElement Member(JsonElement body, string name) =>
        body.ValueKind == JsonValueKind.Object && body.TryGetProperty(name, out JsonElement value) ? value : default;

    private static long? Number(JsonElement body, string name, long most, ref string? problem)
    {
        JsonElement value = Member(body, name);
        if (value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) && number >= 1 && number <= most)
        {
            return number;
        }

        problem ??= string.Create(CultureInfo.InvariantCulture, $"'{name}' is no whole number from 1 to {most}");
        return null;
    }

    private static long? Dollars(JsonElement value, string name, ref string? problem)
    {
        if (value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out decimal dollars) && dollars is >= 0 and <= MostDollars)
        {
            return (long)(dollars * 1_000_000_000m);
        }

        problem ??= $"'{name}' is no amount of dollars from 0 to 1000000000";
        return null;
    }

    private static NamePatterns? Tools(JsonElement value, ref string? problem)
    {
        if (value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            problem ??= "'requires_approval' is no list of tools";
            return null;
        }

        var patterns = new List<string>();
        foreach (JsonElement item in value.EnumerateArray())
        {
            string? wrong = item.ValueKind == JsonValueKind.String ? NamePatterns.Problem(item.GetString()!) : "a tool is a text";
            problem ??= wrong is null ? null : $"'requires_approval': {wrong}";
            if (wrong is null)
            {
                patterns.Add(item.GetString()!);
            }
        }

        return patterns.Count == 0 ? null : new NamePatterns(patterns);
    }
}
