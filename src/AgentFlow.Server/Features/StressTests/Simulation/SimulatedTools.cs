using System.Buffers;
using System.Globalization;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.StressTests.Chaos;
using AgentFlow.Server.Features.StressTests.Submissions;
using AgentFlow.Server.Http;
using AgentFlow.Tools;

namespace AgentFlow.Server.Features.StressTests.Simulation;

/// <summary>The tools of stress tests. They reach nothing, and what they do depends on their input and the seed in it alone.</summary>
internal static class SimulatedTools
{
    public const string Work = "sim.work";
    public const string End = "sim.end";
    public const string Undo = "sim.undo";
    public const string Adjudicate = "sim.adjudicate";
    public const string Summarize = "sim.summarize";
    public const string Repair = "sim.repair";

    public static IEnumerable<ToolDefinition> Define()
    {
        yield return Tool(Work, "Does a task of a stress test, with the faults that were planted in it.", WorkAsync, new(StringComparer.Ordinal)
        {
            ["TOOL_FAILED"] = "The tool answered with an error.",
            [ErrorCode.RateLimited.Code] = "The tool's rate is used up.",
            [ErrorCode.ConnectFailed.Code] = "The tool cannot be reached.",
        });
        yield return Tool(End, "Fails: the end of a workflow of which a task has failed.", static (_, _) => new(StepOutcome.Failure(ErrorCode.StepFailed.Code, ErrorCategory.Permanent, "A task of the workflow failed.")), []);
        yield return Tool(Undo, "Undoes a task of a stress test.", static (call, _) => new(StepOutcome.Success("""{"undone":true}"""u8.ToArray())), []);
        yield return Tool(Adjudicate, "Decides between the proposals of agents that disagree: the one with the highest confidence, the first of equals.", AdjudicateAsync, []);
        yield return Tool(Summarize, "Shortens the context of a task to what its agent takes.", SummarizeAsync, []);
        yield return Tool(Repair, "Gives a malformed answer its form, where what was meant can be told.", RepairAsync, new(StringComparer.Ordinal) { ["NOT_REPAIRABLE"] = "What was meant cannot be told." });
    }

    /// <summary>Answers of several agents to one task.</summary>
    public static byte[] Proposals(SimulatedTry attempt, int agents) => Write(w =>
    {
        w.WriteStartArray("proposals"u8);
        for (int i = 0; i < agents; i++)
        {
            w.WriteStartObject();
            w.WriteString("agent"u8, i == 0 ? attempt.Agent.AgentId : string.Create(CultureInfo.InvariantCulture, $"{attempt.Agent.AgentId}/{i + 1}"));
            w.WriteString("result"u8, string.Create(CultureInfo.InvariantCulture, $"option {i + 1}"));
            w.WriteNumber("confidence"u8, Math.Round(Odds.Of(attempt.Seed, attempt.WorkflowId, attempt.Task.TaskId, "confidence", i), 6));
            w.WriteEndObject();
        }

        w.WriteEndArray();
    });

    private static ToolDefinition Tool(string id, string description, Func<ToolCall, CancellationToken, ValueTask<StepOutcome>> invoke, Dictionary<string, string> errors)
    {
        // What helps is a function of what it gets; work and its undoing stand for what others can see.
        bool isPure = id is Adjudicate or Summarize or Repair or End;
        var contract = new ToolContract
        {
            Id = id,
            Version = "1.0.0",
            Description = description,
            Effects = isPure ? Effects.None : Effects.External,
            Determinism = isPure ? Determinism.Full : Determinism.None,
            ErrorCodes = errors,
        };
        return new ToolDefinition(contract, _ => new SimulatedTool(contract, invoke));
    }

