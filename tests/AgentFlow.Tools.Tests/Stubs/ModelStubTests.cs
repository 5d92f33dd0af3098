using System.Text.Json;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.Tests.Stubs;

public class ModelStubTests
{
    private readonly ITool _llm = ToolRegistry.Stubs(1).Find("skill.llm_invoke")!;

    [Fact]
    public async Task InvokeAsync_Prompt_DecidesTheAnswer()
    {
        JsonElement one = (await _llm.Run("""{"prompt":"one","model":{"provider":"openai","model":"gpt"}}""")).Json();
        JsonElement two = (await _llm.Run("""{"prompt":"two","model":{"provider":"openai","model":"gpt"}}""")).Json();
        StepOutcome bare = await _llm.Run("""{"prompt":"12345"}""");

        Assert.Matches("^stub answer [0-9a-f]{16}$", one.GetProperty("text").GetString()!);
        Assert.NotEqual(one.GetProperty("text").GetString(), two.GetProperty("text").GetString());
        Assert.Equal(("openai", "gpt"), (one.GetProperty("provider").GetString(), one.GetProperty("model").GetString()));
        Assert.Equal(("stub", 2, 0), (bare.Provider, bare.InputTokens, bare.CostNanoDollars));
    }

    [Theory]
    [InlineData("""{"type":"object","required":["label","confidence"],"properties":{"label":{"enum":["billing","other"]},"confidence":{"type":"number","minimum":0.5}}}""", """{"label":"billing","confidence":0.5}""")]
    [InlineData("""{"type":"array","minItems":2,"items":{"type":"integer","exclusiveMinimum":3}}""", "[4,4]")]
    [InlineData("""{"type":["string","null"],"minLength":6}""", "\"stub--\"")]
    [InlineData("""{"type":"string","maxLength":2}""", "\"st\"")]
    [InlineData("""{"type":"integer","maximum":-5}""", "-5")]
    [InlineData("""{"anyOf":[{"type":"boolean"},{"type":"null"}]}""", "false")]
    [InlineData("""{"const":{"a":[1]}}""", """{"a":[1]}""")]
    [InlineData("""{"$ref":"#/$defs/x~1y","$defs":{"x/y":{"type":"boolean"}}}""", "false")]
    [InlineData("""{"required":["free"]}""", """{"free":null}""")]
    [InlineData("true", "null")]
    public async Task InvokeAsync_ResponseSchema_AnswersWithAValueOfIt(string schema, string expected)
    {
        JsonElement json = (await _llm.Run($$"""{"prompt":"p","response_schema":{{schema}} }""")).Json().GetProperty("json");

        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(expected), json), json.ToString());
    }

    [Fact]
    public async Task InvokeAsync_SchemaOfItself_Ends()
    {
        string members = string.Join(',', Enumerable.Range(0, 10).Select(n => $$"""  "m{{n}}":{"$ref":"#"}"""));

        StepOutcome outcome = await _llm.Run($$"""{"prompt":"p","response_schema":{"properties":{ {{members}} } } }""");

        Assert.InRange(outcome.Text().Length, 1_000, 1_000_000);
    }
}
