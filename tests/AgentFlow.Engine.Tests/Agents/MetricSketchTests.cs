using AgentFlow.Engine.Agents;
using FsCheck;
using FsCheck.Fluent;

namespace AgentFlow.Engine.Tests.Agents;

public sealed class MetricSketchTests
{
    private static MetricSketch Of(IEnumerable<double> values)
    {
        var sketch = new MetricSketch();
        foreach (double value in values)
        {
            sketch.Add(value);
        }

        return sketch;
    }

    private static MetricSketch Stored(MetricSketch sketch)
    {
        var read = new MetricSketch();
        read.Add(sketch.Count, sketch.Sum, sketch.Least, sketch.Most, sketch.ToBytes());
        return read;
    }

    private static double Exact(double[] sorted, double share) => sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Length) - 1)];

    private static bool IsNear(double[] values, MetricSummary summary)
    {
        double[] sorted = [.. values.Order()];
        return summary.Count == values.Length && summary.Least == sorted[0] && summary.Most == sorted[^1]
            && new[] { (0.5, summary.P50), (0.95, summary.P95), (0.99, summary.P99) }.All(p => Math.Abs(Exact(sorted, p.Item1) - p.Item2) <= (MetricSketch.Accuracy * 1.000001 * Math.Abs(Exact(sorted, p.Item1))) + 1e-9);
    }

    private static Arbitrary<double[]> Values => Gen.Choose(-9, 15)
        .SelectMany(scale => Gen.Choose(-1_000_000, 1_000_000).Select(v => v / 1e6 * Math.Pow(10, scale)))
        .Or(Gen.Constant(0d)).ArrayOf().Where(a => a.Length > 0).ToArbitrary();

    [Fact]
    public void Summarize_AnyValues_IsNearTheirRanks() =>
        Prop.ForAll(Values, values => IsNear(values, Of(values).Summarize()) && IsNear(values, Stored(Of(values)).Summarize())).QuickCheckThrowOnFailure();

    /// <summary>Parts that were stored apart, in any order, are the whole.</summary>
    [Fact]
    public void Add_StoredParts_IsTheWhole() => Prop.ForAll(Values, Values, Values, (a, b, c) =>
    {
        var whole = new MetricSketch();
        foreach (double[] part in new[] { c, a, b })
        {
            MetricSketch sketch = Of(part);
            whole.Add(sketch.Count, sketch.Sum, sketch.Least, sketch.Most, sketch.ToBytes());
        }

        return IsNear([.. a, .. b, .. c], whole.Summarize());
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Summarize_ManyValues_IsWithinTheAccuracy()
    {
        int seed = System.Random.Shared.Next();
        var random = new Random(seed);
        double[] values = [.. Enumerable.Range(0, 20_000).Select(_ => Math.Exp(random.NextDouble() * 12))];
        Assert.True(IsNear(values, Of(values).Summarize()), $"seed {seed}");
        Assert.True(IsNear(values, Stored(Of(values)).Summarize()), $"seed {seed}");
        Assert.InRange(Of(values).ToBytes().Length, 100, 3000);
    }

    [Fact]
    public void Summarize_AFewValues_IsExactAlsoWhenStored()
    {
        double[] values = [.. Enumerable.Range(1, MetricSketch.StoredExactly).Select(i => i * 1.37)];
        Assert.Equal(new MetricSummary(64, Of(values).Sum, 1.37, 64 * 1.37, 32 * 1.37, 61 * 1.37, 64 * 1.37), Stored(Of(values)).Summarize());
        Assert.Throws<InvalidOperationException>(() => new MetricSketch().Summarize());
    }

    [Theory]
    [InlineData("")]
    [InlineData("03")]
    [InlineData("0101")]
    [InlineData("02FF")]
    [InlineData("0202")]
    public void Add_BytesThatAreNoSketch_Throws(string hex) =>
        Assert.Throws<FormatException>(() => new MetricSketch().Add(1, 1, 1, 1, Convert.FromHexString(hex)));
}