    private static async ValueTask<StepOutcome> WorkAsync(ToolCall call, CancellationToken cancellationToken)
    {
        SimulatedTry attempt = SimulatedTry.Of(call, PlannedAgent.Nobody);
        ToolFault? fault = FaultInjector.AtTool(attempt);
        switch (fault)
        {
            case ToolFault.Hangs:
                await SimulatedTime.SleepAsync(call.Time, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
                break;
            case ToolFault.Fails fails:
                await SimulatedTime.SleepAsync(call.Time, TimeSpan.FromMilliseconds(SimulatedDurations.Refusal), cancellationToken).ConfigureAwait(false);
                // In a time of its own the call has waited already.
                return new StepOutcome { Error = call.Time is SimulatedTime ? fails.Error with { RetryAfter = null } : fails.Error };
        }

        await SimulatedTime.SleepAsync(call.Time, TimeSpan.FromMilliseconds(attempt.WorkMs()), cancellationToken).ConfigureAwait(false);
        bool isGarbled = fault is ToolFault.Garbles;
        return StepOutcome.Success(Write(w =>
        {
            w.WriteString("task_id"u8, attempt.Task.TaskId);
            // The contract says "result".
            w.WriteString(isGarbled ? "rseult"u8 : "result"u8, "done"u8);
            if (fault is ToolFault.Garbles { IsRepairable: false })
            {
                w.WriteBoolean("truncated"u8, true);
            }
        }));
    }

    private static ValueTask<StepOutcome> AdjudicateAsync(ToolCall call, CancellationToken cancellationToken)
    {
        using JsonDocument input = JsonDocument.Parse(call.Input);
        JsonElement task = input.RootElement.GetProperty("input"u8).GetProperty("task"u8);
        JsonElement[] proposals = [.. input.RootElement.GetProperty("output"u8).GetProperty("proposals"u8).EnumerateArray()];
        JsonElement best = proposals.MaxBy(p => p.GetProperty("confidence"u8).GetDouble());
        return new(StepOutcome.Success(Write(w =>
        {
            w.WriteString("task_id"u8, task.GetProperty("task_id"u8).GetString());
            w.WriteString("result"u8, best.GetProperty("result"u8).GetString());
            w.WriteString("of"u8, best.GetProperty("agent"u8).GetString());
            w.WriteString("decided_by"u8, "arbitrator"u8);
            w.WriteNumber("confidence"u8, best.GetProperty("confidence"u8).GetDouble());
            w.WriteNumber("proposals"u8, proposals.Length);
        })));
    }

    private static ValueTask<StepOutcome> SummarizeAsync(ToolCall call, CancellationToken cancellationToken)
    {
        using JsonDocument input = JsonDocument.Parse(call.Input);
        JsonElement asked = input.RootElement.GetProperty("input"u8);
        return new(StepOutcome.Success(Write(w =>
        {
            foreach (JsonProperty member in asked.EnumerateObject().Where(m => m.Name != "context_tokens"))
            {
                member.WriteTo(w);
            }

            w.WriteNumber("context_tokens"u8, asked.GetProperty("task"u8).GetProperty("tokens"u8).GetInt32() / 2);
        })));
    }

    private static ValueTask<StepOutcome> RepairAsync(ToolCall call, CancellationToken cancellationToken)
    {
        using JsonDocument input = JsonDocument.Parse(call.Input);
        JsonElement given = input.RootElement.GetProperty("output"u8);
        if (given.ValueKind != JsonValueKind.Object || given.TryGetProperty("truncated"u8, out _) || !given.TryGetProperty("rseult"u8, out JsonElement meant))
        {
            return new(StepOutcome.Failure("NOT_REPAIRABLE", ErrorCategory.Permanent, "A part of the answer is missing: what was meant cannot be told."));
        }

        return new(StepOutcome.Success(Write(w =>
        {
            w.WriteString("task_id"u8, given.GetProperty("task_id"u8).GetString());
            w.WritePropertyName("result"u8);
            meant.WriteTo(w);
            w.WriteBoolean("repaired"u8, true);
        })));
    }

    private static byte[] Write(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var w = new Utf8JsonWriter(buffer, Reply.WriterOptions))
        {
            w.WriteStartObject();
            members(w);
            w.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private sealed class SimulatedTool(ToolContract contract, Func<ToolCall, CancellationToken, ValueTask<StepOutcome>> invoke) : ITool
    {
        public ToolContract Contract => contract;

        public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) => invoke(call, cancellationToken);
    }
}
