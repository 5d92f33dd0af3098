using System.Globalization;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Triggers;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Triggers;

/// <summary>
/// Starts runs when their schedules say so. The run of an instant has a key that names the schedule and the instant, so that neither
/// a second process nor a crash between start and note gives it twice. Several processes may do it side by side.
/// </summary>
internal sealed partial class ScheduleKeeping(ITriggerStore triggers, TriggerStarts starts, TimeProvider clock, ILogger log) : BackgroundService
{
    private const int PageSize = 200;

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <summary>What comes later than this was missed.</summary>
    private static readonly TimeSpan OnTime = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan[] Windows = [TimeSpan.FromHours(1), TimeSpan.FromDays(1), TimeSpan.FromDays(31), TimeSpan.FromDays(36500)];

    /// <summary>Fires what is due.</summary>
    public async Task FireAsync(CancellationToken cancellationToken)
    {
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (TriggerState due in await triggers.DueAsync(now, PageSize, cancellationToken).ConfigureAwait(false))
        {
            try
            {
                await FireAsync(due, now, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                // It stays due: the next round tries again, under the same key.
                NotFired(log, due.Tenant, due.Id, e.Message);
            }
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Rounds.RepeatAsync(FireAsync, Tick, clock, e => NotRead(log, e.Message), stoppingToken);

    private async Task FireAsync(TriggerState due, long now, CancellationToken cancellationToken)
    {
        if (await starts.FindAsync<CronTrigger>(due.Tenant, due.Workflow, due.Name, cancellationToken).ConfigureAwait(false) is not var (definition, trigger))
        {
            await triggers.RemoveAsync(due, cancellationToken).ConfigureAwait(false);
            return;
        }

        if (due.Follow(trigger, now) is var followed && followed != due)
        {
            await triggers.ReplaceAsync(followed, cancellationToken).ConfigureAwait(false);
            return;
        }

        TriggerState next = due with { NextAt = TriggerState.NextAfter(trigger, now) };
        if (Instant(due, trigger, now) is { } instant && await starts.TakesRunsAsync(due.Tenant, due.Workflow, cancellationToken).ConfigureAwait(false))
        {
            next = next with { LastAt = instant, LastRun = (await StartAsync(due, definition, trigger, instant, cancellationToken).ConfigureAwait(false)).ToString() };
        }

        await triggers.ReplaceAsync(next, cancellationToken).ConfigureAwait(false);
    }

    private async Task<Ulid> StartAsync(TriggerState due, WorkflowDefinition definition, CronTrigger trigger, long instant, CancellationToken cancellationToken)
    {
        string time = DateTimeOffset.FromUnixTimeMilliseconds(instant).ToString("yyyyMMdd'T'HHmm'Z'", CultureInfo.InvariantCulture);
        StartOutcome started = await starts.StartAsync(due, definition, trigger.Input, $"schedule:{due.Id}:{time}", $"schedule:{due.Id}", null, cancellationToken).ConfigureAwait(false);
        return started.Run;
    }

    /// <summary>The instant that a run is started for: the latest that has come, unless it was missed and is not made up for.</summary>
    private static long? Instant(TriggerState due, CronTrigger trigger, long now)
    {
        long latest = due.NextAt;
        // From the near past back, so that a schedule that stood still for a year does not count its minutes.
        foreach (TimeSpan window in Windows)
        {
            long from = Math.Max(due.NextAt, now - (long)window.TotalMilliseconds);
            for (long next = TriggerState.NextAfter(trigger, from); next <= now; next = TriggerState.NextAfter(trigger, next))
            {
                latest = next;
            }

            if (latest > due.NextAt || from == due.NextAt)
            {
                break;
            }
        }

        long near = now - (long)OnTime.TotalMilliseconds;
        return trigger.CatchesUp || latest >= near ? latest : null;
    }

    [LoggerMessage(1, LogLevel.Warning, "The schedule {Schedule} of tenant {Tenant} could not start its run; the next round tries again. {Reason}")]
    private static partial void NotFired(ILogger logger, string tenant, string schedule, string reason);

    [LoggerMessage(2, LogLevel.Warning, "Schedules could not be looked after; the next round tries again. {Reason}")]
    private static partial void NotRead(ILogger logger, string reason);
}
