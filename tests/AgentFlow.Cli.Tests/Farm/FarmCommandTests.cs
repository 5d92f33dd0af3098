using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Farm;

public sealed class FarmCommandTests : IDisposable
{
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Generate_ByVerbAndByServer_GivesTheSameBytes()
    {
        using AfProcess server = _af.Start("farm", "serve", "--url", "http://127.0.0.1:0", "-o", "json");
        string url = JsonElement.Parse(await server.LineAsync("url")).GetProperty("url").GetString()!;
        using var http = new HttpClient { BaseAddress = new Uri(url) };
        foreach (var (verb, path) in new (string[], string)[]
        {
            (["fleet", "--scale", "medium", "--seed", "-3"], "fleet?scale=medium&seed=-3"),
            (["workflow", "--workflow-type", "cyclic", "--num-tasks", "9", "--chaos-rate", "0.25"], "workflow?workflow_type=cyclic&num_tasks=9&chaos_rate=0.25"),
            (["scenario", "--workflow-count", "3", "--seed", "42"], "stress-scenario?workflow_count=3&seed=42"),
        })
        {
            _af.Environment["LC_ALL"] = "de_DE.UTF-8";
            _af.Environment["TZ"] = "Pacific/Chatham";
            AfResult result = await _af.RunAsync(["farm", .. verb]);
            Assert.Equal((ExitCode.Ok, await http.GetStringAsync($"/api/agents/{path}") + Environment.NewLine), (result.Code, result.Out));
        }

        server.SendTerminate();
        Assert.Equal(ExitCode.Ok, (await server.EndAsync()).Code);
    }

    /// <summary>Killed while a test waits: what had ended is there, and the interrupted one is not called running for ever.</summary>
    [Fact]
    public async Task Serve_KilledWithATestUnderWay_KeepsItsHistory()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        string ended, interrupted;
        using (AfProcess server = _af.Start("farm", "serve", "--url", "http://127.0.0.1:0", "-o", "json"))
        {
            using HttpClient http = new() { BaseAddress = new Uri(JsonElement.Parse(await server.LineAsync("url")).GetProperty("url").GetString()!) };
            ended = (await StartAsync(http, "http://127.0.0.1:1", wait: true)).GetProperty("run_id").GetString()!;
            interrupted = (await StartAsync(http, $"http://{silent.LocalEndpoint}", wait: false)).GetProperty("run_id").GetString()!;
            server.SendKill();
            await server.EndAsync();
        }

