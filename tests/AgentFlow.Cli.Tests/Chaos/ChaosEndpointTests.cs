using System.Text;
using AgentFlow.Cli.Chaos;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Providers;
using AgentFlow.Server;

namespace AgentFlow.Cli.Tests.Chaos;

/// <summary>What the real clients make of each fault, on the wire of either vendor.</summary>
public class ChaosEndpointTests
{
    private const string Fits = """{"score":0.5}""";

    [Theory]
    [InlineData("openai", "/v1/chat/completions", null, null)]
    [InlineData("openai", "/v1/chat/completions", nameof(ChaosFault.RateLimited), "MODEL_RATE_LIMITED")]
    [InlineData("openai", "/v1/chat/completions", nameof(ChaosFault.RateLimitedFor), "MODEL_RATE_LIMITED", 7)]
    [InlineData("openai", "/v1/chat/completions", nameof(ChaosFault.MalformedAnswer), "MODEL_ANSWER_INVALID")]
    [InlineData("openai", "/v1/chat/completions", nameof(ChaosFault.EmptyAnswer), "MODEL_ANSWER_INVALID")]
    [InlineData("openai", "/v1/chat/completions", nameof(ChaosFault.WrongTool), "MODEL_ANSWER_INVALID")]
    [InlineData("anthropic", "/v1/messages", null, null)]
    [InlineData("anthropic", "/v1/messages", nameof(ChaosFault.RateLimited), "MODEL_RATE_LIMITED")]
    [InlineData("anthropic", "/v1/messages", nameof(ChaosFault.RateLimitedFor), "MODEL_RATE_LIMITED", 7)]
    [InlineData("anthropic", "/v1/messages", nameof(ChaosFault.MalformedAnswer), "MODEL_ANSWER_INVALID")]
    [InlineData("anthropic", "/v1/messages", nameof(ChaosFault.EmptyAnswer), "MODEL_ANSWER_INVALID")]
    [InlineData("anthropic", "/v1/messages", nameof(ChaosFault.WrongTool), "MODEL_ANSWER_INVALID")]
    public async Task Fault_BecomesWhatTheClientMakesOfIt(string provider, string path, string? fault, string? code, int? wait = null)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        var seen = new Seen(new ChaosEndpoint(TimeProvider.System));
        using var models = new ModelProviders(new ModelOptions(), connections: seen);
        await using var host = new OfflineHost(models, TimeProvider.System, tools => tools);
        LoadResult loaded = new WorkflowLoader(host.Tools, host.AgentKinds.Select(k => k.Kind == "llm" ? new ChaosAgents(k) : k)).Load(new(
            $$"""
            language: 1
            name: judged
            version: 1.0.0
            agents:
              judge:
                kind: llm
                role: Judge.
                model: { provider: {{provider}}, model: some-model }
                output: { type: object, required: [score], properties: { score: { type: number } } }
            planner: fsm
            initial_state: judge
            final_states: [judge]
            states: { judge: { agent: judge, input: { text: hello } } }
            """,
            Engine.Definitions.WorkflowAssets.Empty));
        ITool judge = loaded.Definition!.Nodes.OfType<CallNode>().Single().Tool;
        var call = new ToolCall("default", "", "judge#1", 1, "k", Encoding.UTF8.GetBytes("""{"text":"hello"}"""), DateTimeOffset.MaxValue);
        var turn = new ModelTurn(Fits, fault is null ? null : Enum.Parse<ChaosFault>(fault), TimeSpan.Zero, 60, 40);
        StepOutcome outcome = await ChaosEndpoint.AnswerAsync(turn, () => judge.InvokeAsync(call, cancel));
        Assert.Equal(path, Assert.Single(seen.Paths));
        Assert.Equal((code, wait), (outcome.Error?.Code, (int?)outcome.Error?.RetryAfter?.TotalSeconds));
        if (code is null)
        {
            Assert.Equal((Fits, 60, 40), (Encoding.UTF8.GetString(outcome.Output.Span), outcome.InputTokens, outcome.OutputTokens));
        }
    }

    private sealed class Seen(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        public List<string> Paths { get; } = [];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Paths.Add(request.RequestUri!.AbsolutePath);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
