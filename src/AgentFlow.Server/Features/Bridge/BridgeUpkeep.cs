using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>
/// What time does to remote agents and their tasks: silent agents go offline, tasks without an answer end, ends that did not get
/// through are brought again, and what is old is forgotten. Several processes may do it side by side.
/// </summary>
internal sealed partial class BridgeUpkeep(
    BridgeSettings settings,
    IAgentStore agents,
    IBridgeTaskStore tasks,
    IBridgeEventStore events,
    TaskCourier courier,
    AgentProbe probe,
    TimeProvider clock,
    ILogger log) : BackgroundService
{
    private const int PageSize = 500;

    // The finest time that a task may have is a second.
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Delivering = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Cleaning = TimeSpan.FromHours(1);

    /// <summary>Called with the agents that a sweep found silent.</summary>
    public Action<SilentAgent>? WentOffline { get; init; }

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Ends tasks whose last try ran out of time.</summary>
    public async Task EndOverdueAsync(CancellationToken cancellationToken)
    {
        long now = Now;
        IReadOnlyList<BridgeTask> due;
        do
        {
            due = await tasks.DueAsync(now, now - (long)settings.QueueTime.TotalMilliseconds, PageSize, cancellationToken).ConfigureAwait(false);
            foreach (BridgeTask task in due)
            {
                string message = RemoteAgentTool.TimedOut(task);
                if (await tasks.EndAsync(task.Tenant, task.Id, BridgeTaskStatus.TimedOut, BridgeJson.Error(ErrorCode.TaskTimedOut.Code, message), message, now, cancellationToken).ConfigureAwait(false))
                {
                    await agents.ReportDispatchAsync(task.Tenant, task.Agent, false, cancellationToken).ConfigureAwait(false);
                    courier.Bring(task.Tenant, task.Id);
                }
            }
        }
        while (due.Count == PageSize);
    }

    /// <summary>Ends tasks whose runs have ended without them, and makes agents' loads what they are.</summary>
    public async Task FollowRunsAsync(CancellationToken cancellationToken)
    {
        long after = 0;
        IReadOnlyList<BridgeTask> page;
        do
        {
            page = await tasks.AbandonedAsync(after, PageSize, cancellationToken).ConfigureAwait(false);
            foreach (BridgeTask task in page)
            {
                after = task.Number;
                string message = $"Its run {task.Run} ended first.";
                await tasks.EndAsync(task.Tenant, task.Id, BridgeTaskStatus.Dead, BridgeJson.Error(ErrorCode.RunAlreadyEnded.Code, message), message, Now, cancellationToken).ConfigureAwait(false);
            }
        }
        while (page.Count == PageSize);
    }

    /// <summary>Makes silent agents offline.</summary>
    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        await probe.AskAsync(cancellationToken).ConfigureAwait(false);
        foreach (SilentAgent silent in await agents.SweepOfflineAsync(Now - (long)settings.OfflineAfter.TotalMilliseconds, cancellationToken).ConfigureAwait(false))
        {
            Offline(log, silent.Id, UnixTimeOf(silent.LastSeen));
            WentOffline?.Invoke(silent);
        }

        IReadOnlyDictionary<string, int> loads = await tasks.LoadsAsync(settings.Tenant, cancellationToken).ConfigureAwait(false);
        AgentFilter filter = new(Kind: AgentKinds.Remote, Size: PageSize);
        AgentPage page;
        do
        {
            page = await agents.ListAsync(settings.Tenant, filter, cancellationToken).ConfigureAwait(false);
            foreach (RegisteredAgent agent in page.Agents)
            {
                int load = loads.GetValueOrDefault(agent.Id);
                if (load != agent.Load)
                {
                    await agents.AdjustLoadAsync(settings.Tenant, agent.Id, load - agent.Load, cancellationToken).ConfigureAwait(false);
                }
            }

            filter = page.Agents.Count == 0 ? filter : filter with { After = (page.Agents[^1].Name, page.Agents[^1].Id) };
        }
        while (page.HasMore);
    }

    /// <summary>Forgets what is older than it is kept.</summary>
    public async Task ForgetAsync(CancellationToken cancellationToken)
    {
        long before = Now - (long)settings.Retention.TotalMilliseconds;
        while (await tasks.ForgetAsync(before, PageSize, cancellationToken).ConfigureAwait(false) == PageSize)
        {
        }

        while (await events.ForgetAsync(before, PageSize, cancellationToken).ConfigureAwait(false) == PageSize)
        {
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!settings.IsOn)
        {
            IsOff(log);
        }

        courier.Begin();
        try
        {
            // One that hangs keeps no other one waiting.
            await Task.WhenAll(
                Repeat(EndOverdueAsync, Tick),
                Repeat(courier.BringAllAsync, Delivering),
                Repeat(FollowRunsAsync, Delivering),
                Repeat(SweepAsync, settings.Sweep),
                Repeat(ForgetAsync, Cleaning)).ConfigureAwait(false);
        }
        finally
        {
            await courier.DisposeAsync().ConfigureAwait(false);
        }

        Task Repeat(Func<CancellationToken, Task> work, TimeSpan every) => Rounds.RepeatAsync(work, every, clock, e => NotKept(log, e.Message), stoppingToken);
    }

    private static DateTimeOffset UnixTimeOf(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    [LoggerMessage(1, LogLevel.Warning, "The agent {Agent} is offline: it was last seen at {Seen:yyyy-MM-dd'T'HH:mm:ss'Z'}")]
    private static partial void Offline(ILogger logger, string agent, DateTimeOffset seen);

    [LoggerMessage(3, LogLevel.Information, "The Agent Bridge is off: remote agents are answered with AUTH_ERROR until SHARED_SECRET is set (32 characters or more)")]
    private static partial void IsOff(ILogger logger);

    [LoggerMessage(2, LogLevel.Warning, "Remote agents and their tasks could not be looked after; the next round tries again. {Reason}")]
    private static partial void NotKept(ILogger logger, string reason);
}
