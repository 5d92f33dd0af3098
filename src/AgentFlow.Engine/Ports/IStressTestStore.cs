using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.StressTests;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// Stress tests of every tenant: what was accepted and what came of it. What a call has written is on disk when it returns; calls that
/// come at the same time may share a commit. Safe for concurrent calls.
/// </summary>
public interface IStressTestStore
{
    /// <summary>Accepts a scenario with all its workflows, in one transaction.</summary>
    /// <returns>The round that is under way: this one, or an earlier one of the same name (another <see cref="StressScenario.RequestHash"/> says that it is another test); then nothing was written.</returns>
    ValueTask<StressScenario> AddScenarioAsync(StressScenario scenario, IReadOnlyList<StressWorkflow> workflows, CancellationToken cancellationToken);

    /// <summary>Accepts a workflow by itself.</summary>
    /// <param name="key">Unique in the tenant; the same key is the same workflow. <see langword="null"/>: none.</param>
    /// <returns>The workflow under the key, which may have been there.</returns>
    ValueTask<StressWorkflow> AddWorkflowAsync(StressWorkflow workflow, string? key, CancellationToken cancellationToken);

    /// <summary>The newest round of a scenario.</summary>
    /// <param name="tenant"><see langword="null"/>: whichever has it; for callers who may read in every tenant.</param>
    ValueTask<StressScenario?> FindScenarioAsync(string? tenant, string id, CancellationToken cancellationToken);

    /// <param name="tenant"><see langword="null"/>: whichever has it; for callers who may read in every tenant.</param>
    ValueTask<StressWorkflow?> FindWorkflowAsync(string? tenant, Ulid id, CancellationToken cancellationToken);

    /// <summary>The workflows of a round, by their place.</summary>
    ValueTask<IReadOnlyList<StressWorkflow>> WorkflowsAsync(string tenant, Ulid round, CancellationToken cancellationToken);

    /// <summary>Workflows of every tenant that have not ended, oldest first.</summary>
    /// <param name="after">Only behind this <see cref="StressWorkflow.Number"/>.</param>
    ValueTask<IReadOnlyList<StressWorkflow>> PendingAsync(long after, int max, CancellationToken cancellationToken);

    /// <summary>A tenant's workflows that have not ended, oldest first.</summary>
    ValueTask<IReadOnlyList<StressWorkflow>> PendingAsync(string tenant, int max, CancellationToken cancellationToken);

    /// <summary>How many workflows of every tenant have not ended.</summary>
    ValueTask<long> CountPendingAsync(CancellationToken cancellationToken);

    /// <summary>Scenarios of every tenant that have not ended.</summary>
    ValueTask<IReadOnlyList<StressScenario>> OpenScenariosAsync(CancellationToken cancellationToken);

    /// <summary>Notes what came of a workflow; the first to say so is believed.</summary>
    ValueTask EndWorkflowAsync(string tenant, Ulid id, StressOutcome outcome, CancellationToken cancellationToken);

    /// <summary>Notes what came of a round; the first to say so is believed.</summary>
    /// <returns>Whether this was the first.</returns>
    ValueTask<bool> EndScenarioAsync(string tenant, Ulid round, ReadOnlyMemory<byte> result, long endedAt, CancellationToken cancellationToken);

    /// <summary>Sums over the tenant's workflows that ended at a time or later (0: ever), and those that have not.</summary>
    /// <param name="since">Unix milliseconds.</param>
    ValueTask<StressTotals> TotalsAsync(string tenant, long since, CancellationToken cancellationToken);

    /// <summary>The tenant's workflows that ended since a time, in steps from there; steps without any are left out.</summary>
    /// <param name="since">Unix milliseconds.</param>
    /// <param name="step">Milliseconds.</param>
    ValueTask<IReadOnlyList<StressPoint>> PointsAsync(string tenant, long since, long step, CancellationToken cancellationToken);
}
