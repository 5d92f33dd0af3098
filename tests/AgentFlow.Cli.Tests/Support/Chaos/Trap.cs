namespace AgentFlow.Cli.Tests.Support.Chaos;

internal enum Moment
{
    /// <summary>The bytes have not left.</summary>
    Before,

    /// <summary>The bytes have arrived and their answer has not; for what is never answered: half of them have.</summary>
    During,

    /// <summary>The answer has arrived; for what is never answered: the bytes have.</summary>
    After,
}

/// <summary>Sets a fault at a moment of a conversation, once: when bytes with a certain text pass.</summary>
/// <param name="text">The text.</param>
/// <param name="direction">Where it goes.</param>
/// <param name="answered">Whether the other side answers it.</param>
internal sealed class Trap(Fault fault, Moment moment, byte[] text, Direction direction = Direction.ToServer, bool answered = true)
{
    private readonly TaskCompletionSource _sprung = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _armed = 1;
    private object? _waiting;

    public Fault Fault => fault;

    /// <summary>Completes when the moment has come.</summary>
    public Task Sprung => _sprung.Task;

    /// <summary>Looks at bytes that are about to pass.</summary>
    /// <returns>How many of them pass before the fault; <see langword="null"/> when it is not the moment.</returns>
    public int? Look(object connection, Direction to, ReadOnlySpan<byte> bytes)
    {
        if (Volatile.Read(ref _armed) == 0)
        {
            return null;
        }

        if (to == direction && bytes.IndexOf(text) >= 0 && Interlocked.CompareExchange(ref _waiting, connection, null) is null)
        {
            return (moment, answered) switch
            {
                (Moment.Before, _) => Spring(0),
                (Moment.During, false) => Spring(bytes.Length / 2),
                (Moment.After, false) => Spring(bytes.Length),
                _ => null,
            };
        }

        return answered && to != direction && ReferenceEquals(Volatile.Read(ref _waiting), connection) ? Spring(moment == Moment.During ? 0 : bytes.Length) : null;
    }

    public void Done() => _sprung.TrySetResult();

    private int? Spring(int passing) => Interlocked.Exchange(ref _armed, 0) == 1 ? passing : null;
}
