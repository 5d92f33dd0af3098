namespace AgentFlow.Cli.Tests.Support.Chaos;

internal enum Direction
{
    ToServer,
    ToClient,
}

/// <summary>
/// What a network does to connections. TCP repeats what is lost, so bytes are never missing from the middle: what a fault
/// drops is held, and arrives when the fault ends, or never when the connection ends first.
/// </summary>
internal sealed record Fault
{
    public static Fault None { get; } = new() { Name = "none" };

    /// <summary>Nothing passes, neither data nor the end of a connection.</summary>
    public static Fault Partition { get; } = new() { Name = "partition", Dropped = [Direction.ToServer, Direction.ToClient] };

    /// <summary>Every connection is torn down at once; later ones are fine.</summary>
    public static Fault Reset { get; } = new() { Name = "reset", Resets = true };

    /// <summary>
    /// The other side is gone without a word: connections are accepted, nothing passes, and none that exists while it lasts
    /// ever works again.
    /// </summary>
    public static Fault HalfOpen { get; } = new() { Name = "half-open", Dropped = [Direction.ToServer, Direction.ToClient], Forgets = true };

    /// <summary>A byte at a time.</summary>
    public static Fault SlowDrip { get; } = new() { Name = "slow drip", Drip = TimeSpan.FromMilliseconds(1) };

    /// <summary>Every fault that connections can meet.</summary>
    public static IReadOnlyList<Fault> All { get; } =
    [
        Partition, Drop(Direction.ToServer), Drop(Direction.ToClient), Latency(50), Latency(500), Latency(5000), Reset, HalfOpen, SlowDrip,
    ];

    public required string Name { get; init; }

    public IReadOnlyList<Direction> Dropped { get; private init; } = [];

    /// <summary>How long each way takes.</summary>
    public TimeSpan Delay { get; private init; }

    /// <summary>Time between two bytes; zero when they may travel together.</summary>
    public TimeSpan Drip { get; private init; }

    public bool Resets { get; private init; }

    public bool Forgets { get; private init; }

    /// <summary>What is sent in one direction is lost.</summary>
    public static Fault Drop(Direction direction) => new() { Name = $"drop {direction}", Dropped = [direction] };

    public static Fault Latency(int milliseconds) => new() { Name = $"latency {milliseconds} ms", Delay = TimeSpan.FromMilliseconds(milliseconds) };

    public override string ToString() => Name;
}
