using System.Net;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Workflows;

public sealed class WorkflowEndpointsTests : IAsyncLifetime
{
    private const string Workflows = "/api/v1/workflows";

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("application/yaml")]
    [InlineData("text/yaml; charset=utf-8")]
    [InlineData("text/plain")]
    public async Task Save_NewVersion_Is201WithItsPlace(string type)
    {
        Answer saved = await _server.SendAsync(HttpMethod.Post, Workflows, RunningServer.Content(Encoding.UTF8.GetBytes(Flows.Echo), type));
        Assert.Equal(HttpStatusCode.Created, saved.Status);
        Assert.Equal("/api/v1/workflows/echo?version=1.0.0", saved.Headers.Location!.ToString());
        JsonElement workflow = saved.Json;
        Assert.Equal(("echo", "echo", "1.0.0", "fsm"), (Text(workflow, "id"), Text(workflow, "name"), Text(workflow, "version"), Text(workflow, "planner")));
        Assert.Matches("^[0-9a-f]{64}$", Text(workflow, "hash"));
        Assert.Equal(["say", "done"], workflow.GetProperty("states").EnumerateArray().Select(s => s.GetString()!));
        Assert.Equal("object", workflow.GetProperty("input_schema").GetProperty("type").GetString());
        Assert.Equal(0, workflow.GetProperty("diagnostics").GetArrayLength());

        Answer read = await _server.GetAsync(saved.Headers.Location.ToString());
        Assert.Equal(saved.Text, read.Text);
    }

    [Fact]
    public async Task Save_SameContent_Is200AndTheSameVersion()
    {
        Answer first = await _server.PostYamlAsync(Workflows, Flows.Echo);
        Answer second = await _server.PostYamlAsync(Workflows, Flows.Echo);
        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.OK), (first.Status, second.Status));
        Assert.Equal(first.Text, second.Text);
    }

    [Fact]
    public async Task Save_OtherContentUnderTheVersion_Is409()
    {
        await _server.SaveAsync(Flows.Echo);
        Answer other = await _server.PostYamlAsync(Workflows, Flows.Echo.Replace("said", "spoken"));
        Assert.Contains("1.0.0", other.Problem(HttpStatusCode.Conflict, "WORKFLOW_VERSION_EXISTS").GetProperty("detail").GetString());
    }

    [Fact]
    public async Task Save_WithErrors_ListsThemAllWithTheirPlaces()
    {
        string yaml = Flows.Echo.Replace("skill.echo, outcome", "skill.ecko, outcome").Replace("initial_state: say", "initial_state: speak");
        JsonElement[] errors = [.. (await _server.PostYamlAsync(Workflows, yaml)).Problem(HttpStatusCode.UnprocessableEntity, "WORKFLOW_INVALID").GetProperty("errors").EnumerateArray()];
        Assert.True(errors.Length >= 2);
        Assert.All(errors, e =>
        {
            Assert.Equal("workflow.yaml", Text(e, "file"));
            Assert.True(e.GetProperty("line").GetInt32() > 1 && e.GetProperty("column").GetInt32() > 0);
            Assert.NotEqual("", Text(e, "message"));
            Assert.NotEqual("", Text(e, "remedy"));
            Assert.Matches("^[a-z-]+$", Text(e, "code"));
        });
        Assert.Contains(errors, e => Text(e, "code") == "unknown-tool" && e.GetProperty("line").GetInt32() == 11);
    }

    [Fact]
    public async Task Save_WithWarnings_TellsThem()
    {
        Answer saved = await _server.PostYamlAsync(Workflows, Flows.Echo.Replace("planner: fsm", "agents: { idle: { kind: rag, source: a.md } }\nplanner: fsm"));
        JsonElement[] diagnostics = saved.Status == HttpStatusCode.Created
            ? [.. saved.Json.GetProperty("diagnostics").EnumerateArray()]
            : [.. saved.Json.GetProperty("errors").EnumerateArray()];
        Assert.NotEmpty(diagnostics);
    }

    [Fact]
    public async Task Save_DryRun_StoresNothing()
    {
        Answer checkedOnly = await _server.PostYamlAsync(Workflows + "?dry_run=true", Flows.Echo);
        Assert.Equal(HttpStatusCode.OK, checkedOnly.Status);
        Assert.Equal("echo", Text(checkedOnly.Json, "id"));
        Assert.False(checkedOnly.Json.TryGetProperty("created_at", out _));
        (await _server.GetAsync(Workflows + "/echo")).Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
        (await _server.PostYamlAsync(Workflows + "?dry_run=true", "nonsense")).Problem(HttpStatusCode.UnprocessableEntity, "WORKFLOW_INVALID");
    }

    [Fact]
    public async Task Save_AsJsonWithAssets_KeepsThem()
    {
        string yaml = """
            language: 1
            name: helper
            version: 2.0.0
            assets: [data/faq.md]
            agents: { faq: { kind: rag, source: data/faq.md } }
            planner: fsm
            initial_state: look
            final_states: [look]
            states:
              look: { agent: faq, input: { query: "${input.q}" } }
            """;
        string asset = Convert.ToBase64String("# Refunds\n\nA refund takes five days.\n"u8);
        string body = JsonSerializer.Serialize(new { yaml, path = "flows/helper.yaml", assets = new Dictionary<string, string> { ["data/faq.md"] = asset } });
        Answer saved = await _server.PostAsync(Workflows, body);
        Assert.True(saved.Status == HttpStatusCode.Created, saved.Text);
        Answer run = await _server.PostAsync(Workflows + "/helper/execute", """{"input":{"q":"how long does a refund take"}}""");
        Assert.Contains("five days", run.Json.GetProperty("output").ToString());

        JsonElement[] errors = [.. (await _server.PostAsync(Workflows, JsonSerializer.Serialize(new { yaml, path = "flows/helper.yaml" }))).Problem(HttpStatusCode.UnprocessableEntity, "WORKFLOW_INVALID").GetProperty("errors").EnumerateArray()];
        Assert.Contains(errors, e => Text(e, "file") == "flows/helper.yaml" && Text(e, "code") == "missing-asset");
    }

    [Fact]
    public async Task Save_JsonWithoutYaml_Is422() =>
        Assert.Equal("/yaml", (await _server.PostAsync(Workflows, "{}")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED").GetProperty("errors")[0].GetProperty("pointer").GetString());

    [Fact]
    public async Task Get_Versions_NewestFirstBySemanticVersion()
    {
        foreach (string version in new[] { "1.9.0", "1.10.0", "1.2.0" })
        {
            await _server.SaveAsync(Flows.Echo.Replace("version: 1.0.0", $"version: {version}"));
        }

        Assert.Equal("1.10.0", Text((await _server.GetAsync(Workflows + "/echo")).Json, "version"));
        Assert.Equal("1.2.0", Text((await _server.GetAsync(Workflows + "/echo?version=1.2.0")).Json, "version"));
        (await _server.GetAsync(Workflows + "/echo?version=3.0.0")).Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
        (await _server.GetAsync(Workflows + "/nobody/versions")).Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");

        List<string> seen = [];
        string? cursor = null;
        do
        {
            JsonElement page = (await _server.GetAsync($"{Workflows}/echo/versions?page[size]=1{(cursor is null ? "" : $"&page[cursor]={cursor}")}")).Json;
            Assert.Equal(3, page.GetProperty("total_count").GetInt32());
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(w => Text(w, "version")));
            cursor = page.GetProperty("next_cursor").GetString();
        }
        while (cursor is not null);
        Assert.Equal(["1.10.0", "1.9.0", "1.2.0"], seen);
    }

    [Fact]
    public async Task List_Pages_HaveEveryWorkflowOnce()
    {
        string[] names = [.. Enumerable.Range(0, 7).Select(i => $"flow{i}")];
        foreach (string name in names)
        {
            await _server.SaveAsync(Flows.Echo.Replace("name: echo", $"name: {name}"));
        }

        Assert.Equal(names, await PagesAsync("?page[size]=3"));
        Assert.Equal(names.Reverse(), await PagesAsync("?page[size]=2&sort=-name"));
        Assert.Empty(await PagesAsync("?filter[planner]=dag"));
        Assert.Equal(names, await PagesAsync("?filter[planner]=fsm"));
    }

    [Fact]
    public async Task Source_IsTheTextThatWasSent()
    {
        await _server.SaveAsync(Flows.Echo);
        Answer source = await _server.GetAsync(Workflows + "/echo/source");
        Assert.Equal(("application/yaml", Flows.Echo), (source.Type, source.Text));
    }

    [Fact]
    public async Task ETags_OfListsDetailsAndSources_FollowTheContent()
    {
        await _server.SaveAsync(Flows.Echo);
        foreach (string path in new[] { Workflows, Workflows + "/echo", Workflows + "/echo/versions", Workflows + "/echo/source" })
        {
            Answer first = await _server.GetAsync(path);
            Assert.Matches("^\"[0-9a-f]{32}\"$", first.Tag);
            foreach (string match in new[] { first.Tag!, $"\"other\", {first.Tag}", $"W/{first.Tag}", "*" })
            {
                Answer second = await _server.GetAsync(path, ("If-None-Match", match));
                Assert.Equal((HttpStatusCode.NotModified, first.Tag), (second.Status, second.Tag));
                Assert.Empty(second.Body);
            }

            Assert.Equal(HttpStatusCode.OK, (await _server.GetAsync(path, ("If-None-Match", "\"other\""))).Status);
        }

        string before = (await _server.GetAsync(Workflows + "/echo")).Tag!;
        await _server.SaveAsync(Flows.Echo.Replace("version: 1.0.0", "version: 1.1.0"));
        Answer after = await _server.GetAsync(Workflows + "/echo", ("If-None-Match", before));
        Assert.Equal(HttpStatusCode.OK, after.Status);
        Assert.NotEqual(before, after.Tag);
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private async Task<List<string>> PagesAsync(string query)
    {
        List<string> names = [];
        string? cursor = null;
        do
        {
            JsonElement page = (await _server.GetAsync(Workflows + query + (cursor is null ? "" : $"&page[cursor]={cursor}"))).Json;
            names.AddRange(page.GetProperty("items").EnumerateArray().Select(w => Text(w, "name")));
            cursor = page.GetProperty("next_cursor").GetString();
        }
        while (cursor is not null);
        return names;
    }
}
