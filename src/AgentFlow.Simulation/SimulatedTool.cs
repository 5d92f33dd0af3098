using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Simulation;

/// <summary>A tool of the world: tells it about every call, and answers when and what the world wants.</summary>
internal sealed class SimulatedTool(Effects effects, Func<ToolCall, CancellationToken, ValueTask<StepOutcome>> invoke) : ITool
{
    public ToolContract Contract { get; } = new()
    {
        Id = effects == Effects.None ? "sim.pure" : "sim.effect",
        Version = "1.0.0",
        Effects = effects,
        Determinism = effects == Effects.None ? Determinism.Full : Determinism.None,
        MaxCostNanoDollars = effects == Effects.None ? 0 : 1000,
    };

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) => invoke(call, cancellationToken);

    public static StepOutcome Answer(int value) => StepOutcome.Success(System.Text.Encoding.UTF8.GetBytes($"{value}")) with { CostNanoDollars = 500 };

    public static StepOutcome Failure(int kind) => StepOutcome.Failure("SIM_FAILED", (ErrorCategory)(kind % 5), "The world wanted it so.");
}
