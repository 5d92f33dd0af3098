using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Steps;

/// <summary>
/// What a step that another run does shows to the door: a contract. Nothing is performed in this process, the host starts the run
/// instead.
/// </summary>
public sealed class WorkflowTool(string workflow) : ITool
{
    public ToolContract Contract { get; } = new()
    {
        Id = "workflow." + workflow,
        Version = "1.0.0",
        Description = "A run of another workflow.",
        // Starting it is a write of the engine's own, and happens with the frame that says so.
        Effects = Effects.None,
    };

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) =>
        throw new InvalidOperationException($"{Contract.Id} is done by a run of its own.");
}
