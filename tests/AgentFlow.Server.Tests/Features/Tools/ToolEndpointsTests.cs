using System.Net;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Tools;

public sealed class ToolEndpointsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task List_Pages_HaveEveryContract()
    {
        List<string> ids = [];
        for (string? cursor = ""; cursor is not null;)
        {
            JsonElement page = (await _server.GetAsync($"/api/v1/tools?page[size]=3&page[cursor]={cursor}")).Json;
            Assert.Equal(11, page.GetProperty("total_count").GetInt32());
            ids.AddRange(page.GetProperty("items").EnumerateArray().Select(t => t.GetProperty("id").GetString()!));
            cursor = page.GetProperty("next_cursor").GetString();
        }

        Assert.Equal(["agent.dispatch", "sim.adjudicate", "sim.end", "sim.repair", "sim.summarize", "sim.undo", "sim.work", "skill.echo", "skill.http_call", "skill.json_transform", "skill.llm_invoke"], ids);
    }

    [Fact]
    public async Task Get_Tool_IsItsContract()
    {
        Answer answer = await _server.GetAsync("/api/v1/tools/skill.http_call");
        JsonElement tool = answer.Json;
        Assert.Equal(("skill.http_call", "external", "NONE"), (tool.GetProperty("id").GetString(), tool.GetProperty("effects").GetString(), tool.GetProperty("determinism").GetString()));
        Assert.Equal("key", tool.GetProperty("idempotency").GetString());
        Assert.Equal(JsonValueKind.Object, tool.GetProperty("input_schema").ValueKind);
        Assert.Contains("network.http", tool.GetProperty("permissions").EnumerateArray().Select(p => p.GetString()));
        Assert.Equal(HttpStatusCode.NotModified, (await _server.GetAsync("/api/v1/tools/skill.http_call", ("If-None-Match", answer.Tag!))).Status);
    }

    [Fact]
    public async Task Get_UnknownTool_Is404() => (await _server.GetAsync("/api/v1/tools/skill.nothing")).Problem(HttpStatusCode.NotFound, "TOOL_NOT_FOUND");
}
