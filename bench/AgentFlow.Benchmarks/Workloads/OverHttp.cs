using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using AgentFlow.Benchmarks.Stores;
using AgentFlow.Server;
using AgentFlow.Server.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Benchmarks.Workloads;

/// <summary>Whole runs through the real server on a loopback port; the clients share the process and its processors.</summary>
internal static class OverHttp
{
    public static async Task WorkflowsAsync(Report report, IStorage storage, string name, string title, int[] concurrencies, TimeSpan round)
    {
        await using IPlace place = await storage.CreateAsync();
        int port = FreePort();
        WebApplication app = await AgentFlowApp.BuildAsync(new ServerOptions
        {
            Store = place.Address.StartsWith(SqliteStorage.Prefix, StringComparison.Ordinal)
                ? new StoreAddress.Sqlite(place.Address[SqliteStorage.Prefix.Length..])
                : new StoreAddress.Postgres(place.Address),
            Listen = new ListenAddress.Tcp(IPAddress.Loopback, port),
            LogLevel = LogLevel.Warning,
            HandlesSignals = false,
        });
        await app.StartAsync();
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 256 }) { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        using (HttpResponseMessage saved = await client.PostAsync("/api/v1/workflows", new StringContent(Bench.Yaml(name), Encoding.UTF8, "application/yaml")))
        {
            saved.EnsureSuccessStatusCode();
        }

        byte[] body = """{"input":{"message":"hello"}}"""u8.ToArray();
        string path = $"/api/v1/workflows/{name}/execute";
        foreach (int concurrency in concurrencies)
        {
            Measured result = await Load.RunAsync(concurrency, round, async () =>
            {
                using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
                using HttpResponseMessage response = await client.PostAsync(path, content);
                string text = await response.Content.ReadAsStringAsync();
                if (!text.Contains("\"completed\"", StringComparison.Ordinal))
                {
                    throw new InvalidOperationException($"{response.StatusCode}: {text}");
                }
            });
            report.Add(title, ["store", "concurrency", "per second", "p50 ms", "p95 ms", "p99 ms"], storage.Name, concurrency, result.PerSecond, result.P50, result.P95, result.P99);
        }

        await app.StopAsync();
        await app.DisposeAsync();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
