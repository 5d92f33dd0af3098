using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Nodes.Control;

/// <summary>A state or step without a body: it ends at once, with its input or the latest output.</summary>
public sealed class PassNode : PlanNode
{
    public ValueTemplate? Input { get; init; }

    internal override void Start(RunMachine machine, NodeRun self)
    {
        if (Input is null)
        {
            machine.Succeed(self, machine.LatestOutput(self));
            return;
        }

        Payload? output = Input.Render(machine.VariablesFor(self), out string? error);
        if (output is null)
        {
            machine.Fail(self, ExpressionError($"The input of '{Id}' cannot be computed: {error}"));
        }
        else
        {
            machine.Succeed(self, output);
        }
    }
}
