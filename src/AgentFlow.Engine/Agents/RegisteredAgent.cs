using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Agents;

/// <summary>One agent of a tenant, of whatever kind: who it is, what it may and can do, and how it is.</summary>
/// <param name="Id">A UUID for an identity, whatever it calls itself for a remote agent; unique in the tenant.</param>
/// <param name="Name">Unique in the tenant, but for remote agents: deployed ones share names.</param>
/// <param name="Kind">One of <see cref="AgentKinds"/>.</param>
public sealed record RegisteredAgent(string Id, string Name, string Kind)
{
    /// <summary>Role of the outside RBAC engine (<see cref="AgentRoles"/>); empty when it has none.</summary>
    public string Role { get; init; } = "";

    public string Category { get; init; } = "";

    public string Specialist { get; init; } = "";

    /// <summary>One of <see cref="AgentStatus"/>.</summary>
    public string Status { get; init; } = AgentStatus.Idle;

    /// <summary>Where a remote agent takes tasks.</summary>
    public string? BaseUrl { get; init; }

    /// <summary>Unix milliseconds of the last sign of life; <see langword="null"/> when there was none.</summary>
    public long? LastSeen { get; init; }

    /// <summary>Dispatches in a row that failed.</summary>
    public int Failures { get; init; }

    /// <summary>Tasks in flight.</summary>
    public int Load { get; init; }

    /// <summary>What it can do, for example <c>doc.read</c>; distinct, in ordinal order.</summary>
    public IReadOnlyList<string> Capabilities { get; init; } = [];

    public AgentBudget Budget { get; init; } = new();

    /// <summary>Everything else, as one JSON object. Stores keep its bytes and do not look into it.</summary>
    public Payload Document { get; init; } = Payload.EmptyObject;

    /// <summary>Hash of the source that it was imported from; empty for one that was not.</summary>
    public string Digest { get; init; } = "";

    /// <summary>From 1; rises with each change of what the agent is, not with its status, load, use or signs of life.</summary>
    public long Version { get; init; } = 1;

    /// <summary>Unix milliseconds.</summary>
    public long CreatedAt { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public long UpdatedAt { get; init; }
}

/// <summary>What agents are made of.</summary>
public static class AgentKinds
{
    /// <summary>Runs elsewhere and speaks the Agent Bridge's protocol.</summary>
    public const string Remote = "remote";

    public const string Llm = "llm";

    public static IReadOnlyList<string> All { get; } = [Llm, "http", "tool", "human", Remote, "rag", "custom"];
}

/// <summary>How an agent is.</summary>
public static class AgentStatus
{
    /// <summary>An identity that works on nothing known.</summary>
    public const string Idle = "idle";

    /// <summary>An identity that has begun a task.</summary>
    public const string Active = "active";

    /// <summary>An identity that may not be activated.</summary>
    public const string Disabled = "disabled";

    /// <summary>A remote agent that gives signs of life.</summary>
    public const string Online = "online";

    /// <summary>A remote agent that says so, or whose last <see cref="DegradedAfter"/> dispatches failed.</summary>
    public const string Degraded = "degraded";

    /// <summary>A remote agent that has been silent for too long.</summary>
    public const string Offline = "offline";

    /// <summary>Dispatches in a row that fail before a remote agent counts as degraded.</summary>
    public const int DegradedAfter = 3;

    public static IReadOnlyList<string> OfIdentities { get; } = [Idle, Active, Disabled];

    public static IReadOnlyList<string> OfRemotes { get; } = [Online, Degraded, Offline];

    public static IReadOnlyList<string> All { get; } = [.. OfIdentities, .. OfRemotes];
}

/// <summary>The roles that identities have in the outside RBAC engine.</summary>
public static class AgentRoles
{
    public static IReadOnlyList<string> All { get; } = ["admin", "developer", "reviewer", "security", "database", "frontend", "backend", "tester", "analyst", "coordinator"];
}

/// <summary>What an agent may spend, and has spent.</summary>
/// <param name="Tokens">At most so many; <see langword="null"/>: no limit. Likewise the other limits.</param>
/// <param name="NanoDollars">Billionths of a dollar.</param>
public sealed record AgentBudget(long? Tokens = null, long? ApiCalls = null, long? NanoDollars = null)
{
    public AgentSpend Use { get; init; }

    /// <summary>Whether some use is above its limit.</summary>
    public bool IsExceeded => Use.Tokens > Tokens || Use.ApiCalls > ApiCalls || Use.NanoDollars > NanoDollars;
}

/// <summary>Amounts of what agents spend.</summary>
/// <param name="NanoDollars">Billionths of a dollar.</param>
public readonly record struct AgentSpend(long Tokens, long ApiCalls, long NanoDollars)
{
    public bool IsZero => this == default;

    public static AgentSpend operator +(AgentSpend a, AgentSpend b) => Add(a, b);

    public static AgentSpend Add(AgentSpend a, AgentSpend b) => new(a.Tokens + b.Tokens, a.ApiCalls + b.ApiCalls, a.NanoDollars + b.NanoDollars);
}
