using AgentFlow.Contracts.Ids;

namespace AgentFlow.Engine.StressTests;

/// <summary>A stress test that somebody submitted: a fleet and the workflows that are run with it.</summary>
/// <param name="Id">The submitter's name for it; submitting it again once it has ended begins a new round.</param>
/// <param name="Round">Names this round of it.</param>
/// <param name="RequestHash">What was submitted: the same again while a round is under way is the same round.</param>
/// <param name="Document">Everything that its verdict takes beside the workflows' results; JSON.</param>
/// <param name="ReceivedAt">Unix milliseconds.</param>
public sealed record StressScenario(string Tenant, string Id, Ulid Round, string RequestHash, ReadOnlyMemory<byte> Document, int Workflows, long ReceivedAt)
{
    /// <summary>Unix milliseconds; <see langword="null"/> while it is under way.</summary>
    public long? EndedAt { get; init; }

    /// <summary>The result as it was answered from then on; empty until it has ended.</summary>
    public ReadOnlyMemory<byte> Result { get; init; }
}

/// <summary>One workflow that waits to be run, is being run, or has been: of a scenario, or by itself.</summary>
/// <param name="Id">The execution's id.</param>
/// <param name="Workflow">The submitter's name for it.</param>
/// <param name="Document">What the run gets as its input; JSON.</param>
/// <param name="ReceivedAt">Unix milliseconds.</param>
public sealed record StressWorkflow(Ulid Id, string Tenant, string Workflow, ReadOnlyMemory<byte> Document, long ReceivedAt)
{
    /// <summary>In order of acceptance; given by the store.</summary>
    public long Number { get; init; }

    /// <summary>The round that it belongs to; <see langword="null"/> when it was submitted by itself.</summary>
    public Ulid? Round { get; init; }

    /// <summary>Its place in the scenario.</summary>
    public int Position { get; init; }

    /// <summary>What came of it; <see langword="null"/> until it has ended.</summary>
    public StressOutcome? Outcome { get; init; }
}

/// <summary>What came of one workflow, as its run's journal has it.</summary>
/// <param name="Status"><c>completed</c>, <c>partial</c> or <c>failed</c>.</param>
/// <param name="StartedAt">Unix milliseconds.</param>
/// <param name="EndedAt">Unix milliseconds.</param>
/// <param name="Faults">Faults that struck.</param>
/// <param name="Recovered">Of them, those that were recovered from.</param>
/// <param name="Approvals">Approvals that were granted.</param>
/// <param name="Details">The whole result; JSON.</param>
public sealed record StressOutcome(
    Ulid Run, string Status, long StartedAt, long EndedAt, int Tasks, int TasksCompleted, int TasksFailed, int Faults, int Recovered, int Approvals, long CostNanoDollars, ReadOnlyMemory<byte> Details);

/// <summary>Sums over the workflows of a tenant.</summary>
/// <param name="Pending">Accepted and not ended.</param>
public readonly record struct StressTotals(long Pending, long Completed, long Failed, long Tasks, long TasksCompleted, long Faults, long Recovered, long Approvals, long CostNanoDollars);

/// <summary>Sums over the workflows that ended within one step of time.</summary>
/// <param name="At">Its beginning, in Unix milliseconds.</param>
public readonly record struct StressPoint(long At, StressTotals Totals);
