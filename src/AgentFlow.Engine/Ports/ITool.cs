using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Secrets;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// Something callable behind the one door: a skill, a tool, or an agent compiled from its definition.
/// Implementations hold no per-run state, are safe for concurrent calls, and never throw for an expected failure:
/// it is an outcome. An exception that escapes becomes a <see cref="ErrorCategory.Permanent"/> outcome with code
/// <c>TOOL_CRASHED</c>; <see cref="OperationCanceledException"/> on the given token means cancelled or timed out.
/// </summary>
public interface ITool
{
    ToolContract Contract { get; }

    /// <summary>What lists of allowed tools call it: the contract's id, unless it only passes calls on to another tool.</summary>
    string CalledId => Contract.Id;

    /// <summary>References that the definition has written into the tool's own settings. Their values come with each call (<see cref="ToolCall.Secrets"/>).</summary>
    IReadOnlyCollection<SecretReference> Secrets => [];

    /// <summary>What a call is expected to use before anything was observed of it; <see langword="null"/>: nothing that costs.</summary>
    ExpectedUse? Use => null;

    /// <summary>How its failures are retried where neither the step nor the workflow says so; <see langword="null"/>: not at all.</summary>
    RetryPolicy? DefaultRetry => null;

    /// <summary>The time in which a call's limit runs: <paramref name="clock"/>, the engine's own, unless the tool lives in a simulated one.</summary>
    TimeProvider TimeOf(in ToolCall call, TimeProvider clock) => clock;

    /// <summary>How long a wait before a call really takes: all of it, unless the tool lives in a simulated time, in which nobody waits.</summary>
    TimeSpan WaitOf(TimeSpan wait) => wait;

    /// <summary>The tools that a call with this input uses, as lists of tools call them.</summary>
    IReadOnlyList<string> ToolsOf(ReadOnlyMemory<byte> input) => [CalledId];

    /// <summary>
    /// Performs one attempt. A call that completes synchronously returns a completed <see cref="ValueTask"/>; the engine
    /// then goes on without leaving its thread.
    /// </summary>
    ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken);
}

/// <summary>What a call of a model is expected to use, and what its tokens cost.</summary>
/// <param name="Model">Provider and model: uses of another model are no precedent.</param>
/// <param name="InputTokens">Of a usual call.</param>
/// <param name="OutputTokens">Of a usual answer.</param>
/// <param name="InputNanoDollars">Price of one input token in 10⁻⁹ dollars; <see langword="null"/>: not known.</param>
/// <param name="OutputNanoDollars">Price of one output token.</param>
public sealed record ExpectedUse(string Model, double InputTokens, double OutputTokens, double? InputNanoDollars, double? OutputNanoDollars);

/// <summary>One attempt of one step, as the performing side sees it.</summary>
/// <param name="Tenant">The tenant that owns the run.</param>
/// <param name="RunId">The run's ULID text; empty when called outside a run.</param>
/// <param name="StepPath">Structural path and visit of the step, for example <c>classify#1</c>.</param>
/// <param name="Attempt">1 for the first attempt.</param>
/// <param name="IdempotencyKey">Names the intent.</param>
/// <param name="Input">UTF-8 JSON.</param>
/// <param name="Deadline">When the engine stops waiting for this attempt.</param>
/// <param name="Workflow">The definition that the run follows; <see langword="null"/> outside a run.</param>
/// <param name="Secrets">Values of the tool's own <see cref="ITool.Secrets"/>; <see langword="null"/> when it has none.</param>
/// <param name="Address">Where an outcome that comes later is sent; <see langword="null"/> outside a run.</param>
/// <param name="Failures">Attempts before this one that certainly failed; those of unknown outcome are not among them.</param>
/// <param name="Time">The time in which the call's limit runs (<see cref="ITool.TimeOf"/>); <see langword="null"/> where it has none.</param>
public readonly record struct ToolCall(
    string Tenant,
    string RunId,
    string StepPath,
    int Attempt,
    IntentKey IdempotencyKey,
    ReadOnlyMemory<byte> Input,
    DateTimeOffset Deadline,
    WorkflowDefinition? Workflow = null,
    IReadOnlyDictionary<SecretReference, string>? Secrets = null,
    StepAddress? Address = null,
    int Failures = 0,
    TimeProvider? Time = null);

/// <summary>A step of a run, and which intent of it.</summary>
/// <param name="Step">The node visit's number in its run.</param>
/// <param name="Generation">As in the idempotency key: rises after a definite failure.</param>
public readonly record struct StepAddress(int Step, int Generation);

/// <summary>What came of one attempt.</summary>
public sealed record StepOutcome
{
    public bool Ok => Error is null;

    /// <summary>
    /// UTF-8 JSON; <c>null</c> (the four bytes) when there is none. Beside an <see cref="Error"/>: what was given although it cannot be
    /// taken as it stands, for a remedy to work on.
    /// </summary>
    public ReadOnlyMemory<byte> Output { get; init; }

    public StepError? Error { get; init; }

    /// <summary>What the call really cost, in 10⁻⁹ dollars.</summary>
    public long CostNanoDollars { get; init; }

    public long InputTokens { get; init; }

    public long OutputTokens { get; init; }

    /// <summary>Who answered: a model provider's name, or <see langword="null"/> where that means nothing.</summary>
    public string? Provider { get; init; }

    /// <summary>
    /// When set, nothing is known yet: the step was taken over by somebody who answers through
    /// <see cref="Scheduling.RunHost.AnswerAsync"/> within this time. The run can be parked meanwhile; without an answer the
    /// attempt fails with <c>STEP_TIMEOUT</c>, and the retry policy decides.
    /// </summary>
    public TimeSpan? AnswersWithin { get; init; }

    /// <summary>The step was taken over; its outcome comes within this time.</summary>
    public static StepOutcome Later(TimeSpan within) => new() { AnswersWithin = within };

    public static StepOutcome Success(ReadOnlyMemory<byte> output) => new() { Output = output };

    public static StepOutcome Failure(string code, ErrorCategory category, string message, TimeSpan? retryAfter = null) =>
        new() { Error = new StepError(code, category, message, retryAfter) };
}

/// <param name="Code">Stable SCREAMING_SNAKE code.</param>
/// <param name="Message">What was wrong and what to do; safe to show to the run's owner.</param>
/// <param name="RetryAfter">The other side's wish, honoured as the least delay before the next try.</param>
public sealed record StepError(string Code, ErrorCategory Category, string Message, TimeSpan? RetryAfter = null)
{
    public bool Retryable => Category.IsRetryable();
}
