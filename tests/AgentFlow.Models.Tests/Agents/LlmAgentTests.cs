using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Agents;
using AgentFlow.Models.Providers;
using AgentFlow.Models.Tests.Support;
using static AgentFlow.Models.Tests.Support.HttpDouble;

namespace AgentFlow.Models.Tests.Agents;

public class LlmAgentTests
{
    private const string Labelled =
        """
        {"role":"Sort.","model":{"provider":"openai","model":"gpt-4o-mini","max_input_tokens":100},"examples":{"file":"e.jsonl"},
         "output":{"type":"object","required":["label","confidence"],"additionalProperties":false,"properties":{
           "label":{"type":"string","enum":["a","b"]},"confidence":{"type":"number","minimum":0,"maximum":1}}}}
        """;

    [Fact]
    public async Task Invoke_Schema_GivesTheAnswerAsJsonWithTokensAndCost()
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success("openai", "{ \"label\": \"a\",\n \"confidence\": 0.5 }", 1000, 10)));

        var outcome = await InvokeAsync(server, Labelled, """{"message":"hello"}""");

        Assert.Equal("""{"label":"a","confidence":0.5}""", outcome.Output.Json().GetRawText());
        Assert.Equal(("openai", 1000, 10, 1000 * 150 + 10 * 600), (outcome.Provider, outcome.InputTokens, outcome.OutputTokens, outcome.CostNanoDollars));
    }

    [Fact]
    public async Task Invoke_Request_HasRoleExamplesAndInputInOneForm()
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success("openai", """{"label":"a","confidence":0.5}""")));

        await InvokeAsync(server, Labelled, """{"message":"hello"}""");

        var messages = server.Only.Json.GetProperty("messages").EnumerateArray().Select(m => (m.GetProperty("role").GetString(), m.GetProperty("content").GetString())).ToList();
        Assert.StartsWith("Sort.\n\nAnswer with one JSON object", messages[0].Item2, StringComparison.Ordinal);
        Assert.Equal([("user", """{"message":"it's äpples"}"""), ("assistant", """{"label":"a"}"""), ("user", """{"message":"hello"}""")], messages[1..]);
        Assert.Equal(0.1, server.Only.Json.GetProperty("temperature").GetDouble());
        Assert.Equal(1024, server.Only.Json.GetProperty("max_tokens").GetInt32());
    }

    [Theory]
    [InlineData("I think it is a.", "is not JSON"), InlineData("""{"label":"a"}""", "$ has no 'confidence'"), InlineData("""{"label":"c","confidence":1}""", "$.label is none of")]
    [InlineData("""{"label":"a","confidence":"high"}""", "$.confidence is string"), InlineData("""{"label":"a","confidence":1.5}""", "more than 1")]
    [InlineData("""{"label":"a","confidence":1,"why":"x"}""", "$.why is not allowed"), InlineData("[]", "$ is array"), InlineData("""{"label":"a","label":"b","confidence":1}""", "is not JSON")]
    public async Task Invoke_AnswerOutsideTheSchema_IsRetryableAndStillCosts(string text, string message)
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success("openai", text, 100, 10)));

        var outcome = await InvokeAsync(server, Labelled, """{"message":"hello"}""");

        Assert.Equal(("MODEL_ANSWER_INVALID", true), (outcome.Error?.Code, outcome.Error?.Retryable));
        Assert.Contains(message, outcome.Error!.Message, StringComparison.Ordinal);
        Assert.Equal(100 * 150 + 10 * 600, outcome.CostNanoDollars);
    }

    [Fact]
    public async Task Invoke_AnswerInACodeFence_IsRead()
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success("openai", "```json\n{\"label\":\"a\",\"confidence\":1}\n```")));

        Assert.Equal("a", (await InvokeAsync(server, Labelled, "{}")).Output.Json().GetProperty("label").GetString());
    }

    [Fact]
    public async Task Invoke_InputLongerThanAllowed_IsRefusedWithoutACall()
    {
        await using var server = new HttpDouble(Reply.Ok(""));

        var outcome = await InvokeAsync(server, Labelled, $$"""{"message":"{{new string('x', 400)}}"}""");

        Assert.Equal(("MODEL_INPUT_TOO_LARGE", ErrorCategory.Validation), (outcome.Error?.Code, outcome.Error?.Category));
        Assert.Contains("model.max_input_tokens", outcome.Error!.Message, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task Invoke_NoSchema_GivesTheText()
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success("ollama", "Grüße \"you\"")));

        var outcome = await InvokeAsync(server, """{"model":{"provider":"ollama","model":"m","temperature":null}}""", "\"say \\\"hi\\\"\"");

        Assert.Equal("Grüße \"you\"", outcome.Output.Json().GetProperty("text").GetString());
        Assert.Equal("say \"hi\"", server.Only.Json.GetProperty("messages")[0].GetProperty("content").GetString());
        Assert.False(server.Only.Json.GetProperty("options").TryGetProperty("temperature", out _));
    }

    [Fact]
    public async Task Invoke_OwnBaseUrl_GoesThereWithoutAKey()
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success("openai", "hi")));
        using var providers = new ModelProviders(new ModelOptions
        {
            Accounts = new Dictionary<string, ProviderAccount>(StringComparer.Ordinal) { ["openai"] = new("secret-key") },
        });
        var agent = new LlmAgentKind(new ModelInvoker(providers)).Compile(
            Definitions.Agent($$"""{"model":{"provider":"openai","model":"m","base_url":"{{server.BaseUrl}}v1"} }"""), Definitions.Assets());

        Assert.True((await agent.InvokeAsync("{}")).Ok);
        Assert.Equal("/v1/chat/completions", server.Only.Path);
        Assert.DoesNotContain("Authorization", server.Only.Headers.Keys);
    }

    [Fact]
    public async Task Invoke_RateLimited_PassesTheDelayOn()
    {
        await using var server = new HttpDouble(new Reply(429, "", Ending.Complete, ("Retry-After", "3")));

        var outcome = await InvokeAsync(server, Labelled, "{}");

        Assert.Equal(("MODEL_RATE_LIMITED", TimeSpan.FromSeconds(3)), (outcome.Error?.Code, outcome.Error?.RetryAfter));
        Assert.Equal("openai", outcome.Provider);
    }

    private static async Task<StepOutcome> InvokeAsync(HttpDouble server, string settings, string input)
    {
        var agent = Definitions.Agent(settings);
        using var providers = new ModelProviders(Wire.Options(settings.Contains("ollama", StringComparison.Ordinal) ? "ollama" : "openai", server.BaseUrl));
        var kind = new LlmAgentKind(new ModelInvoker(providers));
        var assets = Definitions.Assets(("e.jsonl", """{"message":"it's äpples","label":"a"}"""));
        Assert.Empty(kind.Check(agent, assets));
        return await kind.Compile(agent, assets).InvokeAsync(input);
    }
}
