namespace AgentFlow.Server.Features.Agents;

/// <summary>Takes note of what has happened to an agent, once it is durable; returns at once.</summary>
/// <param name="type">For example <c>agent.activated</c>.</param>
/// <param name="role">The agent's role; empty when it has none. Likewise the category.</param>
/// <param name="data">One JSON object.</param>
internal delegate void AgentNews(string tenant, string type, string agentId, string role, string category, ReadOnlyMemory<byte> data);

/// <summary>What <see cref="AgentNews"/> is about.</summary>
internal static class AgentNewsTypes
{
    public const string Created = "agent.created";
    public const string Updated = "agent.updated";
    public const string Activated = "agent.activated";
    public const string Completed = "agent.completed";
    public const string Deleted = "agent.deleted";
    public const string BudgetUpdated = "budget.updated";
    public const string MetricRecorded = "metric.recorded";
    public const string DecisionMade = "decision.made";
}
