namespace AgentFlow.Engine.Ports;

/// <summary>Which remote agents give signs of life, in every tenant. Times are Unix milliseconds.</summary>
public interface IAgentPresence
{
    /// <summary>All remote agents, by tenant.</summary>
    ValueTask<IReadOnlyList<AgentPresence>> CountAsync(CancellationToken cancellationToken);

    /// <summary>Remote agents that were last seen before a time, the most silent first.</summary>
    ValueTask<IReadOnlyList<SilentAgent>> SilentAsync(long before, int max, CancellationToken cancellationToken);
}

/// <param name="Online">Those of <paramref name="Total"/> that are not offline.</param>
public sealed record AgentPresence(string Tenant, long Total, long Online);
