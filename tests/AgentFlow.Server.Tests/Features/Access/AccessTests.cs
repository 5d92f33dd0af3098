using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Access;

namespace AgentFlow.Server.Tests.Features.Access;

public sealed class AccessTests : IAsyncLifetime
{
    private GuardedServer _guarded = null!;

    private RunningServer Server => _guarded.Server;

    public async ValueTask InitializeAsync() => _guarded = await GuardedServer.StartAsync();

    public ValueTask DisposeAsync() => _guarded.DisposeAsync();

    [Fact]
    public async Task Create_SentAgainWithItsKey_CreatesNothingTwiceAndShowsNoSecret()
    {
        await using GuardedServer guarded = await GuardedServer.StartAsync();
        async Task<Answer> SendAsync(string what, string json, string key, (string, string) by) => await guarded.Server.PostAsync($"/api/v1/access/{what}", json, by, ("Idempotency-Key", key));
        static bool IsReplayed(Answer answer) => answer.Headers.Contains("Idempotency-Replayed");

        Answer first = await SendAsync("keys", """{"name":"ci","scopes":["runs.read"]}""", "k1", guarded.Admin);
        Answer again = await SendAsync("keys", """{"name":"ci","scopes":["runs.read"]}""", "k1", guarded.Admin);
        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Created, false, true), (first.Status, again.Status, IsReplayed(first), IsReplayed(again)));
        Assert.Equal(first.Json.GetProperty("about").ToString(), again.Json.GetProperty("about").ToString());
        Assert.True(first.Json.TryGetProperty("key", out _));
        Assert.False(again.Json.TryGetProperty("key", out _));
        Assert.Equal(first.Headers.Location, again.Headers.Location);
        (await SendAsync("keys", """{"name":"ci"}""", "k1", guarded.Admin)).Problem(HttpStatusCode.UnprocessableEntity, "IDEMPOTENCY_KEY_REUSED");

        // Somebody else's key tells nothing and gives nothing, whatever they send.
        (string, string) ann = await guarded.AddUserAsync(guarded.Admin, "ann", "operator");
        (await SendAsync("keys", """{"name":"ci","scopes":["runs.read"]}""", "k1", ann)).Problem(HttpStatusCode.UnprocessableEntity, "IDEMPOTENCY_KEY_REUSED");
        (string, string) acme = await guarded.AddTenantAsync("acme");
        Assert.False(IsReplayed(await SendAsync("keys", """{"name":"ci","scopes":["runs.read"]}""", "k1", acme)));

        Answer[] users = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => SendAsync("users", """{"name":"bob","password":"a long enough password","roles":["viewer"]}""", "u1", guarded.Admin)));
        Assert.All(users, u => Assert.Equal((HttpStatusCode.Created, "bob"), (u.Status, u.Json.GetProperty("name").GetString())));
        Assert.Equal(5, users.Count(IsReplayed));
        (await SendAsync("users", """{"name":"bob","roles":["viewer"]}""", "u2", guarded.Admin)).Problem(HttpStatusCode.Conflict, "USER_EXISTS");

        Answer tenant = await SendAsync("tenants", """{"name":"zeta"}""", "t1", guarded.Admin);
        Answer second = await SendAsync("tenants", """{"name":"zeta"}""", "t1", guarded.Admin);
        Assert.True(tenant.Json.TryGetProperty("password", out _));
        Assert.False(second.Json.TryGetProperty("password", out _));
        Assert.True(IsReplayed(second));
        (await SendAsync("tenants", """{"name":"zeta"}""", "t2", guarded.Admin)).Problem(HttpStatusCode.Conflict, "TENANT_EXISTS");
    }

    [Fact]
    public async Task FirstStart_MakesAnAdministratorAndTellsOnce()
    {
        JsonElement me = (await Server.GetAsync("/api/v1/auth/whoami", _guarded.Admin)).Json;
        Assert.Equal(("api_key", "default"), (me.GetProperty("kind").GetString(), me.GetProperty("tenant").GetString()));
        Assert.Equal(["admin", "platform"], me.GetProperty("roles").EnumerateArray().Select(r => r.GetString()));
        UserAccount admin = (await Server.Access.FindUserAsync("default", "admin", default))!;
        Assert.True(PasswordHash.Verify(_guarded.AdminPassword, admin.PasswordHash).Ok);
        Assert.DoesNotContain(_guarded.AdminPassword, admin.PasswordHash);

        using var again = new StringWriter();
        await using RunningServer second = await Server.RestartAsync(o => o with { Access = AccessMode.Required, Credentials = again });
        Assert.Equal("", again.ToString());
        Assert.Equal(HttpStatusCode.OK, (await second.GetAsync("/api/v1/runs", _guarded.Admin)).Status);
    }

    [Fact]
    public async Task TenantHeader_OfAnotherTenant_Is403WhetherItExistsOrNot()
    {
        await _guarded.AddTenantAsync("acme");
        foreach (string tenant in new[] { "acme", "nobody" })
        {
            (await Server.GetAsync("/api/v1/runs", _guarded.Admin, ("X-Tenant-ID", tenant))).Problem(HttpStatusCode.Forbidden, "TENANT_MISMATCH");
        }

        Assert.Equal(HttpStatusCode.OK, (await Server.GetAsync("/api/v1/runs", _guarded.Admin, ("X-Tenant-ID", "default"))).Status);
    }

    [Fact]
    public async Task Run_OfAUser_IsJournaledAsTheirs()
    {
        (string, string) ann = await _guarded.AddUserAsync(_guarded.Admin, "ann", "developer");
        await Server.SaveAsync(Flows.Wait, ann);
        string run = await Server.StartAsync("wait", "{}", ann);
        await Server.RunAsync(run, r => r.GetProperty("status").GetString() == "waiting", ann);
        await Server.PostAsync($"/api/v1/runs/{run}/cancel", "{}", ann);
        await Server.EndAsync(run, ann);
        string me = (await Server.GetAsync("/api/v1/auth/whoami", ann)).Json.GetProperty("actor").GetString()!;
        JsonElement[] events = [.. (await Server.GetAsync($"/api/v1/runs/{run}/events", ann)).Json.GetProperty("items").EnumerateArray()];
        Assert.StartsWith("api_key:", me);
        Assert.Equal(me, events[0].GetProperty("started_by").GetString());
        Assert.Equal(me, events.Single(e => e.GetProperty("type").GetString() == "cancel_requested").GetProperty("by").GetString());
    }

    [Fact]
    public async Task Roles_AsTheyChange_DecideAtOnce()
    {
        (string, string) ann = await _guarded.AddUserAsync(_guarded.Admin, "ann", "viewer");
        Assert.Equal(HttpStatusCode.Forbidden, (await Server.PostYamlAsync("/api/v1/workflows", Flows.Echo, ann)).Status);
        Answer changed = await PutAsync("/api/v1/access/users/ann/roles", """{"roles":["developer"]}""", _guarded.Admin);
        Assert.Equal(HttpStatusCode.OK, changed.Status);
        Assert.Equal(HttpStatusCode.Created, (await Server.PostYamlAsync("/api/v1/workflows", Flows.Echo, ann)).Status);
        await PutAsync("/api/v1/access/users/ann/roles", """{"roles":[]}""", _guarded.Admin);
        Assert.Equal(HttpStatusCode.Forbidden, (await Server.GetAsync("/api/v1/workflows", ann)).Status);
    }

    [Fact]
    public async Task DisabledUserKeyAndTenant_AreNobody()
    {
        (string, string) ann = await _guarded.AddUserAsync(_guarded.Admin, "ann", "viewer");
        await Server.PostAsync("/api/v1/access/users/ann/disable", "{}", _guarded.Admin);
        (await Server.GetAsync("/api/v1/runs", ann)).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        await Server.PostAsync("/api/v1/access/users/ann/enable", "{}", _guarded.Admin);
        Assert.Equal(HttpStatusCode.OK, (await Server.GetAsync("/api/v1/runs", ann)).Status);

        string key = (await Server.GetAsync("/api/v1/auth/whoami", ann)).Json.GetProperty("actor").GetString()!["api_key:".Length..];
        Assert.Equal(HttpStatusCode.OK, (await Server.PostAsync($"/api/v1/access/keys/{key}/disable", "{}", ann)).Status);
        (await Server.GetAsync("/api/v1/runs", ann)).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");

        (string, string) acme = await _guarded.AddTenantAsync("acme");
        Assert.Equal(HttpStatusCode.OK, (await Server.GetAsync("/api/v1/runs", acme)).Status);
        await Server.PostAsync("/api/v1/access/tenants/acme/disable", "{}", _guarded.Admin);
        (await Server.GetAsync("/api/v1/runs", acme)).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        (await Server.PostAsync("/api/v1/access/tenants/default/disable", "{}", _guarded.Admin)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
    }

    [Fact]
    public async Task Key_ExpiredOrNarrowed_DoesWhatItMay()
    {
        string narrow = await _guarded.KeyAsync(_guarded.Admin, new { name = "ci", scopes = new[] { "runs.read", "keys.own" }, expires_in_days = 0.5 });
        JsonElement me = (await Server.GetAsync("/api/v1/auth/whoami", GuardedServer.Bearer(narrow))).Json;
        Assert.Equal(["runs.read", "keys.own"], me.GetProperty("permissions").EnumerateArray().Select(p => p.GetString()));
        Assert.InRange(me.GetProperty("expires_at").GetDateTimeOffset() - DateTimeOffset.UtcNow, TimeSpan.FromHours(11), TimeSpan.FromHours(12));
        // A narrowed key makes only keys that are as narrow.
        foreach (string body in new[] { """{"name":"x"}""", """{"name":"x","scopes":["runs.read","runs.control"]}""" })
        {
            (await Server.PostAsync("/api/v1/access/keys", body, GuardedServer.Bearer(narrow))).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        }

        Assert.Equal(HttpStatusCode.Created, (await Server.PostAsync("/api/v1/access/keys", """{"name":"x","scopes":["runs.read"]}""", GuardedServer.Bearer(narrow))).Status);

        UserAccount admin = (await Server.Access.FindUserAsync("default", "admin", default))!;
        ApiKeyText old = ApiKeyText.Create("default", new Ulid(1, 2, 3), out string text);
        await Server.Access.AddKeyAsync("default", new ApiKey(old.Id, "old", old.Hash, admin.Id, [], null, "test", 0, ExpiresAt: 1000), default);
        (await Server.GetAsync("/api/v1/runs", GuardedServer.Bearer(text))).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
    }

    [Fact]
    public async Task Keys_AreSeenByTheirOwnersAndByWhoMayRead()
    {
        (string, string) ann = await _guarded.AddUserAsync(_guarded.Admin, "ann", "viewer");
        (string, string) bob = await _guarded.AddUserAsync(_guarded.Admin, "bob", "auditor");
        Assert.Equal(1, (await Server.GetAsync("/api/v1/access/keys", ann)).Json.GetProperty("total_count").GetInt32());
        JsonElement all = (await Server.GetAsync("/api/v1/access/keys", bob)).Json;
        Assert.Equal(3, all.GetProperty("total_count").GetInt32());
        string admins = all.GetProperty("items").EnumerateArray().Single(k => k.GetProperty("name").GetString() == "first start").GetProperty("id").GetString()!;
        Answer foreign = await Server.GetAsync($"/api/v1/access/keys/{admins}", ann);
        foreign.Problem(HttpStatusCode.NotFound, "API_KEY_NOT_FOUND");
        (await Server.PostAsync($"/api/v1/access/keys/{admins}/disable", "{}", bob)).Problem(HttpStatusCode.NotFound, "API_KEY_NOT_FOUND");
        Assert.DoesNotContain("secret", all.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Somebody who manages users (role security) must not become more than they are by any of the ways there are.</summary>
    [Theory]
    [InlineData("POST", "/api/v1/access/users", """{"name":"x","roles":["admin"]}""")]
    [InlineData("POST", "/api/v1/access/users", """{"name":"x","roles":["developer"]}""")]
    [InlineData("PUT", "/api/v1/access/users/sec/roles", """{"roles":["security","admin"]}""")]
    [InlineData("PUT", "/api/v1/access/users/admin/roles", """{"roles":[]}""")]
    [InlineData("PUT", "/api/v1/access/users/admin/password", """{"password":"a very long password"}""")]
    [InlineData("POST", "/api/v1/access/users/admin/disable", "{}")]
    [InlineData("POST", "/api/v1/access/keys", """{"name":"x","user":"admin"}""")]
    [InlineData("PUT", "/api/v1/access/roles/mine", """{"permissions":["*"]}""")]
    [InlineData("PUT", "/api/v1/access/roles/mine", """{"permissions":["workflows.execute"]}""")]
    [InlineData("PUT", "/api/v1/access/roles/strong", """{"permissions":["runs.read"]}""")]
    [InlineData("DELETE", "/api/v1/access/roles/strong", null)]
    [InlineData("POST", "/api/v1/access/tenants", """{"name":"x"}""")]
    public async Task Escalation_IsRefused(string method, string path, string? body)
    {
        await PutAsync("/api/v1/access/roles/strong", """{"permissions":["*"]}""", _guarded.Admin);
        (string, string) security = await _guarded.AddUserAsync(_guarded.Admin, "sec", "security");
        Answer answer = await Server.SendAsync(new HttpMethod(method), path, body is null ? null : RunningServer.Content(System.Text.Encoding.UTF8.GetBytes(body), "application/json"), security);
        answer.Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
    }

    [Fact]
    public async Task Role_OfTheTenant_LimitsWhatItStarts()
    {
        const string budgeted = """
            language: 1
            name: support-eu
            version: 1.0.0
            policies: { max_budget: 0.05 }
            planner: fsm
            initial_state: done
            final_states: [done]
            states:
              done: { tool: skill.echo }
            """;
        await Server.SaveAsync(budgeted, _guarded.Admin);
        await Server.SaveAsync(Flows.Echo, _guarded.Admin);
        Answer saved = await PutAsync("/api/v1/access/roles/support", """{"description":"d","permissions":["workflows.execute"],"workflows":["support*"],"max_run_cost_dollars":0.05}""", _guarded.Admin);
        Assert.Equal(HttpStatusCode.Created, saved.Status);
        (string, string) ann = await _guarded.AddUserAsync(_guarded.Admin, "ann", "support");
        Assert.Equal(HttpStatusCode.OK, (await Server.PostAsync("/api/v1/workflows/support-eu/execute", "{}", ann)).Status);
        (await Server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""", ann)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        await PutAsync("/api/v1/access/roles/support", """{"permissions":["workflows.execute"],"max_run_cost_dollars":0.01}""", _guarded.Admin);
        (await Server.PostAsync("/api/v1/workflows/support-eu/execute", "{}", ann)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        Assert.Equal(HttpStatusCode.NoContent, (await Server.SendAsync(HttpMethod.Delete, "/api/v1/access/roles/support", null, _guarded.Admin)).Status);
        Assert.Equal([], (await Server.GetAsync("/api/v1/access/users/ann", _guarded.Admin)).Json.GetProperty("roles").EnumerateArray());
        (await PutAsync("/api/v1/access/roles/viewer", """{"permissions":["*"]}""", _guarded.Admin)).Problem(HttpStatusCode.Conflict, "ROLE_BUILT_IN");
    }

    /// <summary>Whoever may not start a workflow does not get it started by one that they may.</summary>
    [Fact]
    public async Task Child_OfAWorkflowThatTheStarterMayNotStart_IsDeniedJournaledAndAudited()
    {
        await Server.SaveAsync(Flows.Echo, _guarded.Admin);
        await Server.SaveAsync(
            """
            language: 1
            name: support-outer
            version: 1.0.0
            planner: fsm
            initial_state: inner
            final_states: [inner]
            states:
              inner: { workflow: { name: echo, version: "*", input: { message: hi } } }
            """,
            _guarded.Admin);
        await PutAsync("/api/v1/access/roles/support", """{"permissions":["workflows.execute","runs.read"],"workflows":["support*"]}""", _guarded.Admin);
        (string, string) ann = await _guarded.AddUserAsync(_guarded.Admin, "ann", "support");
        JsonElement run = (await Server.PostAsync("/api/v1/workflows/support-outer/execute", "{}", ann)).Json;
        string id = run.GetProperty("id").GetString()!;
        Assert.Equal(("failed", "PERMISSION_DENIED"), (run.GetProperty("status").GetString(), run.GetProperty("error").GetProperty("code").GetString()));
        JsonElement[] events = [.. (await Server.GetAsync($"/api/v1/runs/{id}/events", ann)).Json.GetProperty("items").EnumerateArray()];
        Assert.Equal("""[{"workflows":["support*"]}]""", events.Single(e => e.GetProperty("type").GetString() == "run_starts_restricted").GetProperty("starts").GetRawText());
        Assert.Contains("its starter's roles start support*, not 'echo'", events.Single(e => e.GetProperty("type").GetString() == "step_denied").GetProperty("error").GetProperty("message").GetString());
        Assert.Equal(0, (await Server.GetAsync("/api/v1/runs?filter[workflow]=echo", _guarded.Admin)).Json.GetProperty("total_count").GetInt32());

        Assert.Equal(HttpStatusCode.OK, (await Server.PostAsync("/api/v1/audit/verify", null, _guarded.Admin)).Status);
        JsonElement denied = Assert.Single((await Server.GetAsync("/api/v1/audit?filter[action]=step.denied", _guarded.Admin)).Json.GetProperty("items").EnumerateArray());
        Assert.Equal(($"run:{id}", "denied", "workflow:echo"), (denied.GetProperty("actor").GetString(), denied.GetProperty("decision").GetString(), denied.GetProperty("details").GetProperty("target").GetString()));

        await PutAsync("/api/v1/access/roles/support", """{"permissions":["workflows.execute","runs.read"],"workflows":["support*","echo"]}""", _guarded.Admin);
        Assert.Equal("completed", (await Server.PostAsync("/api/v1/workflows/support-outer/execute", "{}", ann)).Json.GetProperty("status").GetString());
    }

    /// <summary>A run acts with what its starter may: the workflow grants the network, the starter's role does not.</summary>
    [Theory]
    [InlineData("""{"permissions":["workflows.execute","runs.read","fs.read"]}""", "network.http")]
    [InlineData("""{"permissions":["workflows.execute","runs.read","network.*"],"allowed_tools":["skill.echo"]}""", "skill.http_call")]
    [InlineData("""{"permissions":["workflows.execute","runs.read","network.*"],"allowed_tools":["agent.*"]}""", "skill.http_call")]
    public async Task Run_ActsWithWhatItsStarterMay(string role, string missing)
    {
        const string calling = """
            language: 1
            name: calling
            version: 1.0.0
            policies: { permissions: [network.http] }
            agents:
              web: { kind: tool, tool: skill.http_call, input: { method: GET } }
            planner: fsm
            initial_state: call
            final_states: [done]
            states:
              call: { agent: web, input: { url: "http://127.0.0.1:1/" }, on_success: done }
              done: { tool: skill.echo }
            """;
        await Server.SaveAsync(calling, _guarded.Admin);
        await PutAsync("/api/v1/access/roles/limited", role, _guarded.Admin);
        (string, string) ann = await _guarded.AddUserAsync(_guarded.Admin, "ann", "limited");
        Answer ended = await Server.PostAsync("/api/v1/workflows/calling/execute", "{}", ann);
        Assert.True(ended.Json.TryGetProperty("error", out JsonElement error), ended.Text);
        Assert.Equal("PERMISSION_DENIED", error.GetProperty("code").GetString());
        Assert.Contains(missing, error.GetProperty("message").GetString());
        string run = ended.Json.GetProperty("id").GetString()!;
        Assert.Contains($"run:{run}", error.GetProperty("message").GetString());
        string[] events = [.. (await Server.GetAsync($"/api/v1/runs/{run}/events", ann)).Json.GetProperty("items").EnumerateArray().Select(e => e.GetProperty("type").GetString()!)];
        Assert.Contains("run_restricted", events);
        Assert.Contains("step_denied", events);

        // Whoever may do it all gets as far as the address, which is refused for another reason.
        JsonElement free = (await Server.PostAsync("/api/v1/workflows/calling/execute", "{}", _guarded.Admin)).Json;
        Assert.Equal("NETWORK_BLOCKED", free.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Login_KnowsPasswordsAndTellsNothingElse()
    {
        using var login = new PasswordLogin(Server.Access);
        await Server.PostAsync("/api/v1/access/users", """{"name":"ann","password":"correct horse battery"}""", _guarded.Admin);
        UserAccount ann = (await Server.Access.FindUserAsync("default", "ann", default))!;
        Assert.Equal(ann.Id, (await login.TryAsync("default", "ann", "correct horse battery", default))!.Id);
        Assert.Null(await login.TryAsync("default", "ann", "wrong horse battery", default));
        Assert.Null(await login.TryAsync("default", "bob", "correct horse battery", default));
        Assert.Null(await login.TryAsync("acme", "ann", "correct horse battery", default));
        Assert.Null(await login.TryAsync("../x", "ann", "correct horse battery", default));

        // Weaker hashes are replaced by the first login.
        byte[] weak = Rfc2898DeriveBytes.Pbkdf2("correct horse battery", "salt"u8, 1000, HashAlgorithmName.SHA256, 32);
        await Server.Access.SetPasswordAsync("default", ann.Id, $"pbkdf2-sha256$1000${Base64Url.EncodeToString("salt"u8)}${Base64Url.EncodeToString(weak)}", null, default);
        Assert.NotNull(await login.TryAsync("default", "ann", "correct horse battery", default));
        string stronger = (await Server.Access.FindUserAsync("default", "ann", default))!.PasswordHash;
        Assert.Equal(new PasswordCheck(true, false), PasswordHash.Verify("correct horse battery", stronger));

        await Server.PostAsync("/api/v1/access/users/ann/disable", "{}", _guarded.Admin);
        Assert.Null(await login.TryAsync("default", "ann", "correct horse battery", default));
    }

    [Theory]
    [InlineData("/api/v1/access/users", """{"name":"Ann"}""", "/name")]
    [InlineData("/api/v1/access/users", """{"name":"ann","password":"short"}""", "/password")]
    [InlineData("/api/v1/access/users", """{"name":"ann","roles":["no such!"]}""", "/roles/0")]
    [InlineData("/api/v1/access/users", """{"name":"ann","roles":"admin"}""", "/roles")]
    [InlineData("/api/v1/access/keys", """{}""", "/name")]
    [InlineData("/api/v1/access/keys", """{"name":"k","scopes":["runs.reed"]}""", "/scopes/0")]
    [InlineData("/api/v1/access/keys", """{"name":"k","expires_in_days":0}""", "/expires_in_days")]
    [InlineData("/api/v1/access/keys", """{"name":"k","roles":["admin"]}""", "/roles")]
    [InlineData("/api/v1/access/tenants", """{"name":"A B"}""", "/name")]
    public async Task ImpossibleBody_Is422WithThePlace(string path, string body, string pointer)
    {
        JsonElement problem = (await Server.PostAsync(path, body, _guarded.Admin)).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Equal(pointer, problem.GetProperty("errors")[0].GetProperty("pointer").GetString());
    }

    [Fact]
    public async Task OpenServer_GivesEverythingAndKeysOfNobody()
    {
        await using RunningServer open = await RunningServer.StartAsync();
        JsonElement me = (await open.GetAsync("/api/v1/auth/whoami", ("X-Tenant-ID", "acme"))).Json;
        Assert.Equal(("api", "built_in", "acme"), (me.GetProperty("actor").GetString(), me.GetProperty("kind").GetString(), me.GetProperty("tenant").GetString()));
        Assert.Equal(HttpStatusCode.Created, (await open.PostAsync("/api/v1/access/keys", """{"name":"ci","roles":["viewer"]}""")).Status);
        (await open.PostAsync("/api/v1/access/keys", """{"name":"ci"}""")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
    }

    [Fact]
    public async Task OpenServer_ReadById_FindsTheRunInWhicheverTenantHasIt()
    {
        await using RunningServer open = await RunningServer.StartAsync();
        await open.SaveAsync(Flows.Wait, ("X-Tenant-ID", "acme"));
        string run = await open.StartAsync("wait", "{}", ("X-Tenant-ID", "acme"));
        foreach (string path in new[] { $"runs/{run}", $"runs/{run}/plan", $"runs/{run}/events", $"workflows/wait/plans/{run}" })
        {
            Assert.Equal(HttpStatusCode.OK, (await open.GetAsync("/api/v1/" + path)).Status);
            (await open.GetAsync("/api/v1/" + path, ("X-Tenant-ID", "default"))).Problem(HttpStatusCode.NotFound, "RUN_NOT_FOUND");
        }

        // Only reads: a command acts in the tenant that it names.
        (await open.PostAsync($"/api/v1/runs/{run}/cancel", "{}")).Problem(HttpStatusCode.NotFound, "RUN_NOT_FOUND");
        Assert.Equal(0, (await open.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt32());
    }

    [Fact]
    public async Task Build_OpenServerThatOthersReach_IsRefused()
    {
        var e = await Assert.ThrowsAsync<OptionsException>(() => RunningServer.StartAsync(o => o with { Listen = new ListenAddress.Tcp(IPAddress.Any, 0) }));
        Assert.Contains("AF_ACCESS=required", e.Message);
    }

    private Task<Answer> PutAsync(string path, string json, params (string Name, string Value)[] headers) =>
        Server.SendAsync(HttpMethod.Put, path, RunningServer.Content(System.Text.Encoding.UTF8.GetBytes(json), "application/json"), headers);
}
