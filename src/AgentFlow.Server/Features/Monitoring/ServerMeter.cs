using System.Diagnostics.Metrics;
using AgentFlow.Engine.Alerts;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Server.Features.Activities;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>What this server says of itself, beside what the framework measures.</summary>
internal static class ServerMeter
{
    public static void Create(IMeterFactory factory, RunHost host, ActivityHub activity, AlertWatch? alerts)
    {
        Meter meter = factory.Create("AgentFlow.Server");
        meter.CreateObservableGauge("agentflow_resident_runs", () => host.Resident, description: "Runs held in memory.");
        meter.CreateObservableGauge("agentflow_write_backlog", () => host.Backlog, description: "Writes that wait for the disk.");
        meter.CreateObservableGauge("agentflow_activity_clients", () => activity.Readers, description: "Clients that follow the activity.");
        if (alerts is not null)
        {
            meter.CreateObservableGauge("agentflow_agents", () => Agents(alerts.Agents), description: "Remote agents that give signs of life, and those that do not.");
            meter.CreateObservableGauge(
                "agentflow_alerts",
                () => new[] { AlertLevel.Warn, AlertLevel.Critical }.Select(l => new Measurement<int>(alerts.Count(l), KeyValuePair.Create<string, object?>("level", l.Word()))),
                description: "Alerts that are raised.");
        }
    }

    private static IEnumerable<Measurement<long>> Agents(IReadOnlyList<AgentPresence> agents)
    {
        long online = agents.Sum(a => a.Online);
        yield return new(online, KeyValuePair.Create<string, object?>("status", "online"));
        yield return new(agents.Sum(a => a.Total) - online, KeyValuePair.Create<string, object?>("status", "offline"));
    }
}
