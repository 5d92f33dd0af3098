using AgentFlow.Tools.BuiltIn.Http;

namespace AgentFlow.Tools.Tests.BuiltIn.Http;

public class RetryPlanTests
{
    [Fact]
    public void DelayAfter_NoJitter_DoublesUpToTheMaximum()
    {
        var plan = new RetryPlan(10, TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(900), 0);

        Assert.Equal([100, 200, 400, 800, 900, 900], Enumerable.Range(1, 6).Select(n => plan.DelayAfter(n, "key").TotalMilliseconds));
    }

    [Fact]
    public void DelayAfter_Jitter_IsTheSameForTheSameKeyAndSpreadOverKeys()
    {
        var plan = new RetryPlan(10, TimeSpan.FromMilliseconds(1_000), TimeSpan.FromSeconds(5), 0.5);

        double[] delays = [.. Enumerable.Range(0, 200).Select(n => plan.DelayAfter(1, $"key-{n}").TotalMilliseconds)];

        Assert.Equal(delays, Enumerable.Range(0, 200).Select(n => plan.DelayAfter(1, $"key-{n}").TotalMilliseconds));
        Assert.All(delays, d => Assert.InRange(d, 500, 1_000));
        Assert.True(delays.Min() < 550 && delays.Max() > 950, $"{delays.Min()} to {delays.Max()}");
        Assert.NotEqual(plan.DelayAfter(1, "key") * 2, plan.DelayAfter(2, "key"));
    }
}
