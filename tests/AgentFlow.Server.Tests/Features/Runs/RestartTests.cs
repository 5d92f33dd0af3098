using System.Text.Json;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Tests.Features.Runs;

public sealed class RestartTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync(o => o with { ShutdownTimeout = TimeSpan.FromMilliseconds(200) });

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Restart_WaitingRun_TakesItsSignalAfterwards()
    {
        await _server.SaveAsync(Flows.Wait);
        string id = await _server.StartAsync("wait");
        await _server.InStatusAsync(id, "waiting");
        await using RunningServer next = await _server.RestartAsync();
        Assert.Equal("waiting", Text((await next.GetAsync($"/api/v1/runs/{id}")).Json, "status"));
        await next.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go","payload":"late"}""");
        Assert.Equal("late", (await next.EndAsync(id)).GetProperty("output").GetString());
    }

    [Fact]
    public async Task Restart_StepInFlight_IsTriedAgainUnderTheSameKey()
    {
        await _server.SaveAsync(Flows.Gated);
        string id = await _server.StartAsync("gated", """{"gate":"g"}""");
        JsonElement before = await _server.RunAsync(id, _ => _server.Agents.Calls > 0);
        await using RunningServer next = await _server.RestartAsync();
        next.Agents.Open("g");
        JsonElement run = await next.EndAsync(id);
        Assert.Equal("completed", Text(run, "status"));
        Assert.Equal(2, run.GetProperty("steps")[0].GetProperty("attempts").GetInt32());
        Assert.Equal(Text(before.GetProperty("steps")[0], "idempotency_key"), Text(run.GetProperty("steps")[0], "idempotency_key"));
        Assert.Contains("run_recovered", (await next.GetAsync($"/api/v1/runs/{id}/events")).Text);
    }

    [Fact]
    public async Task Stop_StepInFlight_IsWaitedFor()
    {
        await using RunningServer server = await RunningServer.StartAsync(o => o with { ShutdownTimeout = TimeSpan.FromSeconds(20) });
        await server.SaveAsync(Flows.Gated);
        string id = await server.StartAsync("gated", """{"gate":"g"}""");
        await server.RunAsync(id, _ => server.Agents.Calls > 0);
        Task<RunningServer> restarting = server.RestartAsync();
        server.Agents.Open("g");
        await using RunningServer next = await restarting;
        JsonElement run = await next.EndAsync(id);
        Assert.Equal(("completed", 1), (Text(run, "status"), run.GetProperty("steps")[0].GetProperty("attempts").GetInt32()));
        Assert.DoesNotContain("run_recovered", (await next.GetAsync($"/api/v1/runs/{id}/events")).Text);
    }

    [Fact]
    public async Task Restart_ManyRunsInTheMiddle_AllEndOnce()
    {
        await _server.SaveAsync(Flows.Loop(40));
        List<string> ids = [];
        for (int i = 0; i < 40; i++)
        {
            ids.Add(await _server.StartAsync("loop"));
        }

        await using RunningServer next = await _server.RestartAsync();
        foreach (string id in ids)
        {
            JsonElement run = await next.EndAsync(id);
            Assert.Equal(("completed", 41), (Text(run, "status"), run.GetProperty("path").GetArrayLength()));
        }
    }

    [Fact]
    public async Task Restart_IdempotencyKey_IsRemembered()
    {
        await _server.SaveAsync(Flows.Echo);
        Answer first = await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""", ("Idempotency-Key", "k"));
        await using RunningServer next = await _server.RestartAsync();
        Answer second = await next.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""", ("Idempotency-Key", "k"));
        Assert.Equal(first.Text, second.Text);
    }

    [Fact]
    public async Task SecondServer_OnTheSameFile_SaysWhoHasIt()
    {
        var locked = await Assert.ThrowsAnyAsync<Exception>(() => AgentFlowApp.BuildAsync(new ServerOptions { Store = new StoreAddress.Sqlite(_server.DatabasePath) }));
        Assert.Contains($"process {Environment.ProcessId}", locked.Message);
        await _server.StopAsync();
        await using RunningServer next = await _server.RestartAsync();
        Assert.Equal(System.Net.HttpStatusCode.OK, (await next.GetAsync("/readyz")).Status);
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;
}
