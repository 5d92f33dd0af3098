using System.Runtime.InteropServices;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Sqlite;

/// <summary>The sketches of an aggregate, by window, group, type and dimension.</summary>
/// <param name="name">What an agent is grouped under; <see langword="null"/>: agents are not kept apart.</param>
internal sealed class MetricGroups(MetricWindow window, Func<string, string>? name)
{
    private readonly Dictionary<(long Start, string Group, string Type, string Dimension), MetricSketch> _groups = [];
    private bool _isFull;

    public long Count => _groups.Values.Sum(g => g.Count);

    /// <returns><see langword="null"/> when there are too many.</returns>
    public MetricSketch? Of(string agent, string type, string dimension, long at)
    {
        ref MetricSketch? group = ref CollectionsMarshal.GetValueRefOrAddDefault(_groups, (MetricWindows.StartOf(window, at), name is null ? "" : name(agent), type, dimension), out bool exists);
        if (!exists && _groups.Count > IMetricStore.MaxGroups)
        {
            _isFull = true;
            _groups.Clear();
        }

        return _isFull ? null : group ??= new MetricSketch();
    }

    /// <returns><see langword="null"/> when there were too many.</returns>
    public IReadOnlyList<MetricGroup>? ToList() => _isFull
        ? null
        : [.. _groups.OrderBy(g => g.Key.Start).ThenBy(g => g.Key.Group, StringComparer.Ordinal).ThenBy(g => g.Key.Type, StringComparer.Ordinal).ThenBy(g => g.Key.Dimension, StringComparer.Ordinal)
            .Select(g => new MetricGroup(g.Key.Start, g.Key.Group, g.Key.Type, g.Key.Dimension, g.Value.Summarize()))];
}
