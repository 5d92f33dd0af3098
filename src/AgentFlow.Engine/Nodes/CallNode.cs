using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Secrets;

namespace AgentFlow.Engine.Nodes;

/// <summary>A step: one call of an agent or tool, behind the one door.</summary>
public sealed class CallNode : PlanNode
{
    /// <summary>What is called: a registered tool, or an agent compiled from the definition.</summary>
    public required ITool Tool { get; init; }

    /// <summary>The agent's id, when an agent is called.</summary>
    public string? Agent { get; init; }

    /// <summary>The agent of the tenant's registry whose policy holds for the call, by id or name; <see langword="null"/>: none does.</summary>
    public string? Registered { get; init; }

    /// <summary>What the call gets; <see langword="null"/>: the latest output in its scope, or the run's input at the start.</summary>
    public ValueTemplate? Input { get; init; }

    /// <summary>Where the input has references to secrets, which the step executor resolves.</summary>
    public SecretPlaces Secrets => field ??= Input is null ? SecretPlaces.None : new SecretPlaces(Input.Literals);

    /// <summary>When another run does the step; <see cref="Tool"/> is a <see cref="Steps.WorkflowTool"/> then. Its <see cref="PlanNode.Timeout"/> limits the child.</summary>
    public ChildCall? Child { get; init; }

    public RetryPolicy Retry { get; init; } = RetryPolicy.None;

    public OnUnknown OnUnknown { get; init; } = OnUnknown.Retry;

    /// <summary>The contract's, unless the step says otherwise.</summary>
    public Effects? DeclaredEffects { get; init; }

    public Effects Effects => DeclaredEffects ?? Tool.Contract.Effects;

    /// <summary>What undoes the step, should a scope around it fail or be closed after the step has happened; <see langword="null"/>: nothing does.</summary>
    public CallNode? Compensation { get; init; }

    /// <summary>What is done about failures that need more than another try; the first that fits is taken.</summary>
    public IReadOnlyList<Remedy> Remedies { get; init; } = [];

    /// <summary>For a compensation: the run goes on without it when it fails for good. Default: somebody is asked.</summary>
    public bool IsBestEffort { get; init; }

    /// <summary>Who has to approve the call before it is made; <see langword="null"/>: nobody but those that the workflow's policies name.</summary>
    public ApprovalPolicy? Approval { get; init; }

    /// <summary>Permissions that the step may use; <see langword="null"/>: no restriction beyond the workflow's.</summary>
    public IReadOnlyList<string>? Granted { get; init; }

    /// <summary>Says what is wrong with an input, or <see langword="null"/>; absent when the contract has no input schema.</summary>
    public Func<ReadOnlyMemory<byte>, string?>? InputValidator { get; init; }

    /// <summary>The same for an output.</summary>
    public Func<ReadOnlyMemory<byte>, string?>? OutputValidator { get; init; }

    public TimeSpan AttemptTimeout => Timeout ?? Tool.Contract.Timeout;

    internal override bool IsScope => false;

    internal override void Start(RunMachine machine, NodeRun self)
    {
        if (Input is null)
        {
            machine.Schedule(self, machine.LatestOutput(self));
            return;
        }

        Payload? input = Input.Render(machine.VariablesFor(self), out string? error);
        if (input is null)
        {
            machine.Fail(self, ExpressionError($"The input of step '{Id}' cannot be computed: {error}"));
        }
        else
        {
            machine.Schedule(self, input);
        }
    }
}
