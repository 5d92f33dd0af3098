using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Text;
using System.Text.Json;
using AgentFlow.Server.Configuration;
using Microsoft.AspNetCore.Http;

namespace AgentFlow.Server.Tests.Features.Secrets;

public sealed class SecretsTests : IAsyncLifetime
{
    private const string Value = "pl4nted/secret+value==\"x\"";

    private RunningServer _server = null!;
    private World _world = null!;
    private ConcurrentQueue<string> Received { get; } = new();

    public async ValueTask InitializeAsync()
    {
        _world = await World.StartAsync(EchoAsync);
        _server = await RunningServer.StartAsync(o => Allow(o));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _world.DisposeAsync();
    }

    private ServerOptions Allow(ServerOptions options) => options with { HttpAllow = [$"127.0.0.1:{_world.Address.Port}"] };

    private string Beside(string name) => Path.Combine(Path.GetDirectoryName(_server.DatabasePath)!, name);

    private string Flow(string name = "call") => $$$"""
        language: 1
        name: {{{name}}}
        version: 1.0.0
        planner: fsm
        initial_state: call
        final_states: [done]
        states:
          call:
            tool: skill.http_call
            input: { method: POST, url: "{{{_world.Address}}}${input.path}", headers: { Authorization: "Bearer secret://api" }, body: { text: "${input.text}", db: "secret://db#password" } }
            on_success: done
          done: { tool: skill.echo, input: { answer: "${steps.call.output.body}" } }
        """;

