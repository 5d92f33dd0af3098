using AgentFlow.Engine.Costs;

namespace AgentFlow.Engine.Ports;

/// <summary>What was observed of the use of steps, tenant by tenant. Sums only: what several processes observe adds up.</summary>
public interface ICostStore
{
    /// <summary>Adds to what is there, in one transaction.</summary>
    ValueTask AddAsync(string tenant, IReadOnlyCollection<KeyValuePair<CostKey, Moments>> observed, CancellationToken cancellationToken);

    /// <summary>Everything of a tenant, in no order.</summary>
    ValueTask<IReadOnlyList<KeyValuePair<CostKey, Moments>>> ReadAsync(string tenant, CancellationToken cancellationToken);
}
