using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Triggers;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Triggers;

/// <summary>Shows, pauses and resumes schedules.</summary>
internal sealed class ScheduleEndpoints(ITriggerStore triggers, TriggerStarts starts, AuditRecorder audit, TimeProvider clock)
{
    private const int MaxTimes = 100;

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        query.End();
        TriggerState[] all = [.. (await triggers.ListAsync(Tenant.Of(context), cancellationToken).ConfigureAwait(false)).Where(t => t.NextAt > 0).OrderBy(t => t.Id, StringComparer.Ordinal)];
        await Reply.TaggedJsonAsync(context, PageView<ScheduleView>.Of(all, page, descending: false, static t => t.Id, static t => ScheduleView.Of(t, null)), ServerJson.Default.PageViewScheduleView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        var query = new QueryReader(context);
        int times = (int)query.Number("times", 5, 1, MaxTimes);
        query.End();
        TriggerState found = await FindAsync(context, id, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, ScheduleView.Of(found, await NextAsync(found, times, cancellationToken).ConfigureAwait(false)), ServerJson.Default.ScheduleView).ConfigureAwait(false);
    }

    public Task PauseAsync(HttpContext context, string id, CancellationToken cancellationToken) => ChangeAsync(context, id, "pause", isPaused: true, cancellationToken);

    public Task ResumeAsync(HttpContext context, string id, CancellationToken cancellationToken) => ChangeAsync(context, id, "resume", isPaused: false, cancellationToken);

    private async Task ChangeAsync(HttpContext context, string id, string action, bool isPaused, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        (await JsonBody.ReadAsync(context).ConfigureAwait(false)).End();
        TriggerState found = await FindAsync(context, id, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(context, found.Tenant, $"schedule.{action}", $"schedule:{found.Id}").ConfigureAwait(false);
        while (found.IsPaused != isPaused)
        {
            TriggerState changed = found with { IsPaused = isPaused };
            if (!isPaused && await starts.FindAsync<CronTrigger>(found.Tenant, found.Workflow, found.Name, cancellationToken).ConfigureAwait(false) is var (_, trigger))
            {
                // What it was paused for is not made up for.
                changed = changed with { NextAt = TriggerState.NextAfter(trigger, clock.GetUtcNow().ToUnixTimeMilliseconds()) };
            }

            found = await triggers.ReplaceAsync(changed, cancellationToken).ConfigureAwait(false) ? changed : await FindAsync(context, id, cancellationToken).ConfigureAwait(false);
        }

        await Reply.JsonAsync(context, StatusCodes.Status200OK, ScheduleView.Of(found, null), ServerJson.Default.ScheduleView).ConfigureAwait(false);
    }

    private async Task<IReadOnlyList<DateTimeOffset>> NextAsync(TriggerState found, int times, CancellationToken cancellationToken)
    {
        try
        {
            if (await starts.FindAsync<CronTrigger>(found.Tenant, found.Workflow, found.Name, cancellationToken).ConfigureAwait(false) is not var (_, trigger))
            {
                return [];
            }

            var next = new List<DateTimeOffset>(times);
            DateTimeOffset at = clock.GetUtcNow();
            while (next.Count < times)
            {
                at = trigger.Schedule.Next(at);
                next.Add(at.ToUniversalTime());
            }

            return next;
        }
        catch (RunUnreadableException)
        {
            return [];
        }
    }

    private async Task<TriggerState> FindAsync(HttpContext context, string id, CancellationToken cancellationToken) =>
        id.Split('.') is [var workflow, var name] && await triggers.FindAsync(Tenant.Of(context), workflow, name, cancellationToken).ConfigureAwait(false) is { NextAt: > 0 } found
            ? found
            : throw new ProblemException(ErrorCode.ScheduleNotFound, "There is no such schedule. GET /api/v1/schedules lists them.");
}

/// <summary>A schedule of a workflow.</summary>
/// <param name="Id">The workflow and the schedule's name.</param>
/// <param name="NextAt">When it fires next; absent while it is paused.</param>
/// <param name="LastAt">The instant for which it has started a run last.</param>
/// <param name="Next">The times to come; in lists left out.</param>
/// <param name="Owner">For whom its runs are started: who stored the version.</param>
public sealed record ScheduleView(string Id, string Workflow, string Name, string Schedule, bool Paused, DateTimeOffset? NextAt, DateTimeOffset? LastAt, string? LastRunId, string Owner, IReadOnlyList<DateTimeOffset>? Next)
{
    internal static ScheduleView Of(TriggerState trigger, IReadOnlyList<DateTimeOffset>? next) => new(
        trigger.Id,
        trigger.Workflow,
        trigger.Name,
        trigger.Schedule,
        trigger.IsPaused,
        trigger.IsPaused ? null : UnixTime.Of(trigger.NextAt),
        trigger.LastAt == 0 ? null : UnixTime.Of(trigger.LastAt),
        trigger.LastRun.Length == 0 ? null : trigger.LastRun,
        trigger.Owner,
        next);
}
