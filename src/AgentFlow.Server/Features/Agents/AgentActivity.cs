using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AgentFlow.Engine.Agents;
using AgentFlow.Server.Features.Activities;

namespace AgentFlow.Server.Features.Agents;

/// <summary>Tells whoever watches what has happened to agents, once it is durable; nothing is put into words for nobody.</summary>
internal sealed class AgentActivity(IActivitySink activity)
{
    public const string Created = "agent.created";
    public const string Updated = "agent.updated";
    public const string Activated = "agent.activated";
    public const string Completed = "agent.completed";
    public const string Deleted = "agent.deleted";
    public const string MetricRecorded = "metric.recorded";
    public const string DecisionMade = "decision.made";

    public bool IsWatched(string tenant) => activity.IsWatched(tenant);

    public void Tell<T>(string tenant, string type, RegisteredAgent agent, T data, JsonTypeInfo<T> json) =>
        Tell(tenant, type, agent.Id, agent.Role, agent.Category, data, json);

    /// <param name="type">For example <see cref="Activated"/>.</param>
    /// <param name="role">The agent's role; empty when it has none. Likewise the category.</param>
    public void Tell<T>(string tenant, string type, string agent, string role, string category, T data, JsonTypeInfo<T> json)
    {
        if (IsWatched(tenant))
        {
            activity.Publish(new ActivityEvent(tenant, type, JsonSerializer.SerializeToUtf8Bytes(data, json)) { AgentId = agent, Role = role is "" ? null : role, Category = category is "" ? null : category });
        }
    }

    public void BudgetUpdated(string tenant, RegisteredAgent agent) => Tell(tenant, "budget.updated", agent, AgentBudgetView.Of(agent.Budget), ServerJson.Default.AgentBudgetView);
}
