using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Cli.Tests.Servers;

public sealed class TelemetryTests
{
    [Fact]
    public async Task Serve_WithAnOtlpEndpoint_SendsTracesAndMetrics()
    {
        var posts = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        await using WebApplication collector = builder.Build();
        collector.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            // Protocol buffers keep texts as they are.
            posts.AddOrUpdate(context.Request.Path.Value!, static (_, text) => text, static (_, before, text) => before + text, Encoding.Latin1.GetString(body.ToArray()));
        });
        await collector.StartAsync();

        using var af = new Af();
        foreach ((string name, string value) in ((string, string)[])[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Urls.First()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_SERVICE_NAME", "af-under-test"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
            ("OTEL_BSP_SCHEDULE_DELAY", "200")])
        {
            af.Environment[name] = value;
        }

        using AfProcess server = af.Start("serve", "--url", "http://127.0.0.1:0", "-o", "json");
        string url = JsonElement.Parse(await server.LineAsync("url")).GetProperty("url").GetString()!;
        using var http = new HttpClient { BaseAddress = new Uri(url) };
        using var limit = new CancellationTokenSource(Af.Patience);
        while (!Has("/v1/traces", "GET /api/v1/workflows") || !Has("/v1/metrics", "http.server.request.duration") || !Has("/v1/metrics", "agentflow_resident_runs"))
        {
            await http.GetStringAsync("/api/v1/workflows", limit.Token);
            await Task.Delay(50, limit.Token);
        }

        Assert.True(Has("/v1/traces", "af-under-test"));
        Assert.True(Has("/v1/metrics", "af-under-test"));

        bool Has(string path, string text) => posts.GetValueOrDefault(path, "").Contains(text, StringComparison.Ordinal);
    }
}
