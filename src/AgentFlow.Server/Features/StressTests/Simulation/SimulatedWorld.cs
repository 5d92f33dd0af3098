using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Server.Features.StressTests.Simulation;

/// <summary>What simulated agents can do to the process that they run in. The engine is there once the server is put together.</summary>
internal sealed class SimulatedWorld
{
    public RunHost? Host { get; set; }

    /// <summary>Loses the memory of a run, as a process that dies does.</summary>
    public bool Abandon(string run) => Host is { } host && host.Abandon(Ulid.Parse(run));
}