    private async Task EchoAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        string body = await reader.ReadToEndAsync();
        string authorization = context.Request.Headers.Authorization.ToString();
        Received.Enqueue($"{authorization} {body}");
        context.Response.StatusCode = context.Request.Path == "/fail" ? 500 : 200;
        context.Response.Headers["X-Echo"] = Uri.EscapeDataString(authorization);
        await context.Response.WriteAsync(JsonSerializer.Serialize(new { authorization, body, base64 = Convert.ToBase64String(Encoding.UTF8.GetBytes(authorization)) }));
    }

    private Task<Answer> PutAsync(string name, string json) => _server.SendAsync(HttpMethod.Put, $"/api/v1/secrets/{name}", RunningServer.Content(Encoding.UTF8.GetBytes(json), "application/json"));

    private async Task PlantAsync()
    {
        Assert.Equal(HttpStatusCode.Created, (await PutAsync("api", JsonSerializer.Serialize(new { value = Value, rotate_every = "30d" }))).Status);
        Assert.Equal(HttpStatusCode.Created, (await PutAsync("db", JsonSerializer.Serialize(new { fields = new Dictionary<string, string> { ["password"] = "db-" + Value, ["user"] = "database-user" } }))).Status);
    }

    [Fact]
    public async Task Run_WithSecrets_SendsThemAndWritesNoneDown()
    {
        await PlantAsync();
        await _server.SaveAsync(Flow());
        var told = new ConcurrentQueue<string>();
        using var activities = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = a => told.Enqueue($"{a.DisplayName} {a.StatusDescription} {string.Join(' ', a.TagObjects.Select(t => $"{t.Key}={t.Value}"))}"),
        };
        ActivitySource.AddActivityListener(activities);
        using var meters = new MeterListener { InstrumentPublished = (instrument, listener) => listener.EnableMeasurementEvents(instrument) };
        void Measured(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                told.Enqueue($"{tag.Key}={tag.Value}");
            }
        }

        meters.SetMeasurementEventCallback<long>((_, _, tags, _) => Measured(tags));
        meters.SetMeasurementEventCallback<double>((_, _, tags, _) => Measured(tags));
        meters.Start();

        Answer run = await _server.PostAsync("/api/v1/workflows/call/execute", """{"input":{"path":"echo","text":"secret://api"}}""");
        Answer failed = await _server.PostAsync("/api/v1/workflows/call/execute", """{"input":{"path":"fail","text":"x"}}""");
        Assert.Equal(("completed", "failed"), (run.Json.GetProperty("status").GetString(), failed.Json.GetProperty("status").GetString()));

        // The world got the values where the author wrote references, and the caller's text as it was.
        Assert.True(Received.TryDequeue(out string? received));
        Assert.StartsWith($"Bearer {Value} ", received, StringComparison.Ordinal);
        JsonElement body = JsonElement.Parse(received![(received.IndexOf('{', StringComparison.Ordinal))..]);
        Assert.Equal(("secret://api", "db-" + Value), (body.GetProperty("text").GetString(), body.GetProperty("db").GetString()));

        string shown = run.Text + failed.Text + (await _server.GetAsync($"/api/v1/runs/{run.Json.GetProperty("id").GetString()}/events?limit=500")).Text
            + (await _server.GetAsync($"/api/v1/runs/{failed.Json.GetProperty("id").GetString()}/events?limit=500")).Text + (await _server.GetAsync("/api/v1/audit?page[size]=500")).Text + string.Join('\n', told);
        Assert.Contains("[masked secret://api]", shown, StringComparison.Ordinal);
        Assert.Contains("secret://db#password", shown, StringComparison.Ordinal);
        AssertNone(shown, "what the server tells");
        Assert.Contains(told, t => t.Contains("tool=skill.http_call", StringComparison.Ordinal) || t.Contains("skill.http_call", StringComparison.Ordinal));
        await _server.StopAsync();
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(_server.DatabasePath)!, "*", SearchOption.AllDirectories))
        {
            AssertNone(Encoding.Latin1.GetString(File.ReadAllBytes(file)), file);
        }
    }

    private static void AssertNone(string text, string where)
    {
        foreach (string form in new[] { "pl4nted", Uri.EscapeDataString(Value), Convert.ToBase64String(Encoding.UTF8.GetBytes(Value))[..16], Convert.ToBase64String(Encoding.UTF8.GetBytes("Bearer " + Value))[12..28], "cret+value" })
        {
            Assert.False(text.Contains(form, StringComparison.Ordinal), $"'{form}' stands in {where}: …{(text.IndexOf(form, StringComparison.Ordinal) is var at and > 0 ? text[Math.Max(0, at - 80)..Math.Min(text.Length, at + 80)] : "")}…");
        }
    }

    [Fact]
    public async Task SecretSentBack_InInputsAndSignals_IsNotKept()
    {
        await PlantAsync();
        await _server.SaveAsync(Flows.Wait);
        string id = await _server.StartAsync("wait", JsonSerializer.Serialize(new { message = Value }));
        await _server.InStatusAsync(id, "waiting");
        await _server.PostAsync($"/api/v1/runs/{id}/signal", JsonSerializer.Serialize(new { name = "go", payload = new { echoed = $"x{Value}y" } }));
        await _server.EndAsync(id);
        string events = (await _server.GetAsync($"/api/v1/runs/{id}/events?limit=500")).Text;
        AssertNone(events, "the journal");
        Assert.Contains("[masked secret://api]", events, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secrets_AreListedWithoutValues_AndTenantsHaveTheirOwn()
    {
        await PlantAsync();
        Answer list = await _server.GetAsync("/api/v1/secrets");
        JsonElement[] items = [.. list.Json.GetProperty("items").EnumerateArray()];
        Assert.Equal(["api", "db"], items.Select(i => i.GetProperty("name").GetString()));
        Assert.Equal(("secret://api", "file", "1", 30, "ok"), (items[0].GetProperty("reference").GetString(), items[0].GetProperty("provider").GetString(), items[0].GetProperty("version").GetString(), items[0].GetProperty("rotate_every_days").GetInt32(), items[0].GetProperty("status").GetString()));
        Assert.Equal("unscheduled", items[1].GetProperty("status").GetString());
        AssertNone(list.Text, "the list");
        Assert.Empty((await _server.GetAsync("/api/v1/secrets", ("X-Tenant-ID", "other"))).Json.GetProperty("items").EnumerateArray());
        (await _server.GetAsync("/api/v1/secrets/api", ("X-Tenant-ID", "other"))).Problem(HttpStatusCode.NotFound, "SECRET_NOT_FOUND");
        await _server.SaveAsync(Flow(), ("X-Tenant-ID", "other"));
        Answer run = await _server.PostAsync("/api/v1/workflows/call/execute", """{"input":{"path":"echo","text":"x"}}""", ("X-Tenant-ID", "other"));
        Assert.Equal("SECRET_NOT_FOUND", run.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.Empty(_world.Asked);
    }

    [Fact]
    public async Task Rotate_GivesANewVersionAtOnce()
    {
        await PlantAsync();
        await _server.SaveAsync(Flow());
        Answer rotated = await _server.PostAsync("/api/v1/secrets/api/rotate", """{"value":"another-value-1"}""");
        Assert.Equal((HttpStatusCode.OK, "2", 30), (rotated.Status, rotated.Json.GetProperty("version").GetString(), rotated.Json.GetProperty("rotate_every_days").GetInt32()));
        await _server.PostAsync("/api/v1/workflows/call/execute", """{"input":{"path":"echo","text":"x"}}""");
        Assert.True(Received.TryDequeue(out string? received));
        Assert.StartsWith("Bearer another-value-1 ", received, StringComparison.Ordinal);
        (await _server.PostAsync("/api/v1/secrets/unknown/rotate", """{"value":"another-value-1"}""")).Problem(HttpStatusCode.NotFound, "SECRET_NOT_FOUND");
        Assert.Equal(HttpStatusCode.NoContent, (await _server.SendAsync(HttpMethod.Delete, "/api/v1/secrets/api", null)).Status);
        (await _server.GetAsync("/api/v1/secrets/api")).Problem(HttpStatusCode.NotFound, "SECRET_NOT_FOUND");
        string told = (await _server.PostAsync("/api/v1/audit/verify", null)).Text + (await _server.GetAsync("/api/v1/audit?page[size]=500&filter[resource]=secret:api")).Text;
        Assert.Contains("secret.rotate", told, StringComparison.Ordinal);
        Assert.Contains("secret.remove", told, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a b", """{"value":"long-enough"}""", HttpStatusCode.NotFound)]
    [InlineData("api", """{"value":"short"}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("api", """{}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("api", """{"value":"long-enough","fields":{"a":"long-enough"}}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("api", """{"fields":{"a b":"long-enough"}}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("api", """{"value":"long-enough","rotate_every":"soon"}""", HttpStatusCode.UnprocessableEntity)]
    public async Task Set_ImpossibleBody_IsRefused(string name, string body, HttpStatusCode status)
    {
        Answer answer = await PutAsync(name, body);
        Assert.Equal(status, answer.Status);
        Assert.DoesNotContain("long-enough", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task File_SurvivesARestart_AndNeedsItsKey()
    {
        await PlantAsync();
        string file = Beside("agentflow.secrets");
        string key = Beside("agentflow.secrets.key");
        Assert.Equal((UnixFileMode.UserRead | UnixFileMode.UserWrite, UnixFileMode.UserRead | UnixFileMode.UserWrite), (File.GetUnixFileMode(file), File.GetUnixFileMode(key)));
        _server = await _server.RestartAsync(Allow);
        Assert.Equal(2, (await _server.GetAsync("/api/v1/secrets")).Json.GetProperty("total_count").GetInt32());
        await _server.StopAsync();

        byte[] content = File.ReadAllBytes(file);
        byte[] damaged = [.. content];
        damaged[^10] ^= 1;
        File.WriteAllBytes(file, damaged);
        Assert.Contains("cannot be", (await Assert.ThrowsAsync<OptionsException>(() => _server.RestartAsync())).Message, StringComparison.Ordinal);
        File.WriteAllBytes(file, content);
        string right = File.ReadAllText(key);
        File.WriteAllText(key, Convert.ToBase64String(new byte[32]));
        Assert.Contains("another key", (await Assert.ThrowsAsync<OptionsException>(() => _server.RestartAsync())).Message, StringComparison.Ordinal);
        File.WriteAllText(key, right);
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        Assert.Contains("chmod 600", (await Assert.ThrowsAsync<OptionsException>(() => _server.RestartAsync())).Message, StringComparison.Ordinal);
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _server = await _server.RestartAsync(Allow);
    }

    [Fact]
    public async Task Passphrase_TakesTheKeysPlace()
    {
        ServerOptions With(ServerOptions options, string passphrase) => options with { Secrets = options.Secrets with { Passphrase = passphrase } };
        _server = await _server.RestartAsync(o => With(o, "correct horse"));
        await PlantAsync();
        Assert.False(File.Exists(Beside("agentflow.secrets.key")));
        _server = await _server.RestartAsync(o => With(o, "correct horse"));
        Assert.Equal(2, (await _server.GetAsync("/api/v1/secrets")).Json.GetProperty("total_count").GetInt32());
        await _server.StopAsync();
        Assert.Contains("AF_SECRETS_PASSPHRASE", (await Assert.ThrowsAsync<OptionsException>(() => _server.RestartAsync(o => With(o, "wrong horse")))).Message, StringComparison.Ordinal);
        Assert.Contains("AF_SECRETS_PASSPHRASE", (await Assert.ThrowsAsync<OptionsException>(() => _server.RestartAsync())).Message, StringComparison.Ordinal);
        _server = await _server.RestartAsync(o => With(o, "correct horse"));
    }

    [Fact]
    public async Task Environment_IsTheDefaultTenantsAndReadOnly()
    {
        var variables = new Dictionary<string, string> { ["AF_SECRET_API"] = Value, ["AF_SECRET_DB__PASSWORD"] = "db-" + Value };
        _server = await _server.RestartAsync(o => Allow(o) with { Secrets = o.Secrets with { Environment = variables } });
        await _server.SaveAsync(Flow());
        Assert.Equal("completed", (await _server.PostAsync("/api/v1/workflows/call/execute", """{"input":{"path":"echo","text":"x"}}""")).Json.GetProperty("status").GetString());
        Assert.Equal("env", (await _server.GetAsync("/api/v1/secrets/api")).Json.GetProperty("provider").GetString());
        (await PutAsync("api", """{"value":"long-enough"}""")).Problem(HttpStatusCode.Conflict, "SECRET_READ_ONLY");
        (await _server.GetAsync("/api/v1/secrets/api", ("X-Tenant-ID", "other"))).Problem(HttpStatusCode.NotFound, "SECRET_NOT_FOUND");
    }
}
