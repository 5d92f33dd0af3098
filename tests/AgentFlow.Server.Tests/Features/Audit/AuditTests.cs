using System.Net;
using System.Text.Json;
using AgentFlow.Server.Configuration;
using SQLitePCL;

namespace AgentFlow.Server.Tests.Features.Audit;

public sealed class AuditTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private string Beside(string name) => Path.Combine(Path.GetDirectoryName(_server.DatabasePath)!, name);

    private async Task<JsonElement> VerifyAsync(params (string, string)[] headers)
    {
        Answer answer = await _server.PostAsync("/api/v1/audit/verify", null, headers);
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        return answer.Json;
    }

    /// <summary>All records, oldest first, once they have been chained.</summary>
    private async Task<JsonElement[]> RecordsAsync(string query = "", params (string, string)[] headers)
    {
        await VerifyAsync(headers);
        return [.. (await _server.GetAsync($"/api/v1/audit?page[size]=500&sort=number{query}", headers)).Json.GetProperty("items").EnumerateArray()];
    }

    private static string[] Told(IEnumerable<JsonElement> records) => [.. records.Select(r => $"{r.GetProperty("actor").GetString()} {r.GetProperty("action").GetString()} {r.GetProperty("resource").GetString()} {r.GetProperty("decision").GetString()}")];

    /// <summary>Changes the database under the running server's feet.</summary>
    private void Sql(string sql)
    {
        Assert.Equal(raw.SQLITE_OK, raw.sqlite3_open_v2(_server.DatabasePath, out sqlite3 db, raw.SQLITE_OPEN_READWRITE, null));
        using (db)
        {
            raw.sqlite3_busy_timeout(db, 10_000);
            Assert.Equal((raw.SQLITE_OK, ""), (raw.sqlite3_exec(db, sql), raw.sqlite3_errmsg(db).utf8_to_string() is "not an error" ? "" : raw.sqlite3_errmsg(db).utf8_to_string()));
        }
    }

    [Fact]
    public async Task Run_FromSaveToEnd_IsTold()
    {
        await _server.SaveAsync(Flows.Echo);
        Answer run = await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"secret text"}}""");
        string id = run.Json.GetProperty("id").GetString()!;
        JsonElement[] records = await RecordsAsync();
        JsonElement Of(string action) => records.First(r => r.GetProperty("action").GetString() == action);
        Assert.Equal(
            [
                "api workflow.save workflow:echo allowed",
                "api workflow.execute workflow:echo allowed",
                $"api run.started run:{id} allowed",
                $"run:{id} step.started run:{id}/say#1 allowed",
                $"run:{id} step.ended run:{id}/say#1 succeeded",
                $"run:{id} step.started run:{id}/done#1 allowed",
                $"run:{id} step.ended run:{id}/done#1 succeeded",
                $"run:{id} run.ended run:{id} succeeded",
            ],
            Told(records.Where(r => r.GetProperty("action").GetString() != "audit.verify")));
        Assert.Equal(Enumerable.Range(0, records.Length).Select(i => (long)i), records.Select(r => r.GetProperty("number").GetInt64()));
        Assert.StartsWith("tool:skill.echo@", Of("step.started").GetProperty("details").GetProperty("target").GetString());
        Assert.Equal(run.Json.GetProperty("trace_id").GetString(), Of("run.ended").GetProperty("trace_id").GetString());
        Assert.DoesNotContain("secret text", (await _server.GetAsync("/api/v1/audit?page[size]=500")).Text);
        Assert.True((await VerifyAsync()).GetProperty("intact").GetBoolean());
    }

    [Fact]
    public async Task Commands_AllowedAndRefused_AreTold()
    {
        await _server.SaveAsync(Flows.Wait);
        string id = await _server.StartAsync("wait");
        await _server.InStatusAsync(id, "waiting");
        foreach ((string verb, string body) in new[] { ("pause", "{}"), ("resume", "{}"), ("migrate", "{}"), ("signal", """{"name":"other"}"""), ("cancel", """{"reason":"enough"}""") })
        {
            Assert.Equal(HttpStatusCode.Accepted, (await _server.PostAsync($"/api/v1/runs/{id}/{verb}", body)).Status);
        }

        await _server.EndAsync(id);
        (await _server.PostAsync($"/api/v1/runs/{id}/cancel", null)).Problem(HttpStatusCode.Conflict, "RUN_ALREADY_ENDED");
        (await _server.PostAsync($"/api/v1/runs/{id}/signal", "{}")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        (await _server.GetAsync("/api/v1/runs/unknown")).Problem(HttpStatusCode.NotFound, "RUN_NOT_FOUND");
        (await _server.GetAsync("/api/v1/runs", ("Origin", "http://evil.example"))).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        string[] told = Told((await RecordsAsync()).Where(r => r.GetProperty("action").GetString() is var a && (a!.StartsWith("run.", StringComparison.Ordinal) || a == "api.denied")));
        foreach (string verb in new[] { "pause", "resume", "migrate", "signal", "cancel" })
        {
            Assert.Contains($"api run.{verb} run:{id} allowed", told);
        }

        Assert.Contains($"api run.cancelling run:{id} allowed", told);
        Assert.Contains($"run:{id} run.ended run:{id} cancelled", told);
        Assert.Contains("api run.read run:unknown refused", told);
        Assert.Contains("anonymous run.read run denied", told);

        // The refused cancel was allowed before the run's end was known, and refused then; the malformed signal decided nothing.
        Assert.Contains($"api run.cancel run:{id} refused", told);
        Assert.Single(told, t => t.StartsWith($"api run.signal run:{id}", StringComparison.Ordinal));
        JsonElement cancel = (await RecordsAsync("&filter[action]=run.cancel&filter[decision]=allowed"))[0];
        Assert.Equal("enough", cancel.GetProperty("details").GetProperty("reason").GetString());
    }

    [Fact]
    public async Task Tenants_SeeTheirOwnChain()
    {
        (string, string) other = ("X-Tenant-ID", "other");
        await _server.SaveAsync(Flows.Echo);
        await _server.SaveAsync(Flows.Wait, other);
        Assert.Equal(["workflow:echo", "audit"], (await RecordsAsync()).Select(r => r.GetProperty("resource").GetString()));
        Assert.Equal(["workflow:wait", "audit"], (await RecordsAsync("", other)).Select(r => r.GetProperty("resource").GetString()));
        Assert.True((await VerifyAsync(other)).GetProperty("intact").GetBoolean());
    }

    [Fact]
    public async Task ForeignRun_IsNotedInTheAskersChain()
    {
        await _server.SaveAsync(Flows.Wait, ("X-Tenant-ID", "theirs"));
        string id = await _server.StartAsync("wait", "{}", ("X-Tenant-ID", "theirs"));
        (await _server.PostAsync($"/api/v1/runs/{id}/cancel", null)).Problem(HttpStatusCode.NotFound, "RUN_NOT_FOUND");
        Assert.Contains($"api run.cancel run:{id} refused", Told(await RecordsAsync()));
        Assert.DoesNotContain("refused", string.Join('\n', Told(await RecordsAsync("", ("X-Tenant-ID", "theirs")))));
    }

    [Fact]
    public async Task Audit_CannotBeWritten_RefusesAndDoesNothing()
    {
        await _server.SaveAsync(Flows.Echo);
        await _server.SaveAsync(Flows.Wait);
        string id = await _server.StartAsync("wait");
        await _server.InStatusAsync(id, "waiting");
        Sql("CREATE TRIGGER planted BEFORE INSERT ON audit_intake BEGIN SELECT RAISE(ABORT, 'planted'); END");
        long runs = (await _server.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt64();
        (await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""")).Problem(HttpStatusCode.ServiceUnavailable, "AUDIT_UNAVAILABLE");
        (await _server.PostAsync("/api/v1/workflows/echo/execute?async=true", """{"input":{"message":"x"}}""", ("Idempotency-Key", "k"))).Problem(HttpStatusCode.ServiceUnavailable, "AUDIT_UNAVAILABLE");
        (await _server.PostYamlAsync("/api/v1/workflows", Flows.Gated)).Problem(HttpStatusCode.ServiceUnavailable, "AUDIT_UNAVAILABLE");
        foreach ((string verb, string body) in new[] { ("pause", "{}"), ("resume", "{}"), ("migrate", "{}"), ("signal", """{"name":"go"}"""), ("cancel", "{}") })
        {
            (await _server.PostAsync($"/api/v1/runs/{id}/{verb}", body)).Problem(HttpStatusCode.ServiceUnavailable, "AUDIT_UNAVAILABLE");
        }

        (await _server.PostAsync("/api/v1/audit/verify", null)).Problem(HttpStatusCode.ServiceUnavailable, "AUDIT_UNAVAILABLE");
        (await _server.GetAsync("/api/v1/runs/unknown")).Problem(HttpStatusCode.ServiceUnavailable, "AUDIT_UNAVAILABLE");

        // Nothing was done.
        Assert.Equal(runs, (await _server.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt64());
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await _server.GetAsync("/readyz")).Status);
        Sql("DROP TRIGGER planted");
        using (var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30)))
        {
            while ((await _server.GetAsync("/readyz")).Status != HttpStatusCode.OK)
            {
                await Task.Delay(20, patience.Token);
            }
        }

        (await _server.GetAsync("/api/v1/workflows/gated")).Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
        Assert.Equal("waiting", (await _server.GetAsync($"/api/v1/runs/{id}")).Json.GetProperty("status").GetString());
        Assert.DoesNotContain("signal_received", (await _server.GetAsync($"/api/v1/runs/{id}/events")).Text);

        // And everything works again, the refused idempotency key as well.
        Answer run = await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""", ("Idempotency-Key", "k"));
        Assert.Equal((HttpStatusCode.OK, "completed"), (run.Status, run.Json.GetProperty("status").GetString()));
        Assert.True((await VerifyAsync()).GetProperty("intact").GetBoolean());
        Assert.Contains(await RecordsAsync(), r => r.GetProperty("action").GetString() == "audit.unavailable" && r.GetProperty("actor").GetString() == "system");
    }

    [Fact]
    public async Task Verify_RecordChangedInTheDatabase_NamesIt()
    {
        await _server.SaveAsync(Flows.Echo);
        await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""");
        await RecordsAsync();
        Sql("UPDATE audits SET actor = 'nobody' WHERE number = 3");
        JsonElement report = await VerifyAsync();
        Assert.False(report.GetProperty("intact").GetBoolean());
        JsonElement finding = Assert.Single(report.GetProperty("findings").EnumerateArray());
        Assert.Equal(("edited", 3, 3), (finding.GetProperty("fault").GetString(), finding.GetProperty("from").GetInt32(), finding.GetProperty("to").GetInt32()));
    }

    [Fact]
    public async Task Restart_GoesOnWithTheChain_AndForgedTailStaysFound()
    {
        await _server.SaveAsync(Flows.Echo);
        await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""");
        int before = (await RecordsAsync()).Length;
        _server = await _server.RestartAsync();
        await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"y"}}""");
        JsonElement report = await VerifyAsync();
        Assert.True(report.GetProperty("intact").GetBoolean(), report.ToString());
        Assert.True(report.GetProperty("size").GetInt32() > before + 5);

        // Somebody cuts the end off while nobody looks: the next life notices, goes on behind the gap, and says so for good.
        await _server.StopAsync();
        Sql("DELETE FROM audits WHERE number >= (SELECT max(number) FROM audits) - 1");
        _server = await _server.RestartAsync();
        for (int i = 0; i < 2; i++)
        {
            report = await VerifyAsync();
            string[] faults = [.. report.GetProperty("findings").EnumerateArray().Select(f => f.GetProperty("fault").GetString()!)];
            Assert.Equal(["cut_tail", "removed"], faults.Order(StringComparer.Ordinal));
            _server = await _server.RestartAsync();
        }
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task Key_IsCreatedForItsOwnerOnly_AndOneThatIsNotIsRefused()
    {
        await _server.SaveAsync(Flows.Echo);
        await RecordsAsync();
        string key = Beside("agentflow.audit.key");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key));
        Assert.True(File.Exists(Beside("agentflow.witness.jsonl.ends/default.json")));
        await _server.StopAsync();
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        OptionsException open = await Assert.ThrowsAsync<OptionsException>(() => _server.RestartAsync());
        Assert.Contains("chmod 600", open.Message);
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(key, "no key");
        OptionsException broken = await Assert.ThrowsAsync<OptionsException>(() => _server.RestartAsync());
        Assert.DoesNotContain("no key\"", broken.Message);
        Assert.Contains("AF_AUDIT_KEY", broken.Message);
    }

    [Fact]
    public async Task Segments_AreSealedAndPosted()
    {
        await using var inbox = await Inbox.StartAsync();
        _server = await _server.RestartAsync(o => o with { Audit = o.Audit with { SegmentRecords = 5, Webhook = inbox.Address } });
        await _server.SaveAsync(Flows.Echo);
        for (int i = 0; i < 3; i++)
        {
            await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""");
            await VerifyAsync();
        }

        JsonElement[] listed = [.. (await _server.GetAsync("/api/v1/audit/checkpoints")).Json.GetProperty("items").EnumerateArray()];
        Assert.NotEmpty(listed);
        Assert.All(listed, c => Assert.Equal("segment", c.GetProperty("kind").GetString()));
        Assert.Equal(listed.Length, File.ReadAllLines(Beside("agentflow.witness.jsonl")).Length);
        JsonElement posted = JsonElement.Parse(await inbox.NextAsync());
        Assert.Equal(listed[^1].GetProperty("hash").GetString(), posted.GetProperty("hash").GetString());
        JsonElement first = (await _server.GetAsync("/api/v1/audit/checkpoints?page[size]=1")).Json;
        Assert.Equal(listed[1].ToString(), (await _server.GetAsync($"/api/v1/audit/checkpoints?page[size]=1&page[cursor]={first.GetProperty("next_cursor").GetString()}")).Json.GetProperty("items")[0].ToString());
    }

    [Fact]
    public async Task Retention_DropsWholeSegments_AfterTheirExport()
    {
        _server = await _server.RestartAsync(o => o with { Audit = o.Audit with { SegmentRecords = 5 } });
        await _server.SaveAsync(Flows.Echo);
        await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""");
        await VerifyAsync();
        _server = await _server.RestartAsync(o => o with { Audit = o.Audit with { SegmentRecords = 5, Retention = TimeSpan.FromMilliseconds(1), Export = Beside("export") } });
        JsonElement report = default;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        do
        {
            Assert.False(limit.IsCancellationRequested, report.ToString());
            report = await VerifyAsync();
            Assert.True(report.GetProperty("intact").GetBoolean(), report.ToString());
        }
        while (report.GetProperty("first").GetInt32() == 0);

        string exported = Directory.GetFiles(Beside("export")).Order(StringComparer.Ordinal).First();
        Assert.StartsWith("default-0-", Path.GetFileName(exported));
        Assert.Contains("workflow.save", File.ReadAllText(exported));
        _server = await _server.RestartAsync();
        report = await VerifyAsync();
        Assert.True(report.GetProperty("intact").GetBoolean(), report.ToString());
        Assert.Contains("audit.retire", Told(await RecordsAsync()).Select(t => t.Split(' ')[1]));
    }

    [Fact]
    public async Task Off_AuditsNothing()
    {
        _server = await _server.RestartAsync(o => o with { Audit = o.Audit with { IsOn = false } });
        await _server.SaveAsync(Flows.Echo);
        Assert.Equal(0, (await _server.GetAsync("/api/v1/audit")).Json.GetProperty("total_count").GetInt32());
        (await _server.PostAsync("/api/v1/audit/verify", null)).Problem(HttpStatusCode.NotFound, "NOT_FOUND");
    }

    [Fact]
    public async Task Reads_Audited_AreTold()
    {
        _server = await _server.RestartAsync(o => o with { Audit = o.Audit with { Reads = true } });
        await _server.GetAsync("/api/v1/workflows");
        await RecordsAsync();
        Assert.Equal(
            ["api workflow.read workflow allowed", "api audit.verify audit allowed", "api audit.read audit allowed", "api audit.verify audit allowed"],
            Told(await RecordsAsync()));
    }

    [Theory]
    [InlineData("filter[decision]=perhaps")]
    [InlineData("from=yesterday")]
    [InlineData("page[cursor]=x")]
    [InlineData("sort=at")]
    [InlineData("filter[who]=x")]
    public async Task List_ImpossibleParameter_IsRefused(string query) =>
        (await _server.GetAsync($"/api/v1/audit?{query}")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
}
