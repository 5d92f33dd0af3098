using System.Globalization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Approvals;

/// <summary>When calls need somebody's approval, and whose: an <c>approval:</c> of a call, or one of <c>policies.approval</c>; or a run, before it begins.</summary>
/// <param name="Name">Unique among those that concern a call.</param>
public sealed record ApprovalPolicy(string Name, Assignee To)
{
    /// <summary>Name of the approval that a whole run needs before it begins.</summary>
    public const string Preflight = "preflight";

    /// <summary><see langword="null"/>: always.</summary>
    public CelExpression? When { get; init; }

    /// <summary>What is called that needs it; <see langword="null"/>: everything.</summary>
    public NamePatterns? Tools { get; init; }

    /// <summary>Text for whoever decides; <see langword="null"/>: none.</summary>
    public ValueTemplate? Reason { get; init; }

    public TimeSpan? Timeout { get; init; }

    public bool GrantsWhenDue { get; init; }

    public IReadOnlyList<Escalation> Escalations { get; init; } = [];

    /// <summary>What is to be approved of a run that is about to begin.</summary>
    /// <param name="reason">Why.</param>
    public ApprovalRequest ForRun(WorkflowDefinition definition, Payload input, CostEstimate estimate, string reason)
    {
        Payload expected = JsonPayload.Object([("p50_dollars", Dollars(estimate.NanoDollars.P50)), ("p95_dollars", Dollars(estimate.NanoDollars.P95)), ("max_budget_dollars", Dollars(definition.Policies.MaxBudgetNanoDollars ?? 0))]);
        Payload data = JsonPayload.Object([("estimate", expected), ("input", input)]);
        return ApprovalRequest.Of(Name, $"Approve a run of {definition.Name} {definition.Version}", reason, To, Timeout, GrantsWhenDue, data, Escalations);

        static Payload Dollars(double nanoDollars) => Payload.FromText((Math.Round((decimal)nanoDollars) / 1_000_000_000m).ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>What is to be approved of a call; <see langword="null"/> when nothing is.</summary>
    /// <param name="problem">Why that cannot be told.</param>
    internal ApprovalRequest? For(RunState run, NodeRun step, CallNode call, out string? problem)
    {
        problem = null;
        if (Tools?.Matches(call.Tool.CalledId) == false)
        {
            return null;
        }

        var variables = new RunVariables(run, step.Parent, step);
        if (When is not null && When.Evaluate(variables) is var value && !value.IsTrue)
        {
            problem = value.Kind == CelKind.Bool ? null : $"'{When.Source}' {(value.IsError ? $"failed: {value.AsError().Message}" : $"gave {value.TypeName} instead of bool")}";
            return null;
        }

        string reason = "";
        if (Reason is not null)
        {
            if (Reason.Render(variables, out problem) is not { } text)
            {
                return null;
            }

            reason = text.Value.Kind == CelKind.String ? text.Value.AsString() : text.ToString();
        }

        string what = call.Agent is { } agent ? $"agent {agent}" : call.Tool.CalledId;
        return ApprovalRequest.Of(Name, $"Approve {what} in step {step.Path} of {run.Definition.Name}", reason, To, Timeout, GrantsWhenDue, step.Input, Escalations);
    }
}

/// <summary>Asks for the approvals that a call or its workflow's policies want. What was done is undone without asking.</summary>
public sealed class ApprovalAdmission : IAdmission
{
    public Verdict Check(RunState run, NodeRun step, CallNode call)
    {
        if (call.IsCompensation)
        {
            return Verdict.Admit;
        }

        foreach (ApprovalPolicy policy in call.Approval is { } own ? [own, .. run.Definition.Policies.Approvals] : run.Definition.Policies.Approvals)
        {
            if (step.Approvals.Contains(policy.Name))
            {
                continue;
            }

            if (policy.For(run, step, call, out string? problem) is { } request)
            {
                return new Verdict(null, Asks: request);
            }

            if (problem is not null)
            {
                return new Verdict(new StepError("EXPRESSION_FAILED", ErrorCategory.Validation, $"Whether step '{step.Path}' needs an approval cannot be told: {problem}"));
            }
        }

        return Verdict.Admit;
    }
}
