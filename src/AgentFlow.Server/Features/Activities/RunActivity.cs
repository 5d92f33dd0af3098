using System.Buffers;
using System.Globalization;
using System.Text.Json;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Messaging.InProcess;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Activities;

/// <summary>
/// Tells the hub what runs of this process do, while anybody watches. Without values: who may watch may not read what goes
/// in and out of runs.
/// </summary>
internal sealed class RunActivity(InProcessBus bus, ActivityHub hub)
{
    /// <summary>Frames that may wait to be told.</summary>
    private const int Capacity = 65_536;

    private const decimal NanoDollars = 1_000_000_000m;

    private readonly Lock _gate = new();
    private InProcessBus.Subscription? _subscription;
    private Task _telling = Task.CompletedTask;

    /// <summary>Begins or ends to listen to the bus.</summary>
    public void Watch(bool any)
    {
        lock (_gate)
        {
            _subscription?.Dispose();
            _subscription = any ? bus.Subscribe(Capacity, frame => hub.IsWatched(frame.Tenant)) : null;
            if (_subscription is { } subscription)
            {
                Task before = _telling;
                _telling = Task.Run(() => TellAsync(subscription, before));
            }
        }
    }

    private async Task TellAsync(InProcessBus.Subscription subscription, Task before)
    {
        await before.ConfigureAwait(false);
        try
        {
            await foreach (CommittedFrame frame in subscription.Frames.ReadAllAsync().ConfigureAwait(false))
            {
                Tell(frame);
            }
        }
        catch (SlowConsumerException)
        {
            // Readers must not believe that they saw everything.
            hub.PublishToAll(static tenant => new ActivityEvent(tenant, "runs.lost", "{\"reason\":\"more happened than could be told; the runs' journals have it\"}"u8.ToArray()));
            lock (_gate)
            {
                if (ReferenceEquals(_subscription, subscription))
                {
                    Watch(true);
                }
            }
        }
    }

    private void Tell(CommittedFrame frame)
    {
        foreach (JournalEvent journalEvent in frame.Events)
        {
            if (TypeOf(journalEvent) is { } type)
            {
                hub.Publish(new ActivityEvent(frame.Tenant, type, Data(frame, journalEvent)));
            }
        }
    }

    private static string? TypeOf(JournalEvent journalEvent) => journalEvent switch
    {
        RunStarted => "run.started",
        RunCompleted => "run.completed",
        RunFailed => "run.failed",
        RunCancelled => "run.cancelled",
        PauseRequested => "run.paused",
        ResumeRequested => "run.resumed",
        RunRecovered => "run.recovered",
        StepStarted => "step.started",
        StepSucceeded => "step.succeeded",
        StepFailed => "step.failed",
        StepDenied => "step.denied",
        StepCancelled => "step.cancelled",
        StepUnknown => "step.unknown",
        StepAsked => "step.asked",
        ApprovalRequested => "approval.requested",
        ApprovalDecided => "approval.decided",
        _ => null,
    };

    private static byte[] Data(CommittedFrame frame, JournalEvent journalEvent)
    {
        var buffer = new ArrayBufferWriter<byte>(192);
        using var writer = new Utf8JsonWriter(buffer, Reply.WriterOptions);
        writer.WriteStartObject();
        writer.WriteString("run_id"u8, frame.Run.ToString());
        writer.WriteString("workflow"u8, frame.Workflow);
        switch (journalEvent)
        {
            case RunStarted e:
                writer.WriteString("version"u8, e.Version);
                writer.WriteString("by"u8, e.StartedBy);
                break;
            case RunCompleted e:
                writer.WriteString("outcome"u8, e.Outcome);
                break;
            case RunFailed e:
                writer.WriteString("code"u8, e.Error.Code);
                break;
            case StepStarted e:
                Step(writer, e.Id, e.Attempt);
                break;
            case StepSucceeded e:
                Step(writer, e.Id, e.Attempt);
                writer.WriteNumber("tokens"u8, e.InputTokens + e.OutputTokens);
                writer.WriteString("cost_dollars"u8, (e.CostNanoDollars / NanoDollars).ToString("0.#########", CultureInfo.InvariantCulture));
                break;
            case StepFailed e:
                Step(writer, e.Id, e.Attempt);
                writer.WriteString("code"u8, e.Error.Code);
                break;
            case StepDenied e:
                Step(writer, e.Id, null);
                writer.WriteString("code"u8, e.Error.Code);
                break;
            case StepCancelled e:
                Step(writer, e.Id, e.Attempt);
                break;
            case StepUnknown e:
                Step(writer, e.Id, e.Attempt);
                break;
            case StepAsked e:
                Step(writer, e.Id, null);
                break;
            case ApprovalRequested e:
                Step(writer, e.Id, null);
                writer.WriteString("approval"u8, e.Name);
                break;
            case ApprovalDecided e:
                Step(writer, e.Id, null);
                writer.WriteString("approval"u8, e.Name);
                writer.WriteBoolean("granted"u8, e.Granted);
                writer.WriteString("by"u8, e.By);
                break;
        }

        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static void Step(Utf8JsonWriter writer, int id, int? attempt)
    {
        writer.WriteNumber("step"u8, id);
        if (attempt is { } number)
        {
            writer.WriteNumber("attempt"u8, number);
        }
    }
}
