using System.Net;
using System.Text.Json;
using AgentFlow.Engine.Access;

namespace AgentFlow.Server.Tests.Features.Access.Quotas;

public sealed class QuotaTests
{
    private static async Task<Answer> SetAsync(RunningServer server, string tenant, string json, params (string, string)[] headers) =>
        await server.SendAsync(HttpMethod.Put, $"/api/v1/access/tenants/{tenant}/quotas", RunningServer.Content(System.Text.Encoding.UTF8.GetBytes(json), "application/json"), headers);

    private static (long? Limit, string Source, long? Used) Of(Answer answer, string kind)
    {
        JsonElement quota = answer.Json.GetProperty("quotas").EnumerateArray().Single(q => q.GetProperty("kind").GetString() == kind);
        long? Number(string name) => quota.TryGetProperty(name, out JsonElement n) ? n.GetInt64() : null;
        return (Number("limit"), quota.GetProperty("source").GetString()!, Number("used"));
    }

    [Fact]
    public async Task Execute_ManyAtOnce_StartsAsManyAsMay()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        await server.SaveAsync(Flows.Wait);
        string before = await server.StartAsync("wait");
        Assert.Equal(HttpStatusCode.OK, (await SetAsync(server, "default", """{"runs":5}""")).Status);
        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => server.PostAsync("/api/v1/workflows/wait/execute?async=true", "{}", ("Idempotency-Key", $"k{i}"))));
        Assert.Equal(4, answers.Count(a => a.Status == HttpStatusCode.Accepted));
        Answer[] refused = [.. answers.Where(a => a.Status != HttpStatusCode.Accepted)];
        Assert.All(refused, a =>
        {
            Assert.True(a.Problem(HttpStatusCode.TooManyRequests, "RUN_QUOTA_EXCEEDED").GetProperty("retryable").GetBoolean());
            Assert.Equal("1", a.Headers.GetValues("Retry-After").Single());
        });
        Assert.Equal(5, (await server.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt64());
        Assert.Equal((5, "tenant", 5), Of(await server.GetAsync("/api/v1/access/quotas"), "runs"));

        // Another tenant is not concerned, and a key of a run that there is still gives it.
        await server.SaveAsync(Flows.Wait, ("X-Tenant-ID", "other"));
        await server.StartAsync("wait", "{}", ("X-Tenant-ID", "other"));
        int known = Array.FindIndex(answers, a => a.Status == HttpStatusCode.Accepted);
        Answer again = await server.PostAsync("/api/v1/workflows/wait/execute?async=true", "{}", ("Idempotency-Key", $"k{known}"));
        Assert.Equal((HttpStatusCode.Accepted, "true"), (again.Status, again.Headers.GetValues("Idempotency-Replayed").Single()));

        // One that ends makes room for one; a synchronous start that finds none says so at once.
        (await server.PostAsync("/api/v1/workflows/wait/execute", "{}")).Problem(HttpStatusCode.TooManyRequests, "RUN_QUOTA_EXCEEDED");
        await server.PostAsync($"/api/v1/runs/{before}/cancel", "{}");
        await server.EndAsync(before);
        await server.StartAsync("wait");
        (await server.PostAsync("/api/v1/workflows/wait/execute?async=true", "{}")).Problem(HttpStatusCode.TooManyRequests, "RUN_QUOTA_EXCEEDED");
    }

    [Fact]
    public async Task Execute_RunsThatEndAtOnce_NeverUseUpPlaces()
    {
        await using RunningServer server = await RunningServer.StartAsync(o => o with { Quotas = new Dictionary<QuotaKind, long> { [QuotaKind.Runs] = 3 } });
        await server.SaveAsync(Flows.Echo);
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"m"}}""")).Status);
        }

        Assert.Equal((3, "default", 0), Of(await server.GetAsync("/api/v1/access/quotas"), "runs"));
    }

    [Fact]
    public async Task Execute_AfterARestart_CountsWhatIsStillGoing()
    {
        RunningServer server = await RunningServer.StartAsync();
        await server.SaveAsync(Flows.Wait);
        await SetAsync(server, "default", """{"runs":2}""");
        string first = await server.StartAsync("wait");
        await server.StartAsync("wait");
        server = await server.RestartAsync();
        await using RunningServer again = server;
        (await server.PostAsync("/api/v1/workflows/wait/execute?async=true", "{}")).Problem(HttpStatusCode.TooManyRequests, "RUN_QUOTA_EXCEEDED");
        await server.PostAsync($"/api/v1/runs/{first}/signals/go", "{}");
        await server.PostAsync($"/api/v1/runs/{first}/cancel", "{}");
        await server.EndAsync(first);
        await server.StartAsync("wait");
        Assert.Equal((2, "tenant", 2), Of(await server.GetAsync("/api/v1/access/quotas"), "runs"));
    }

    [Fact]
    public async Task Save_BeyondTheQuota_Is403AndNothingIsStored()
    {
        await using RunningServer server = await RunningServer.StartAsync(o => o with { Quotas = new Dictionary<QuotaKind, long> { [QuotaKind.Workflows] = 1, [QuotaKind.WorkflowVersions] = 2 } });
        await server.SaveAsync(Flows.Echo);
        JsonElement problem = (await server.PostYamlAsync("/api/v1/workflows", Flows.Wait)).Problem(HttpStatusCode.Forbidden, "QUOTA_EXCEEDED");
        Assert.Contains("1 workflows and has 1", problem.GetProperty("detail").GetString());
        Assert.False(problem.GetProperty("retryable").GetBoolean());
        (await server.GetAsync("/api/v1/workflows/wait")).Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
        await server.SaveAsync(Flows.Echo);
        await server.SaveAsync(Flows.Echo.Replace("1.0.0", "1.1.0"));
        (await server.PostYamlAsync("/api/v1/workflows", Flows.Echo.Replace("1.0.0", "1.2.0"))).Problem(HttpStatusCode.Forbidden, "QUOTA_EXCEEDED");

        // A tenant can be given more than the settings say, all there is, and the default again.
        Assert.Equal((null, "tenant", 1), Of(await SetAsync(server, "default", """{"workflows":"unlimited","workflow_versions":100}"""), "workflows"));
        await server.SaveAsync(Flows.Wait);
        Answer back = await SetAsync(server, "default", """{"workflows":"default"}""");
        Assert.Equal((1, "default", 2), Of(back, "workflows"));
        Assert.Equal((100, "tenant", 3), Of(back, "workflow_versions"));
    }

    [Fact]
    public async Task Storage_BeyondTheQuota_RefusesWhatWouldStoreMore()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        await server.SaveAsync(Flows.Echo);
        await server.PostAsync("/api/v1/workflows/echo/execute", JsonSerializer.Serialize(new { input = new { message = new string('x', 20_000) } }));
        Answer roomy = await SetAsync(server, "default", """{"storage":"1MiB"}""");
        (long? limit, _, long? used) = Of(roomy, "storage");
        Assert.Equal(1 << 20, limit);
        Assert.InRange(used!.Value, 20_000, 200_000);
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"m"}}""")).Status);
        await SetAsync(server, "default", """{"storage":20000}""");
        (await server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"m"}}""")).Problem(HttpStatusCode.Forbidden, "QUOTA_EXCEEDED");
        (await server.PostYamlAsync("/api/v1/workflows", Flows.Wait)).Problem(HttpStatusCode.Forbidden, "QUOTA_EXCEEDED");
        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/api/v1/runs")).Status);
    }

    [Theory]
    [InlineData("""{"runs":-1}""")]
    [InlineData("""{"runs":1.5}""")]
    [InlineData("""{"runs":"1GiB"}""")]
    [InlineData("""{"runs":null}""")]
    [InlineData("""{"runs":true}""")]
    [InlineData("""{"runs":[1]}""")]
    [InlineData("""{"runs":9007199254740993}""")]
    [InlineData("""{"runs":99999999999999999999999}""")]
    [InlineData("""{"storage":"9e99GiB"}""")]
    [InlineData("""{"storage":"-5MiB"}""")]
    [InlineData("""{"storage":"GiB"}""")]
    [InlineData("""{"disk":5}""")]
    public async Task Set_WhatIsNoQuota_IsRefusedAndNothingChanges(string json)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        (await SetAsync(server, "default", json)).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.All((await server.GetAsync("/api/v1/access/quotas")).Json.GetProperty("quotas").EnumerateArray(), q => Assert.Equal("none", q.GetProperty("source").GetString()));
    }

    [Fact]
    public async Task Set_ByATenantsAdministrator_IsForbidden()
    {
        await using GuardedServer guarded = await GuardedServer.StartAsync();
        (string, string) acme = await guarded.AddTenantAsync("acme");
        (await SetAsync(guarded.Server, "acme", """{"runs":"unlimited"}""", acme)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        (await guarded.Server.GetAsync("/api/v1/access/tenants/acme/quotas", acme)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        Assert.Equal(HttpStatusCode.OK, (await SetAsync(guarded.Server, "acme", """{"runs":1}""", guarded.Admin)).Status);
        (await SetAsync(guarded.Server, "nobody", """{"runs":1}""", guarded.Admin)).Problem(HttpStatusCode.NotFound, "TENANT_NOT_FOUND");
        Assert.Equal((1, "tenant", 0), Of(await guarded.Server.GetAsync("/api/v1/access/quotas", acme), "runs"));
        await guarded.Server.PostAsync("/api/v1/audit/verify", null, guarded.Admin);
        JsonElement record = (await guarded.Server.GetAsync("/api/v1/audit?filter[action]=tenant.quota&filter[decision]=allowed", guarded.Admin)).Json.GetProperty("items")[0];
        Assert.Equal("tenant:acme", record.GetProperty("resource").GetString());
        Assert.Contains("runs: 1", record.GetProperty("details").ToString());
    }
}
