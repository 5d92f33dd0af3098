using System.Threading.Channels;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>
/// Tells runs how their tasks ended. A task's end is durable before it comes here; what does not get through is brought again until
/// it does, and the run takes it once.
/// </summary>
internal sealed partial class TaskCourier(IBridgeTaskStore tasks, RunHost host, ILogger log) : IAsyncDisposable
{
    private const int Couriers = 8;
    private const int PageSize = 500;

    // Beyond this, ends wait for the next round.
    private readonly Channel<(string Tenant, Guid Id)> _waiting = Channel.CreateBounded<(string, Guid)>(new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource _stop = new();
    private Task _work = Task.CompletedTask;

    public void Begin() => _work = Task.WhenAll(Enumerable.Range(0, Couriers).Select(_ => Task.Run(WorkAsync, CancellationToken.None)));

    /// <summary>Brings a task's end to its run, soon.</summary>
    public void Bring(string tenant, Guid task) => _waiting.Writer.TryWrite((tenant, task));

    /// <summary>Brings every end that no run knows yet.</summary>
    public async Task BringAllAsync(CancellationToken cancellationToken)
    {
        long after = 0;
        while (true)
        {
            IReadOnlyList<BridgeTask> page = await tasks.UndeliveredAsync(after, PageSize, cancellationToken).ConfigureAwait(false);
            foreach (BridgeTask task in page)
            {
                await DeliverAsync(task, cancellationToken).ConfigureAwait(false);
            }

            if (page.Count < PageSize)
            {
                return;
            }

            after = page[^1].Number;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _stop.CancelAsync().ConfigureAwait(false);
        await _work.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task WorkAsync()
    {
        try
        {
            await foreach ((string tenant, Guid id) in _waiting.Reader.ReadAllAsync(_stop.Token).ConfigureAwait(false))
            {
                try
                {
                    if (await tasks.FindAsync(tenant, id, _stop.Token).ConfigureAwait(false) is { HasEnded: true, IsDelivered: false } task)
                    {
                        await DeliverAsync(task, _stop.Token).ConfigureAwait(false);
                    }
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    NotBrought(log, id, e.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // What is left is brought after the restart.
        }
    }

    private async Task DeliverAsync(BridgeTask task, CancellationToken cancellationToken)
    {
        if (task.Address is { } step)
        {
            string by = task.Agent.Length == 0 ? "bridge" : "agent:" + task.Agent;
            // A run that has ended or does not exist any more knows all it ever will.
            await host.AnswerAsync(task.Tenant, task.Run, step, TaskOutcome.Of(task), task.Id.ToString("N"), by, cancellationToken).ConfigureAwait(false);
        }

        await tasks.MarkDeliveredAsync(task.Tenant, task.Id, cancellationToken).ConfigureAwait(false);
    }

    [LoggerMessage(1, LogLevel.Warning, "The end of task {Task} has not reached its run yet and is brought again. {Reason}")]
    private static partial void NotBrought(ILogger logger, Guid task, string reason);
}
