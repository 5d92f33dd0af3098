using System.Collections.Concurrent;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Messaging.InProcess;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Features.StressTests.Results;
using AgentFlow.Server.Features.StressTests.Submissions;

namespace AgentFlow.Server.Features.StressTests.Live;

/// <summary>Tells watchers what the runs of stress tests do, while anybody watches. Reads frames once they are durable.</summary>
internal sealed class RunTelling(InProcessBus bus, StressEvents events, RunReader reader, Func<Ulid, ActiveWorkflow?> find) : IAsyncDisposable
{
    private const int Capacity = 16_384;

    private readonly ConcurrentDictionary<Ulid, RunReading> _readings = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _telling = Task.CompletedTask;

    public void Begin() => _telling = Task.Run(TellAsync, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _telling.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task TellAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            using InProcessBus.Subscription subscription = bus.Subscribe(Capacity, frame => frame.Workflow.StartsWith(WorkflowCompiler.NamePrefix, StringComparison.Ordinal) && events.IsWatched);
            try
            {
                await foreach (CommittedFrame frame in subscription.Frames.ReadAllAsync(_stop.Token).ConfigureAwait(false))
                {
                    await TellAsync(frame).ConfigureAwait(false);
                }
            }
            catch (SlowConsumerException)
            {
                // What was missed is read from the journals with the next frame of each run.
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task TellAsync(CommittedFrame frame)
    {
        if (find(frame.Run) is not { } active)
        {
            _readings.TryRemove(frame.Run, out _);
            return;
        }

        RunReading reading = _readings.GetOrAdd(frame.Run, _ => new RunReading(active.Plan, active.Definition));
        if (reading.NextSeq < frame.FirstSeq)
        {
            // Frames that came before it was known whose run it is are news; those that were dropped because nobody kept up are not.
            bool isNew = reading.NextSeq == 0;
            await foreach ((long first, IReadOnlyList<JournalEvent> missed) in reader.FramesAsync(frame.Tenant, frame.Run, reading.NextSeq, static _ => Payload.Null, _stop.Token).ConfigureAwait(false))
            {
                if (first >= frame.FirstSeq)
                {
                    break;
                }

                Apply(frame.Tenant, reading, first, missed, tells: isNew);
            }
        }

        Apply(frame.Tenant, reading, frame.FirstSeq, frame.Events, tells: true);
        if (reading.HasEnded)
        {
            _readings.TryRemove(frame.Run, out _);
        }
    }

    private void Apply(string tenant, RunReading reading, long firstSeq, IReadOnlyList<JournalEvent> journal, bool tells)
    {
        var told = new List<Happening>();
        for (int i = 0; i < journal.Count; i++)
        {
            if (firstSeq + i != reading.NextSeq)
            {
                continue;
            }

            told.Clear();
            reading.Apply(journal[i], told);
            if (tells)
            {
                Tell(tenant, reading, journal[i], told);
            }
        }
    }

    private void Tell(string tenant, RunReading reading, JournalEvent journalEvent, List<Happening> told)
    {
        WorkflowPlan plan = reading.Plan;
        if (journalEvent is RunStarted)
        {
            events.Tell(tenant, "workflow.started", w =>
            {
                Of(w, plan);
                w.WriteNumber("total"u8, plan.Tasks.Count);
            });
        }

        foreach (Happening happening in told)
        {
            PlannedTask task = plan.Tasks[happening.Task];
            events.Tell(tenant, happening.Type, w =>
            {
                Of(w, plan);
                if (happening.Type == "workflow.progress")
                {
                    w.WriteNumber("completed"u8, reading.TasksDone);
                    w.WriteNumber("total"u8, plan.Tasks.Count);
                    return;
                }

                w.WriteString("task_id"u8, task.TaskId);
                w.WriteString("task_type"u8, task.Type);
                w.WriteString("agent_id"u8, plan.Agents[task.Agent].AgentId);
                if (happening.Type.StartsWith("chaos.", StringComparison.Ordinal))
                {
                    w.WriteString("chaos_type"u8, task.Fault!.Type);
                    w.WriteString("recovery_action"u8, task.Fault.RecoveryAction);
                }

                if (happening.Type is "agent.completed_task" or "chaos.recovered")
                {
                    w.WriteNumber("duration_ms"u8, reading.Tasks[happening.Task].RoundMs is [.., var last] ? last : 0);
                }
            });
        }
    }

    private static void Of(System.Text.Json.Utf8JsonWriter w, WorkflowPlan plan)
    {
        w.WriteString("workflow_id"u8, plan.WorkflowId);
        if (plan.ScenarioId is { } scenario)
        {
            w.WriteString("scenario_id"u8, scenario);
        }
    }
}
