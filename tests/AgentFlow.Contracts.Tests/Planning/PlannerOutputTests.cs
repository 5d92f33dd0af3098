using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Json;
using AgentFlow.Contracts.Planning;

namespace AgentFlow.Contracts.Tests.Planning;

public sealed class PlannerOutputTests
{
    private static readonly PlannerMetadata Metadata = new("deterministic", "1.0.0", true, 0, "k");

    [Fact]
    public void ToCanonicalJson_OneStep_HasEveryMemberOfTheContract()
    {
        var plan = new PlannerOutput([new PlannerStep("s1", "skill.echo", JsonElement.Parse("""{"message":"hi"}"""))], Metadata);
        const string expected =
            """{"metadata":{"cache_key":"k","cost_cents":0,"deterministic":true,"planner":"deterministic","planner_version":"1.0.0"},"steps":[{"depends_on":[],"description":"","on_error":"abort","params":{"message":"hi"},"retry_count":3,"skill":"skill.echo","step_id":"s1"}]}""";
        Assert.Equal(expected, Encoding.UTF8.GetString(plan.ToCanonicalJson()));
        Assert.Equal(CanonicalJson.Hash(Encoding.UTF8.GetBytes(expected)), plan.ContentHash());
    }

    [Fact]
    public void Json_StepWithoutOptionalMembers_TakesTheDefaults()
    {
        PlannerOutput plan = JsonSerializer.Deserialize(
            """{"steps":[{"step_id":"s1","skill":"x","params":{}}],"metadata":{"planner":"p","planner_version":"1","deterministic":false,"cost_cents":1.5,"cache_key":"k"}}""",
            WireJson.Default.PlannerOutput)!;
        PlannerStep step = Assert.Single(plan.Steps);
        Assert.Equal(("s1", "x", PlannerOnError.Abort, 3, ""), (step.StepId, step.Skill, step.OnError, step.RetryCount, step.Description));
        Assert.Empty(step.DependsOn);
    }

    [Theory]
    [InlineData("abort", PlannerOnError.Abort)]
    [InlineData("continue", PlannerOnError.Continue)]
    [InlineData("retry", PlannerOnError.Retry)]
    [InlineData("compensate", PlannerOnError.Compensate)]
    public void Json_OnError_IsALowerCaseWord(string word, PlannerOnError value)
    {
        var plan = new PlannerOutput([new PlannerStep("s1", "x", JsonElement.Parse("{}"), ["s0"], value)], Metadata);
        string json = JsonSerializer.Serialize(plan, WireJson.Default.PlannerOutput);
        Assert.Contains($"\"on_error\":\"{word}\"", json);
        Assert.Equal(value, JsonSerializer.Deserialize(json, WireJson.Default.PlannerOutput)!.Steps[0].OnError);
    }

    [Fact]
    public void ContentHash_DeepParams_AreHashed()
    {
        string deep = string.Concat(Enumerable.Repeat("{\"a\":", 500)) + "1" + new string('}', 500);
        var plan = new PlannerOutput([new PlannerStep("s1", "x", JsonElement.Parse(deep, new JsonDocumentOptions { MaxDepth = 1000 }))], Metadata);
        Assert.Equal(64, plan.ContentHash().Length);
        Assert.Equal(plan.ContentHash(), JsonSerializer.Deserialize(plan.ToCanonicalJson(), WireJson.Default.PlannerOutput)!.ContentHash());
    }

    [Fact]
    public void Error_OfACode_TakesItsRetryability() => Assert.Equal(
        """{"code":"PLANNER_INVALID_GOAL","message":"Say something.","retryable":false,"details":null}""",
        JsonSerializer.Serialize(PlannerError.Of(ErrorCode.PlannerInvalidGoal, "Say something."), WireJson.Default.PlannerError));
}
