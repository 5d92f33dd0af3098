using System.Globalization;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Plans;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Engine.Definitions.Loading.Parts;

/// <summary>Reads <c>policies</c> and <c>defaults</c>.</summary>
internal static class PolicyReader
{
    private const decimal NanoPerDollar = 1_000_000_000m;
    private const string PreflightKey = "preflight";

    public static RunPolicies ReadPolicies(Fields workflow, Grants grants, ExpressionReader expressions, Findings findings)
    {
        if (workflow.Mapping("policies", "'policies: { max_budget: 0.05 }'") is not { } mapping)
        {
            return RunPolicies.Default;
        }

        var fields = Fields.Of(mapping, workflow.Entry("policies")!.Value.Key.Offset, KeySet.Policies, findings);
        (Preflight? preflight, ApprovalPolicy? asks) = ReadPreflight(fields, expressions, findings);
        return new RunPolicies
        {
            MaxBudgetNanoDollars = ReadDollars(fields, findings),
            OnExceed = fields.Word("on_exceed", ("fail", OnExceed.Fail), ("warn", OnExceed.Warn)) ?? RunPolicies.Default.OnExceed,
            Preflight = preflight,
            PreflightApproval = asks,
            Deadline = fields.Duration("deadline", TimeSpan.FromMilliseconds(1)),
            Durability = fields.Word("durability", ("effects", Durability.Effects), ("every_step", Durability.EveryStep)) ?? RunPolicies.Default.Durability,
            Permissions = grants.Read(fields)?.Select(p => p.Text).ToArray(),
            BreaksLoops = fields.Word("loop_breaker", ("on", true), ("off", false)) ?? RunPolicies.Default.BreaksLoops,
            Priority = fields.Integer("priority", RunPriority.Lowest, RunPriority.Highest) ?? RunPolicies.Default.Priority,
            MaxSteps = fields.Integer("max_steps", 1, 10_000_000) ?? RunPolicies.Default.MaxSteps,
            Approvals = ApprovalReader.ReadOfPolicies(fields, expressions, findings),
        };
    }

    /// <summary>A word, or <c>{ ask: … }</c> with whom to ask.</summary>
    private static (Preflight? Preflight, ApprovalPolicy? Asks) ReadPreflight(Fields fields, ExpressionReader expressions, Findings findings)
    {
        if (fields.Entry(PreflightKey) is not { } entry)
        {
            return default;
        }

        Preflight? preflight;
        ApprovalPolicy? asks = null;
        if (entry.Value is YamlMapping mapping)
        {
            preflight = Preflight.Ask;
            asks = ApprovalReader.ReadOfPreflight(Fields.Of(mapping, entry.Key.Offset, KeySet.Preflight, findings), expressions, findings);
        }
        else
        {
            preflight = fields.Word(PreflightKey, ("refuse", Preflight.Refuse), ("warn", Preflight.Warn), ("ask", Preflight.Ask));
            asks = preflight == Preflight.Ask ? ApprovalReader.OfPreflight : null;
        }

        if (preflight is not null && !fields.Has("max_budget"))
        {
            findings.Error(entry.Key, DiagnosticCodes.NotApplicable, "'preflight' has no meaning without 'max_budget'.", "Say what a run may cost: 'max_budget: 0.05'.");
        }

        return (preflight, asks);
    }

    public static StepDefaults ReadDefaults(Fields workflow, Findings findings)
    {
        if (workflow.Mapping("defaults", "'defaults: { timeout: 30s }'") is not { } mapping)
        {
            return StepDefaults.None;
        }

        var fields = Fields.Of(mapping, workflow.Entry("defaults")!.Value.Key.Offset, KeySet.Defaults, findings);
        return new StepDefaults(RetryReader.Read(fields, findings), fields.Duration("timeout", TimeSpan.FromMilliseconds(1)), ReadOnUnknown(fields));
    }

    public static OnUnknown? ReadOnUnknown(Fields fields) =>
        fields.Word("on_unknown", ("retry", OnUnknown.Retry), ("fail", OnUnknown.Fail), ("ask", OnUnknown.Ask));

    /// <summary>Dollars become whole billionths here; nothing behind this point calculates with fractions.</summary>
    private static long? ReadDollars(Fields fields, Findings findings)
    {
        const string key = "max_budget";
        if (fields[key] is not { } node || fields.Number(key, 0, 9_000_000_000) is null)
        {
            return null;
        }

        if (decimal.TryParse(((YamlScalar)node).Text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal dollars) && dollars * NanoPerDollar is var nano && nano == decimal.Truncate(nano))
        {
            return (long)nano;
        }

        findings.Error(node, DiagnosticCodes.OutOfRange, $"'{key}' is finer than a billionth of a dollar.", "Write dollars with at most nine decimals.");
        return null;
    }
}

/// <summary>What steps do that do not say otherwise.</summary>
internal sealed record StepDefaults(RetryPolicy? Retry, TimeSpan? Timeout, OnUnknown? OnUnknown)
{
    public static StepDefaults None { get; } = new(null, null, null);
}
