using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Secrets;
using AgentFlow.Engine.Steps;
using AgentFlow.Engine.Tests.Runs;

namespace AgentFlow.Engine.Tests.Secrets;

public sealed class StepSecretsTests
{
    private readonly SecretMask _mask = new();

    private static CallNode Node(FakeTool tool) => new()
    {
        Id = "call",
        Tool = tool,
        Input = ValueTemplate.Compile(System.Text.Json.JsonElement.Parse("""{"key":"secret://api"}"""), _ => null),
    };

    private static ToolCall Call(string input = """{"key":"secret://api"}""", string tenant = "t1") => new(tenant, "run", "call#1", 1, "k", Encoding.UTF8.GetBytes(input), DateTimeOffset.MaxValue);

    private async Task<StepOutcome> PerformAsync(FakeTool tool, ISecretSource? source = null, string tenant = "t1") =>
        (await new StepPerformer(TimeProvider.System, source ?? new Source(), _mask).PerformAsync(Node(tool), Call(tenant: tenant), default))!;

    [Fact]
    public async Task Perform_Reference_ToolGetsTheValueAndTheJournalDoesNot()
    {
        string seen = "";
        StepOutcome outcome = await PerformAsync(new FakeTool("test.x", Effects.External, (call, _) =>
        {
            seen = Encoding.UTF8.GetString(call.Input.Span);
            return new(StepOutcome.Success(call.Input));
        }));
        Assert.Equal("""{"key":"hush-hush-hush"}""", seen);
        Assert.Equal("""{"key":"[masked secret://api]"}""", Encoding.UTF8.GetString(outcome.Output.Span));
    }

    [Fact]
    public async Task Perform_ToolThatFailsWithTheSecret_IsMaskedThroughout()
    {
        StepOutcome outcome = await PerformAsync(new FakeTool("test.x", Effects.External, (_, _) => new(new StepOutcome
        {
            Error = new StepError("CODE_hush-hush-hush", ErrorCategory.Permanent, $"said {Convert.ToBase64String("hush-hush-hush"u8)}"),
            Provider = "hush-hush-hush",
        })));
        Assert.Equal(("CODE_[masked secret://api]", "said [masked secret://api]g", "[masked secret://api]"), (outcome.Error!.Code, outcome.Error.Message.Replace("=", "", StringComparison.Ordinal), outcome.Provider));
    }

    [Fact]
    public async Task Perform_ToolThatThrowsTheSecret_IsMasked()
    {
        StepOutcome outcome = await PerformAsync(new FakeTool("test.x", Effects.External, (_, _) => throw new InvalidOperationException("bad key hush-hush-hush")));
        Assert.Equal("TOOL_CRASHED", outcome.Error!.Code);
        Assert.DoesNotContain("hush-hush", outcome.Error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Perform_PureTool_KeepsTheReference()
    {
        StepOutcome outcome = await PerformAsync(FakeTool.Echo);
        Assert.Equal("""{"key":"secret://api"}""", Encoding.UTF8.GetString(outcome.Output.Span));
    }

    [Fact]
    public async Task Perform_UnknownSecret_CallsNothing()
    {
        bool called = false;
        var tool = new FakeTool("test.x", Effects.External, (call, _) =>
        {
            called = true;
            return new(StepOutcome.Success(call.Input));
        });
        Assert.Equal(("SECRET_NOT_FOUND", false), ((await PerformAsync(tool, tenant: "t2")).Error!.Code, called));
        StepOutcome down = await PerformAsync(tool, new Source { IsDown = true });
        Assert.Equal(("SECRET_UNAVAILABLE", ErrorCategory.Transient, false), (down.Error!.Code, down.Error.Category, called));
    }

    private sealed class Source : ISecretSource
    {
        public bool IsDown { get; init; }

        public ValueTask<string?> FindAsync(string tenant, SecretReference reference, CancellationToken cancellationToken) => IsDown
            ? throw new SecretUnavailableException("Vault is sealed.")
            : new(tenant == "t1" && reference.Name == "api" ? "hush-hush-hush" : null);
    }
}
