using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every store of metrics promises. One subclass an implementation.</summary>
public abstract class MetricStoreCompliance : IAsyncLifetime
{
    private const long Monday = 1_767_571_200_000; // 2026-01-05
    private const long Day = MetricWindows.Day;

    private int _last;

    protected abstract IMetricStore Metrics { get; }

    protected abstract IAgentStore Agents { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    private AgentMetric Metric(string agent, double value, long at = Monday, string type = MetricTypes.ExecutionTime, string dimension = "") => new(Id(++_last), agent, type, dimension, at, value);

    private static Ulid Id(int n) => new(1_700_000_000_000 + n, 7, (ulong)n);

    private Task AddAsync(string tenant, params AgentMetric[] metrics) => Metrics.AppendAsync(tenant, metrics, false, default).AsTask();

    private static RegisteredAgent Agent(string id, string role, string category) => new(id, id, "llm") { Role = role, Category = category };

    /// <summary>Another order, and every number worked out from all values.</summary>
    private static List<MetricGroup> Naive(IEnumerable<AgentMetric> metrics, MetricFilter filter, MetricWindow window, Func<string, string> name) =>
    [
        .. from m in metrics
           where (filter.Agent ?? m.Agent) == m.Agent && (filter.Type ?? m.Type) == m.Type && (filter.Dimension ?? m.Dimension) == m.Dimension && m.At >= (filter.From ?? long.MinValue) && m.At < (filter.To ?? long.MaxValue)
           group m.Value by (Start: Start(window, m.At), Group: name(m.Agent), m.Type, m.Dimension) into g
           let values = g.Order().ToArray()
           let ranks = new[] { 0.5, 0.95, 0.99 }.Select(p => values[Math.Max(0, (int)Math.Ceiling(p * values.Length) - 1)]).ToArray()
           select new MetricGroup(g.Key.Start, g.Key.Group, g.Key.Type, g.Key.Dimension, new MetricSummary(values.Length, values.Sum(), values[0], values[^1], ranks[0], ranks[1], ranks[2])),
    ];

    private static long Start(MetricWindow window, long at)
    {
        DateTime time = DateTimeOffset.FromUnixTimeMilliseconds(at).UtcDateTime;
        DateTime start = window switch
        {
            MetricWindow.Minute => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMinute)),
            MetricWindow.Hour => time.Date.AddHours(time.Hour),
            MetricWindow.Day => time.Date,
            MetricWindow.Week => time.Date.AddDays(-(((int)time.DayOfWeek + 6) % 7)),
            _ => DateTime.UnixEpoch,
        };
        return new DateTimeOffset(start).ToUnixTimeMilliseconds();
    }

    private static void AssertSame(IEnumerable<MetricGroup> expected, IReadOnlyList<MetricGroup>? actual, string? seed = null)
    {
        Assert.NotNull(actual);
        MetricGroup[] ordered = [.. expected.OrderBy(g => g.Start).ThenBy(g => g.Group, StringComparer.Ordinal).ThenBy(g => g.Type, StringComparer.Ordinal).ThenBy(g => g.Dimension, StringComparer.Ordinal)];
        Assert.Equal(ordered.Select(g => (g.Start, g.Group, g.Type, g.Dimension)), actual.Select(g => (g.Start, g.Group, g.Type, g.Dimension)));
        foreach ((MetricSummary e, MetricSummary a) in ordered.Select(g => g.Summary).Zip(actual.Select(g => g.Summary)))
        {
            Assert.True((e.Count, e.Least, e.Most) == (a.Count, a.Least, a.Most), $"{seed}: {e} is {a}");
            Assert.True(Math.Abs(e.Sum - a.Sum) <= 1e-6 * Math.Max(1, Math.Max(Math.Abs(e.Least), Math.Abs(e.Most)) * e.Count), $"{seed}: {e} is {a}");
            foreach ((double exact, double found) in new[] { (e.P50, a.P50), (e.P95, a.P95), (e.P99, a.P99) })
            {
                Assert.True(Math.Abs(exact - found) <= (MetricSketch.Accuracy * Math.Abs(exact) * 1.000001) + 1e-9, $"{seed}: {exact} is {found} in {e} and {a}");
            }
        }
    }

    [Fact]
    public async Task Append_Values_AreListedNewestFirst()
    {
        AgentMetric[] metrics = [Metric("a", 1), Metric("a", 2.5, Monday + 5), Metric("b", -3, Monday + 5), Metric("a", 0.9, Monday - Day, MetricTypes.Quality, "naming")];
        Assert.Equal(4, await Metrics.AppendAsync("t1", metrics, false, default));
        MetricPage page = await Metrics.ListAsync("t1", new MetricFilter(), null, 3, default);
        Assert.Equal([metrics[2], metrics[1], metrics[0]], page.Metrics);
        Assert.Equal((4L, true), (page.Total, page.HasMore));
        page = await Metrics.ListAsync("t1", new MetricFilter(), (page.Metrics[^1].At, page.Metrics[^1].Id), 3, default);
        Assert.Equal([metrics[3]], page.Metrics);
        Assert.False(page.HasMore);
        Assert.Equal(0, (await Metrics.ListAsync("t2", new MetricFilter(), null, 3, default)).Total);
    }

    [Fact]
    public async Task List_Filters_AreExact()
    {
        AgentMetric[] metrics = [Metric("a", 1), Metric("a", 2, Monday + Day, MetricTypes.Cost, MetricTypes.Tokens), Metric("b", 3, Monday + (2 * Day), MetricTypes.Cost, MetricTypes.ApiCalls), Metric("a", 4, Monday + (2 * Day))];
        await AddAsync("t1", metrics);
        async Task<string> OfAsync(MetricFilter filter)
        {
            MetricPage page = await Metrics.ListAsync("t1", filter, null, 2, default);
            return $"{string.Join(' ', page.Metrics.Select(m => m.Value))} of {page.Total}";
        }

        Assert.Equal("4 2 of 3", await OfAsync(new MetricFilter("a")));
        Assert.Equal("3 2 of 2", await OfAsync(new MetricFilter(Type: MetricTypes.Cost)));
        Assert.Equal("3 of 1", await OfAsync(new MetricFilter(Type: MetricTypes.Cost, Dimension: MetricTypes.ApiCalls)));
        Assert.Equal("2 of 1", await OfAsync(new MetricFilter(From: Monday + 1, To: Monday + (2 * Day))));
        Assert.Equal("4 of 1", await OfAsync(new MetricFilter("a", MetricTypes.ExecutionTime, "", Monday + 1)));
        Assert.Equal(" of 0", await OfAsync(new MetricFilter(From: Monday + 5, To: Monday + 5)));
    }

    [Fact]
    public async Task Append_KeyedAgain_IsThereOnce()
    {
        await Agents.CreateAsync("t1", Agent("a", "", ""), default);
        AgentMetric metric = Metric("a", 5, type: MetricTypes.Cost, dimension: MetricTypes.Tokens);
        Assert.Equal(1, await Metrics.AppendAsync("t1", [metric], true, default));
        Assert.Equal(0, await Metrics.AppendAsync("t1", [metric with { At = Monday + 5 }], true, default));
        Assert.Equal(metric, await Metrics.FindKeyedAsync("t1", metric.Id, default));
        Assert.Null(await Metrics.FindKeyedAsync("t2", metric.Id, default));
        Assert.Equal(1, (await Metrics.ListAsync("t1", new MetricFilter(), null, 5, default)).Total);
        Assert.Equal(5, (await Agents.FindAsync("t1", "a", default))!.Budget.Use.Tokens);
        Assert.Equal(1, await Metrics.AppendAsync("t2", [metric], true, default));
    }

    [Fact]
    public async Task Append_Costs_AreTheUseOfTheirAgents()
    {
        await Agents.CreateAsync("t1", Agent("a", "", ""), default);
        await Agents.CreateAsync("t1", Agent("b", "", ""), default);
        await Agents.CreateAsync("t2", Agent("a", "", ""), default);
        await AddAsync(
            "t1",
            Metric("a", 100, type: MetricTypes.Cost, dimension: MetricTypes.Tokens), Metric("a", 20, type: MetricTypes.Cost, dimension: MetricTypes.Tokens), Metric("a", 3, type: MetricTypes.Cost, dimension: MetricTypes.ApiCalls),
            Metric("b", 0.000_000_25, type: MetricTypes.Cost, dimension: MetricTypes.Dollars), Metric("gone", 4, type: MetricTypes.Cost, dimension: MetricTypes.Tokens), Metric("b", 77));
        await AddAsync("t1", Metric("a", 1.5, type: MetricTypes.Cost, dimension: MetricTypes.Dollars));
        Assert.Equal(new AgentSpend(120, 3, 1_500_000_000), (await Agents.FindAsync("t1", "a", default))!.Budget.Use);
        Assert.Equal(new AgentSpend(0, 0, 250), (await Agents.FindAsync("t1", "b", default))!.Budget.Use);
        Assert.Equal(default, (await Agents.FindAsync("t2", "a", default))!.Budget.Use);
    }

    [Fact]
    public async Task Append_CostsAtOnce_AddUp()
    {
        await Agents.CreateAsync("t1", Agent("a", "", ""), default);
        AgentMetric[] metrics = [.. Enumerable.Range(0, 60).Select(i => Metric("a", i, Monday + i, MetricTypes.Cost, MetricTypes.Tokens))];
        await Task.WhenAll(metrics.Select(m => Task.Run(async () => await Metrics.AppendAsync("t1", [m], false, default))));
        Assert.Equal(60 * 59 / 2, (await Agents.FindAsync("t1", "a", default))!.Budget.Use.Tokens);
        AssertSame(Naive(metrics, new MetricFilter(), MetricWindow.Day, a => a), await Metrics.AggregateAsync("t1", new MetricFilter(), MetricWindow.Day, MetricGrouping.Agent, default));
    }

    [Fact]
    public async Task Aggregate_FewValues_IsExact()
    {
        await AddAsync("t1", [.. new[] { 30d, 10, 20, 40 }.Select(v => Metric("a", v))]);
        MetricGroup group = Assert.Single((await Metrics.AggregateAsync("t1", new MetricFilter(), MetricWindow.None, MetricGrouping.None, default))!);
        Assert.Equal(new MetricGroup(0, "", MetricTypes.ExecutionTime, "", new MetricSummary(4, 100, 10, 40, 20, 40, 40)), group);
        Assert.Equal(25, group.Summary.Mean);
        Assert.Empty((await Metrics.AggregateAsync("t2", new MetricFilter(), MetricWindow.None, MetricGrouping.None, default))!);
    }

    [Fact]
    public async Task Aggregate_ByRoleAndCategory_FollowsTheAgents()
    {
        await Agents.CreateAsync("t1", Agent("a", "tester", "x"), default);
        await Agents.CreateAsync("t1", Agent("b", "tester", "y"), default);
        await Agents.CreateAsync("t2", Agent("c", "admin", "z"), default);
        await AddAsync("t1", Metric("a", 1), Metric("b", 2), Metric("c", 4));
        Assert.Equal([("", 4d), ("tester", 3d)], (await Metrics.AggregateAsync("t1", new MetricFilter(), MetricWindow.None, MetricGrouping.Role, default))!.Select(g => (g.Group, g.Summary.Sum)));
        Assert.Equal([("", 4d), ("x", 1d), ("y", 2d)], (await Metrics.AggregateAsync("t1", new MetricFilter(), MetricWindow.None, MetricGrouping.Category, default))!.Select(g => (g.Group, g.Summary.Sum)));
    }

    [Fact]
    public async Task Aggregate_TooManyGroups_IsRefused()
    {
        AgentMetric[] metrics = [.. Enumerable.Range(0, IMetricStore.MaxGroups + 1).Select(i => Metric("a", i, Monday + (i * MetricWindows.Minute)))];
        await AddAsync("t1", metrics[..^1]);
        Assert.Equal(IMetricStore.MaxGroups, (await Metrics.AggregateAsync("t1", new MetricFilter(), MetricWindow.Minute, MetricGrouping.None, default))!.Count);
        await AddAsync("t1", metrics[^1]);
        Assert.Null(await Metrics.AggregateAsync("t1", new MetricFilter(), MetricWindow.Minute, MetricGrouping.None, default));
        Assert.Equal(IMetricStore.MaxGroups + 1, Assert.Single((await Metrics.AggregateAsync("t1", new MetricFilter(), MetricWindow.None, MetricGrouping.None, default))!).Summary.Count);
    }

    /// <summary>Whatever is asked of whatever was added in whatever order, the answer is that of a list.</summary>
    [Fact]
    public async Task Aggregate_RandomMetricsAndQuestions_IsThatOfAList()
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        var roles = new Dictionary<string, string> { ["a"] = "tester", ["b"] = "admin", ["c"] = "tester" };
        foreach ((string id, string role) in roles)
        {
            await Agents.CreateAsync("t1", Agent(id, role, ""), default);
        }

        double[] scales = [1, 1000, 1e-6, 1e9];
        var metrics = new List<AgentMetric>();
        for (int batch = 0; batch < 30; batch++)
        {
            AgentMetric[] some =
            [
                .. Enumerable.Range(0, random.Next(1, 150)).Select(_ => Metric(
                    random.GetItems(["a", "b", "c", "gone"], 1)[0],
                    random.Next(20) == 0 ? 0 : (random.NextDouble() - (random.Next(4) == 0 ? 0.5 : 0)) * scales[random.Next(4)],
                    Monday + (long)(random.NextDouble() * 20 * Day),
                    random.GetItems([MetricTypes.ExecutionTime, MetricTypes.Quality], 1)[0],
                    random.GetItems(["", "naming"], 1)[0])),
            ];
            metrics.AddRange(some);
            await AddAsync("t1", some);
        }

        for (int i = 0; i < 60; i++)
        {
            long? Time() => random.Next(3) switch { 0 => null, 1 => Monday + (random.Next(20) * Day), _ => Monday + (long)(random.NextDouble() * 20 * Day) };
            var filter = new MetricFilter(
                random.Next(2) == 0 ? null : "b", random.Next(2) == 0 ? null : MetricTypes.Quality, random.Next(3) == 0 ? "naming" : null, Time(), Time());
            var window = (MetricWindow)random.Next(5);
            (MetricGrouping by, Func<string, string> name) = random.Next(3) switch
            {
                0 => (MetricGrouping.None, _ => ""),
                1 => (MetricGrouping.Agent, a => a),
                _ => (MetricGrouping.Role, (Func<string, string>)(a => roles.GetValueOrDefault(a, ""))),
            };
            AssertSame(Naive(metrics, filter, window, name), await Metrics.AggregateAsync("t1", filter, window, by, default), $"seed {seed}, {filter} by {window} and {by}");
            Assert.Equal(Naive(metrics, filter, MetricWindow.None, _ => "").Sum(g => g.Summary.Count), (await Metrics.ListAsync("t1", filter, null, 1, default)).Total);
        }
    }
}
