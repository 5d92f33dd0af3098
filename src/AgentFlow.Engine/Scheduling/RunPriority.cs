using AgentFlow.Contracts.Ids;

namespace AgentFlow.Engine.Scheduling;

/// <summary>
/// How priorities order what waits: a level counts like a minute of waiting. A run of a low priority is overtaken only by those
/// that come within as many minutes as their levels differ, and so always has its turn.
/// </summary>
public static class RunPriority
{
    public const int Lowest = -10;
    public const int Highest = 10;

    /// <summary>What one level is worth.</summary>
    public static readonly TimeSpan Level = TimeSpan.FromMinutes(1);

    /// <summary>What waiting runs of a tenant are claimed by, lowest first: when they were accepted, moved by their priority. Never changes.</summary>
    public static long Rank(Ulid run, int priority) => Rank(run.UnixMilliseconds, priority);

    internal static long Rank(long unixMilliseconds, int priority) => unixMilliseconds - (priority * (long)Level.TotalMilliseconds);
}
