using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Steps;

/// <summary>
/// The second stage of the door: calls what admission let pass, within its time, and turns whatever happens into an outcome.
/// </summary>
public sealed class StepPerformer(TimeProvider clock)
{
    public static readonly ActivitySource Activities = new("AgentFlow.Engine");

    private static readonly Meter Meter = new("AgentFlow.Engine");
    private static readonly Counter<long> Calls = Meter.CreateCounter<long>("tool_calls_total", description: "Attempts of steps, by tool and result.");
    private static readonly Histogram<double> Seconds = Meter.CreateHistogram<double>("tool_call_seconds", "s", "Duration of one attempt.");
    private static readonly Counter<long> Tokens = Meter.CreateCounter<long>("tokens_total", description: "Model tokens, input and output.");
    private static readonly Counter<double> Dollars = Meter.CreateCounter<double>("dollars_total", description: "Cost of steps.");

    /// <summary>
    /// Performs one attempt. Never throws; completes synchronously when the tool does. The result of a cancelled attempt is
    /// <see langword="null"/>.
    /// </summary>
    /// <param name="stop">Asks the attempt to stop; it may still come to an outcome.</param>
    public ValueTask<StepOutcome?> PerformAsync(CallNode node, ToolCall call, CancellationToken stop)
    {
        // A pure, deterministic call is over before anybody could cancel it: it pays for no token, timer or span.
        if (node.Effects == Effects.None && node.Tool.Contract.Determinism == Determinism.Full)
        {
            try
            {
                ValueTask<StepOutcome> pure = node.Tool.InvokeAsync(call, stop);
                return pure.IsCompletedSuccessfully ? new ValueTask<StepOutcome?>(Checked(node, call, pure.Result)) : new ValueTask<StepOutcome?>(AwaitAsync(node, call, pure, stop));
            }
            catch (Exception e)
            {
                return new ValueTask<StepOutcome?>(Crashed(node, e));
            }
        }

        return new ValueTask<StepOutcome?>(ObservedAsync(node, call, stop));
    }

    private async Task<StepOutcome?> ObservedAsync(CallNode node, ToolCall call, CancellationToken stop)
    {
        string tool = node.Tool.Contract.Id;
        long start = clock.GetTimestamp();
        using Activity? activity = Activities.StartActivity("tool " + tool, ActivityKind.Client);
        activity?.SetTag("agentflow.run", call.RunId).SetTag("agentflow.step", call.StepPath).SetTag("agentflow.attempt", call.Attempt);
        using var limit = new CancellationTokenSource(node.AttemptTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        StepOutcome? outcome;
        CrashPoint.Reach("effect.before");
        try
        {
            outcome = Checked(node, call, await node.Tool.InvokeAsync(call, either.Token).AsTask().WaitAsync(either.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            outcome = null;
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            outcome = StepOutcome.Failure("STEP_TIMEOUT", ErrorCategory.Transient, $"{tool} did not answer within {node.AttemptTimeout.TotalSeconds:0.###} s.");
        }
        catch (Exception e)
        {
            outcome = Crashed(node, e);
        }

        CrashPoint.Reach("effect.after");
        string result = outcome is null ? "cancelled" : outcome.Ok ? "ok" : outcome.Error!.Code;
        Calls.Add(1, new KeyValuePair<string, object?>("tool", tool), new KeyValuePair<string, object?>("result", result));
        Seconds.Record(clock.GetElapsedTime(start).TotalSeconds, new KeyValuePair<string, object?>("tool", tool));
        if (outcome is not null)
        {
            Tokens.Add(outcome.InputTokens + outcome.OutputTokens, new KeyValuePair<string, object?>("tool", tool));
            Dollars.Add(outcome.CostNanoDollars / 1e9, new KeyValuePair<string, object?>("tool", tool));
        }

        activity?.SetTag("agentflow.result", result);
        return outcome;
    }

    private async Task<StepOutcome?> AwaitAsync(CallNode node, ToolCall call, ValueTask<StepOutcome> pure, CancellationToken stop)
    {
        try
        {
            return Checked(node, call, await pure.AsTask().WaitAsync(node.AttemptTimeout, clock, stop).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return null;
        }
        catch (TimeoutException)
        {
            return StepOutcome.Failure("STEP_TIMEOUT", ErrorCategory.Transient, $"{node.Tool.Contract.Id} did not answer within {node.AttemptTimeout.TotalSeconds:0.###} s.");
        }
        catch (Exception e)
        {
            return Crashed(node, e);
        }
    }

    /// <summary>What a tool gives is checked before it becomes a fact: it must be JSON and fit the contract.</summary>
    private static StepOutcome Checked(CallNode node, ToolCall call, StepOutcome outcome)
    {
        if (!outcome.Ok || outcome.Output.Equals(call.Input))
        {
            return outcome;
        }

        if (outcome.Output.IsEmpty)
        {
            return outcome with { Output = Runs.Payload.Null.Utf8 };
        }

        if (outcome.Output.Length > Runs.Payload.MaxLength)
        {
            return outcome with
            {
                Error = new StepError("RESULT_TOO_LARGE", ErrorCategory.Permanent, $"{node.Tool.Contract.Id} gave {outcome.Output.Length} bytes; a value has at most {Runs.Payload.MaxLength}."),
            };
        }

        string? problem = IsJson(outcome.Output.Span) ? node.OutputValidator?.Invoke(outcome.Output) : "it is not JSON";
        return problem is null
            ? outcome
            : outcome with { Error = new StepError("OUTPUT_INVALID", ErrorCategory.Permanent, $"The output of {node.Tool.Contract.Id} breaks its contract: {problem}") };
    }

    private static bool IsJson(ReadOnlySpan<byte> utf8)
    {
        try
        {
            var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = 256 });
            while (reader.Read())
            {
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static StepOutcome Crashed(CallNode node, Exception e) =>
        StepOutcome.Failure("TOOL_CRASHED", ErrorCategory.Permanent, $"{node.Tool.Contract.Id} threw {e.GetType().Name}: {e.Message}");
}
