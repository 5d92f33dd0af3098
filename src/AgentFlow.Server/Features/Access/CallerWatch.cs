using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access.Tokens;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access;

/// <summary>
/// Looks every few seconds whether a caller may still have what they are being given, for an answer that lasts. Cancels
/// <paramref name="stop"/> once they may not.
/// </summary>
internal sealed class CallerWatch(Caller caller, Permission permission, CancellationTokenSource stop, TimeProvider clock) : IAsyncDisposable
{
    /// <summary>What a caller is told whose answer ends here.</summary>
    public const string Reason = "credentials have ended: expired, revoked or without permission";

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _ended = new();
    private Task _watching = Task.CompletedTask;

    /// <summary>Whether it was this that ended the answer.</summary>
    public bool HasEnded { get; private set; }

    public static CallerWatch Begin(HttpContext context, Permission permission, CancellationTokenSource stop, TimeProvider clock)
    {
        Caller caller = context.Features.Get<Caller>()!;
        var watch = new CallerWatch(caller, permission, stop, clock);
        // Who was not asked who they are stays who they are.
        if (caller.Principal.Kind != PrincipalKind.BuiltIn)
        {
            watch._watching = watch.WatchAsync();
        }

        return watch;
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        _ended.Dispose();
    }

    private async Task WatchAsync()
    {
        long heard = clock.GetTimestamp();
        try
        {
            using var ticks = new PeriodicTimer(Interval, clock);
            while (await ticks.WaitForNextTickAsync(_ended.Token).ConfigureAwait(false))
            {
                try
                {
                    Principal? now = await caller.AgainAsync(_ended.Token).ConfigureAwait(false);
                    heard = clock.GetTimestamp();
                    if (now?.May(permission) == true)
                    {
                        continue;
                    }
                }
                catch (Exception) when (!_ended.IsCancellationRequested)
                {
                    // The store does not answer for the moment; it may not be silent for long.
                    if (clock.GetElapsedTime(heard) < Revocations.MaxAge)
                    {
                        continue;
                    }
                }

                HasEnded = true;
                await stop.CancelAsync().ConfigureAwait(false);
                return;
            }
        }
        catch (OperationCanceledException)
        {
            // The answer is over.
        }
    }
}
