using System.Collections.Concurrent;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;

namespace AgentFlow.Contracts.Tests.Ids;

public sealed class UlidFactoryTests
{
    private readonly SettableClock _clock = new(1_000_000);

    [Fact]
    public void Create_SameMillisecond_Increments()
    {
        var factory = new UlidFactory(_clock, new SeededRandom(1));
        Ulid first = factory.Create();
        Ulid second = factory.Create();
        Assert.Equal(1_000_000, first.UnixMilliseconds);
        Assert.Equal(Bits(first) + 1, Bits(second));
    }

    [Fact]
    public void Create_NewMillisecond_TakesFreshRandomBits()
    {
        var factory = new UlidFactory(_clock, new SeededRandom(1));
        Ulid first = factory.Create();
        _clock.Milliseconds++;
        Ulid second = factory.Create();
        Assert.Equal(1_000_001, second.UnixMilliseconds);
        Assert.NotEqual(first.ToByteArray()[6..], second.ToByteArray()[6..]);
    }

    [Fact]
    public void Create_ClockGoesBackwards_StillIncreases()
    {
        var factory = new UlidFactory(_clock, new SeededRandom(1));
        Ulid first = factory.Create();
        _clock.Milliseconds = 5;
        Ulid second = factory.Create();
        Assert.Equal(Bits(first) + 1, Bits(second));
    }

    [Fact]
    public void Create_ClockBefore1970_StartsAtZero()
    {
        _clock.Milliseconds = -1;
        Assert.Equal(0, new UlidFactory(_clock, new SeededRandom(1)).Create().UnixMilliseconds);
    }

    [Fact]
    public void Create_LowBitsOverflow_CarryIntoTheHighOnes()
    {
        var factory = new UlidFactory(_clock, new FixedRandom(0x0001, ulong.MaxValue));
        factory.Create();
        Assert.Equal(new Ulid(1_000_000, 0x0002, 0), factory.Create());
    }

    [Fact]
    public void Create_RandomBitsOverflow_MovesTheTimeOnByOne()
    {
        var factory = new UlidFactory(_clock, new FixedRandom(ulong.MaxValue, ulong.MaxValue, 17, 18));
        Assert.Equal(new Ulid(1_000_000, ushort.MaxValue, ulong.MaxValue), factory.Create());
        Assert.Equal(new Ulid(1_000_001, 17, 18), factory.Create());

        _clock.Milliseconds++;
        Assert.Equal(new Ulid(1_000_001, 17, 19), factory.Create());
    }

    [Fact]
    public void Create_SameSeedAndClock_SameIds()
    {
        var one = new UlidFactory(_clock, new SeededRandom(99));
        var two = new UlidFactory(_clock, new SeededRandom(99));
        Assert.Equal(Enumerable.Range(0, 10).Select(_ => one.Create()), Enumerable.Range(0, 10).Select(_ => two.Create()));
    }

    [Fact]
    public void Create_ManyThreads_UniqueAndIncreasingInEach()
    {
        var factory = new UlidFactory(TimeProvider.System, CryptographicRandom.Shared);
        var all = new ConcurrentBag<Ulid[]>();
        Thread[] threads = [.. Enumerable.Range(0, 8).Select(_ => new Thread(() =>
            all.Add([.. Enumerable.Range(0, 5_000).Select(_ => factory.Create())])))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();

        Assert.Equal(40_000, all.SelectMany(ids => ids).Distinct().Count());
        Assert.All(all, ids => Assert.Equal(ids.Order(), ids));
    }

    private static UInt128 Bits(Ulid id) => System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(id.ToByteArray());

    private sealed class SettableClock(long milliseconds) : TimeProvider
    {
        public long Milliseconds { get; set; } = milliseconds;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(Milliseconds);
    }

    private sealed class FixedRandom(params ulong[] values) : IRandomSource
    {
        private int _next;

        public ulong NextUInt64() => values[_next++];

        public void Fill(Span<byte> destination) => throw new NotSupportedException();
    }
}
