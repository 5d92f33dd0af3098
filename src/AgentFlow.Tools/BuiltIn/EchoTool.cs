using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.BuiltIn;

/// <summary>Gives its input back, byte for byte. It reads nothing: final states and benchmarks run through here.</summary>
internal sealed class EchoTool : ITool
{
    public static ToolDefinition Definition { get; } = new(
        new ToolContract
        {
            Id = "skill.echo",
            Version = "1.0.0",
            Description = "Returns its input unchanged.",
            Effects = Effects.None,
            Determinism = Determinism.Full,
        },
        _ => new EchoTool());

    public ToolContract Contract => Definition.Contract;

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) => new(StepOutcome.Success(call.Input));
}
