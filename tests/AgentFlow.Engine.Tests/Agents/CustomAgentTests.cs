using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Messages;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Tests.Runs;

namespace AgentFlow.Engine.Tests.Agents;

public class CustomAgentTests
{
    private readonly Greeter _greeter = new();

    private CustomAgentKind Kind() => new(new Dictionary<string, Func<CustomAgent>> { ["greeter"] = () => _greeter }, new UlidFactory(TimeProvider.System, new SeededRandom(1)), TimeProvider.System);

    private static AgentDefinition Agent(string settings = """{"kind":"custom","type":"greeter"}""") =>
        new() { Id = "hello", Kind = "custom", Settings = JsonDocument.Parse(settings).RootElement };

    private static ToolCall Call(string run, string input = """{"name":"Ada"}""") => new(
        "default", run, "hello#1", 1, "key", Encoding.UTF8.GetBytes(input), DateTimeOffset.MaxValue, Flow.Define(Flow.Machine("m", new Flow.State(Flow.Call("hello")) { Final = true })));

    [Fact]
    public async Task Lifecycle_StartOnce_PlanOncePerRun_MessagePerCall_FinishOnce()
    {
        CustomAgentKind kind = Kind();
        ITool tool = kind.Compile(Agent(), WorkflowAssets.Empty);
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => tool.InvokeAsync(Call("run" + (i % 2)), default).AsTask()));
        await kind.DisposeAsync();
        Assert.Equal("start", _greeter.Log[0]);
        Assert.Equal(["plan run0 hello", "plan run1 hello"], _greeter.Log.Where(l => l.StartsWith("plan", StringComparison.Ordinal)).Order());
        Assert.Equal(10, _greeter.Log.Count(l => l == "message"));
        Assert.Equal("finish", _greeter.Log[^1]);
        Assert.Equal(14, _greeter.Log.Count);
    }

    [Theory]
    [InlineData("", Idempotency.Unknown)]
    [InlineData(",\"idempotency\":\"key\"", Idempotency.Key)]
    [InlineData(",\"idempotency\":\"natural\"", Idempotency.Natural)]
    [InlineData(",\"idempotency\":\"none\"", Idempotency.None)]
    [InlineData(",\"idempotency\":\"unknown\"", Idempotency.Unknown)]
    public void Idempotency_IsTheContractsAsTheAgentSays(string setting, Idempotency expected)
    {
        AgentDefinition agent = Agent($$"""{"kind":"custom","type":"greeter"{{setting}}}""");
        Assert.Empty(Kind().Check(agent, WorkflowAssets.Empty));
        Assert.Equal(expected, Kind().Compile(agent, WorkflowAssets.Empty).Contract.Idempotency);
    }

    [Theory]
    [InlineData("\"once\"")]
    [InlineData("true")]
    public void Idempotency_ThatIsNoWord_IsRefused(string written)
    {
        AgentProblem problem = Assert.Single(Kind().Check(Agent($$"""{"kind":"custom","type":"greeter","idempotency":{{written}}}"""), WorkflowAssets.Empty));
        Assert.Equal("idempotency", problem.Setting);
    }

    [Fact]
    public async Task Message_IsASealedEnvelopeWithTheStepsInput_AndTheReplyIsTheOutput()
    {
        StepOutcome outcome = await Kind().Compile(Agent(), WorkflowAssets.Empty).InvokeAsync(Call("run"), default);
        Assert.Equal("""{"greeting":"Hello, Ada"}""", Encoding.UTF8.GetString(outcome.Output.Span));
        Assert.True(_greeter.Last!.IsIntact());
        Assert.Equal("key", _greeter.Last.Metadata["idempotency_key"].GetString());
    }

    [Fact]
    public async Task Reply_WithAnError_IsAFailedOutcome()
    {
        StepOutcome outcome = await Kind().Compile(Agent(), WorkflowAssets.Empty).InvokeAsync(Call("run", "{}"), default);
        Assert.Equal(("NO_NAME", ErrorCategory.Validation), (outcome.Error!.Code, outcome.Error.Category));
    }

    [Fact]
    public async Task Start_ThatFails_IsTriedAgainByTheNextCall()
    {
        _greeter.FailStarts = 1;
        ITool tool = Kind().Compile(Agent(), WorkflowAssets.Empty);
        await Assert.ThrowsAsync<InvalidOperationException>(() => tool.InvokeAsync(Call("run"), default).AsTask());
        Assert.True((await tool.InvokeAsync(Call("run"), default)).Ok);
    }

    [Theory]
    [InlineData("""{"kind":"custom"}""", "needs a type")]
    [InlineData("""{"kind":"custom","type":"greter"}""", "'greter'")]
    public void Check_UnknownType_NamesTheKnownOnes(string settings, string expected)
    {
        AgentProblem problem = Assert.Single(Kind().Check(Agent(settings), WorkflowAssets.Empty));
        Assert.Contains(expected, problem.Message);
        Assert.Contains("greeter", problem.Remedy);
    }

    private sealed class Greeter : CustomAgent
    {
        public List<string> Log { get; } = [];

        public Envelope? Last { get; private set; }

        public int FailStarts { get; set; }

        protected internal override ValueTask OnStartAsync(AgentDefinition definition, WorkflowAssets assets, CancellationToken cancellationToken)
        {
            if (FailStarts-- > 0)
            {
                throw new InvalidOperationException("not yet");
            }

            Add("start");
            return ValueTask.CompletedTask;
        }

        protected internal override ValueTask OnPlanAsync(AgentPlan plan, CancellationToken cancellationToken)
        {
            Add($"plan {plan.RunId} {string.Join(',', plan.Steps)}");
            return ValueTask.CompletedTask;
        }

        protected internal override ValueTask<AgentReply> OnMessageAsync(Envelope message, CancellationToken cancellationToken)
        {
            Add("message");
            Last = message;
            return ValueTask.FromResult(message.Payload.TryGetProperty("name", out JsonElement name)
                ? AgentReply.Of(JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["greeting"] = "Hello, " + name.GetString() }))
                : AgentReply.Failed("NO_NAME", ErrorCategory.Validation, "Give a name."));
        }

        protected internal override ValueTask OnFinishAsync(CancellationToken cancellationToken)
        {
            Add("finish");
            return ValueTask.CompletedTask;
        }

        private void Add(string line)
        {
            lock (Log)
            {
                Log.Add(line);
            }
        }
    }
}
