using AgentFlow.Farm.Load;

namespace AgentFlow.Farm.Tests.Load;

public sealed class LatencyHistogramTests
{
    /// <summary>Against the sorted list, for durations from microseconds to days.</summary>
    [Fact]
    public void Percentile_OfRandomDurations_IsWithinOnePercent()
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        var histogram = new LatencyHistogram();
        double[] micros = [.. Enumerable.Range(0, 20_000).Select(_ => Math.Floor(Math.Pow(10, random.NextDouble() * 11)))];
        foreach (double m in micros) histogram.Add(TimeSpan.FromMicroseconds(m));
        Array.Sort(micros);
        foreach (double share in new[] { 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1 })
        {
            double exact = micros[(int)Math.Ceiling(share * micros.Length) - 1];
            double told = histogram.Percentile(share).TotalMicroseconds;
            Assert.True(told >= exact && told <= (exact * 1.01) + 1, $"seed {seed}, {share}: {told} instead of {exact}");
        }

        Assert.Equal((20_000L, micros[^1]), (histogram.Count, histogram.Most.TotalMicroseconds));
    }

    [Fact]
    public void Percentile_OfNothing_IsZero() => Assert.Equal(TimeSpan.Zero, new LatencyHistogram().Percentile(0.99));

    [Fact]
    public void Add_TheLongestDuration_HasABucket()
    {
        var histogram = new LatencyHistogram();
        histogram.Add(TimeSpan.MaxValue);
        histogram.Add(TimeSpan.FromSeconds(-1));
        Assert.Equal(TimeSpan.Zero, histogram.Percentile(0.5));
        Assert.True(histogram.Percentile(1) > TimeSpan.FromDays(1_000_000));
    }
}
