using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage;

/// <summary>Puts claimed runs in an order in which no tenant waits for all of another's.</summary>
internal static class ClaimTurns
{
    /// <summary>The first of every tenant, then the second of every tenant, and so on; within a turn the oldest first.</summary>
    /// <param name="runs">Each tenant's in the order in which they are to be executed.</param>
    public static IReadOnlyList<ClaimedRun> Order(IEnumerable<ClaimedRun> runs)
    {
        var ranks = new Dictionary<string, int>(StringComparer.Ordinal);
        return
        [
            .. runs.Select(r => (Run: r, Rank: ranks[r.Tenant] = ranks.GetValueOrDefault(r.Tenant) + 1))
                .OrderBy(r => r.Rank)
                .ThenBy(r => r.Run.Run)
                .Select(r => r.Run),
        ];
    }
}
