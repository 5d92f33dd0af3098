using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>Chooses who gets a task: of the agents that can do it and may, a healthy one before a degraded one, and of those the one with the fewest tasks.</summary>
internal sealed class AgentChoice(BridgeSettings settings, AgentRules rules, AgentPacing pacing, IAgentStore agents, IBridgeTaskStore tasks)
{
    /// <summary>Agents that could do it at some time, whatever their state, the best first.</summary>
    /// <param name="only">The one that may; <see langword="null"/>: any.</param>
    public async ValueTask<IReadOnlyList<RegisteredAgent>> CandidatesAsync(string tenant, string action, string? only, CancellationToken cancellationToken)
    {
        // Tokens say nothing of tenants: what agents send is this one's.
        if (tenant != settings.Tenant)
        {
            return [];
        }

        IReadOnlyList<RegisteredAgent> capable = only is null
            ? await agents.FindCapableAsync(tenant, action, cancellationToken).ConfigureAwait(false)
            : await agents.FindAsync(tenant, only, cancellationToken).ConfigureAwait(false) is { } named ? [named] : [];
        RegisteredAgent[] willing = [.. capable.Where(a => a is { Kind: AgentKinds.Remote, BaseUrl: not null } && rules.IsAllowed(a.Id))];
        if (willing.Length < 2)
        {
            return willing;
        }

        IReadOnlyDictionary<string, int> loads = await tasks.LoadsAsync(tenant, cancellationToken).ConfigureAwait(false);
        return [.. willing.OrderBy(a => Rank(a.Status)).ThenBy(a => pacing.Wait(a.Id)).ThenBy(a => loads.GetValueOrDefault(a.Id)).ThenBy(a => a.Id, StringComparer.Ordinal)];
    }

    /// <summary>The agent that gets the task now, with one of its turns taken; otherwise how long at least nobody takes any, and why.</summary>
    /// <param name="held">The agent that may have it already: the same one again, unless it is gone.</param>
    public async ValueTask<(RegisteredAgent? Agent, TimeSpan Wait, string Why)> TakeAsync(string tenant, string action, string? only, string? held, CancellationToken cancellationToken)
    {
        IReadOnlyList<RegisteredAgent> candidates = await CandidatesAsync(tenant, action, only, cancellationToken).ConfigureAwait(false);
        if (candidates.Count == 0)
        {
            return (null, TimeSpan.Zero, only is null ? $"no agent has the capability '{action}'" : $"'{only}' is not registered");
        }

        RegisteredAgent[] present = [.. candidates.Where(a => a.Status != AgentStatus.Offline).OrderBy(a => a.Id != held)];
        if (present.Length == 0)
        {
            return (null, TimeSpan.Zero, $"{string.Join(", ", candidates.Take(5).Select(a => a.Id))} {(candidates.Count == 1 ? "is" : "are")} offline");
        }

        TimeSpan least = TimeSpan.MaxValue;
        foreach (RegisteredAgent agent in present)
        {
            TimeSpan wait = pacing.Take(agent.Id);
            if (wait <= TimeSpan.Zero)
            {
                return (agent, TimeSpan.Zero, "");
            }

            least = wait < least ? wait : least;
        }

        return (null, least, $"{string.Join(", ", present.Take(5).Select(a => a.Id))} take{(present.Length == 1 ? "s" : "")} no task for {least.TotalSeconds:0.#} s");
    }

    private static int Rank(string status) => status switch { AgentStatus.Online => 0, AgentStatus.Degraded => 1, _ => 2 };
}