        using AfProcess again = _af.Start("farm", "serve", "--url", "http://127.0.0.1:0", "-o", "json");
        using var other = new HttpClient { BaseAddress = new Uri(JsonElement.Parse(await again.LineAsync("url")).GetProperty("url").GetString()!) };
        JsonElement list = await other.GetFromJsonAsync<JsonElement>("/api/agents/stress-test-runs?limit=10");
        Assert.Equal([interrupted, ended], list.GetProperty("runs").EnumerateArray().Select(r => r.GetProperty("run_id").GetString()));
        Assert.Equal(["running", "fleet_ingestion_failed"], list.GetProperty("runs").EnumerateArray().Select(r => r.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task Run_AgainstNobody_EndsAsUnreachableAndIsOnRecord()
    {
        AfResult result = await _af.RunAsync("farm", "run", "--target", "http://127.0.0.1:1", "-o", "json");
        Assert.True(result.Code == ExitCode.Unreachable, $"{result}");
        JsonElement run = JsonElement.Parse(result.Out);
        Assert.Equal(("fleet_ingestion_failed", "failed"), (run.GetProperty("status").GetString(), run.GetProperty("outcome").GetString()));
        Assert.True(File.Exists(Path.Combine(_af.Folder, ".af", "farm.db")));
    }

    [Theory]
    [InlineData("PASS", ExitCode.Ok, "Stress test passed")]
    [InlineData("DEGRADED", ExitCode.Degraded, "Stress test passed in part")]
    [InlineData("FAIL", ExitCode.Failed, "Stress test failed")]
    public async Task Run_APlatform_EndsByItsVerdict(string verdict, int code, string title)
    {
        using var platform = new SmallPlatform(request => request.Contains("/scenario/", StringComparison.Ordinal)
            ? $$"""{"status":"completed","verdict":"{{verdict}}","completion_rate":1,"chaos_recovery_rate":1}"""
            : """{"status":"ok"}""");
        AfResult result = await _af.RunAsync("farm", "run", "--target", platform.Url, "--events", "none", "--tenant", "acme");
        Assert.True(result.Code == code, $"{result}");
        Assert.StartsWith(title, result.Out, StringComparison.Ordinal);
        Assert.Contains("Reliability: PASS", result.Out, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', result.Out);
        Assert.All(platform.Requests, r => Assert.Contains("X-Tenant-ID: acme", r, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stream_IntoAPlatform_ReportsWhatBecameOfEach()
    {
        int asked = 0;
        using var platform = new SmallPlatform(_ => Interlocked.Increment(ref asked) % 4 == 0 ? null : """{"status":"queued","execution_id":"e"}""");
        AfResult result = await _af.RunAsync("farm", "stream", "--target", platform.Url, "--rate", "50", "--duration", "1s", "-o", "json");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        JsonElement report = JsonElement.Parse(result.Out);
        Assert.Equal((50, 50, 0), (report.GetProperty("due").GetInt32(), report.GetProperty("accepted").GetInt32(), report.GetProperty("undelivered").GetInt32()));
        Assert.True(report.GetProperty("busy").GetInt32() > 0);
        AfResult table = await _af.RunAsync("farm", "stream", "--target", platform.Url, "--rate", "20", "--duration", "500ms");
        Assert.Matches(@"\nfrom due to taken +[0-9.]+ +[0-9.]+", table.Out);
    }

    [Fact]
    public async Task Stream_WithoutATarget_PrintsWorkflows()
    {
        AfResult result = await _af.RunAsync("farm", "stream", "--rate", "100", "--duration", "50ms");
        string[] lines = result.Out.TrimEnd().Split('\n');
        Assert.Equal([0, 1, 2, 3, 4], lines.Select(l => JsonElement.Parse(l).GetProperty("stream_sequence").GetInt32()));
    }

    [Theory]
    [InlineData("--seed is 'x'", "farm", "fleet", "--seed", "x")]
    [InlineData("--workflow-count is '51'", "farm", "scenario", "--workflow-count", "51")]
    [InlineData("--duration is '5'", "farm", "stream", "--duration", "5")]
    [InlineData("--target", "farm", "run")]
    [InlineData("--target is 'localhost:8000'", "farm", "run", "--target", "localhost:8000")]
    [InlineData("--allow-target", "farm", "serve", "--url", "http://0.0.0.0:0")]
    [InlineData("plain HTTP", "farm", "serve", "--url", "https://127.0.0.1:0")]
    public async Task Misuse_IsExplained(string message, params string[] arguments)
    {
        AfResult result = await _af.RunAsync(arguments);
        Assert.Equal((ExitCode.Usage, ""), (result.Code, result.Out));
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Serve_OnATakenPort_SaysSo()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        AfResult result = await _af.RunAsync("farm", "serve", "--url", $"http://{taken.LocalEndpoint}");
        Assert.True(result.Code == ExitCode.Failed, $"{result}");
        Assert.Contains("--url", result.Error, StringComparison.Ordinal);
    }

    private static async Task<JsonElement> StartAsync(HttpClient http, string target, bool wait)
    {
        HttpResponseMessage response = await http.PostAsJsonAsync("/api/agents/run-stress-test", new { target_url = target, wait_for_completion = wait });
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    /// <summary>Answers every request with JSON, or with 429 where there is none.</summary>
    private sealed class SmallPlatform : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _requests = new();

        public SmallPlatform(Func<string, string?> answer)
        {
            using (var probe = new TcpListener(IPAddress.Loopback, 0))
            {
                probe.Start();
                Url = $"http://{probe.LocalEndpoint}";
            }

            _listener.Prefixes.Add(Url + "/");
            _listener.Start();
            _ = ServeAsync(answer);
        }

        public string Url { get; }

        public IEnumerable<string> Requests => _requests;

        public void Dispose() => _listener.Close();

        private async Task ServeAsync(Func<string, string?> answer)
        {
            while (_listener.IsListening)
            {
                HttpListenerContext context;
                try
                {
                    context = await _listener.GetContextAsync();
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }

                await context.Request.InputStream.CopyToAsync(Stream.Null);
                _requests.Enqueue($"{context.Request.HttpMethod} {context.Request.Url!.AbsolutePath} X-Tenant-ID: {context.Request.Headers["X-Tenant-ID"]}");
                string? body = answer(context.Request.Url.AbsolutePath);
                context.Response.StatusCode = body is null ? 429 : 200;
                if (body is null) context.Response.Headers["Retry-After"] = "0";
                context.Response.Close(Encoding.UTF8.GetBytes(body ?? ""), willBlock: false);
            }
        }
    }
}
