using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Activities;

[Trait("Suite", "slow")]
public sealed class ActivityLoadTests
{
    [Theory]
    [InlineData(500, 300, 20)]
    [InlineData(1000, 60, 5)]
    public async Task Stream_ManyClients_AllGetEverythingInOrder(int clients, int events, int perSecond)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        var latencies = new ConcurrentBag<double>();
        Task[] reading = [.. Enumerable.Range(0, clients).Select(_ => ReadAsync())];
        while (server.Activity.Readers < clients)
        {
            await Task.WhenAny(Task.Delay(20, limit.Token), Task.WhenAny(reading));
            Assert.DoesNotContain(reading, r => r.IsFaulted);
        }

        // Runs beside it: the load that the stream has to live with. They are told too.
        await server.SaveAsync(Flows.Loop(20));
        using var stop = new CancellationTokenSource();
        Task load = LoadAsync(stop.Token);
        for (int i = 0; i < events; i++)
        {
            byte[] data = Encoding.UTF8.GetBytes($$"""{"n":{{i}},"at":{{Stopwatch.GetTimestamp()}}}""");
            server.Activity.Publish(new AgentFlow.Server.Features.Activities.ActivityEvent("default", "agent.activated", data) { AgentId = "a1" });
            await Task.Delay(TimeSpan.FromSeconds(1.0 / perSecond), limit.Token);
        }

        await Task.WhenAll(reading);
        await stop.CancelAsync();
        await load;
        double[] sorted = [.. latencies.Order()];
        double Quantile(double part) => sorted[(int)Math.Ceiling(part * sorted.Length) - 1];
        TestContext.Current.TestOutputHelper?.WriteLine($"{clients} clients, {perSecond} events/s: p50 {Quantile(0.5):0.0} ms, p95 {Quantile(0.95):0.0} ms, p99 {Quantile(0.99):0.0} ms, max {sorted[^1]:0.0} ms");
        Assert.Equal(clients * events, sorted.Length);

        async Task ReadAsync()
        {
            using ClientWebSocket socket = await ActivityClient.ConnectAsync(server, "type=agent.activated", limit.Token);
            int expected = 0;
            await foreach (ReadOnlyMemory<byte> message in ActivityClient.MessagesAsync(socket, limit.Token))
            {
                JsonElement json = JsonElement.Parse(message.Span);
                if (!json.TryGetProperty("data", out JsonElement data))
                {
                    continue;
                }

                latencies.Add(Stopwatch.GetElapsedTime(data.GetProperty("at").GetInt64()).TotalMilliseconds);
                Assert.Equal(expected, data.GetProperty("n").GetInt32());
                if (++expected == events)
                {
                    return;
                }
            }
        }

        async Task LoadAsync(CancellationToken stopped)
        {
            while (!stopped.IsCancellationRequested)
            {
                await server.EndAsync(await server.StartAsync("loop"));
            }
        }
    }
}
