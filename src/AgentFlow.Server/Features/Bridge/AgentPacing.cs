using System.Collections.Concurrent;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Access.Limits;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>
/// When each agent may be sent the next task: not before the time that its last 429 named, and not faster than its known rate.
/// In memory: what a restart forgets, the next 429 tells. Safe for concurrent calls.
/// </summary>
internal sealed class AgentPacing(BridgeSettings settings, TimeProvider clock)
{
    // Of an agent that says 429 and not for how long.
    private static readonly TimeSpan Usual = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, DateTimeOffset> _busyUntil = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RateLimiter> _rates = settings.Agents.Where(a => a.TasksPerMinute is not null)
        .ToDictionary(a => a.Id, a => new RateLimiter(new RateLimit(a.TasksPerMinute!.Value, a.TasksPerMinute.Value / 60.0), clock), StringComparer.Ordinal);

    /// <summary>Until the agent takes tasks again by what it said; zero when it does.</summary>
    public TimeSpan Wait(string agent) => _busyUntil.TryGetValue(agent, out DateTimeOffset until) && until > clock.GetUtcNow() ? until - clock.GetUtcNow() : TimeSpan.Zero;

    /// <summary>Takes one of the agent's turns.</summary>
    /// <returns>Zero, or how long it has none.</returns>
    public TimeSpan Take(string agent)
    {
        TimeSpan wait = Wait(agent);
        return wait > TimeSpan.Zero ? wait : _rates.TryGetValue(agent, out RateLimiter? rate) && rate.Take(agent) is { IsAllowed: false } answer ? answer.RetryAfter : TimeSpan.Zero;
    }

    /// <summary>The agent has said that it takes none for a while.</summary>
    public void Hold(string agent, TimeSpan? asked)
    {
        TimeSpan wait = asked is { } time && time > TimeSpan.Zero ? time : Usual;
        _busyUntil[agent] = clock.GetUtcNow() + (wait < Longest ? wait : Longest);
    }
}
