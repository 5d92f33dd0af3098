using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Planning;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Planning;

namespace AgentFlow.Engine.Tests.Planning;

public sealed class DeterministicPlannerTests
{
    private const string ThreeSkills = """["skill.llm_invoke","skill.http_call","skill.json_transform"]""";

    [Fact]
    public void Determinism_Planner_IsFull() => Assert.Equal(Determinism.Full, new DeterministicPlanner().Determinism);

    [Theory]
    [InlineData("analyze", true)]
    [InlineData("  Analyze: sales", true)]
    [InlineData("ANALYZE\tsales", true)]
    [InlineData("analyzer", false)]
    [InlineData("please analyze", false)]
    public void Plan_GoalBeginsWithAnalyze_IsTheChain(string goal, bool chain) =>
        Assert.Equal(chain ? ["s1", "s2", "s3"] : ["s1"], Steps(goal, ThreeSkills).Select(s => s.StepId));

    [Theory]
    [InlineData("""["skill.llm_invoke","skill.http_call"]""")]
    [InlineData("""["skill.llm_invoke","skill.json_transform"]""")]
    public void Plan_ChainWithoutOneOfItsSkills_IsOneModelCall(string manifest)
    {
        PlannerStep step = Assert.Single(Steps("analyze this", manifest));
        Assert.Equal("skill.llm_invoke", step.Skill);
        Assert.Equal("analyze this", step.Params.GetProperty("prompt").GetString());
    }

    [Theory]
    [InlineData("EMAIL Bob, please", "skill.email", "text")]
    [InlineData("send_email now", "skill.send_email", "text")]
    [InlineData("translate: bonjour", "translate", "input")]
    [InlineData("what time is it", "skill.llm_invoke", "prompt")]
    public void Plan_SkillNamedInTheGoal_IsCalledWithIt(string goal, string skill, string parameter)
    {
        const string manifest = """
            [{"id":"skill.email","input_schema":{"properties":{"text":{"type":"string"},"cc":{"type":"array"}},"required":["text"]}},
             {"skill_id":"skill.send_email","input_schema":{"properties":{"text":{"type":"string"}}}},
             {"id":"skill.now","input_schema":{"properties":{"zone":{"type":"string"},"format":{"type":"string"}},"required":["zone","format"]}},
             {"id":"translate"}, {"id":"skill.!!"}, "skill.llm_invoke"]
            """;
        PlannerStep step = Assert.Single(Steps(goal, manifest));
        Assert.Equal(skill, step.Skill);
        Assert.Equal(goal, step.Params.GetProperty(parameter).GetString());
        Assert.Equal((PlannerOnError.Abort, 3), (step.OnError, step.RetryCount));
    }

    [Fact]
    public void Plan_OnlySkill_IsUsedForAnyGoal() => Assert.Equal("skill.echo", Assert.Single(Steps("说点什么", """["skill.echo"]""")).Skill);

    [Theory]
    [InlineData("")]
    [InlineData(" \t\r\n\u3000")]
    [InlineData(null)]
    public void Plan_BlankGoal_IsRefused(string? goal) => AssertError(ErrorCode.PlannerInvalidGoal, goal!, """["skill.echo"]""");

    [Fact]
    public void Plan_GoalWithALoneSurrogate_IsRefused() => AssertError(ErrorCode.PlannerInvalidGoal, "echo \uD83D", """["skill.echo"]""");

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    public void Plan_EmptyManifest_IsRefused(string manifest) => AssertError(ErrorCode.PlannerNoSkills, "echo hi", manifest);

    [Fact]
    public void Plan_UndefinedManifest_IsRefusedAsEmpty()
    {
        var error = Assert.IsType<PlannerResult.Error>(new DeterministicPlanner().Plan(new PlanRequest("echo", default)));
        Assert.Equal("PLANNER_NO_SKILLS", error.Reason.Code);
    }

    [Fact]
    public void Plan_NoSkillServesTheGoal_IsRefused() =>
        AssertError(ErrorCode.PlannerNoSkills, "paint the fence", """["skill.email","skill.translate"]""");

    [Theory]
    [InlineData("{}", "object")]
    [InlineData("\"skill.echo\"", "string")]
    [InlineData("[1]", "Entry 0")]
    [InlineData("""["skill.echo",{"name":"x"}]""", "Entry 1")]
    [InlineData("""["skill.echo"," "]""", "Entry 1")]
    [InlineData("""[{"id":null}]""", "Entry 0")]
    [InlineData("""["a","b",{"id":"a"}]""", "Entry 2")]
    [InlineData("""[{"id":"a","x":1,"x":2}]""", "twice")]
    public void Plan_MalformedManifest_IsRefusedWithThePlace(string manifest, string place) =>
        Assert.Contains(place, AssertError(ErrorCode.PlannerInvalidManifest, "echo", manifest).Message);

    private static IReadOnlyList<PlannerStep> Steps(string goal, string manifest) =>
        Assert.IsType<PlannerResult.Output>(new DeterministicPlanner().Plan(new PlanRequest(goal, JsonElement.Parse(manifest)))).Plan.Steps;

    private static PlannerError AssertError(ErrorCode code, string goal, string manifest)
    {
        var error = Assert.IsType<PlannerResult.Error>(new DeterministicPlanner().Plan(new PlanRequest(goal, JsonElement.Parse(manifest))));
        Assert.Equal((code.Code, false), (error.Reason.Code, error.Reason.Retryable));
        return error.Reason;
    }
}
