using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Engine.Scheduling;

/// <summary>
/// Follows what other processes do on a shared store: their news as it comes, and a look around from time to time, because
/// news can be late or lost.
/// </summary>
internal sealed partial class StoreWatch(RunHost host, IRunStore store, TimeProvider clock, ILogger log) : IDisposable
{
    /// <summary>Awaited runs that one look asks for; the next look goes on where this one stopped.</summary>
    private const int WaitersPerLook = 256;

    private readonly CancellationTokenSource _stop = new();
    private Ulid _asked;

    public void Begin()
    {
        store.News += Hear;
        _ = LookAroundAsync();
    }

    public void Dispose()
    {
        store.News -= Hear;
        _stop.Cancel();
    }

    private void Hear(StoreNews news)
    {
        switch (news.Kind)
        {
            case StoreNewsKind.WorkAvailable:
                host.RequestClaim();
                break;
            case StoreNewsKind.ItemArrived:
                host.ItemArrived(news.Run);
                break;
            case StoreNewsKind.RunEnded:
                _ = TellAsync(news.Run);
                break;
            case StoreNewsKind.OwnershipLost:
                host.DropAll();
                break;
        }
    }

    private async Task TellAsync(Ulid run)
    {
        try
        {
            await host.EndedElsewhereAsync(run).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // The next look asks again.
            LookFailed(log, e.Message);
        }
    }

    private async Task LookAroundAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            // Processes that started together shall not ask together.
            TimeSpan pause = host.Options.LookAroundEvery * (0.8 + (0.4 * Random.Shared.NextDouble()));
            await Task.Delay(pause, clock, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_stop.IsCancellationRequested)
            {
                return;
            }

            try
            {
                await LookAsync().ConfigureAwait(false);
            }
            catch (Exception e)
            {
                LookFailed(log, e.Message);
            }
        }
    }

    private async Task LookAsync()
    {
        if (host.Options.Executes)
        {
            await host.FireStoreTimersAsync().ConfigureAwait(false);
            foreach (Ulid run in await store.FindWokenAsync(_stop.Token).ConfigureAwait(false))
            {
                host.ItemArrived(run);
            }
        }

        Ulid[] awaited = [.. host.AwaitedElsewhere().Order()];
        if (awaited.Length == 0)
        {
            return;
        }

        int from = Array.FindIndex(awaited, run => run.CompareTo(_asked) > 0);
        foreach (Ulid run in awaited.Skip(Math.Max(from, 0)).Take(WaitersPerLook))
        {
            await host.EndedElsewhereAsync(run).ConfigureAwait(false);
            _asked = run;
        }

        if (_asked.CompareTo(awaited[^1]) >= 0)
        {
            _asked = default;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The store could not be asked what other processes did; asking again. {Reason}")]
    private static partial void LookFailed(ILogger logger, string reason);
}
