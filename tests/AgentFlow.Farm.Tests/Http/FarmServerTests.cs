using System.Net;
using System.Text;
using System.Text.Json;
using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Http;
using AgentFlow.Farm.StressTests;
using AgentFlow.Farm.Tests.Support;

namespace AgentFlow.Farm.Tests.Http;

/// <summary>The whole server over HTTP.</summary>
public sealed class FarmServerTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("farm-http-").FullName;
    private FarmServer _farm = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _farm = await StartAsync(null);
        _http = new HttpClient { BaseAddress = new Uri(_farm.Url), Timeout = TimeSpan.FromMinutes(1) };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _farm.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private Task<FarmServer> StartAsync(string[]? targets) =>
        FarmServer.StartAsync(new FarmServerOptions(new IPEndPoint(IPAddress.Loopback, 0), Path.Combine(_folder, "farm.db"), targets) { Tests = Bench.Hasty }, TestContext.Current.CancellationToken);

    public static TheoryData<string, Func<byte[]>> Defaults => new()
    {
        { "fleet", () => FarmJson.Canonical(FleetGenerator.Fleet(Scale.Small, 12345)) },
        { "fleet?scale=large&seed=-7", () => FarmJson.Canonical(FleetGenerator.Fleet(Scale.Large, -7)) },
        { "team", () => FarmJson.Canonical(FleetGenerator.Team(5, 12345)) },
        { "team?size=10", () => FarmJson.Canonical(FleetGenerator.Team(10, 12345)) },
        { "workflow", () => FarmJson.Canonical(WorkflowGenerator.Single(null, 6, 0, 12345)) },
        { "workflow?workflow_type=saga&num_tasks=20&chaos_rate=1&seed=3&unknown=x", () => FarmJson.Canonical(WorkflowGenerator.Single("saga", 20, 1, 3)) },
        { "workflow-batch", () => FarmJson.Canonical(WorkflowGenerator.Batch(10, 0.1, 12345)) },
        { "workflow-batch?count=100&chaos_rate=5e-1", () => FarmJson.Canonical(WorkflowGenerator.Batch(100, 0.5, 12345)) },
        { "stress-scenario", () => FarmJson.Canonical(ScenarioGenerator.Generate(Scale.Small, 5, 0.2, 12345)) },
        { "stress-scenario?scale=medium&workflow_count=50&chaos_rate=0&seed=9007199254740991", () => FarmJson.Canonical(ScenarioGenerator.Generate(Scale.Medium, 50, 0, 9007199254740991)) },
        { "chaos-catalog", FarmJson.Chaos },
    };

    [Theory]
    [MemberData(nameof(Defaults))]
    public async Task Get_WithAndWithoutParameters_GivesTheGeneratorsBytes(string path, Func<byte[]> expected)
    {
        HttpResponseMessage response = await _http.GetAsync($"/api/agents/{path}");
        Assert.Equal((HttpStatusCode.OK, "application/json"), (response.StatusCode, response.Content.Headers.ContentType!.MediaType));
        Assert.Equal(Encoding.UTF8.GetString(expected()), await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("fleet?scale=huge", "scale", "scale is 'huge'; it takes small, medium or large (default small).")]
    [InlineData("fleet?seed=1.5", "seed", "seed is '1.5'; it takes a whole number from -9007199254740991 to 9007199254740991 (default 12345).")]
    [InlineData("fleet?seed=9007199254740992", "seed", "it takes a whole number")]
    [InlineData("fleet?seed=", "seed", "seed is ''; it takes")]
    [InlineData("fleet?seed=1&seed=2", "seed", "seed stands more than once")]
    [InlineData("team?size=2", "size", "size is '2'; it takes a whole number from 3 to 10 (default 5).")]
    [InlineData("team?size=11", "size", "from 3 to 10")]
    [InlineData("workflow?num_tasks=1", "num_tasks", "from 2 to 20 (default 6)")]
    [InlineData("workflow?num_tasks=21", "num_tasks", "from 2 to 20 (default 6)")]
    [InlineData("workflow?workflow_type=DAG", "workflow_type", "it takes linear, dag, parallel, saga, map_reduce or cyclic (default by the seed).")]
    [InlineData("workflow?chaos_rate=1.01", "chaos_rate", "chaos_rate is '1.01'; it takes a number from 0 to 1 (default 0).")]
    [InlineData("workflow?chaos_rate=NaN", "chaos_rate", "a number from 0 to 1")]
    [InlineData("workflow?chaos_rate=0,5", "chaos_rate", "a number from 0 to 1")]
    [InlineData("workflow-batch?count=101", "count", "from 1 to 100 (default 10)")]
    [InlineData("stress-scenario?workflow_count=51", "workflow_count", "from 1 to 50 (default 5)")]
    [InlineData("stream?rate=0", "rate", "from 1 to 100 (default 10)")]
    [InlineData("stream?rate=101", "rate", "from 1 to 100 (default 10)")]
    [InlineData("stress-test-runs?limit=0", "limit", "from 1 to 1000 (default 50)")]
    public async Task Get_ABadParameter_IsNamedWithItsRangeAndValue(string path, string parameter, string message)
    {
        HttpResponseMessage response = await _http.GetAsync($"/api/agents/{path}");
        await AssertProblemAsync(response, 400, "PARAMETER_INVALID", message, parameter);
    }

    [Fact]
    public async Task Get_SeveralBadParameters_AreAllNamed()
    {
        HttpResponseMessage response = await _http.GetAsync("/api/agents/workflow?num_tasks=x&chaos_rate=y&seed=z");
        JsonElement problem = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(["num_tasks", "chaos_rate", "seed"], problem.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("parameter").GetString()));
    }

    [Fact]
    public async Task Get_AStream_GivesTheGeneratorsWorkflowsOneALine()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        using HttpResponseMessage response = await _http.GetAsync("/api/agents/stream?rate=100&chaos_rate=0.5&seed=7", HttpCompletionOption.ResponseHeadersRead, stop.Token);
        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType!.MediaType);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(stop.Token));
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(Encoding.UTF8.GetString(FarmJson.Canonical(WorkflowGenerator.InStream(i, 0.5, 7))), await lines.ReadLineAsync(stop.Token));
        }
    }

    [Theory]
    [InlineData("GET", "/nowhere", 404, "NOT_FOUND")]
    [InlineData("DELETE", "/api/agents/fleet", 405, "METHOD_NOT_ALLOWED")]
    [InlineData("GET", "/api/agents/run-stress-test", 405, "METHOD_NOT_ALLOWED")]
    [InlineData("GET", "/api/agents/stress-test-runs/none", 404, "RUN_NOT_FOUND")]
    public async Task Send_ToTheWrongPlace_IsExplained(string method, string path, int status, string code) =>
        await AssertProblemAsync(await _http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path)), status, code, "");

    [Theory]
    [InlineData("{", "application/json", 400, "JSON_INVALID", "")]
    [InlineData("[]", "application/json", 400, "JSON_INVALID", "")]
    [InlineData("", "application/json", 400, "JSON_INVALID", "")]
    [InlineData("{}", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE", "")]
    [InlineData("{}", "application/json", 400, "PARAMETER_INVALID", "target_url is ''")]
    [InlineData("""{"target_url":"gopher://x"}""", "application/json", 400, "PARAMETER_INVALID", "target_url is 'gopher://x'")]
    [InlineData("""{"target_url":"http://x","scale":3}""", "application/json", 400, "PARAMETER_INVALID", "scale is '3'")]
    [InlineData("""{"target_url":"http://x","chaos_rate":[1]}""", "application/json", 400, "PARAMETER_INVALID", "chaos_rate is '[1]'")]
    [InlineData("""{"target_url":"http://x","wait_for_completion":"maybe"}""", "application/json", 400, "PARAMETER_INVALID", "wait_for_completion is 'maybe'; it takes true or false (default true).")]
    [InlineData("""{"target_url":"http://x","tenant_id":"a b"}""", "application/json", 400, "PARAMETER_INVALID", "tenant_id takes")]
    public async Task Post_ABadStressTest_IsExplained(string body, string type, int status, string code, string message)
    {
        await AssertProblemAsync(await _http.PostAsync("/api/agents/run-stress-test", new StringContent(body, Encoding.UTF8, type)), status, code, message);
        Assert.Equal(0, (await HistoryAsync()).TotalCount);
    }

    [Fact]
    public async Task Post_ABodyTooLarge_IsRefused() =>
        await AssertProblemAsync(await _http.PostAsync("/api/agents/run-stress-test", new StringContent($$"""{"a":"{{new string('x', 70_000)}}"}""", Encoding.UTF8, "application/json")), 413, "PAYLOAD_TOO_LARGE", "");

    [Fact]
    public async Task Post_AStressTest_AnswersItsRecordAndKeepsIt()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        StressTestRun run = await PostAsync($$"""{"target_url":"{{platform.Url}}","scale":"small","workflow_count":3,"chaos_rate":0.5,"seed":42,"wait_for_completion":true,"tenant_id":"t1","new":1}""", HttpStatusCode.OK);
        Assert.Equal((StressTestStatus.Completed, StressTestOutcome.Passed, "t1", 3, 0.5, 42L), (run.Status, run.Outcome, run.TenantId, run.WorkflowCount, run.ChaosRate, run.Seed));
        Assert.NotNull(run.Analysis);
        string kept = await _http.GetStringAsync($"/api/agents/stress-test-runs/{run.RunId}");
        Assert.Equal(JsonSerializer.Serialize(run, FarmJson.Default.StressTestRun), kept);
        Assert.Equal([run.RunId], (await HistoryAsync()).Runs.Select(r => r.RunId));
    }

    [Fact]
    public async Task Post_WithoutWaiting_AnswersAtOnceAndTheRecordFollows()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        var go = new TaskCompletionSource();
        platform.Habit = async context =>
        {
            await go.Task;
            return false;
        };
        StressTestRun run = await PostAsync($$"""{"target_url":"{{platform.Url}}","wait_for_completion":false}""", HttpStatusCode.Accepted);
        Assert.Equal((StressTestStatus.Running, StressTestOutcome.Pending), (run.Status, run.Outcome));
        go.SetResult();
        Assert.Equal(StressTestStatus.Completed, (await EndOfAsync(run.RunId)).Status);
    }

    /// <summary>A browser that any page may steer reaches this machine's ports under foreign names.</summary>
    [Fact]
    public async Task Get_UnderAForeignName_IsRefused()
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/api/agents/fleet") { Headers = { Host = "evil.example" } };
        await AssertProblemAsync(await _http.SendAsync(request), 403, "PERMISSION_DENIED", "localhost");
    }

    [Fact]
    public async Task Post_ATargetThatIsNotAllowed_IsRefused()
    {
        await using FarmServer guarded = await StartAsync(["aoa.example:8000", "other.example"]);
        using var http = new HttpClient { BaseAddress = new Uri(guarded.Url) };
        var content = new StringContent("""{"target_url":"http://169.254.169.254/latest"}""", Encoding.UTF8, "application/json");
        await AssertProblemAsync(await http.PostAsync("/api/agents/run-stress-test", content), 400, "PARAMETER_INVALID", "169.254.169.254, which this FARM may not test");
    }

    [Theory]
    [InlineData("http://aoa.example:8000", true)]
    [InlineData("http://AOA.example:8000/path", true)]
    [InlineData("http://aoa.example", false)]
    [InlineData("https://other.example:9", true)]
    [InlineData("http://not-other.example", false)]
    public void Refuses_ByHostAndPort_AllowsWhatIsNamed(string url, bool allowed) =>
        Assert.Equal(allowed, new TargetRule(["aoa.example:8000", "other.example"]).Refuses(Bench.Request(url).Target) is null);

    [Fact]
    public async Task Start_ForOthersWithoutTargets_IsRefused() =>
        await Assert.ThrowsAsync<ArgumentException>(() => FarmServer.StartAsync(new FarmServerOptions(new IPEndPoint(IPAddress.Any, 0), Path.Combine(_folder, "x.db")), TestContext.Current.CancellationToken));

    [Fact]
    public async Task Dispose_WhileATestRuns_PutsItsEndOnRecord()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.PollsUntilDone = int.MaxValue;
        string id;
        await using (FarmServer farm = await StartAsync(null))
        {
            using var http = new HttpClient { BaseAddress = new Uri(farm.Url) };
            HttpResponseMessage response = await http.PostAsync("/api/agents/run-stress-test", new StringContent($$"""{"target_url":"{{platform.Url}}","wait_for_completion":false}""", Encoding.UTF8, "application/json"));
            id = JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(), FarmJson.Default.StressTestRun)!.RunId;
        }

        StressTestRun run = await EndOfAsync(id);
        Assert.Equal((StressTestStatus.ExecutionError, "FARM was stopped before the test ended. Start it again."), (run.Status, run.Error));
    }

    private async Task<StressTestRun> PostAsync(string body, HttpStatusCode status)
    {
        HttpResponseMessage response = await _http.PostAsync("/api/agents/run-stress-test", new StringContent(body, Encoding.UTF8, "application/json"));
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == status, text);
        return JsonSerializer.Deserialize(text, FarmJson.Default.StressTestRun)!;
    }

    private async Task<StressTestRuns> HistoryAsync() => JsonSerializer.Deserialize(await _http.GetStringAsync("/api/agents/stress-test-runs"), FarmJson.Default.StressTestRuns)!;

    private async Task<StressTestRun> EndOfAsync(string id)
    {
        while (true)
        {
            StressTestRun run = JsonSerializer.Deserialize(await _http.GetStringAsync($"/api/agents/stress-test-runs/{id}"), FarmJson.Default.StressTestRun)!;
            if (run.Status != StressTestStatus.Running) return run;
        }
    }

    private static async Task AssertProblemAsync(HttpResponseMessage response, int status, string code, string message, string? parameter = null)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, text);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        JsonElement problem = JsonDocument.Parse(text).RootElement;
        Assert.Equal((code, status), (problem.GetProperty("code").GetString(), problem.GetProperty("status").GetInt32()));
        Assert.Contains(message, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        if (parameter is not null)
        {
            Assert.Equal(parameter, problem.GetProperty("errors")[0].GetProperty("parameter").GetString());
        }
    }
}
