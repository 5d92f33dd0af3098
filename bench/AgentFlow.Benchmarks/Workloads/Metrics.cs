using System.Diagnostics;
using AgentFlow.Benchmarks.Stores;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Benchmarks.Workloads;

/// <summary>A million metrics: what recording one costs, and what adding them up by day and agent takes.</summary>
internal static class Metrics
{
    private const int Total = 1_000_000;
    private const int Agents = 207;
    private const int Days = 30;
    private const int Batch = 1_000;
    private const int Rounds = 5;
    private const long Start = 1_767_571_200_000; // 2026-01-05, a Monday
    private const string Tenant = "default";

    private static readonly string[] Header = ["store", "question", "groups", "median ms", "slowest ms"];

    public static async Task RunAsync(Report report, IStorage storage)
    {
        await using IPlace place = await storage.CreateAsync();
        await using OpenedStore store = await OpenedStore.OpenAsync(place.Address);
        var random = new Random(7);
        var watch = Stopwatch.StartNew();
        for (int done = 0; done < Total; done += Batch)
        {
            AgentMetric[] some = [.. Enumerable.Range(done, Batch).Select(i => Metric(i, random))];
            await store.Metrics.AppendAsync(Tenant, some, isKeyed: false, default);
        }

        report.Add($"{Total:N0} metrics of {Agents} agents over {Days} days", ["store", "recorded per second, 1,000 a request", "bytes a metric"], storage.Name, Total / watch.Elapsed.TotalSeconds, await place.BytesAsync() / (double)Total);
        long middle = Start + (long)((Days / 2 - 0.3) * MetricWindows.Day);
        (string Name, MetricFilter Filter, MetricWindow Window, MetricGrouping By)[] questions =
        [
            ("by day and agent", new MetricFilter(), MetricWindow.Day, MetricGrouping.Agent),
            ("by day and agent, from and to within a day", new MetricFilter(From: Start + 1000, To: middle), MetricWindow.Day, MetricGrouping.Agent),
            ("all together", new MetricFilter(), MetricWindow.None, MetricGrouping.None),
            ("one agent by day", new MetricFilter("agent-7"), MetricWindow.Day, MetricGrouping.None),
            ("by hour", new MetricFilter(), MetricWindow.Hour, MetricGrouping.None),
        ];
        foreach ((string name, MetricFilter filter, MetricWindow window, MetricGrouping by) in questions)
        {
            var times = new List<double>();
            int groups = 0;
            for (int i = 0; i < Rounds; i++)
            {
                watch.Restart();
                groups = (await store.Metrics.AggregateAsync(Tenant, filter, window, by, default))!.Count;
                times.Add(watch.Elapsed.TotalMilliseconds);
            }

            report.Add("A million metrics added up", Header, storage.Name, name, groups, times.Order().ElementAt(Rounds / 2), times.Max());
        }
    }

    private static AgentMetric Metric(int i, Random random) => new(
        new Ulid(Start + i, 1, (ulong)i), $"agent-{random.Next(Agents)}", MetricTypes.ExecutionTime, "", Start + (long)(random.NextDouble() * Days * MetricWindows.Day), Math.Exp(4 + (2 * random.NextDouble()) + random.NextDouble()));
}
