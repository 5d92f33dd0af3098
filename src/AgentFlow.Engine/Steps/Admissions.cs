using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Steps;

/// <summary>Refuses a step that needs a permission that the workflow, the step or the run's starter does not grant, and one that starts what the starter may not.</summary>
public sealed class PermissionAdmission : IAdmission
{
    public Verdict Check(RunState run, NodeRun step, CallNode call)
    {
        foreach (string needed in call.Tool.Contract.Permissions)
        {
            if (!Grant.Covers(run.Definition.Policies.Permissions, needed) || !Grant.Covers(call.Granted, needed))
            {
                return new Verdict(new StepError(
                    "PERMISSION_DENIED",
                    ErrorCategory.Permission,
                    $"Step '{step.Path}' calls {call.Tool.Contract.Id}, which needs '{needed}'; grant it in policies.permissions and the agent's permissions."));
            }
        }

        // A child is held to what its starter may start; its own steps to what they may do, which it inherits.
        string? problem = call.Child is { } child
            ? run.Authority?.Starts?.Problem(child.Workflow)
            : run.Authority?.Problem(call.Tool.CalledId, call.Tool.Contract.Permissions);
        return problem is null ? Verdict.Admit : new Verdict(Denied(run, step, problem));
    }

    /// <summary>What is said of a step that does what the run's starter may not.</summary>
    public static StepError Denied(RunState run, NodeRun step, string problem) => new(
        "PERMISSION_DENIED",
        ErrorCategory.Permission,
        $"Step '{step.Path}' of run:{run.Id} calls {((CallNode)step.Node).Tool.Contract.Id}: {problem}. Let somebody start it who may do so, or change the role.");
}

/// <summary>Refuses a step whose input does not fit its tool's schema.</summary>
public sealed class SchemaAdmission : IAdmission
{
    public Verdict Check(RunState run, NodeRun step, CallNode call)
    {
        if (call.InputValidator is null || call.InputValidator(step.Input!.Utf8) is not { } problem)
        {
            return Verdict.Admit;
        }

        return new Verdict(new StepError("INPUT_INVALID", ErrorCategory.Validation, $"The input of step '{step.Path}' does not fit {call.Tool.Contract.Id}: {problem}"));
    }
}

/// <summary>Holds the most that a step may cost back from the run's budget, and refuses what does not fit.</summary>
public sealed class BudgetAdmission : IAdmission
{
    public Verdict Check(RunState run, NodeRun step, CallNode call)
    {
        long most = call.Tool.Contract.MaxCostNanoDollars;
        if (run.BudgetNanoDollars is not { } limit)
        {
            return new Verdict(null, most);
        }

        long left = limit - run.SpentNanoDollars - run.ReservedNanoDollars;
        if (most <= left && left >= 0)
        {
            return new Verdict(null, most);
        }

        // What was done has to be undone, whatever it costs.
        if (run.Definition.Policies.OnExceed == OnExceed.Warn || call.IsCompensation)
        {
            return new Verdict(null, most, OverBudget: true);
        }

        return new Verdict(new StepError(
            "BUDGET_EXCEEDED",
            ErrorCategory.Permanent,
            $"Step '{step.Path}' may cost {DollarText.Of(most)}; {DollarText.Of(left)} of the run's {DollarText.Of(limit)} are left. Raise policies.max_budget or choose a cheaper model."));
    }
}
