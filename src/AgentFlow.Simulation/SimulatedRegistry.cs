using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Simulation;

/// <summary>A registry in which every agent stands that is asked for.</summary>
/// <param name="policyOf">An agent's policy, as JSON.</param>
internal sealed class SimulatedRegistry(Func<string, string> policyOf) : IAgentStore
{
    public ValueTask<AgentWrite> CreateAsync(string tenant, RegisteredAgent agent, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<AgentWrite> UpdateAsync(string tenant, RegisteredAgent agent, long expected, AgentSpend? use, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<AgentWrite> UpsertRemoteAsync(string tenant, RegisteredAgent agent, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<bool> HeartbeatAsync(string tenant, string id, AgentHeartbeat heartbeat, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<bool> ReportDispatchAsync(string tenant, string id, bool succeeded, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<bool> AdjustLoadAsync(string tenant, string id, int change, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<bool> SpendAsync(string tenant, string id, string month, long change, long most, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<bool> SetStatusAsync(string tenant, string id, IReadOnlyList<string>? from, string to, long at, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<RegisteredAgent?> FindAsync(string tenant, string id, CancellationToken cancellationToken) =>
        new(new RegisteredAgent(id, id, AgentKinds.Remote) { Document = Payload.FromText($$$"""{"definition":{"policy":{{{policyOf(id)}}}}}""") });

    public ValueTask<RegisteredAgent?> FindByNameAsync(string tenant, string name, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<AgentPage> ListAsync(string tenant, AgentFilter filter, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<RegisteredAgent>> FindCapableAsync(string tenant, string capability, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<SilentAgent>> SweepOfflineAsync(long before, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<AgentWrite> DeleteAsync(string tenant, string id, long? expected, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<AgentStats> StatsAsync(string tenant, CancellationToken cancellationToken) => throw new NotSupportedException();
}
