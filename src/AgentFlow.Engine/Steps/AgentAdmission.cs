using System.Globalization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Steps;

/// <summary>What the policy of a registered agent wants of the calls that are made under it.</summary>
public static class AgentAdmission
{
    /// <summary>The approval that a policy asks for, in a step.</summary>
    public const string Approval = "agent-policy";

    /// <summary>The semaphore whose permits are an agent's places.</summary>
    public static string PlaceOf(string agent) => "agent:" + agent;

    /// <summary>The approval that a call needs and does not have; <see langword="null"/>: none. What was done is undone without asking.</summary>
    internal static ApprovalRequest? Asks(KnownPolicy agent, RunState run, NodeRun step, CallNode call)
    {
        if (call.IsCompensation
            || agent.Policy is { RequiresApproval: null, ApprovalAboveNanoDollars: null }
            || step.Approvals.Contains(Approval)
            || agent.Policy.ReasonToAsk(call.Tool.ToolsOf(step.Input!.Utf8), call.Tool.Contract.MaxCostNanoDollars) is not { } reason)
        {
            return null;
        }

        return ApprovalRequest.Of(Approval, $"Approve agent {agent.Agent} in step {step.Path} of {run.Definition.Name}", reason, Assignee.Anybody, data: step.Input);
    }

    /// <summary>What a step fails with whose agent may not spend so much any more this month.</summary>
    internal static StepError UsedUp(string agent, NodeRun step, long cap, long most, long now) => new(
        ErrorCode.BudgetExceeded.Code,
        ErrorCategory.Permanent,
        string.Create(CultureInfo.InvariantCulture, $"The registered agent '{agent}' may spend {DollarText.Of(cap)} a month, and too little of that is left in {DateTimeOffset.FromUnixTimeMilliseconds(now):yyyy-MM} (UTC) for step '{step.Path}', which may cost {DollarText.Of(most)}. Raise 'definition.cost.monthly_cap' of the agent, or wait for the next month."));

    /// <summary>Whether the agent lives in a simulated time, in which nobody waits.</summary>
    internal static bool Leaps(CallNode call) => call.Tool.WaitOf(TimeSpan.FromMinutes(1)) == TimeSpan.Zero;
}
