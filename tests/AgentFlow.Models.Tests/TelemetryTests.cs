using System.Collections.Concurrent;
using System.Diagnostics;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Agents;
using AgentFlow.Models.Providers;
using AgentFlow.Models.Tests.Support;
using static AgentFlow.Models.Tests.Support.HttpDouble;

namespace AgentFlow.Models.Tests;

public sealed class TelemetryTests : IDisposable
{
    private readonly ConcurrentQueue<Activity> _spans = new();
    private readonly ActivityListener _listener;
    private readonly Activity _root;

    public TelemetryTests()
    {
        _root = new Activity("test").Start();
        // Other tests run at the same time: only spans below this test's own are looked at.
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "AgentFlow.Models" || source.Name.Contains("nthropic", StringComparison.Ordinal),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = span =>
            {
                if (span.TraceId == _root.TraceId)
                    _spans.Enqueue(span);
            },
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose()
    {
        _root.Dispose();
        _listener.Dispose();
    }

    [Theory, InlineData("openai"), InlineData("anthropic")]
    public async Task Chat_Success_HasTheConventionsAttributes(string provider)
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success(provider, "a secret answer", 1000, 10)));
        using var providers = new ModelProviders(Wire.Options(provider, server.BaseUrl));
        string model = provider == "openai" ? "gpt-4o-mini" : "claude-haiku-4-5";

        var answer = await new ModelInvoker(providers).InvokeAsync(
            new ModelRequest { Provider = provider, Model = model, Messages = [new(ModelRole.User, "a secret question")], Temperature = 0.1, MaxTokens = 50 }, CancellationToken.None);

        var span = Assert.Single(_spans);
        Assert.Equal(($"chat {model}", ActivityKind.Client), (span.DisplayName, span.Kind));
        Assert.Equal("chat", span.GetTagItem("gen_ai.operation.name"));
        Assert.Equal(provider, span.GetTagItem("gen_ai.provider.name"));
        Assert.Equal(model, span.GetTagItem("gen_ai.request.model"));
        Assert.Equal(50, span.GetTagItem("gen_ai.request.max_tokens"));
        Assert.Equal(provider == "openai" ? 0.1 : null, span.GetTagItem("gen_ai.request.temperature"));
        Assert.Equal("text", span.GetTagItem("gen_ai.output.type"));
        Assert.Equal("the-model", span.GetTagItem("gen_ai.response.model"));
        Assert.Equal(["stop"], Assert.IsType<string[]>(span.GetTagItem("gen_ai.response.finish_reasons")));
        Assert.Equal((1000L, 10L), (span.GetTagItem("gen_ai.usage.input_tokens"), span.GetTagItem("gen_ai.usage.output_tokens")));
        Assert.Equal(("127.0.0.1", server.BaseUrl.Port), (span.GetTagItem("server.address"), span.GetTagItem("server.port")));
        Assert.Equal((true, answer.CostNanoDollars), (span.GetTagItem("agentflow.cost.priced"), span.GetTagItem("agentflow.cost.nano_dollars")));
        Assert.DoesNotContain(span.TagObjects, tag => $"{tag.Value}".Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Chat_UnknownModel_SaysThatItIsNotPriced()
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success("openai", "hi")));
        using var providers = new ModelProviders(Wire.Options("openai", server.BaseUrl));

        var answer = await new ModelInvoker(providers).InvokeAsync(
            new ModelRequest { Provider = "openai", Model = "gpt-99", Messages = [new(ModelRole.User, "hi")] }, CancellationToken.None);

        Assert.Equal(0, answer.CostNanoDollars);
        Assert.Equal(false, Assert.Single(_spans).GetTagItem("agentflow.cost.priced"));
        Assert.Null(_spans.First().GetTagItem("agentflow.cost.nano_dollars"));
    }

    [Fact]
    public async Task Chat_Failure_HasTheErrorsCode()
    {
        await using var server = new HttpDouble(new Reply(500, ""));
        using var providers = new ModelProviders(Wire.Options("ollama", server.BaseUrl) with { Residency = Residency.Lenient });

        await new ModelInvoker(providers).InvokeAsync(new ModelRequest { Provider = "ollama", Model = "m", Messages = [new(ModelRole.User, "hi")] }, CancellationToken.None);

        var span = Assert.Single(_spans);
        Assert.Equal((ActivityStatusCode.Error, "MODEL_UNAVAILABLE"), (span.Status, span.GetTagItem("error.type")));
        Assert.Equal(false, span.GetTagItem("agentflow.residency.left_premises"));
    }

    [Fact]
    public async Task Retrieval_Search_HasTheConventionsAttributes()
    {
        var agent = new RagAgentKind().Compile(
            Definitions.Agent("""{"kind":"rag","source":"articles","top":2}"""), Definitions.Assets(("articles/a.md", "# A\nSome text.")));

        await agent.InvokeAsync("""{"query":"text"}""");

        var span = Assert.Single(_spans);
        Assert.Equal("retrieval articles", span.DisplayName);
        Assert.Equal(("retrieval", "articles", 2), (span.GetTagItem("gen_ai.operation.name"), span.GetTagItem("gen_ai.data_source.id"), span.GetTagItem("gen_ai.request.top_k")));
    }
}
