using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// One check between "a step wants to run" and "it runs". The checks form an ordered stage of their own: all of them
/// pass before anything is performed, and what they said is journaled with the step.
/// </summary>
public interface IAdmission
{
    /// <summary>Answers at once, from memory. The first refusal ends the stage.</summary>
    Verdict Check(RunState run, NodeRun step, CallNode call);
}

/// <summary>What a check says.</summary>
/// <param name="Denied">Why not; <see langword="null"/> admits.</param>
/// <param name="ReserveNanoDollars">To hold back from the run's budget until the outcome is known.</param>
/// <param name="OverBudget">Admitted although the budget is exceeded, because the policy only warns.</param>
/// <param name="Asks">Somebody has to approve first: the run may be parked until then. Ignored once the step has the approval of this name.</param>
public readonly record struct Verdict(StepError? Denied, long ReserveNanoDollars = 0, bool OverBudget = false, ApprovalRequest? Asks = null)
{
    public static Verdict Admit => default;
}
