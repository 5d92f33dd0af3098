using System.Text.Json;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Providers;
using AgentFlow.Models.Tests.Support;
using static AgentFlow.Models.Tests.Support.HttpDouble;

namespace AgentFlow.Models.Tests.Providers;

/// <summary>What goes over the wire to each provider.</summary>
public class WireRequestTests
{
    private static readonly JsonElement Schema = Definitions.Json(
        """{"type":"object","required":["label"],"properties":{"label":{"type":"string","enum":["a","b"]}},"additionalProperties":false}""");

    private static readonly ModelRequest Conversation = new()
    {
        Model = "m-1",
        System = "Be brief.",
        Messages = [new(ModelRole.User, "first"), new(ModelRole.Assistant, "{\"label\":\"a\"}"), new(ModelRole.User, "second")],
        Temperature = 0.1,
        MaxTokens = 64,
        ResponseSchema = Schema,
    };

    [Fact]
    public async Task OpenAi_Request_IsChatCompletions()
    {
        var request = await SendAsync("openai");

        Assert.Equal("Bearer secret-key", request.Headers["Authorization"]);
        Assert.Equal("application/json", request.Headers["Content-Type"]);
        Assert.Equal(
            """
            {"model":"m-1","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"first"},{"role":"assistant","content":"{\u0022label\u0022:\u0022a\u0022}"},{"role":"user","content":"second"}],"temperature":0.1,"max_tokens":64,"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":
            """ + Schema + "}}}",
            request.Body);
    }

    [Fact]
    public async Task Anthropic_Request_IsMessages()
    {
        var request = await SendAsync("anthropic");

        // The vendor's package says how the key is sent; here only that it is, and to whom.
        Assert.Contains(request.Headers.Values, value => value.Contains("secret-key", StringComparison.Ordinal));
        Assert.NotEmpty(request.Headers["anthropic-version"]);
        var body = request.Json;
        Assert.Equal("m-1", body.GetProperty("model").GetString());
        Assert.Equal(64, body.GetProperty("max_tokens").GetInt32());
        Assert.Contains("Be brief.", body.GetProperty("system").ToString(), StringComparison.Ordinal);
        Assert.Equal(["user", "assistant", "user"], body.GetProperty("messages").EnumerateArray().Select(m => m.GetProperty("role").GetString()));
        Assert.True(JsonElement.DeepEquals(Schema, body.GetProperty("output_config").GetProperty("format").GetProperty("schema")));
    }

    [Fact]
    public async Task Ollama_Request_IsChatWithoutStreaming()
    {
        var request = await SendAsync("ollama");

        Assert.Equal(
            """
            {"model":"m-1","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"first"},{"role":"assistant","content":"{\u0022label\u0022:\u0022a\u0022}"},{"role":"user","content":"second"}],"stream":false,"format":
            """ + Schema + ",\"options\":{\"temperature\":0.1,\"num_predict\":64}}",
            request.Body);
    }

    [Fact]
    public async Task OpenAi_ModelWithoutTemperature_SendsNone()
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success("openai", "hi")));
        using var providers = new ModelProviders(Wire.Options("openai", server.BaseUrl));

        await new ModelInvoker(providers).InvokeAsync(
            new ModelRequest { Provider = "openai", Model = "gpt-6-luna", Messages = [new(ModelRole.User, "hi")], Temperature = 0.1 }, CancellationToken.None);

        Assert.False(server.Only.Json.TryGetProperty("temperature", out _));
    }

    [Fact]
    public async Task OpenAi_BaseUrlWithPath_KeepsThePath()
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success("openai", "hi")));
        using var providers = new ModelProviders(Wire.Options("vllm", new Uri(server.BaseUrl, "/serving/v1/")));

        await new ModelInvoker(providers).InvokeAsync(
            new ModelRequest { Provider = "vllm", Model = "m", Messages = [new(ModelRole.User, "hi")] }, CancellationToken.None);

        Assert.Equal("/serving/v1/chat/completions", server.Only.Path);
    }

    [Fact]
    public async Task OpenAi_Refusal_IsPermanent()
    {
        await using var server = new HttpDouble(Reply.Ok(
            """{"choices":[{"message":{"role":"assistant","content":null,"refusal":"I can't help with that."},"finish_reason":"stop"}]}"""));
        using var providers = new ModelProviders(Wire.Options("openai", server.BaseUrl));

        var answer = await new ModelInvoker(providers).InvokeAsync(Conversation with { Provider = "openai" }, CancellationToken.None);

        Assert.Equal("MODEL_REFUSED", answer.Error?.Code);
        Assert.False(answer.Error!.Retryable);
    }

    [Fact]
    public async Task OpenAi_Usage_CountsCachedTokensAtTheirPrice()
    {
        await using var server = new HttpDouble(Reply.Ok(
            """
            {"choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],
             "usage":{"prompt_tokens":1000,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":600}}}
            """));
        using var providers = new ModelProviders(Wire.Options("openai", server.BaseUrl));

        var answer = await new ModelInvoker(providers).InvokeAsync(
            new ModelRequest { Provider = "openai", Model = "gpt-4o-mini", Messages = [new(ModelRole.User, "hi")] }, CancellationToken.None);

        Assert.Equal(400 * 150 + 600 * 75 + 10 * 600, answer.CostNanoDollars);
    }

    [Theory, InlineData("openai"), InlineData("anthropic"), InlineData("ollama")]
    public async Task Invoke_MutilatedAnswers_NeverThrow(string provider)
    {
        int seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        string whole = Wire.Success(provider, "{\"label\":\"a\"}");
        await using var server = new HttpDouble(_ => Reply.Ok(Mutilate(whole, random)));
        using var providers = new ModelProviders(Wire.Options(provider, server.BaseUrl));
        var models = new ModelInvoker(providers);

        for (int i = 0; i < 200; i++)
        {
            var answer = await models.InvokeAsync(Conversation with { Provider = provider }, CancellationToken.None);
            Assert.True(answer.Error is { Code: "MODEL_ANSWER_INVALID" or "MODEL_REFUSED" } || answer.Text == "{\"label\":\"a\"}", $"seed {seed}: {answer}");
        }
    }

    private static string Mutilate(string whole, Random random)
    {
        int at = random.Next(whole.Length), length = random.Next(1, 30);
        string rest = whole[Math.Min(whole.Length, at + length)..];
        return random.Next(3) switch { 0 => whole[..at], 1 => whole[..at] + rest, _ => whole[..at] + random.Next(1000) + rest };
    }

    private static async Task<Request> SendAsync(string provider)
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success(provider, "{\"label\":\"a\"}")));
        using var providers = new ModelProviders(Wire.Options(provider, server.BaseUrl));
        var answer = await new ModelInvoker(providers).InvokeAsync(Conversation with { Provider = provider }, CancellationToken.None);
        Assert.Null(answer.Error);
        return server.Only;
    }
}
