using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Agents;

namespace AgentFlow.Engine.Ports;

/// <summary>What was measured of the agents of every tenant. Times are Unix milliseconds. Safe for concurrent calls.</summary>
public interface IMetricStore
{
    /// <summary>Most groups that an answer has.</summary>
    const int MaxGroups = 10_000;

    /// <summary>
    /// Adds metrics, and what they cost to the use of their agents, in one durable transaction. One whose id was added before
    /// under a key is left out.
    /// </summary>
    /// <param name="isKeyed">The ids stand for requests that may be sent again.</param>
    /// <returns>How many are new.</returns>
    ValueTask<int> AppendAsync(string tenant, IReadOnlyList<AgentMetric> metrics, bool isKeyed, CancellationToken cancellationToken);

    /// <summary>A metric that was added under a key.</summary>
    ValueTask<AgentMetric?> FindKeyedAsync(string tenant, Ulid id, CancellationToken cancellationToken);

    /// <summary>Newest first.</summary>
    ValueTask<MetricPage> ListAsync(string tenant, MetricFilter filter, (long At, Ulid Id)? after, int size, CancellationToken cancellationToken);

    /// <summary>
    /// What the metrics come to, by type, dimension, and what is asked; ordered by window, group, type and dimension. Count, least
    /// and most are exact, sum and mean as exact as doubles add up. Percentiles are exact or, where a store counts in bins
    /// (<see cref="MetricSketch"/>), within <see cref="MetricSketch.Accuracy"/>.
    /// </summary>
    /// <returns><see langword="null"/> when there are more than <see cref="MaxGroups"/>.</returns>
    ValueTask<IReadOnlyList<MetricGroup>?> AggregateAsync(string tenant, MetricFilter filter, MetricWindow window, MetricGrouping by, CancellationToken cancellationToken);
}

/// <summary>Which metrics. What is <see langword="null"/> does not restrict.</summary>
/// <param name="From">Inclusive.</param>
/// <param name="To">Exclusive.</param>
public sealed record MetricFilter(string? Agent = null, string? Type = null, string? Dimension = null, long? From = null, long? To = null);

/// <param name="Total">All that match, on whatever page.</param>
public sealed record MetricPage(IReadOnlyList<AgentMetric> Metrics, long Total, bool HasMore);

/// <summary>How time is divided, in UTC.</summary>
public enum MetricWindow
{
    /// <summary>Not at all.</summary>
    None,
    Minute,
    Hour,
    Day,

    /// <summary>From Monday.</summary>
    Week,
}

/// <summary>What else keeps values apart. An agent that is gone has neither role nor category.</summary>
public enum MetricGrouping
{
    None,
    Agent,
    Role,
    Category,
}

/// <param name="Start">Where the window begins; 0 without windows.</param>
/// <param name="Group">Id of the agent, role or category; empty without grouping.</param>
public sealed record MetricGroup(long Start, string Group, string Type, string Dimension, MetricSummary Summary);

/// <summary>The lengths of windows.</summary>
public static class MetricWindows
{
    public const long Minute = 60_000;
    public const long Hour = 60 * Minute;
    public const long Day = 24 * Hour;
    public const long Week = 7 * Day;

    // The epoch was a Thursday.
    private const long ToMonday = 3 * Day;

    /// <summary>In milliseconds, and how far windows begin before multiples of it.</summary>
    public static (long Length, long Shift) Of(MetricWindow window) => window switch
    {
        MetricWindow.Minute => (Minute, 0),
        MetricWindow.Hour => (Hour, 0),
        MetricWindow.Day => (Day, 0),
        MetricWindow.Week => (Week, ToMonday),
        _ => (long.MaxValue, 0),
    };

    /// <summary>Where the window of a time begins.</summary>
    public static long StartOf(MetricWindow window, long at)
    {
        if (window == MetricWindow.None)
        {
            return 0;
        }

        (long length, long shift) = Of(window);
        return ((at + shift) / length * length) - shift;
    }
}
