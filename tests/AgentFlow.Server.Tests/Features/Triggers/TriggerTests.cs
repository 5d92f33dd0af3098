using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Triggers;

public sealed class TriggerTests : IAsyncLifetime
{
    private const string Secret = "0123456789abcdef0123456789abcdef";
    private const string Hook = "/api/v1/hooks/default/orders/placed";

    private const string Orders = """
        language: 1
        name: orders
        version: 1.0.0
        input: { type: object, required: [order], properties: { order: { type: integer } } }
        on:
          webhook:
            - { name: placed, secret: secret://orders, input: { order: "${input.body.id}", from: "${input.headers['x-shop']}" } }
          cron:
            - { name: nightly, schedule: "30 2 * * *", time_zone: Europe/Berlin, input: { order: 0 } }
        planner: fsm
        initial_state: done
        final_states: [done]
        states:
          done: { tool: skill.echo, input: "${input}" }
        """;

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(o => o with { ShutdownTimeout = TimeSpan.FromMilliseconds(200) });
        Answer stored = await _server.SendAsync(HttpMethod.Put, "/api/v1/secrets/orders", RunningServer.Content(Encoding.UTF8.GetBytes($$"""{"value":"{{Secret}}"}"""), "application/json"));
        Assert.True(stored.Status is HttpStatusCode.Created or HttpStatusCode.OK or HttpStatusCode.NoContent, stored.Text);
        await _server.SaveAsync(Orders);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();

    private static string Sign(string body, string? delivery = null, long ago = 0, string secret = Secret)
    {
        string seconds = (DateTimeOffset.UtcNow.ToUnixTimeSeconds() - ago).ToString(CultureInfo.InvariantCulture);
        string signed = delivery is null ? $"{seconds}.{body}" : $"{seconds}.{delivery}.{body}";
        return $"t={seconds},v1={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(signed)))}";
    }

    private Task<Answer> DeliverAsync(string body, string signature, string? delivery = null, string path = Hook) => _server.PostAsync(
        path, body, delivery is null ? [("X-AgentFlow-Signature", signature), ("X-Shop", "berlin")] : [("X-AgentFlow-Signature", signature), ("X-AgentFlow-Delivery", delivery), ("X-Shop", "berlin")]);

    [Fact]
    public async Task Deliver_Signed_StartsARunWithWhatTheTemplateMakes()
    {
        const string body = """{"id":7}""";
        Answer taken = await DeliverAsync(body, Sign(body));
        Assert.Equal(HttpStatusCode.Accepted, taken.Status);
        JsonElement run = await _server.EndAsync(Text(taken.Json, "run_id")!);
        Assert.Equal((7, "berlin"), (run.GetProperty("output").GetProperty("order").GetInt32(), Text(run.GetProperty("output"), "from")));
    }

    [Fact]
    public async Task Deliver_Again_GivesTheSameRun()
    {
        const string body = """{"id":7}""";
        string run = Text((await DeliverAsync(body, Sign(body, "d1"), "d1")).Json, "run_id")!;
        JsonElement again = (await DeliverAsync("""{"id":8}""", Sign("""{"id":8}""", "d1", ago: 3), "d1")).Json;
        Assert.Equal((run, true), (Text(again, "run_id"), again.GetProperty("repeated").GetBoolean()));
        string signature = Sign(body, ago: 2);
        string first = Text((await DeliverAsync(body, signature)).Json, "run_id")!;
        Assert.NotEqual(run, first);
        Assert.Equal(first, Text((await DeliverAsync(body, signature)).Json, "run_id"));
    }

