namespace AgentFlow.Server.Features.Activities;

/// <summary>Something that has happened, for whoever watches now. What must not be forgotten stands in a journal, the audit or a table.</summary>
/// <param name="Type">What happened: a family, a dot and a past participle, such as <c>agent.activated</c>; ASCII.</param>
/// <param name="Data">One JSON value, without secrets. Beyond <see cref="ActivityLane.MaxData"/> bytes it is left out.</param>
internal sealed record ActivityEvent(string Tenant, string Type, ReadOnlyMemory<byte> Data)
{
    /// <summary>The agent that it happened to or through; <see langword="null"/> when it concerns none.</summary>
    public string? AgentId { get; init; }

    /// <summary>The agent's role.</summary>
    public string? Role { get; init; }

    /// <summary>The agent's category.</summary>
    public string? Category { get; init; }
}

/// <summary>Where features tell what has happened. Returns at once, whoever watches and however slowly.</summary>
internal interface IActivitySink
{
    /// <summary>Whether anybody would see an event of a tenant: what is not watched need not be put into words.</summary>
    bool IsWatched(string tenant);

    /// <summary>Tells it, once it is durable. Events that one thread publishes for a tenant keep their order.</summary>
    void Publish(ActivityEvent activity);
}
