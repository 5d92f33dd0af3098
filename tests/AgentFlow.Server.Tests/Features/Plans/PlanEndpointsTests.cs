using System.Net;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Plans;

public sealed class PlanEndpointsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Plan_EchoGoal_IsOneStep()
    {
        JsonElement plan = (await PlanAsync("""{"goal":"echo hello world","manifest":["skill.echo"]}""")).Json;
        JsonElement step = Assert.Single(plan.GetProperty("steps").EnumerateArray());
        Assert.Equal(("s1", "skill.echo", "abort", 3), (step.GetProperty("step_id").GetString(), step.GetProperty("skill").GetString(), step.GetProperty("on_error").GetString(), step.GetProperty("retry_count").GetInt32()));
        Assert.Equal("echo hello world", step.GetProperty("params").GetProperty("message").GetString());
        Assert.True(plan.GetProperty("metadata").GetProperty("deterministic").GetBoolean());
    }

    [Fact]
    public async Task Plan_WithoutManifest_UsesTheServersTools()
    {
        JsonElement plan = (await PlanAsync("""{"goal":"analyze the feed"}""")).Json;
        Assert.Equal(["skill.http_call", "skill.json_transform", "skill.llm_invoke"], plan.GetProperty("steps").EnumerateArray().Select(s => s.GetProperty("skill").GetString()!));
    }

    [Fact]
    public async Task Plan_KeyOrderOfTheManifest_ChangesNoByte()
    {
        Answer one = await PlanAsync("""{"goal":"echo","manifest":[{"id":"skill.echo","version":"1.0.0"}]}""");
        Answer other = await PlanAsync("""{"manifest":[{"version":"1.0.0","id":"skill.echo"}],"goal":"echo"}""");
        Assert.Equal(one.Text, other.Text);
    }

    [Theory]
    [InlineData("""{"goal":"  "}""", HttpStatusCode.UnprocessableEntity, "PLANNER_INVALID_GOAL")]
    [InlineData("""{}""", HttpStatusCode.UnprocessableEntity, "PLANNER_INVALID_GOAL")]
    [InlineData("""{"goal":"echo","manifest":[]}""", HttpStatusCode.UnprocessableEntity, "PLANNER_NO_SKILLS")]
    [InlineData("""{"goal":"echo","manifest":{"a":1}}""", HttpStatusCode.UnprocessableEntity, "PLANNER_INVALID_MANIFEST")]
    [InlineData("""{"goal":"echo","planner":"oracle"}""", HttpStatusCode.NotFound, "PLANNER_NOT_FOUND")]
    [InlineData("""{"goal":"echo","version":"9.0.0"}""", HttpStatusCode.NotFound, "PLANNER_NOT_FOUND")]
    [InlineData("""{"goal":1,"speed":2}""", HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED")]
    public async Task Plan_Impossible_SaysWhy(string body, HttpStatusCode status, string code) => (await PlanAsync(body)).Problem(status, code);

    private Task<Answer> PlanAsync(string body) => _server.PostAsync("/api/v1/plans", body);
}
