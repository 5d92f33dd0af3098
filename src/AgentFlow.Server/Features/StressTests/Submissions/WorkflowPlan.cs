using System.Text.Json;
using System.Text.Json.Serialization;
using AgentFlow.Contracts.Json;
using AgentFlow.Server.Features.StressTests.Chaos;

namespace AgentFlow.Server.Features.StressTests.Submissions;

/// <summary>One submitted workflow with everything that running and judging it takes: the input of its run.</summary>
internal sealed record WorkflowPlan
{
    public required string WorkflowId { get; init; }

    public string? ScenarioId { get; init; }

    /// <summary><c>linear</c>, <c>dag</c>, <c>saga</c> and so on; for readers, the tasks decide.</summary>
    public string Type { get; init; } = "";

    public string Name { get; init; } = "";

    public long Seed { get; init; }

    /// <summary>Whether simulated durations are slept.</summary>
    public bool IsRealTime { get; init; }

    /// <summary>Mechanisms of recovery that are switched off (<see cref="Mechanism"/>).</summary>
    public IReadOnlyList<string> Without { get; init; } = [];

    public IReadOnlyList<PlannedAgent> Agents { get; init; } = [];

    public required IReadOnlyList<PlannedTask> Tasks { get; init; }

    /// <summary>How often the tasks of a cycle are done.</summary>
    public int Iterations { get; init; } = 1;

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, StressJson.Default.WorkflowPlan);

    public static WorkflowPlan FromJson(ReadOnlySpan<byte> utf8) => JsonSerializer.Deserialize(utf8, StressJson.Default.WorkflowPlan)!;

    public bool Has(string mechanism) => !Without.Contains(mechanism);
}

/// <param name="DependsOn">Places of tasks; of a cycle's tasks only those before it.</param>
/// <param name="DurationMs">Simulated milliseconds of one try, on average.</param>
/// <param name="Retries">Tries after the first one.</param>
/// <param name="InCycle">Done again with each iteration.</param>
/// <param name="Agent">Place of the agent that does it.</param>
/// <param name="Compensation">What undoes it; <see langword="null"/>: nothing.</param>
internal sealed record PlannedTask(
    string TaskId,
    string Type,
    string Name,
    IReadOnlyList<int> DependsOn,
    IReadOnlyList<string> Tools,
    long DurationMs,
    int Tokens,
    int Retries,
    bool InCycle,
    int Agent,
    string? Compensation,
    Fault? Fault)
{
    public const string Approval = "approval";
    public const string Checkpoint = "checkpoint";
}

/// <summary>What a simulated agent is like.</summary>
/// <param name="SuccessRate">Share of tries in which it takes its task.</param>
/// <param name="PerInvocationNano">Billionths of a dollar.</param>
/// <param name="PerTokenNano">Billionths of a dollar.</param>
internal sealed record PlannedAgent(string AgentId, string Type, double SuccessRate, long MeanLatencyMs, long PerInvocationNano, long PerTokenNano, int ContextTokens)
{
    /// <summary>Does tasks for which the fleet has nobody.</summary>
    public static PlannedAgent Nobody { get; } = new("agent-default", "worker", 1, 50, 0, 0, 16_000);
}

/// <summary>Words for what recovers from failures; a test can switch each off.</summary>
internal static class Mechanism
{
    public const string Retry = "retry";
    public const string Compensate = "compensate";
    public const string Adjudicate = "adjudicate";
    public const string Approve = "approve";
    public const string Rebuild = "rebuild";
    public const string Summarize = "summarize";
    public const string Backoff = "backoff";
    public const string Repair = "repair";
    public const string Queue = "queue";

    public static IReadOnlyList<string> All { get; } = [Retry, Compensate, Adjudicate, Approve, Rebuild, Summarize, Backoff, Repair, Queue];
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(Rfc3339Converter)])]
[JsonSerializable(typeof(WorkflowPlan))]
[JsonSerializable(typeof(PlannedTask))]
[JsonSerializable(typeof(ScenarioPlan))]
[JsonSerializable(typeof(Results.WorkflowResultView))]
[JsonSerializable(typeof(Results.ScenarioResultView))]
internal sealed partial class StressJson : JsonSerializerContext;

/// <summary>What a scenario's verdict takes beside its workflows.</summary>
internal sealed record ScenarioPlan(string ScenarioId, int Workflows, int Tasks, int Faults, double? ExpectedCompletion, double? ExpectedRecovery, bool IsRealTime, IReadOnlyList<string> Without);
