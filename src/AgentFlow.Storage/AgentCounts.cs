using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage;

/// <summary>Adds up groups of agents into what each of their properties comes to.</summary>
internal sealed class AgentCounts
{
    private readonly Dictionary<string, long> _kinds = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _roles = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _categories = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _statuses = new(StringComparer.Ordinal);
    private long _total;

    public void Add(string kind, string role, string category, string status, long count)
    {
        _total += count;
        foreach ((Dictionary<string, long> counts, string key) in new[] { (_kinds, kind), (_roles, role), (_categories, category), (_statuses, status) })
        {
            counts[key] = counts.GetValueOrDefault(key) + count;
        }
    }

    public AgentStats ToStats(AgentSpend limits, AgentSpend use, long overBudget) => new(_total, _kinds, _roles, _categories, _statuses, limits, use, overBudget);
}
