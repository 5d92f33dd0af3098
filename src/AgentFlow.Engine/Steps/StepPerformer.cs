using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Secrets;

namespace AgentFlow.Engine.Steps;

/// <summary>
/// The second stage of the door: calls what admission let pass, within its time, and turns whatever happens into an outcome.
/// Here alone references to secrets become values, for calls with effects, and here values are taken out of what comes back.
/// </summary>
/// <param name="secrets"><see langword="null"/>: there are none.</param>
/// <param name="mask">Learns what <paramref name="secrets"/> finds before anybody else does.</param>
public sealed class StepPerformer(TimeProvider clock, ISecretSource? secrets = null, SecretMask? mask = null)
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

    /// <summary>Holds an outcome that came later to what holds for one that came at once: the contract, the size, no secrets.</summary>
    public StepOutcome Examine(CallNode node, StepOutcome outcome) => Masked(Checked(node, default, outcome))!;

    private async Task<StepOutcome?> ObservedAsync(CallNode node, ToolCall call, CancellationToken stop)
    {
        string tool = node.Tool.Contract.Id;
        long start = clock.GetTimestamp();
        using Activity? activity = Activities.StartActivity("tool " + tool, ActivityKind.Client);
        activity?.SetTag("agentflow.run", call.RunId).SetTag("agentflow.step", call.StepPath).SetTag("agentflow.attempt", call.Attempt);
        TimeProvider time = node.Tool.TimeOf(call, clock);
        using var limit = new CancellationTokenSource(node.AttemptTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        StepOutcome? outcome;
        try
        {
            (ToolCall filled, StepOutcome? refused) = node.Effects == Effects.External ? await FillAsync(node, call with { Time = time }, either.Token).ConfigureAwait(false) : (call with { Time = time }, null);
            // Whoever was to do it may have been told to stop while he waited for his turn.
            stop.ThrowIfCancellationRequested();
            CrashPoint.Reach("effect.before");
            outcome = refused ?? Checked(node, filled, await node.Tool.InvokeAsync(filled, either.Token).AsTask().WaitAsync(either.Token).ConfigureAwait(false));
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
        outcome = Masked(outcome);
        string result = outcome is null ? "cancelled" : outcome.AnswersWithin is not null ? "handed_over" : outcome.Ok ? "ok" : outcome.Error!.Code;
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

    /// <summary>The call with the values of its secrets, or why it cannot be made.</summary>
    private async ValueTask<(ToolCall Filled, StepOutcome? Refused)> FillAsync(CallNode node, ToolCall call, CancellationToken cancellationToken)
    {
        if (node.Secrets.IsEmpty && node.Tool.Secrets.Count == 0)
        {
            return (call, null);
        }

        var values = new Dictionary<SecretReference, string>();
        try
        {
            foreach (SecretReference reference in node.Secrets.References.Concat(node.Tool.Secrets).Distinct())
            {
                if (secrets is null || await secrets.FindAsync(call.Tenant, reference, cancellationToken).ConfigureAwait(false) is not { } value)
                {
                    return (call, StepOutcome.Failure("SECRET_NOT_FOUND", ErrorCategory.Permanent, $"There is no {reference}. Add it with af secrets set {reference.Name}, or correct the name in the workflow."));
                }

                mask?.Add([(reference.ToString(), value)]);
                values[reference] = value;
            }
        }
        catch (SecretUnavailableException e)
        {
            return (call, StepOutcome.Failure("SECRET_UNAVAILABLE", ErrorCategory.Transient, e.Message));
        }

        return (call with { Input = node.Secrets.IsEmpty ? call.Input : node.Secrets.Fill(call.Input, values), Secrets = values }, null);
    }

    /// <summary>A tool may tell what it was given, in any shape and in an error as well.</summary>
    private StepOutcome? Masked(StepOutcome? outcome)
    {
        if (outcome is null || outcome.AnswersWithin is not null || mask is null or { IsEmpty: true })
        {
            return outcome;
        }

        return outcome with
        {
            Output = outcome.Output.IsEmpty ? default : mask.Json(outcome.Output),
            Error = outcome.Error is { } error ? error with { Code = mask.Text(error.Code), Message = mask.Text(error.Message) } : null,
            Provider = outcome.Provider is { } provider ? mask.Text(provider) : null,
        };
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
        if (!outcome.Ok || outcome.AnswersWithin is not null || outcome.Output.Equals(call.Input))
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

        bool isJson = IsJson(outcome.Output.Span);
        string? problem = isJson ? node.OutputValidator?.Invoke(outcome.Output) : "it is not JSON";
        return problem is null
            ? outcome
            : outcome with { Output = isJson ? outcome.Output : Runs.JsonPayload.Text(System.Text.Encoding.UTF8.GetString(outcome.Output.Span)).Utf8, Error = new StepError("OUTPUT_INVALID", ErrorCategory.Permanent, $"The output of {node.Tool.Contract.Id} breaks its contract: {problem}") };
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
