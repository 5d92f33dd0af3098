using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>A tool whose behaviour a test gives.</summary>
internal sealed class FakeTool(string id, Effects effects, Func<ToolCall, CancellationToken, ValueTask<StepOutcome>>? invoke = null) : ITool
{
    public static FakeTool Echo { get; } = new("test.echo", Effects.None);

    public static FakeTool External { get; } = new("test.external", Effects.External);

    public ToolContract Contract { get; init; } = new()
    {
        Id = id,
        Version = "1.0.0",
        Effects = effects,
        Determinism = effects == Effects.None ? Determinism.Full : Determinism.None,
    };

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) =>
        invoke is null ? new ValueTask<StepOutcome>(StepOutcome.Success(call.Input)) : invoke(call, cancellationToken);

    public static StepOutcome Json(string json) => StepOutcome.Success(Encoding.UTF8.GetBytes(json));

    public static StepError Error(ErrorCategory category = ErrorCategory.Transient) => new("TEST_ERROR", category, "It failed.");
}
