using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using AgentFlow.Server.Features.Monitoring;
using Microsoft.Extensions.DependencyInjection;

namespace AgentFlow.Server.Tests.Features.Monitoring;

public sealed class PrometheusTests
{
    private static void NeedsPrometheus() => Assert.SkipUnless(File.Exists("/usr/bin/promtool"), "Debian's prometheus is not installed, which ./test does where it may");

    private static async Task<(int Code, string Output)> PromtoolAsync(string? input, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("/usr/bin/promtool", arguments)
        {
            WorkingDirectory = Repository.Folder("deploy", "prometheus"),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync() + await errors;
        await process.WaitForExitAsync();
        return (process.ExitCode, output);
    }

    [Theory]
    [InlineData("check", "config", "prometheus.yml")]
    [InlineData("check", "rules", "agentflow-rules.yml")]
    [InlineData("test", "rules", "agentflow-rules-test.yml")]
    public async Task Shipped_Files_AreAccepted(params string[] arguments)
    {
        NeedsPrometheus();
        (int code, string output) = await PromtoolAsync(null, arguments);
        Assert.True(code == 0, output);
    }

    [Fact]
    public async Task Metrics_OfARunningServer_AreAccepted()
    {
        NeedsPrometheus();
        await using RunningServer server = await RunningServer.StartAsync();
        await server.SaveAsync(Flows.Loop(2));
        await server.EndAsync(await server.StartAsync("loop"));
        (int code, string output) = await PromtoolAsync((await server.GetAsync("/metrics")).Text, "check", "metrics");
        // 3 is advice on names, of which the framework's own have some.
        Assert.True(code is 0 or 3, output);
        Assert.DoesNotContain("error while linting", output);
    }

    [Fact]
    public async Task Prometheus_Scrape_FindsTheServerUpAndTheRulesCurrent()
    {
        NeedsPrometheus();
        await using RunningServer server = await RunningServer.StartAsync();
        string folder = Directory.CreateTempSubdirectory("agentflow-prometheus-").FullName;
        string config = await File.ReadAllTextAsync(Repository.Folder("deploy", "prometheus", "prometheus.yml"));
        await File.WriteAllTextAsync(Path.Combine(folder, "prometheus.yml"), config.Replace("127.0.0.1:8000", server.Address.Authority, StringComparison.Ordinal).Replace("15s", "200ms", StringComparison.Ordinal));
        File.Copy(Repository.Folder("deploy", "prometheus", "agentflow-rules.yml"), Path.Combine(folder, "agentflow-rules.yml"));
        int port = FreePort();
        using var process = Process.Start(new ProcessStartInfo("prometheus", ["--config.file=prometheus.yml", string.Create(CultureInfo.InvariantCulture, $"--web.listen-address=127.0.0.1:{port}"), "--storage.tsdb.path=data", "--log.level=error"])
        {
            WorkingDirectory = folder,
            RedirectStandardError = true,
        })!;
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        try
        {
            using var http = new HttpClient { BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")) };
            Assert.Equal("1", await ValueAsync(http, "up{job=\"agentflow\"}"));
            Assert.Equal("0", await ValueAsync(http, "agentflow_resident_runs"));
            Assert.NotEqual("0", await ValueAsync(http, "http_server_request_duration_seconds_count{http_route=\"/metrics\"}"));
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Write_Instruments_AreMappedAsOpenTelemetrySays()
    {
        using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var factory = services.GetRequiredService<IMeterFactory>();
        using var metrics = new PrometheusMetrics(factory);
        Meter meter = factory.Create("AgentFlow.Test");
        Counter<long> counter = meter.CreateCounter<long>("af.calls", "{call}", "Calls.\nAll of them.");
        counter.Add(2, KeyValuePair.Create<string, object?>("name", "a\"b\\c\nd"));
        counter.Add(3, KeyValuePair.Create<string, object?>("name", "a\"b\\c\nd"));
        Histogram<double> histogram = meter.CreateHistogram<double>("af.time", "s");
        histogram.Record(0.1);
        histogram.Record(0.11, KeyValuePair.Create<string, object?>("ok", true));
        histogram.Record(99);
        meter.CreateHistogram<double>("af_error_ratio").Record(0.04);
        meter.CreateUpDownCounter<int>("af.size", "By").Add(-3);
        meter.CreateObservableGauge("af.now", () => 1.5);
        meter.CreateObservableCounter("af.seen", () => 7L);
        string text = metrics.Write();
        Assert.Contains("# HELP af_calls_total Calls.\\nAll of them.\n# TYPE af_calls_total counter\naf_calls_total{name=\"a\\\"b\\\\c\\nd\"} 5\n", text);
        Assert.Contains("af_time_seconds_bucket{le=\"0.1\"} 1\n", text);
        Assert.Contains("af_time_seconds_bucket{le=\"+Inf\"} 2\naf_time_seconds_sum 99.1\naf_time_seconds_count 2\n", text);
        Assert.Contains("af_time_seconds_bucket{ok=\"true\",le=\"0.1\"} 0\naf_time_seconds_bucket{ok=\"true\",le=\"0.12\"} 1\n", text);
        Assert.Contains("af_error_ratio_bucket{le=\"0.02\"} 0\naf_error_ratio_bucket{le=\"0.05\"} 1\n", text);
        Assert.Contains("# TYPE af_size_bytes gauge\naf_size_bytes -3\n", text);
        Assert.Contains("af_now 1.5\n", text);
        Assert.Contains("# TYPE af_seen_total counter\naf_seen_total 7\n", text);
        Assert.Contains("af_seen_total 7\n", metrics.Write());
    }

    [Fact]
    public void Write_MoreLabelsThanAnybodyWants_BecomesOneSeries()
    {
        using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var factory = services.GetRequiredService<IMeterFactory>();
        using var metrics = new PrometheusMetrics(factory);
        Counter<int> counter = factory.Create("AgentFlow.Test").CreateCounter<int>("many");
        for (int i = 0; i < 5000; i++)
        {
            counter.Add(1, KeyValuePair.Create<string, object?>("i", i));
        }

        string text = metrics.Write();
        Assert.Contains("many_total{otel_metric_overflow=\"true\"} 4000\n", text);
        Assert.Equal(1001, text.Split('\n').Count(l => l.StartsWith("many_total", StringComparison.Ordinal)));
    }

    private static async Task<string> ValueAsync(HttpClient http, string query)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            try
            {
                JsonElement answer = JsonElement.Parse(await http.GetByteArrayAsync("/api/v1/query?query=" + Uri.EscapeDataString(query), limit.Token));
                if (answer.GetProperty("data").GetProperty("result").EnumerateArray().FirstOrDefault() is { ValueKind: JsonValueKind.Object } series)
                {
                    return series.GetProperty("value")[1].GetString()!;
                }
            }
            catch (HttpRequestException)
            {
                // It starts.
            }

            await Task.Delay(50, limit.Token);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
