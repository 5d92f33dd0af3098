using System.Text.Json;
using AgentFlow.Contracts.Messages;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Agents;

/// <summary>
/// An agent written in C#. Derive from it, register a factory under a type name, and say <c>kind: custom, type: NAME</c> in a
/// workflow. One instance serves one agent of one workflow version in one process:
/// <see cref="OnStartAsync"/> once before anything else, <see cref="OnPlanAsync"/> once for each run before its first message,
/// <see cref="OnMessageAsync"/> for each attempt of a step (concurrently, and again with the same idempotency key after a crash),
/// <see cref="OnFinishAsync"/> once when the process stops. State that must survive a restart belongs in outputs, not in fields.
/// </summary>
public abstract class CustomAgent
{
    /// <summary>Prepares the agent; a failure fails the step that needed it, and the next step tries again.</summary>
    protected internal virtual ValueTask OnStartAsync(AgentDefinition definition, WorkflowAssets assets, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Tells the agent which plan it is about to take part in.</summary>
    protected internal virtual ValueTask OnPlanAsync(AgentPlan plan, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Answers one request. The envelope's payload is the step's input.</summary>
    protected internal abstract ValueTask<AgentReply> OnMessageAsync(Envelope message, CancellationToken cancellationToken);

    /// <summary>Lets go of what <see cref="OnStartAsync"/> took.</summary>
    protected internal virtual ValueTask OnFinishAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
}

/// <summary>The plan of a run, as an agent sees it.</summary>
/// <param name="RunId">ULID text; empty outside a run.</param>
/// <param name="Steps">Ids of all nodes, in document order.</param>
public sealed record AgentPlan(string RunId, string Workflow, string Version, string Planner, IReadOnlyList<string> Steps);

/// <summary>What an agent answers: an output, or why there is none.</summary>
/// <param name="CostNanoDollars">What the answer cost, in 10⁻⁹ dollars.</param>
public sealed record AgentReply(JsonElement? Output, StepError? Error = null, long CostNanoDollars = 0)
{
    public static AgentReply Of(JsonElement output) => new(output);

    public static AgentReply Failed(string code, Contracts.Errors.ErrorCategory category, string message) => new(null, new StepError(code, category, message));
}
