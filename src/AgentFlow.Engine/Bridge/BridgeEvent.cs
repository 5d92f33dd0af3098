using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;

namespace AgentFlow.Engine.Bridge;

/// <summary>Something that a remote agent told, once.</summary>
/// <param name="Id">The agent's own; unique among its events.</param>
/// <param name="Agent">Who proved to have sent it.</param>
/// <param name="Source">Where it says that it happened.</param>
/// <param name="Data">UTF-8 JSON.</param>
/// <param name="Time">When the agent says that it happened, as it wrote it; empty when it did not.</param>
/// <param name="At">When it came, Unix milliseconds.</param>
public sealed record BridgeEvent(string Id, string Agent, string Type, string Source, ReadOnlyMemory<byte> Data, string Time, string TraceId, long At)
{
    /// <summary>Orders the events of a store, in the order in which they became visible; set by it.</summary>
    public long Number { get; init; }
}

/// <summary>Which events somebody wants: any of the types, from any of the sources. A pattern may end with <c>*</c>.</summary>
public sealed record BridgeEventFilter(NamePatterns? Types = null, NamePatterns? Sources = null)
{
    public static BridgeEventFilter Everything { get; } = new();

    public bool Wants(BridgeEvent happened) => Types?.Matches(happened.Type) != false && Sources?.Matches(happened.Source) != false;
}

/// <summary>Somebody who gets events by POST.</summary>
/// <param name="Secret">Reference to the secret that signs what is sent, for example <c>secret://hooks</c>.</param>
/// <param name="CreatedAt">Unix milliseconds.</param>
public sealed record BridgeSubscription(Ulid Id, string Url, string Secret, BridgeEventFilter Filter, string CreatedBy, long CreatedAt)
{
    public string Tenant { get; init; } = "";

    /// <summary>The last event that was sent, or that it did not want.</summary>
    public long Cursor { get; init; }

    /// <summary>Tries in a row that failed.</summary>
    public int Failures { get; init; }

    /// <summary>When the next try may be made, Unix milliseconds.</summary>
    public long NextAt { get; init; }

    /// <summary>What the last try failed with; empty after one that did not.</summary>
    public string Problem { get; init; } = "";

    /// <summary>Since when nothing is sent any more because too many tries failed, Unix milliseconds; <see langword="null"/>: it is.</summary>
    public long? SuspendedAt { get; init; }
}
