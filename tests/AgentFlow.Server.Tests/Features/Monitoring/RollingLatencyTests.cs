using AgentFlow.Server.Features.Monitoring;
using FsCheck;
using FsCheck.Fluent;

namespace AgentFlow.Server.Tests.Features.Monitoring;

public sealed class RollingLatencyTests
{
    private readonly ManualTime _clock = new();

    [Fact]
    public void Buckets_AnyTime_LiesInItsOwn() => Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue)), static microseconds =>
    {
        int bucket = LatencyHistogram.IndexOf(microseconds);
        long start = bucket == 0 ? 0 : LatencyHistogram.EndOf(bucket - 1);
        Assert.InRange(microseconds, start, LatencyHistogram.EndOf(bucket) - 1);
        Assert.True(LatencyHistogram.EndOf(bucket) - start <= Math.Max(1, start / 32.0));
        Assert.InRange(bucket, 0, LatencyHistogram.Buckets - 1);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Read_AnyTimes_IsWithinThreeHundredthsOfTheExactQuantile() => Prop.ForAll(Arb.From(Gen.Choose(1, 5_000_000).NonEmptyListOf()), static times =>
    {
        var latency = new RollingLatency(new ManualTime());
        foreach (int time in times)
        {
            latency.Add(TimeSpan.FromMicroseconds(time), false, false);
        }

        LatencyReading reading = latency.Read();
        int[] sorted = [.. times.Order()];
        foreach ((double part, double read) in ((double, double)[])[(0.5, reading.P50), (0.95, reading.P95), (0.99, reading.P99)])
        {
            double exact = sorted[(int)Math.Ceiling(part * sorted.Length) - 1] / 1000.0;
            Assert.InRange(read, (exact * 0.97) - 0.001, (exact * 1.03) + 0.001);
        }

        Assert.Equal(sorted[^1] / 1000.0, reading.Slowest);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Read_NothingAdded_IsZero() => Assert.Equal(new LatencyReading(0, 0, 0, 0, 0, 0, 0), new RollingLatency(_clock).Read());

    [Fact]
    public void Read_AfterTheWindow_HasForgotten()
    {
        var latency = new RollingLatency(_clock);
        latency.Add(TimeSpan.FromSeconds(1), isFailure: true, isRefusal: false);
        _clock.Advance(TimeSpan.FromSeconds(30));
        latency.Add(TimeSpan.FromMilliseconds(1), isFailure: false, isRefusal: true);
        Assert.Equal((2, 1, 1, 0.5), (latency.Read().Requests, latency.Read().Failures, latency.Read().Refusals, latency.Read().ErrorRate));
        _clock.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal((1, 0, 1), (latency.Read().Requests, latency.Read().Failures, latency.Read().Refusals));
        Assert.Equal(1, latency.Read().Slowest);
        _clock.Advance(TimeSpan.FromDays(3));
        Assert.Equal(0, latency.Read().Requests);
    }

    [Fact]
    public void Read_AnyHistory_CountsWhatIsInTheWindow() => Prop.ForAll(Arb.From(Gen.Choose(0, 40).ListOf()), static gaps =>
    {
        var clock = new ManualTime();
        var latency = new RollingLatency(clock);
        List<long> added = [];
        foreach (int gap in gaps)
        {
            clock.Advance(TimeSpan.FromSeconds(gap));
            latency.Add(TimeSpan.FromMilliseconds(1), false, false);
            long slice = clock.GetTimestamp() / TimeSpan.FromSeconds(5).Ticks;
            added.Add(slice);
            Assert.Equal(added.Count(s => s > slice - 12), latency.Read().Requests);
        }
    }).QuickCheckThrowOnFailure();
}
