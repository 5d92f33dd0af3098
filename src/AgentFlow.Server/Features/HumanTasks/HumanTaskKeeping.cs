using System.Text.Json;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Server.Features.Activities;
using AgentFlow.Server.Features.Bridge;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.HumanTasks;

/// <summary>
/// What time does to tasks for people, and how runs learn of their ends: a task's end is durable before it is brought to its run,
/// and what does not get through is brought again. Several processes may do it side by side.
/// </summary>
internal sealed partial class HumanTaskKeeping(IHumanTaskStore tasks, HumanTaskDesk desk, RunHost host, TimeProvider clock, ILogger log) : BackgroundService
{
    private const int PageSize = 200;

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Delivering = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Following = TimeSpan.FromSeconds(30);

    /// <summary>Escalates and expires what is due.</summary>
    public async Task AgeAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<HumanTask> due;
        do
        {
            long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
            due = await tasks.DueAsync(now, PageSize, cancellationToken).ConfigureAwait(false);
            foreach (HumanTask task in due)
            {
                if (await desk.ChangeAsync(task, t => t.Age(now), cancellationToken).ConfigureAwait(false) is { IsOpen: false } expired)
                {
                    await DeliverAsync(expired, cancellationToken).ConfigureAwait(false);
                }
            }
        }
        while (due.Count == PageSize);
    }

    /// <summary>Brings every end that no run knows yet.</summary>
    public async Task DeliverAllAsync(CancellationToken cancellationToken)
    {
        Ulid after = default;
        IReadOnlyList<HumanTask> page;
        do
        {
            page = await tasks.UndeliveredAsync(after, PageSize, cancellationToken).ConfigureAwait(false);
            foreach (HumanTask task in page)
            {
                after = task.Id;
                await DeliverAsync(task, cancellationToken).ConfigureAwait(false);
            }
        }
        while (page.Count == PageSize);
    }

    /// <summary>Closes tasks whose runs have ended without them.</summary>
    public async Task FollowRunsAsync(CancellationToken cancellationToken)
    {
        Ulid after = default;
        IReadOnlyList<HumanTask> page;
        do
        {
            page = await tasks.AbandonedAsync(after, PageSize, cancellationToken).ConfigureAwait(false);
            foreach (HumanTask task in page)
            {
                after = task.Id;
                await desk.ChangeAsync(task, t => t.Cancel(clock.GetUtcNow().ToUnixTimeMilliseconds()), cancellationToken).ConfigureAwait(false);
            }
        }
        while (page.Count == PageSize);
    }

    /// <summary>Tells the run how a task ended.</summary>
    public async Task DeliverAsync(HumanTask task, CancellationToken cancellationToken)
    {
        string id = task.Id.ToString();
        if (task.IsApproval)
        {
            (bool granted, string reason) = ApprovalRequest.Read(task.Answer!);
            await host.DecideAsync(task.Tenant, task.Run, task.Address.Step, task.Approval, new ApprovalAnswer(granted, task.AnsweredBy, reason), id, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await host.AnswerAsync(task.Tenant, task.Run, task.Address, HumanTaskTool.OutcomeOf(task), id, task.AnsweredBy, cancellationToken).ConfigureAwait(false);
        }

        // A run that has ended or does not exist any more knows all it ever will.
        CrashPoint.Reach("task.delivered.before");
        await tasks.ReplaceAsync(task with { IsDelivered = true }, cancellationToken).ConfigureAwait(false);
        CrashPoint.Reach("task.delivered.after");
    }

    /// <summary>Tells it now, or lets the next round do it: the end itself is durable.</summary>
    public async Task DeliverSoonAsync(HumanTask task)
    {
        try
        {
            await DeliverAsync(task, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            NotKept(log, e.Message);
        }
    }

    /// <summary>Tells whoever watches. Without data and answers: those may be read by fewer.</summary>
    public static Action<HumanTask> Telling(IActivitySink activity) => task =>
    {
        if (activity.IsWatched(task.Tenant))
        {
            string what = task is { Status: HumanTaskStatus.Created, Version: > 0 } ? "released" : task.Status.Word();
            activity.Publish(new ActivityEvent(task.Tenant, $"human_task.{what}", BridgeJson.Write(w => Describe(w, task))));
        }
    };

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        return Task.WhenAll(Repeat(AgeAsync, Tick), Repeat(DeliverAllAsync, Delivering), Repeat(FollowRunsAsync, Following));

        Task Repeat(Func<CancellationToken, Task> work, TimeSpan every) => Rounds.RepeatAsync(work, every, clock, e => NotKept(log, e.Message), stoppingToken);
    }

    private static void Describe(Utf8JsonWriter w, HumanTask task)
    {
        w.WriteString("task_id"u8, task.Id.ToString());
        w.WriteString("run_id"u8, task.Run.ToString());
        w.WriteString("step"u8, task.Step);
        w.WriteBoolean("approval"u8, task.IsApproval);
        w.WriteString("assignee"u8, task.To.ToString());
    }

    [LoggerMessage(1, LogLevel.Warning, "Tasks for people could not be looked after; the next round tries again. {Reason}")]
    private static partial void NotKept(ILogger logger, string reason);
}
