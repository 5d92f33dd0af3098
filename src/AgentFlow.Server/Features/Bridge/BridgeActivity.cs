using System.Text.Json;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.Activities;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>Tells whoever watches what remote agents do, while anybody does. Without results and event data: those may be read by fewer.</summary>
internal sealed class BridgeActivity(IActivitySink activity)
{
    public void Registered(string tenant, RegisteredAgent agent) => Tell(tenant, "agent.registered", agent.Id, w =>
    {
        w.WriteString("name"u8, agent.Name);
        w.WriteNumber("capabilities"u8, agent.Capabilities.Count);
    });

    public void TaskMoved(string tenant, string agent, string task, BridgeTaskStatus status) => Tell(tenant, $"task.{status.Word()}", agent, w => w.WriteString("task_id"u8, task));

    public void EventReceived(string tenant, BridgeEvent happened) => Tell(tenant, "event.received", happened.Agent, w =>
    {
        w.WriteString("event_id"u8, happened.Id);
        w.WriteString("type"u8, happened.Type);
        w.WriteString("source"u8, happened.Source);
    });

    public void WentOffline(SilentAgent agent) => Tell(agent.Tenant, "agent.offline", agent.Id, w => w.WriteString("name"u8, agent.Name));

    private void Tell(string tenant, string type, string agent, Action<Utf8JsonWriter> members)
    {
        if (activity.IsWatched(tenant))
        {
            activity.Publish(new ActivityEvent(tenant, type, BridgeJson.Write(members)) { AgentId = agent });
        }
    }
}
