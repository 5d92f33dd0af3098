using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Approvals;

namespace AgentFlow.Engine.Definitions;

public enum OnExceed
{
    /// <summary>The step that would exceed the budget is refused and fails with BUDGET_EXCEEDED.</summary>
    Fail,

    /// <summary>The run goes on; the excess is journaled with the step.</summary>
    Warn,
}

/// <summary>When steps wait for the disk.</summary>
public enum Durability
{
    /// <summary>Steps with external effects, waits and the run's end are barriers; pure steps are not.</summary>
    Effects,

    /// <summary>Every step is a barrier.</summary>
    EveryStep,
}

/// <summary>What happens to a run that is expected to cost more than it may, before it starts.</summary>
public enum Preflight
{
    /// <summary>It is refused.</summary>
    Refuse,

    /// <summary>It starts, and whoever starts it is told.</summary>
    Warn,

    /// <summary>It is accepted, and begins once somebody has approved it.</summary>
    Ask,
}

/// <summary>The <c>policies</c> of a workflow, with its defaults filled in.</summary>
public sealed record RunPolicies
{
    public static RunPolicies Default { get; } = new();

    /// <summary>Most that one run may spend, in 10⁻⁹ dollars; <see langword="null"/> is no limit.</summary>
    public long? MaxBudgetNanoDollars { get; init; }

    public OnExceed OnExceed { get; init; }

    /// <summary>What happens to a start whose estimate does not fit <see cref="MaxBudgetNanoDollars"/>. Default <see langword="null"/>: nobody estimates.</summary>
    public Preflight? Preflight { get; init; }

    /// <summary>Whom <see cref="Definitions.Preflight.Ask"/> asks, and for how long; <see langword="null"/> for the other answers.</summary>
    public ApprovalPolicy? PreflightApproval { get; init; }

    /// <summary>From the beginning of the first node to the end; <see langword="null"/> is no limit.</summary>
    public TimeSpan? Deadline { get; init; }

    public Durability Durability { get; init; }

    /// <summary>Permissions that the workflow grants its steps; <see langword="null"/> grants what each tool asks for.</summary>
    public IReadOnlyList<string>? Permissions { get; init; }

    /// <summary>Ends loops that learn nothing with LOOP_WITHOUT_PROGRESS. Default true.</summary>
    public bool BreaksLoops { get; init; } = true;

    /// <summary>Where the run stands among the tenant's that wait; see <see cref="Scheduling.RunPriority"/>. Default 0.</summary>
    public int Priority { get; init; }

    /// <summary>Node visits after which a run is taken for a loop and fails with STEP_LIMIT_EXCEEDED. Default 10,000.</summary>
    public int MaxSteps { get; init; } = 10_000;

    /// <summary>Approvals that calls need, besides their own.</summary>
    public IReadOnlyList<ApprovalPolicy> Approvals { get; init; } = [];
}

/// <summary>What follows an attempt whose outcome nobody recorded, because its worker died.</summary>
public enum OnUnknown
{
    /// <summary>Try again under the same idempotency key.</summary>
    Retry,

    /// <summary>The step fails with STEP_OUTCOME_UNKNOWN.</summary>
    Fail,

    /// <summary>The run waits until somebody says what happened.</summary>
    Ask,
}

/// <summary>Retries of one step. The first attempt counts.</summary>
public sealed record RetryPolicy
{
    public static RetryPolicy None { get; } = new() { MaxAttempts = 1 };

    /// <summary>Attempts in all, from 1. Default 1.</summary>
    public int MaxAttempts { get; init; } = 1;

    /// <summary>Delay before the second attempt. Default 200 ms.</summary>
    public TimeSpan Initial { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Factor from delay to delay; 1 is a constant delay. Default 2 (exponential).</summary>
    public double Factor { get; init; } = 2;

    /// <summary>No delay is longer, before jitter. Default 30 s.</summary>
    public TimeSpan Max { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Share of the delay that is spread around it, 0 to 1; drawn from the step's own seed. Default 0.2.</summary>
    public double Jitter { get; init; } = 0.2;

    /// <summary>Categories that are worth another try. Default: the retryable ones.</summary>
    public IReadOnlyList<ErrorCategory> On { get; init; } = [ErrorCategory.Transient, ErrorCategory.Resource];

    /// <summary>
    /// The delay after a failed attempt (1 is the first), jittered by <paramref name="seed"/>: delay × (1 ± jitter).
    /// The same arguments always give the same delay.
    /// </summary>
    public TimeSpan DelayAfter(int attempt, ulong seed)
    {
        double ms = Initial.TotalMilliseconds;
        for (int i = 1; i < attempt && ms < Max.TotalMilliseconds; i++)
        {
            ms *= Factor;
        }

        ms = Math.Min(ms, Max.TotalMilliseconds);
        double unit = (seed >> 11) * (1.0 / (1UL << 53));
        return TimeSpan.FromMilliseconds(Math.Ceiling(ms * (1 + (Jitter * ((2 * unit) - 1)))));
    }
}
