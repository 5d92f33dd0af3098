using System.Net;
using System.Text;
using System.Text.Json;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Tests.Features.Config;

public sealed class ConfigTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("agentflow-config-").FullName;
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private Task<Answer> PutAsync(string key, string json, params (string, string)[] headers) =>
        _server.SendAsync(HttpMethod.Put, $"/api/v1/config/{key}", RunningServer.Content(Encoding.UTF8.GetBytes(json), "application/json"), headers);

    private async Task<(string? Value, string? Source)> GetAsync(string key, string query = "", params (string, string)[] headers)
    {
        JsonElement setting = (await _server.GetAsync($"/api/v1/config/{key}{query}", headers)).Json;
        return (setting.TryGetProperty("value", out JsonElement value) ? value.GetString() : null, setting.GetProperty("source").GetString());
    }

    private ServerOptions WithFile(ServerOptions options, params (string Name, string Value)[] environment)
    {
        var variables = environment.ToDictionary(v => v.Name, v => v.Value, StringComparer.Ordinal);
        ServerOptions given = ServerOptions.From(Settings.Load(n => variables.GetValueOrDefault(n), variables.Keys, _folder));
        return options with { Given = given.Given, MaxQueued = given.MaxQueued };
    }

    [Fact]
    public async Task Layers_Each_OverridesTheOneBefore()
    {
        Assert.Equal((null, "default"), await GetAsync("execute_wait"));
        File.WriteAllText(Path.Combine(_folder, "agentflow.yml"), "execute_wait: 50s\n");
        _server = await _server.RestartAsync(o => WithFile(o));
        Assert.Equal(("50s", "file"), await GetAsync("execute_wait"));
        _server = await _server.RestartAsync(o => WithFile(o, ("AF_EXECUTE_WAIT", "40s")));
        Assert.Equal(("40s", "environment"), await GetAsync("execute_wait"));
        Assert.Equal(HttpStatusCode.OK, (await PutAsync("execute_wait", """{"value":"30s"}""")).Status);
        Assert.Equal(("30s", "tenant"), await GetAsync("execute_wait"));
        Assert.Equal(HttpStatusCode.OK, (await PutAsync("execute_wait", """{"value":"20s","workflow":"echo"}""")).Status);
        Assert.Equal(("20s", "workflow"), await GetAsync("execute_wait", "?workflow=echo"));
        Assert.Equal(("30s", "tenant"), await GetAsync("execute_wait", "?workflow=other"));
        Assert.Equal(("40s", "environment"), await GetAsync("execute_wait", "", ("X-Tenant-ID", "other")));

        // And back, one by one; what was set survives a restart.
        _server = await _server.RestartAsync(o => WithFile(o));
        Assert.Equal(("20s", "workflow"), await GetAsync("execute_wait", "?workflow=echo"));
        await PutAsync("execute_wait", """{"value":null,"workflow":"echo"}""");
        Assert.Equal(("30s", "tenant"), await GetAsync("execute_wait", "?workflow=echo"));
        await PutAsync("execute_wait", """{"value":null}""");
        Assert.Equal(("50s", "file"), await GetAsync("execute_wait"));
    }

    [Fact]
    public async Task AcceptRuns_Off_RefusesNewRunsThere()
    {
        await _server.SaveAsync(Flows.Echo);
        await _server.SaveAsync(Flows.Wait);
        string id = await _server.StartAsync("wait");
        await PutAsync("accept_runs", """{"value":"off","workflow":"echo"}""");
        (await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""")).Problem(HttpStatusCode.Conflict, "RUNS_NOT_ACCEPTED");
        await _server.StartAsync("wait");
        await PutAsync("accept_runs", """{"value":"off"}""");
        (await _server.PostAsync("/api/v1/workflows/wait/execute", "{}")).Problem(HttpStatusCode.Conflict, "RUNS_NOT_ACCEPTED");
        await PutAsync("accept_runs", """{"value":"on","workflow":"echo"}""");
        Assert.Equal("completed", (await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""")).Json.GetProperty("status").GetString());

        // What was accepted goes on.
        await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go"}""");
        Assert.Equal("completed", (await _server.EndAsync(id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task ExecuteWait_EndsTheWaitNotTheRun()
    {
        await _server.SaveAsync(Flows.Wait);
        await PutAsync("execute_wait", """{"value":"0.05s"}""");
        Answer answer = await _server.PostAsync("/api/v1/workflows/wait/execute", "{}");
        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        await _server.InStatusAsync(answer.Json.GetProperty("run_id").GetString()!, "waiting");
    }

    [Fact]
    public async Task AuditReads_ForOneTenant_AreAudited()
    {
        await PutAsync("audit_reads", """{"value":"on"}""", ("X-Tenant-ID", "watched"));
        await _server.GetAsync("/api/v1/workflows", ("X-Tenant-ID", "watched"));
        await _server.GetAsync("/api/v1/workflows");
        foreach ((string tenant, int reads) in new[] { ("watched", 1), ("default", 0) })
        {
            await _server.PostAsync("/api/v1/audit/verify", null, ("X-Tenant-ID", tenant));
            Assert.Equal(reads, (await _server.GetAsync("/api/v1/audit?filter[action]=workflow.read", ("X-Tenant-ID", tenant))).Json.GetProperty("total_count").GetInt32());
        }
    }

    [Fact]
    public async Task History_SaysWhoWhenFromTo_AndRollbackBringsBack()
    {
        await PutAsync("execute_wait", """{"value":"10"}""");
        await PutAsync("accept_runs", """{"value":"off","workflow":"echo"}""");
        await PutAsync("execute_wait", """{"value":"20"}""");
        await PutAsync("execute_wait", """{"value":"20"}""");
        JsonElement[] history = [.. (await _server.GetAsync("/api/v1/config/history")).Json.GetProperty("items").EnumerateArray()];
        Assert.Equal([3, 2, 1], history.Select(v => v.GetProperty("version").GetInt32()));
        JsonElement change = history[0].GetProperty("changes")[0];
        Assert.Equal(("api", "execute_wait", "10", "20"), (history[0].GetProperty("by").GetString(), change.GetProperty("key").GetString(), change.GetProperty("from").GetString(), change.GetProperty("to").GetString()));
        Assert.Equal("echo", history[1].GetProperty("changes")[0].GetProperty("workflow").GetString());
        Assert.InRange(history[0].GetProperty("at").GetDateTimeOffset(), DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));

        Assert.Equal(4, (await _server.PostAsync("/api/v1/config/rollback", """{"version":1}""")).Json.GetProperty("version").GetInt32());
        Assert.Equal(("10", "tenant"), await GetAsync("execute_wait"));
        Assert.Equal(("on", "default"), await GetAsync("accept_runs", "?workflow=echo"));
        JsonElement back = (await _server.GetAsync("/api/v1/config/history?page[size]=1")).Json.GetProperty("items")[0];
        Assert.Equal((1, 2), (back.GetProperty("rollback_to").GetInt32(), back.GetProperty("changes").GetArrayLength()));
        Assert.Equal(5, (await _server.PostAsync("/api/v1/config/rollback", """{"version":3}""")).Json.GetProperty("version").GetInt32());
        Assert.Equal(("off", "workflow"), await GetAsync("accept_runs", "?workflow=echo"));
        Assert.Equal(6, (await _server.PostAsync("/api/v1/config/rollback", """{"version":0}""")).Json.GetProperty("version").GetInt32());
        Assert.Equal((null, "default"), await GetAsync("execute_wait"));
        (await _server.PostAsync("/api/v1/config/rollback", """{"version":99}""")).Problem(HttpStatusCode.NotFound, "CONFIG_VERSION_NOT_FOUND");

        await _server.PostAsync("/api/v1/audit/verify", null);
        string audit = (await _server.GetAsync("/api/v1/audit?page[size]=500&filter[resource]=config")).Text;
        Assert.Contains("execute_wait: 10 -> 20", audit, StringComparison.Ordinal);
        Assert.Contains("config.rollback", audit, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_AnswersWithTheNextVersion()
    {
        Task<Answer> watching = _server.GetAsync("/api/v1/config/version?after=0&wait=60s");
        await PutAsync("execute_wait", """{"value":"10"}""");
        Assert.Equal(1, (await watching).Json.GetProperty("version").GetInt32());
        Assert.Equal(1, (await _server.GetAsync("/api/v1/config/version?after=1")).Json.GetProperty("version").GetInt32());
    }

    [Fact]
    public async Task Set_ManyAtOnce_EachBecomesAVersion()
    {
        Answer[] answers = await Task.WhenAll(Enumerable.Range(1, 8).Select(i => PutAsync("execute_wait", $$"""{"value":"{{i}}","workflow":"w{{i}}"}""")));
        Assert.All(answers, a => Assert.Equal(HttpStatusCode.OK, a.Status));
        JsonElement[] history = [.. (await _server.GetAsync("/api/v1/config/history")).Json.GetProperty("items").EnumerateArray()];
        Assert.Equal(Enumerable.Range(1, 8).Reverse(), history.Select(v => v.GetProperty("version").GetInt32()));
    }

    [Theory]
    [InlineData("execute_wait", """{"value":"soon"}""", HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED", "write seconds from 0 to 3600")]
    [InlineData("accept_runs", """{"value":"maybe"}""", HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED", "write on or off")]
    [InlineData("accept_run", """{"value":"on"}""", HttpStatusCode.NotFound, "SETTING_NOT_FOUND", "accept_runs")]
    [InlineData("lease", """{"value":"5"}""", HttpStatusCode.Conflict, "SETTING_SCOPE", "AF_LEASE")]
    [InlineData("audit_reads", """{"value":"on","workflow":"echo"}""", HttpStatusCode.Conflict, "SETTING_SCOPE", "leave 'workflow' out")]
    public async Task Set_Impossible_SaysTheRemedy(string key, string body, HttpStatusCode status, string code, string remedy) =>
        Assert.Contains(remedy, (await PutAsync(key, body)).Problem(status, code).ToString(), StringComparison.Ordinal);

    [Fact]
    public async Task File_Changed_LiveSettingsHoldAtOnceAndOthersArePending()
    {
        string file = Path.Combine(_folder, "agentflow.yml");
        File.WriteAllText(file, "execute_wait: 50s\nlease: 5s\n");
        _server = await _server.RestartAsync(o => WithFile(o));
        await RewriteAsync(file, "execute_wait: 60s\nlease: 6s\n");
        await _server.UntilAsync("/api/v1/config/execute_wait", s => s.GetProperty("value").GetString() == "60s");
        JsonElement lease = (await _server.GetAsync("/api/v1/config/lease")).Json;
        Assert.Equal(("5s", "6s", false), (lease.GetProperty("value").GetString(), lease.GetProperty("pending").GetString(), lease.GetProperty("live").GetBoolean()));

        // What cannot be used changes nothing.
        await RewriteAsync(file, "execute_wait: later\n");
        await Task.Delay(TimeSpan.FromSeconds(1.5), TestContext.Current.CancellationToken);
        Assert.Equal(("60s", "file"), await GetAsync("execute_wait"));
        await RewriteAsync(file, "execute_wait: 70s\n");
        await _server.UntilAsync("/api/v1/config/execute_wait", s => s.GetProperty("value").GetString() == "70s");
    }

    /// <summary>Changes a file so that its time changes too, whatever the resolution.</summary>
    private static async Task RewriteAsync(string file, string content)
    {
        DateTime before = File.GetLastWriteTimeUtc(file);
        do
        {
            File.WriteAllText(file, content);
            await Task.Yield();
        }
        while (File.GetLastWriteTimeUtc(file) == before);
    }

    [Fact]
    public async Task List_SaysEverySettingAndNoSecret()
    {
        _server = await _server.RestartAsync(o => WithFile(o, ("AF_AUDIT_WEBHOOK", "https://hook.example/token-1234"), ("AF_LOG_LEVEL", "warning")));
        Answer list = await _server.GetAsync("/api/v1/config?page[size]=500");
        Assert.Equal(SettingSchema.All.Count(s => !s.IsFamily), list.Json.GetProperty("total_count").GetInt32());
        Assert.DoesNotContain("token-1234", list.Text, StringComparison.Ordinal);
        Assert.Equal(("(set)", "environment"), await GetAsync("audit_webhook"));
    }
}
