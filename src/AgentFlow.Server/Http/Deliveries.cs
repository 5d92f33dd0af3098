using System.Threading.Channels;

namespace AgentFlow.Server.Http;

/// <summary>
/// Carries messages to somebody outside, one after the other, each tried up to five times with growing pauses. Nobody waits for it:
/// of more than a thousand that wait, the oldest are given up.
/// </summary>
internal sealed class Deliveries<T> : IAsyncDisposable
{
    private const int Attempts = 5;
    private const int MostWaiting = 1000;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

    private readonly Channel<T> _waiting = Channel.CreateBounded<T>(new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<T, CancellationToken, Task<string?>> _attempt;
    private readonly Action<T, string> _givenUp;
    private readonly TimeProvider _clock;
    private readonly Task _loop;

    /// <param name="attempt">Brings one message; gives why it was not taken, or <see langword="null"/> when it was. Must not throw but for its token.</param>
    /// <param name="givenUp">Gets a message that was tried in vain, and why the last try failed.</param>
    public Deliveries(Func<T, CancellationToken, Task<string?>> attempt, Action<T, string> givenUp, TimeProvider clock)
    {
        (_attempt, _givenUp, _clock) = (attempt, givenUp, clock);
        _loop = Task.Run(DeliverAllAsync, CancellationToken.None);
    }

    /// <summary>Returns at once.</summary>
    public void Add(T message) => _waiting.Writer.TryWrite(message);

    /// <summary>What waits is brought within two seconds, or not at all.</summary>
    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        _stop.CancelAfter(Farewell);
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task DeliverAllAsync()
    {
        await foreach (T message in _waiting.Reader.ReadAllAsync(_stop.Token).ConfigureAwait(false))
        {
            TimeSpan pause = FirstPause;
            for (int attempt = 1; await _attempt(message, _stop.Token).ConfigureAwait(false) is { } problem; attempt++)
            {
                if (attempt == Attempts)
                {
                    _givenUp(message, problem);
                    break;
                }

                await Task.Delay(pause, _clock, _stop.Token).ConfigureAwait(false);
                pause *= 4;
            }
        }
    }
}
