using System.Globalization;
using System.Text.Json;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.StressTests.Submissions;

namespace AgentFlow.Server.Features.StressTests.Simulation;

/// <summary>One try of one task.</summary>
/// <param name="Index">Tries before it that certainly failed; a crash does not change it, so that the dice fall as they did.</param>
/// <param name="IsFirstRound">False in the later iterations of a cycle.</param>
/// <param name="ContextTokens">What the context was shortened to; <see langword="null"/>: it was not.</param>
internal sealed record SimulatedTry(PlannedTask Task, PlannedAgent Agent, long Seed, string WorkflowId, int Index, bool IsFirstRound, int? ContextTokens)
{
    public const string Round = "round";

    public static SimulatedTry Of(in ToolCall call, PlannedAgent agent) => Of(call.Input, call.StepPath, call.Failures, agent);

    /// <param name="input">The step's.</param>
    /// <param name="path">The step's.</param>
    public static SimulatedTry Of(ReadOnlyMemory<byte> input, string path, int failures, PlannedAgent agent)
    {
        using JsonDocument document = JsonDocument.Parse(input);
        JsonElement root = document.RootElement;
        return new SimulatedTry(
            root.GetProperty("task"u8).Deserialize(StressJson.Default.PlannedTask)!,
            agent,
            root.GetProperty("seed"u8).GetInt64(),
            root.GetProperty("workflow"u8).GetString()!,
            failures,
            RoundOf(path) == 1,
            root.TryGetProperty("context_tokens"u8, out JsonElement tokens) ? tokens.GetInt32() : null);
    }

    /// <summary>Simulated milliseconds that the work takes when nothing is wrong.</summary>
    public long WorkMs() => WorkMs(Seed, WorkflowId, Task, Index);

    public static long WorkMs(long seed, string workflow, PlannedTask task, int index) =>
        (long)Math.Round(task.DurationMs * (0.75 + (0.5 * Odds.Of(seed, workflow, task.TaskId, "latency", index))));

    /// <summary>The iteration of the cycle that a step's path lies in; 1 outside of one.</summary>
    private static int RoundOf(string path)
    {
        const string Mark = Round + "#";
        int at = path.IndexOf(Mark, StringComparison.Ordinal);
        if (at < 0)
        {
            return 1;
        }

        ReadOnlySpan<char> number = path.AsSpan(at + Mark.Length);
        int end = number.IndexOf('/');
        return int.Parse(end < 0 ? number : number[..end], NumberStyles.None, CultureInfo.InvariantCulture);
    }
}

/// <summary>How long simulated things take that are no task's own work, in simulated milliseconds.</summary>
internal static class SimulatedDurations
{
    public const long Refusal = 20;
    public const long Approval = 2000;
    public const long FirstRetry = 200;
    public const long MostRetry = 30_000;

    /// <summary>A call's time limit, generous beside its work.</summary>
    public static long Limit(PlannedTask task) => Math.Max(1000, task.DurationMs * 4);

    /// <summary>What helps with a failure takes a part of the task's own time.</summary>
    public static long Remedy(PlannedTask task) => Math.Max(20, task.DurationMs / 2);

    /// <summary>The wait after a failure.</summary>
    /// <param name="failures">From 1.</param>
    public static long Wait(int failures) => Math.Min(FirstRetry << Math.Min(failures - 1, 10), MostRetry);
}
