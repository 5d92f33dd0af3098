using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Server.Tests.Features.Access;

namespace AgentFlow.Server.Tests.Features.Agents;

public sealed class AgentsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private Task<Answer> PutAsync(string id, string json, params (string, string)[] headers) =>
        _server.SendAsync(HttpMethod.Put, $"/api/v1/agents/{id}", RunningServer.Content(Encoding.UTF8.GetBytes(json), "application/json"), headers);

    private async Task<string> AddAsync(string name, string more = "", params (string, string)[] headers)
    {
        Answer created = await _server.PostAsync("/api/v1/agents", $$"""{"name":"{{name}}"{{more}}}""", headers);
        Assert.True(created.Status == HttpStatusCode.Created, created.Text);
        return created.Json.GetProperty("agent_id").GetString()!;
    }

    private async Task<string[]> NamesAsync(string query) =>
        [.. (await _server.GetAsync($"/api/v1/agents{query}")).Json.GetProperty("items").EnumerateArray().Select(a => a.GetProperty("name").GetString()!)];

    [Fact]
    public async Task Create_WithEverything_IsReadByIdAndName()
    {
        Answer created = await _server.PostAsync("/api/v1/agents/", """
            {"name":"backend-dev","role":"backend","capabilities":["code.write","code.review","code.write"],"permissions":{"allowed_tools":["Read"]},
             "budget":{"limits":{"tokens":1000,"usd":2.5}},"metadata":{"category":"delivery","specialist":"backend","version":"1.2.0","tags":["api"]},
             "definition":{"hooks":{"pre":"x"}},"instructions":"# Do"}
            """);
        Assert.Equal(HttpStatusCode.Created, created.Status);
        string id = created.Json.GetProperty("agent_id").GetString()!;
        Assert.True(Guid.TryParse(id, out _));
        Assert.Equal($"/api/v1/agents/{id}", created.Headers.Location!.ToString());
        JsonElement read = (await _server.GetAsync($"/api/v1/agents/{id}")).Json;
        Assert.Equal(created.Text, read.GetRawText());
        Assert.Equal(read.GetRawText(), (await _server.GetAsync("/api/v1/agents/name/backend-dev")).Text);
        Assert.Equal(("backend", "delivery", "backend", "idle", "llm"), (read.GetProperty("role").GetString(), read.GetProperty("category").GetString(), read.GetProperty("specialist").GetString(), read.GetProperty("status").GetString(), read.GetProperty("kind").GetString()));
        Assert.Equal("""["code.review","code.write"]""", read.GetProperty("capabilities").GetRawText());
        Assert.Equal("""{"category":"delivery","specialist":"backend","version":"1.2.0","tags":["api"]}""", read.GetProperty("metadata").GetRawText());
        Assert.Equal("""{"limits":{"tokens":1000,"usd":2.5},"use":{"tokens":0,"api_calls":0,"usd":0},"exceeded":false}""", read.GetProperty("budget").GetRawText());
        Assert.Equal("""{"hooks":{"pre":"x"}}""", read.GetProperty("definition").GetRawText());
        Assert.Equal("# Do", read.GetProperty("instructions").GetString());
        Assert.Equal(0, read.GetProperty("performance").GetProperty("executions").GetInt32());
    }

    [Fact]
    public async Task Create_NameOrIdThatIsTaken_Is409()
    {
        string id = await AddAsync("coder");
        (await _server.PostAsync("/api/v1/agents", """{"name":"coder"}""")).Problem(HttpStatusCode.Conflict, "AGENT_EXISTS");
        (await _server.PostAsync("/api/v1/agents", $$"""{"name":"other","agent_id":"{{id.ToUpperInvariant()}}"}""")).Problem(HttpStatusCode.Conflict, "AGENT_EXISTS");
        await AddAsync("coder", "", ("X-Tenant-ID", "other"));
        Assert.Equal(["coder"], await NamesAsync(""));
    }

    [Fact]
    public async Task Create_SameKeyAgain_IsOneAgent()
    {
        Answer first = await _server.PostAsync("/api/v1/agents", """{"name":"coder"}""", ("Idempotency-Key", "k1"));
        Answer second = await _server.PostAsync("/api/v1/agents", """{"name":"coder"}""", ("Idempotency-Key", "k1"));
        Assert.Equal((HttpStatusCode.Created, first.Text), (second.Status, second.Text));
        Assert.Equal("true", second.Headers.GetValues("Idempotency-Replayed").Single());
        (await _server.PostAsync("/api/v1/agents", """{"name":"tester"}""", ("Idempotency-Key", "k1"))).Problem(HttpStatusCode.UnprocessableEntity, "IDEMPOTENCY_KEY_REUSED");
        Assert.Equal(["coder"], await NamesAsync(""));
    }

    [Theory]
    [InlineData("{}", "/name")]
    [InlineData("""{"name":""}""", "/name")]
    [InlineData("""{"name":" x"}""", "/name")]
    [InlineData("""{"name":"a/b"}""", "/name")]
    [InlineData("""{"name":"a\u0000b"}""", "/name")]
    [InlineData("""{"name":7}""", "/name")]
    [InlineData("""{"name":"x","role":"boss"}""", "/role")]
    [InlineData("""{"name":"x","kind":"remote"}""", "/kind")]
    [InlineData("""{"name":"x","status":"online"}""", "/status")]
    [InlineData("""{"name":"x","agent_id":"7"}""", "/agent_id")]
    [InlineData("""{"name":"x","capabilities":["a b"]}""", "/capabilities/0")]
    [InlineData("""{"name":"x","capabilities":"a"}""", "/capabilities")]
    [InlineData("""{"name":"x","budget":{"limits":{"tokens":-1}}}""", "/budget/limits/tokens")]
    [InlineData("""{"name":"x","budget":{"limits":{"tokens":1.5}}}""", "/budget/limits/tokens")]
    [InlineData("""{"name":"x","budget":{"limits":{"usd":1e30}}}""", "/budget/limits/usd")]
    [InlineData("""{"name":"x","budget":{"limits":{"coins":1}}}""", "/budget/limits/coins")]
    [InlineData("""{"name":"x","budget":[]}""", "/budget")]
    [InlineData("""{"name":"x","metadata":[]}""", "/metadata")]
    [InlineData("""{"name":"x","permissions":"all"}""", "/permissions")]
    [InlineData("""{"name":"x","base_url":"javascript:alert(1)"}""", "/base_url")]
    [InlineData("""{"name":"x","catgory":"y"}""", "/catgory")]
    public async Task Create_BodyWithAFault_NamesThePlace(string json, string pointer)
    {
        JsonElement problem = (await _server.PostAsync("/api/v1/agents", json)).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Contains(pointer, problem.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("pointer").GetString()));
        Assert.Empty(await NamesAsync(""));
    }

    [Fact]
    public async Task List_FiltersAndPages_AreTogetherTheWhole()
    {
        foreach (string name in new[] { "d", "b", "a", "c", "e" })
        {
            await AddAsync(name, $$""","role":"{{(name == "b" ? "tester" : "developer")}}","category":"{{(name is "a" or "b" ? "x" : "y")}}","specialist":"s{{name}}","capabilities":["can.{{name}}"]""");
        }

        Assert.Equal(["a", "b", "c", "d", "e"], await NamesAsync("/"));
        Assert.Equal(["b"], await NamesAsync("?role=tester"));
        Assert.Equal(["a", "b"], await NamesAsync("?category=x"));
        Assert.Equal(["d"], await NamesAsync("?specialist=sd&category=y&kind=llm&status=idle"));
        Assert.Equal(["c"], await NamesAsync("?capability=can.c"));
        var paged = new List<string>();
        string? cursor = "";
        while (cursor is not null)
        {
            JsonElement page = (await _server.GetAsync($"/api/v1/agents?page[size]=2{(cursor.Length == 0 ? "" : $"&page[cursor]={cursor}")}")).Json;
            Assert.Equal(5, page.GetProperty("total_count").GetInt32());
            paged.AddRange(page.GetProperty("items").EnumerateArray().Select(a => a.GetProperty("name").GetString()!));
            cursor = page.GetProperty("next_cursor").GetString();
        }

        Assert.Equal(["a", "b", "c", "d", "e"], paged);
        (await _server.GetAsync("/api/v1/agents?page[cursor]=%")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
        (await _server.GetAsync("/api/v1/agents?rol=x")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
    }

    [Fact]
    public async Task Update_SomeMembers_LeavesTheOthers()
    {
        string id = await AddAsync("coder", ""","role":"developer","instructions":"keep","metadata":{"version":"1"},"budget":{"limits":{"tokens":5}}""");
        Answer updated = await PutAsync(id, """{"role":"reviewer","metadata":{"version":"2"},"budget":{"use":{"tokens":7}}}""");
        Assert.Equal(HttpStatusCode.OK, updated.Status);
        JsonElement read = updated.Json;
        Assert.Equal(("coder", "reviewer", "keep", 2), (read.GetProperty("name").GetString(), read.GetProperty("role").GetString(), read.GetProperty("instructions").GetString(), read.GetProperty("version").GetInt32()));
        Assert.Equal("""{"limits":{"tokens":5},"use":{"tokens":7,"api_calls":0,"usd":0},"exceeded":true}""", read.GetProperty("budget").GetRawText());
        Assert.Equal("2", read.GetProperty("metadata").GetProperty("version").GetString());
        Assert.Equal(updated.Text, (await _server.GetAsync($"/api/v1/agents/{id}")).Text);
    }

    [Fact]
    public async Task Update_WithWhatWasRead_IsTaken()
    {
        string id = await AddAsync("coder", ""","category":"x","capabilities":["a.b"],"permissions":["read"]""");
        JsonNode read = JsonNode.Parse((await _server.GetAsync($"/api/v1/agents/{id}")).Text)!;
        read["category"] = "y";
        Answer updated = await PutAsync(id, read.ToJsonString());
        Assert.True(updated.Status == HttpStatusCode.OK, updated.Text);
        Assert.Equal("y", updated.Json.GetProperty("category").GetString());
        // The version that was read is not the newest any more.
        (await PutAsync(id, read.ToJsonString())).Problem(HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
    }

    [Fact]
    public async Task Update_IfMatch_RefusesWhatHasChanged()
    {
        string id = await AddAsync("coder");
        string tag = (await _server.GetAsync($"/api/v1/agents/{id}")).Tag!;
        Answer first = await PutAsync(id, """{"category":"a"}""", ("If-Match", tag));
        Assert.Equal(HttpStatusCode.OK, first.Status);
        (await PutAsync(id, """{"category":"b"}""", ("If-Match", tag))).Problem(HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
        (await _server.SendAsync(HttpMethod.Delete, $"/api/v1/agents/{id}", null, ("If-Match", tag))).Problem(HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
        Assert.Equal(HttpStatusCode.OK, (await PutAsync(id, """{"category":"c"}""", ("If-Match", first.Tag!))).Status);
        Assert.Equal(HttpStatusCode.OK, (await PutAsync(id, """{"category":"d"}""", ("If-Match", "*"))).Status);
        Assert.Equal("d", (await _server.GetAsync($"/api/v1/agents/{id}")).Json.GetProperty("category").GetString());
    }

    [Fact]
    public async Task Update_ManyAtOnce_LoseNothing()
    {
        string id = await AddAsync("coder");
        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => PutAsync(id, i % 2 == 0 ? """{"category":"x"}""" : """{"specialist":"y"}""")));
        Assert.All(answers, a => Assert.Equal(HttpStatusCode.OK, a.Status));
        JsonElement read = (await _server.GetAsync($"/api/v1/agents/{id}")).Json;
        Assert.Equal(("x", "y", 9), (read.GetProperty("category").GetString(), read.GetProperty("specialist").GetString(), read.GetProperty("version").GetInt32()));
    }

    [Fact]
    public async Task Update_NameOfAnother_Is409()
    {
        await AddAsync("coder");
        string id = await AddAsync("tester");
        (await PutAsync(id, """{"name":"coder"}""")).Problem(HttpStatusCode.Conflict, "AGENT_EXISTS");
        (await PutAsync(id, """{"kind":"human"}""")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        (await PutAsync(Guid.NewGuid().ToString(), "{}")).Problem(HttpStatusCode.NotFound, "AGENT_NOT_FOUND");
    }

    [Fact]
    public async Task Activate_UntilTheTaskIsDone_IsActive()
    {
        string id = await AddAsync("coder");
        Answer active = await _server.PostAsync($"/api/v1/agents/{id}/activate", null);
        Assert.Equal("active", active.Json.GetProperty("status").GetString());
        Assert.True(active.Json.TryGetProperty("last_seen", out _));
        Assert.Equal(HttpStatusCode.OK, (await _server.PostAsync($"/api/v1/agents/{id}/activate", """{"task_id":"T-1"}""")).Status);
        Assert.Equal(HttpStatusCode.Created, (await _server.PostAsync("/api/v1/metrics", $$"""{"agent_id":"{{id}}","metric_type":"task_completion","value":1}""")).Status);
        Assert.Equal("idle", (await _server.GetAsync($"/api/v1/agents/{id}")).Json.GetProperty("status").GetString());
        await PutAsync(id, """{"status":"disabled"}""");
        (await _server.PostAsync($"/api/v1/agents/{id}/activate", "{}")).Problem(HttpStatusCode.Conflict, "AGENT_NOT_READY");
        (await _server.PostAsync($"/api/v1/agents/{Guid.NewGuid()}/activate", "{}")).Problem(HttpStatusCode.NotFound, "AGENT_NOT_FOUND");
    }

    [Fact]
    public async Task Delete_Agent_IsGone()
    {
        string id = await AddAsync("coder");
        Assert.Equal(HttpStatusCode.NoContent, (await _server.SendAsync(HttpMethod.Delete, $"/api/v1/agents/{id}", null)).Status);
        (await _server.GetAsync($"/api/v1/agents/{id}")).Problem(HttpStatusCode.NotFound, "AGENT_NOT_FOUND");
        (await _server.SendAsync(HttpMethod.Delete, $"/api/v1/agents/{id}", null)).Problem(HttpStatusCode.NotFound, "AGENT_NOT_FOUND");
        await AddAsync("coder");
    }

    [Fact]
    public async Task Stats_CountRolesAndBudgets()
    {
        await AddAsync("a", ""","role":"tester","category":"x","budget":{"limits":{"tokens":10,"usd":0.5},"use":{"tokens":11}}""");
        await AddAsync("b", ""","role":"tester","budget":{"limits":{"tokens":5},"use":{"api_calls":3,"usd":0.25}}""");
        string stats = (await _server.GetAsync("/api/v1/agents/stats/summary")).Text;
        Assert.Equal(
            """{"total":2,"by_role":{"tester":2},"by_category":{"none":1,"x":1},"by_status":{"idle":2},"by_kind":{"llm":2},"budget":{"limits":{"tokens":15,"api_calls":0,"usd":0.5},"use":{"tokens":11,"api_calls":3,"usd":0.25},"over_budget":1}}""",
            stats);
    }

    [Fact]
    public async Task Import_AgainAndChanged_SaysWhatBecameOfEach()
    {
        const string two = """{"agents":[{"name":"a","digest":"1","role":"tester","category":"x"},{"name":"b","digest":"1"}]}""";
        JsonElement first = (await _server.PostAsync("/api/v1/agents/import", two)).Json;
        Assert.Equal((2, 0, 0, 0), Counts(first));
        Assert.Equal((0, 0, 2, 0), Counts((await _server.PostAsync("/api/v1/agents/import", two)).Json));
        string id = first.GetProperty("agents")[0].GetProperty("agent_id").GetString()!;
        await PutAsync(id, """{"category":"mine"}""");
        Assert.Equal((0, 0, 2, 0), Counts((await _server.PostAsync("/api/v1/agents/import", two)).Json));
        Assert.Equal("mine", (await _server.GetAsync($"/api/v1/agents/{id}")).Json.GetProperty("category").GetString());
        Assert.Equal((0, 1, 1, 0), Counts((await _server.PostAsync("/api/v1/agents/import", two.Replace("\"digest\":\"1\",\"role\"", "\"digest\":\"2\",\"role\"", StringComparison.Ordinal))).Json));
        Assert.Equal("x", (await _server.GetAsync($"/api/v1/agents/{id}")).Json.GetProperty("category").GetString());
        Assert.Equal((0, 0, 0, 1), Counts((await _server.PostAsync("/api/v1/agents/import", $$"""{"agents":[{"name":"a","digest":"3","agent_id":"{{Guid.NewGuid()}}"}]}""")).Json));
        (await _server.PostAsync("/api/v1/agents/import", """{"agents":[{"name":"a","digest":"1"},{"name":"a","digest":"1"}]}""")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        (await _server.PostAsync("/api/v1/agents/import", "{}")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");

        static (int, int, int, int) Counts(JsonElement answer) =>
            (answer.GetProperty("imported").GetInt32(), answer.GetProperty("updated").GetInt32(), answer.GetProperty("unchanged").GetInt32(), answer.GetProperty("rejected").GetInt32());
    }

    [Fact]
    public async Task Changes_AreAudited()
    {
        string id = await AddAsync("coder");
        await PutAsync(id, """{"role":"tester"}""");
        await _server.PostAsync($"/api/v1/agents/{id}/activate", """{"task_id":"T-1"}""");
        await _server.SendAsync(HttpMethod.Delete, $"/api/v1/agents/{id}", null);
        JsonElement audit = await _server.UntilAsync($"/api/v1/audit?filter[resource]=agent:{id}&sort=number", a => a.GetProperty("total_count").GetInt32() == 4);
        Assert.Equal(["agent.create", "agent.update", "agent.activate", "agent.delete"], audit.GetProperty("items").EnumerateArray().Select(r => r.GetProperty("action").GetString()));
        Assert.Equal("T-1", audit.GetProperty("items")[2].GetProperty("details").GetProperty("task").GetString());
    }

    [Fact]
    public async Task Roles_ThatMayNotWrite_AreRefused()
    {
        await using GuardedServer guarded = await GuardedServer.StartAsync();
        (string, string) viewer = await guarded.AddUserAsync(guarded.Admin, "vera", "viewer");
        (string, string) agent = await guarded.AddUserAsync(guarded.Admin, "bot", "agent");
        (await guarded.Server.PostAsync("/api/v1/agents", """{"name":"x"}""", viewer)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        string id = (await guarded.Server.PostAsync("/api/v1/agents", """{"name":"x"}""", guarded.Admin)).Json.GetProperty("agent_id").GetString()!;
        (await guarded.Server.PostAsync($"/api/v1/agents/{id}/activate", "{}", viewer)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        Assert.Equal(HttpStatusCode.OK, (await guarded.Server.PostAsync($"/api/v1/agents/{id}/activate", "{}", agent)).Status);
        Assert.Equal(HttpStatusCode.OK, (await guarded.Server.GetAsync("/api/v1/agents", viewer)).Status);
        (await guarded.Server.GetAsync("/api/v1/events/audit", viewer)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
    }

    [Fact]
    public async Task OpenApi_Bodies_HaveExamplesThatWork()
    {
        JsonElement paths = (await _server.GetAsync("/api/v1/openapi.json")).Json.GetProperty("paths");
        string id = (await _server.PostAsync("/api/v1/agents", Example("/api/v1/agents", "post"))).Json.GetProperty("agent_id").GetString()!;
        Assert.Equal(HttpStatusCode.OK, (await PutAsync(id, Example("/api/v1/agents/{id}", "put"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.PostAsync("/api/v1/agents/import", Example("/api/v1/agents/import", "post"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.PostAsync($"/api/v1/agents/{id}/activate", Example("/api/v1/agents/{id}/activate", "post"))).Status);
        Assert.Equal(HttpStatusCode.Created, (await _server.PostAsync("/api/v1/metrics", Known(Example("/api/v1/metrics", "post"), id))).Status);
        Assert.Equal(HttpStatusCode.Created, (await _server.PostAsync("/api/v1/events/ingest", Known(Example("/api/v1/events/ingest", "post"), id))).Status);

        string Example(string path, string method) =>
            paths.GetProperty(path).GetProperty(method).GetProperty("requestBody").GetProperty("content").GetProperty("application/json").GetProperty("example").GetRawText();

        static string Known(string json, string id)
        {
            JsonNode body = JsonNode.Parse(json)!;
            body["agent_id"] = id;
            return body.ToJsonString();
        }
    }
}