    [Theory]
    [InlineData("other secret")]
    [InlineData("other body")]
    [InlineData("too old")]
    [InlineData("too new")]
    [InlineData("other delivery")]
    [InlineData("delivery taken away")]
    [InlineData("no signature")]
    [InlineData("no such hook")]
    [InlineData("no such tenant")]
    [InlineData("a schedule")]
    public async Task Deliver_NotAsSigned_IsRefusedInTheSameWords(string how)
    {
        const string body = """{"id":7}""";
        Answer refused = how switch
        {
            "other secret" => await DeliverAsync(body, Sign(body, secret: "x" + Secret)),
            "other body" => await DeliverAsync("""{"id":8}""", Sign(body)),
            "too old" => await DeliverAsync(body, Sign(body, ago: 400)),
            "too new" => await DeliverAsync(body, Sign(body, ago: -400)),
            "other delivery" => await DeliverAsync(body, Sign(body, "d1"), "d2"),
            "delivery taken away" => await DeliverAsync(body, Sign(body, "d1")),
            "no signature" => await DeliverAsync(body, "t=1"),
            "no such hook" => await DeliverAsync(body, Sign(body), path: Hook + "x"),
            "no such tenant" => await DeliverAsync(body, Sign(body), path: Hook.Replace("default", "other")),
            _ => await DeliverAsync(body, Sign(body), path: Hook.Replace("placed", "nightly")),
        };
        JsonElement problem = refused.Problem(HttpStatusCode.Unauthorized, "WEBHOOK_REFUSED");
        Assert.Equal((await DeliverAsync(body, "")).Problem(HttpStatusCode.Unauthorized, "WEBHOOK_REFUSED").GetProperty("detail").GetString(), Text(problem, "detail"));
        Assert.Equal(0, (await _server.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt64());
    }

    [Theory]
    [InlineData("[1]", HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED")]
    [InlineData("{", HttpStatusCode.BadRequest, "JSON_INVALID")]
    [InlineData("""{"id":"x"}""", HttpStatusCode.UnprocessableEntity, "INPUT_INVALID")]
    [InlineData("{}", HttpStatusCode.UnprocessableEntity, "INPUT_INVALID")]
    public async Task Deliver_OfWhatNoRunTakes_IsRefused(string body, HttpStatusCode status, string code) => (await DeliverAsync(body, Sign(body))).Problem(status, code);

    [Fact]
    public async Task Schedule_IsListedPausedAndResumed()
    {
        JsonElement listed = Assert.Single((await _server.GetAsync("/api/v1/schedules")).Json.GetProperty("items").EnumerateArray());
        Assert.Equal(("orders.nightly", "30 2 * * * Europe/Berlin", "api"), (Text(listed, "id"), Text(listed, "schedule"), Text(listed, "owner")));
        JsonElement shown = (await _server.GetAsync("/api/v1/schedules/orders.nightly?times=3")).Json;
        Assert.Equal(3, shown.GetProperty("next").GetArrayLength());
        Assert.Equal(shown.GetProperty("next")[0].GetString(), Text(listed, "next_at"));
        Assert.True((await _server.PostAsync("/api/v1/schedules/orders.nightly/pause", null)).Json.GetProperty("paused").GetBoolean());
        Assert.False((await _server.GetAsync("/api/v1/schedules/orders.nightly")).Json.TryGetProperty("next_at", out _));
        Assert.False((await _server.PostAsync("/api/v1/schedules/orders.nightly/resume", null)).Json.GetProperty("paused").GetBoolean());
        (await _server.PostAsync("/api/v1/schedules/orders.placed/pause", null)).Problem(HttpStatusCode.NotFound, "SCHEDULE_NOT_FOUND");
    }

    [Fact]
    public async Task Schedule_OfANewerVersion_TakesThePlaceOfTheOld()
    {
        await _server.SaveAsync(Orders.Replace("1.0.0", "1.1.0").Replace("30 2 * * *", "0 5 * * *"));
        Assert.Equal("0 5 * * * Europe/Berlin", Text((await _server.GetAsync("/api/v1/schedules/orders.nightly")).Json, "schedule"));
        await _server.SaveAsync(Orders.Replace("1.0.0", "1.0.1").Replace("30 2 * * *", "0 6 * * *"));
        Assert.Equal("0 5 * * * Europe/Berlin", Text((await _server.GetAsync("/api/v1/schedules/orders.nightly")).Json, "schedule"));
    }

    [Fact]
    public async Task Schedule_ThatIsDue_StartsOneRunForTheInstant()
    {
        long instant = DateTimeOffset.UtcNow.AddSeconds(-20).ToUnixTimeMilliseconds();
        string run = Text(await FiredAsync(instant), "last_run_id")!;
        Assert.Equal(0, (await _server.EndAsync(run)).GetProperty("output").GetProperty("order").GetInt32());
        // As after a crash between the run and the note.
        Assert.Equal(run, Text(await FiredAsync(instant), "last_run_id"));
        Assert.Equal(1, (await _server.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt64());
        Assert.Equal("schedule:orders.nightly", Text((await _server.GetAsync($"/api/v1/runs/{run}/events")).Json.GetProperty("items")[0], "started_by"));
    }

    [Theory]
    [InlineData("skip", 0)]
    [InlineData("catch_up", 1)]
    public async Task Schedule_ThatWasMissed_IsWhatTheFileSays(string word, int runs)
    {
        await _server.SaveAsync(Orders.Replace("1.0.0", "1.1.0").Replace("time_zone: Europe/Berlin", $"time_zone: Europe/Berlin, missed: {word}"));
        JsonElement fired = await FiredAsync(DateTimeOffset.UtcNow.AddDays(-40).ToUnixTimeMilliseconds());
        Assert.Equal(runs, (await _server.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt64());
        if (runs > 0)
        {
            // The latest time that has passed, once.
            Assert.InRange(DateTimeOffset.UtcNow - fired.GetProperty("last_at").GetDateTimeOffset(), TimeSpan.Zero, TimeSpan.FromHours(26));
        }
    }

    /// <summary>Makes the schedule due at a time that has passed, and waits until that is dealt with.</summary>
    private async Task<JsonElement> FiredAsync(long instant)
    {
        AgentFlow.Engine.Triggers.TriggerState state = (await _server.Triggers.FindAsync("default", "orders", "nightly", default))!;
        Assert.True(await _server.Triggers.ReplaceAsync(state with { NextAt = instant }, default));
        return await _server.UntilAsync("/api/v1/schedules/orders.nightly", s => s.GetProperty("next_at").GetDateTimeOffset() > DateTimeOffset.UtcNow);
    }

    [Theory]
    [InlineData("""{"order":1}""", HttpStatusCode.Accepted)]
    [InlineData("""{"order":"one"}""", HttpStatusCode.UnprocessableEntity)]
    public async Task Signal_WithASchema_TakesWhatFits(string payload, HttpStatusCode status)
    {
        await _server.SaveAsync(Flows.Wait.Replace("name: wait", "name: typed").Replace("wait: { signal: go }", "wait: { signal: go, schema: { type: object, properties: { order: { type: integer } } } }"));
        string run = await _server.StartAsync("typed");
        Answer sent = await _server.PostAsync($"/api/v1/runs/{run}/signal", $$"""{"name":"go","payload":{{payload}}}""");
        Assert.Equal(status, sent.Status);
        if (status == HttpStatusCode.UnprocessableEntity)
        {
            Assert.Equal("/payload/order", Text(sent.Problem(status, "VALIDATION_FAILED").GetProperty("errors")[0], "pointer"));
            await _server.PostAsync($"/api/v1/runs/{run}/signal", """{"name":"go","payload":{"order":2}}""");
        }

        Assert.True((await _server.EndAsync(run)).GetProperty("output").GetProperty("order").GetInt32() > 0);
    }
}
