using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.Stubs;

namespace AgentFlow.Tools.Tests.Stubs;

public class StubToolTests
{
    private static readonly Dictionary<string, string> Always = [];

    [Fact]
    public async Task Http_NoRule_AnswersWithTheRequestsHash()
    {
        JsonElement output = (await Http("""{"url":"https://api.test/a"}""")).Json();

        Assert.Equal(200, output.GetProperty("status_code").GetInt32());
        Assert.Equal(50, output.GetProperty("latency_ms").GetInt32());
        Assert.True(output.GetProperty("body").GetProperty("stub").GetBoolean());
        Assert.Matches("^[0-9a-f]{64}$", output.GetProperty("body").GetProperty("request_hash").GetString()!);
        Assert.Matches("^[0-9a-f]{64}$", output.GetProperty("body_hash").GetString()!);
    }

    [Theory]
    [InlineData("""{"url":"https://api.test/a","method":"POST","body":{"x":1,"y":[{"b":1,"a":2}]},"params":{"p":1,"q":2}}""", true)]
    [InlineData("""{"params":{"q":2,"p":1},"body":{"y":[{"a":2,"b":1}],"x":1},"method":"POST","url":"https://api.test/a"}""", true)]
    [InlineData("""{"url":"https://api.test/a","method":"POST","body":{"x":1,"y":[{"b":1,"a":2}]},"params":{"p":1,"q":2},"timeout_ms":500,"idempotency_key":"k","retry_config":{}}""", true)]
    [InlineData("""{"url":"https://api.test/b","method":"POST","body":{"x":1,"y":[{"b":1,"a":2}]},"params":{"p":1,"q":2}}""", false)]
    [InlineData("""{"url":"https://api.test/a","method":"PUT","body":{"x":1,"y":[{"b":1,"a":2}]},"params":{"p":1,"q":2}}""", false)]
    [InlineData("""{"url":"https://api.test/a","method":"POST","body":{"x":1,"y":[{"b":2,"a":1}]},"params":{"p":1,"q":2}}""", false)]
    [InlineData("""{"url":"https://api.test/a","method":"POST","body":{"x":"1","y":[{"b":1,"a":2}]},"params":{"p":1,"q":2}}""", false)]
    [InlineData("""{"url":"https://api.test/a","method":"POST","body":"{\"x\":1}","params":{"p":1,"q":2}}""", false)]
    public async Task Http_Hash_DependsOnWhatIsAskedAndNotOnHow(string input, bool same)
    {
        const string First = """{"url":"https://api.test/a","method":"POST","body":{"x":1,"y":[{"b":1,"a":2}]},"params":{"p":1,"q":2}}""";

        Assert.Equal(same, (await Http(First)).Text() == (await Http(input)).Text());
    }

    [Fact]
    public async Task AnySkill_SameSeed_GivesTheSameBytesAndAnotherSeedOthers()
    {
        foreach ((string id, string input) in ((string, string)[])[("skill.http_call", """{"url":"https://a.test/"}"""), ("skill.llm_invoke", """{"prompt":"p"}""")])
        {
            string first = (await ToolRegistry.Stubs(7).Find(id)!.Run(input, "run-1")).Text();

            Assert.Equal(first, (await ToolRegistry.Stubs(7).Find(id)!.Run(input, "run-2")).Text());
            Assert.NotEqual(first, (await ToolRegistry.Stubs(8).Find(id)!.Run(input, "run-1")).Text());
        }
    }

    [Theory]
    [InlineData("skill.http_call", """{"url":"ftp://a.test"}""")]
    [InlineData("skill.http_call", """{"url":"http://a.test","headers":{"Host":"b"}}""")]
    [InlineData("skill.llm_invoke", "{}")]
    [InlineData("skill.json_transform", "{}")]
    public async Task AnySkill_BadInput_IsRefusedAsByTheRealOne(string id, string input) =>
        Assert.Equal("VALIDATION_FAILED", (await ToolRegistry.Stubs(1).Find(id)!.Run(input)).Error!.Code);

    [Fact]
    public async Task Http_HostOutsideThePolicy_IsBlocked()
    {
        ITool http = ToolRegistry.Stubs(1).Under(ToolPolicy.GrantAll with { AllowedHosts = ["a.test"] }).Find("skill.http_call")!;

        Assert.True((await http.Run("""{"url":"http://a.test"}""")).Ok);
        Assert.Equal("NETWORK_BLOCKED", (await http.Run("""{"url":"http://b.test"}""")).Error!.Code);
    }

    [Fact]
    public async Task Http_Rules_AnswerByUrlAndMethodInOrder()
    {
        ITool http = ToolRegistry.Stubs(
            1,
            StubRule.Http("https://api.test/items/*", 404, JsonElement.Parse("\"gone\""), method: "DELETE"),
            StubRule.Http("https://api.test/items/*", 200, JsonElement.Parse("""{ "id": 1 }"""))).Find("skill.http_call")!;

        JsonElement deleted = (await http.Run("""{"method":"DELETE","url":"https://api.test/items/1"}""")).Json();
        JsonElement read = (await http.Run("""{"method":"GET","url":"https://api.test/items/1"}""")).Json();
        JsonElement other = (await http.Run("""{"method":"GET","url":"https://api.test/users"}""")).Json();

        Assert.Equal((404, "gone"), (deleted.GetProperty("status_code").GetInt32(), deleted.GetProperty("body").GetString()));
        Assert.Equal(1, read.GetProperty("body").GetProperty("id").GetInt32());
        Assert.True(other.GetProperty("body").GetProperty("stub").GetBoolean());
    }

    [Fact]
    public async Task AnySkill_Rule_CanFailACall()
    {
        StepOutcome down = StepOutcome.Failure("UPSTREAM_ERROR", ErrorCategory.Transient, "down");
        ToolRegistry registry = ToolRegistry.Stubs(
            1,
            new StubRule("skill.echo", new Dictionary<string, string> { ["$.order.urgent"] = "true" }, down),
            new StubRule("skill.json_transform", Always, down));

        Assert.Same(down, await registry.Find("skill.echo")!.Run("""{"order":{"urgent":true}}"""));
        Assert.True((await registry.Find("skill.echo")!.Run("""{"order":{"urgent":false}}""")).Ok);
        Assert.True((await registry.Find("skill.echo")!.Run("""{"order":7}""")).Ok);
        Assert.Same(down, await registry.Find("skill.json_transform")!.Run("{}"));
    }

    [Theory]
    [InlineData("skill.http_cal", "url", "names 'skill.http_cal', which is no stub (did you mean 'skill.http_call'?)")]
    [InlineData("skill.echo", "$.a[*]", "the path may select several values")]
    [InlineData("skill.echo", "$.", "expected a name")]
    public void Stubs_WrongRule_StopsTheStart(string tool, string path, string expected)
    {
        var rule = new StubRule(tool, new Dictionary<string, string> { [path] = "*" }, StepOutcome.Success("{}"u8.ToArray()));

        Assert.Contains(expected, Assert.Throws<ToolConfigurationException>(() => ToolRegistry.Stubs(1, rule)).Message, StringComparison.Ordinal);
    }

    private static Task<StepOutcome> Http(string input) => ToolRegistry.Stubs(1).Find("skill.http_call")!.Run(input);
}
