using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Steps;
using AgentFlow.Server.Features.StressTests.Simulation;
using AgentFlow.Server.Features.StressTests.Submissions;

namespace AgentFlow.Server.Features.StressTests.Chaos;

/// <summary>
/// The policy of stress tests: a task that waits for a person, and one that a planted fault holds back, needs an approval. A simulation
/// has nobody to ask, so that it decides by itself, in the journal like any other decision.
/// </summary>
internal sealed class PolicySeam : IAdmission, IApprover
{
    /// <summary>The approval that tasks wait for; one that an agent's policy wants is <see cref="AgentAdmission.Approval"/>.</summary>
    public const string Name = "stress-policy";

    private const string By = "approver:stress-test";

    public Verdict Check(RunState run, NodeRun step, CallNode call)
    {
        if (TryOf(run, step, call) is not { } attempt || step.Approvals.Contains(Name))
        {
            return Verdict.Admit;
        }

        bool isHeld = FaultInjector.AtPolicy(attempt).IsHeld;
        if (!isHeld && attempt.Task.Type != PlannedTask.Approval)
        {
            return Verdict.Admit;
        }

        if (isHeld && !Plan(run).Has(Mechanism.Approve))
        {
            return new Verdict(new StepError("APPROVAL_REQUIRED", ErrorCategory.Permission, $"A policy holds '{attempt.Task.TaskId}' back, and nobody is asked."));
        }

        string reason = isHeld ? "A policy holds the task back." : "The task waits for a person.";
        return new Verdict(null, Asks: ApprovalRequest.Of(Name, $"Approve {attempt.Task.TaskId} of {attempt.WorkflowId}", reason, Assignee.Anybody, null, false, step.Input, []));
    }

    public ApprovalAnswer? Decide(RunState run, NodeRun step, ApprovalRequest request) =>
        request.Name is not (Name or AgentAdmission.Approval) || TryOf(run, step, (CallNode)step.Node) is not { } attempt ? null
        : request.Name == AgentAdmission.Approval ? new ApprovalAnswer(true, By, "A simulation approves by itself.")
        : FaultInjector.AtPolicy(attempt).IsApproved ? new ApprovalAnswer(true, By, "A simulation approves by itself.")
        : new ApprovalAnswer(false, By, "The scenario says that nobody approves.");

    private static SimulatedTry? TryOf(RunState run, NodeRun step, CallNode call) =>
        run.Definition.Name.StartsWith(WorkflowCompiler.NamePrefix, StringComparison.Ordinal) && !call.IsCompensation && !call.IsRemedy && WorkflowCompiler.TaskOf(call.Id) >= 0 && step.Input is { } input
            ? SimulatedTry.Of(input.Utf8, step.Path, step.FailedAttempts, PlannedAgent.Nobody)
            : null;

    private static WorkflowPlan Plan(RunState run) => JsonSerializer.Deserialize(run.Started!.Input.Utf8.Span, StressJson.Default.WorkflowPlan)!;
}
