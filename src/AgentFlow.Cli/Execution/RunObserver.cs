using System.Text.Json;
using AgentFlow.Client;

namespace AgentFlow.Cli.Execution;

/// <summary>Follows one run to its end and notes what its final view does not show.</summary>
internal sealed class RunObserver(AgentFlowClient client)
{
    private double? _agentsConfidence;

    /// <summary>Waits for the end.</summary>
    /// <param name="seen">Called for each event, in order.</param>
    public async Task<Run> FollowAsync(string runId, Func<RunEvent, Task>? seen, CancellationToken cancelled)
    {
        await foreach (RunEvent happened in client.StreamAsync(runId, cancellationToken: cancelled))
        {
            if (happened.Type == "step_succeeded" && happened.Text("kind") == "agent" && happened.Json.TryGetProperty("output", out JsonElement output))
            {
                _agentsConfidence = ConfidenceOf(output) ?? _agentsConfidence;
            }

            if (seen is not null)
            {
                await seen(happened);
            }
        }

        return await client.GetRunAsync(runId, cancelled);
    }

    /// <param name="row">From 1.</param>
    /// <param name="message">What the run was about.</param>
    public RowResult Result(int row, string? message, Run run) => new(
        row,
        message,
        run.Id,
        run.Status,
        run.Outcome,
        run.Path,
        _agentsConfidence ?? (run.Output is { } output ? ConfidenceOf(output) : null),
        string.Join("+", run.Steps.Select(s => s.Provider).Where(p => !string.IsNullOrEmpty(p)).Distinct()) is { Length: > 0 } providers ? providers : null,
        run.DurationMs,
        run.CostDollars,
        run.Output,
        run.Error);

    private static double? ConfidenceOf(JsonElement output) =>
        output.ValueKind == JsonValueKind.Object && output.TryGetProperty("confidence", out JsonElement confidence) && confidence.ValueKind == JsonValueKind.Number
            ? confidence.GetDouble()
            : null;
}
