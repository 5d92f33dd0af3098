using System.Net;

namespace AgentFlow.Server.Tests.Features.Runs;

public sealed class TenantTests : IAsyncLifetime
{
    private const string Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("GET", "", null)]
    [InlineData("GET", "/plan", null)]
    [InlineData("GET", "/events", null)]
    [InlineData("GET", "/stream", null)]
    [InlineData("POST", "/cancel", "{}")]
    [InlineData("POST", "/signal", """{"name":"go"}""")]
    [InlineData("POST", "/pause", "{}")]
    [InlineData("POST", "/resume", "{}")]
    [InlineData("POST", "/steps/1/resolve", """{"resolution":"retry"}""")]
    public async Task AnothersRun_IsByteForByteUnknown(string method, string path, string? body)
    {
        await _server.SaveAsync(Flows.Wait, ("X-Tenant-ID", "owner"));
        string id = await _server.StartAsync("wait", "{}", ("X-Tenant-ID", "owner"));
        await _server.RunAsync(id, r => r.GetProperty("status").GetString() == "waiting", ("X-Tenant-ID", "owner"));

        // The same address, once with a run of another tenant behind it and once with nothing.
        Answer anothers = await AskAsync(_server, method, id + path, body);
        await using RunningServer empty = await RunningServer.StartAsync();
        Answer unknown = await AskAsync(empty, method, id + path, body);
        anothers.Problem(HttpStatusCode.NotFound, "RUN_NOT_FOUND");
        Assert.Equal(Everything(unknown), Everything(anothers));

        Assert.Equal("waiting", (await _server.GetAsync($"/api/v1/runs/{id}", ("X-Tenant-ID", "owner"))).Json.GetProperty("status").GetString());
    }

    [Fact]
    public async Task Lists_ShowTheirOwnOnly()
    {
        await _server.SaveAsync(Flows.Echo, ("X-Tenant-ID", "a"));
        await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""", ("X-Tenant-ID", "a"));
        foreach (string path in new[] { "/api/v1/runs", "/api/v1/workflows" })
        {
            Assert.Equal(1, (await _server.GetAsync(path, ("X-Tenant-ID", "a"))).Json.GetProperty("total_count").GetInt32());
            Assert.Equal(0, (await _server.GetAsync(path, ("X-Tenant-ID", "b"))).Json.GetProperty("total_count").GetInt32());
            Assert.Equal(0, (await _server.GetAsync(path)).Json.GetProperty("total_count").GetInt32());
        }

        (await _server.GetAsync("/api/v1/workflows/echo", ("X-Tenant-ID", "b"))).Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
        (await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""", ("X-Tenant-ID", "b"))).Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
    }

    private static Task<Answer> AskAsync(RunningServer server, string method, string path, string? body) => server.SendAsync(
        new HttpMethod(method),
        $"/api/v1/runs/{path}",
        body is null ? null : RunningServer.Content(System.Text.Encoding.UTF8.GetBytes(body), "application/json"),
        ("X-Tenant-ID", "stranger"),
        ("traceparent", Trace));

    private static string Everything(Answer answer)
    {
        IEnumerable<string> headers = answer.Headers.Concat(answer.ContentHeaders).Where(h => h.Key != "Date").Select(h => $"{h.Key}: {string.Join(",", h.Value)}").Order();
        return $"{answer.Status}\n{string.Join('\n', headers)}\n{answer.Text}";
    }
}
