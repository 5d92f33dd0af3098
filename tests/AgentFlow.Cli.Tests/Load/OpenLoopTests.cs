using System.Collections.Concurrent;
using AgentFlow.Cli.Load;

namespace AgentFlow.Cli.Tests.Load;

public sealed class OpenLoopTests
{
    [Fact]
    public async Task Run_EveryRequest_IsSentOnceAndTimed()
    {
        var sent = new ConcurrentBag<int>();
        var done = new ConcurrentBag<int>();
        await OpenLoop.RunAsync(500, 5000, 8, (number, _) => { sent.Add(number); return Task.CompletedTask; }, (number, took) => { Assert.True(took > TimeSpan.Zero); done.Add(number); }, default);
        Assert.Equal(Enumerable.Range(0, 500), sent.Order());
        Assert.Equal(Enumerable.Range(0, 500), done.Order());
    }

    [Fact]
    public async Task Run_ServerThatStandsStill_IsChargedWithThoseThatWaited()
    {
        // One at a time, and the first does not end before all should have begun.
        var times = new ConcurrentDictionary<int, TimeSpan>();
        await OpenLoop.RunAsync(
            100,
            1000,
            1,
            async (number, cancelled) =>
            {
                if (number == 0)
                {
                    await Task.Delay(300, cancelled);
                }
            },
            (number, took) => times[number] = took,
            default);
        // The last one was due 99 ms after the first, and went 300 ms after it: had it been timed from when it was sent, it took nothing.
        Assert.True(times[99] >= TimeSpan.FromMilliseconds(200), $"{times[99]}");
        Assert.Equal(100, times.Count);
    }

    [Fact]
    public async Task Run_Cancelled_Ends()
    {
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => OpenLoop.RunAsync(1_000_000, 1000, 4, (number, _) => number == 50 ? stop.CancelAsync() : Task.CompletedTask, static (_, _) => { }, stop.Token));
    }

    [Fact]
    public void Result_Times_AreExactQuantiles()
    {
        var times = new CallTimes(200);
        for (int i = 1; i <= 200; i++)
        {
            times.Add(TimeSpan.FromMilliseconds(i), i > 190 ? ($"50{i % 2}", $"sample {i}") : null);
        }

        CallResult result = times.Result("x");
        Assert.Equal((200, 10, 0.05, 100.0, 190.0, 198.0, 200.0), (result.Requests, result.Errors, result.ErrorRate, result.P50Ms, result.P95Ms, result.P99Ms, result.MaxMs));
        Assert.Equal([new FailureSample("500", 5, "sample 192"), new FailureSample("501", 5, "sample 191")], result.Failures.OrderBy(f => f.Reason));
        Assert.Equal(0, new CallTimes(0).Result("x").P95Ms);
        CallResult sum = CallTimes.Sum([times, times]).Result("all");
        Assert.Equal((400, 20, 190.0), (sum.Requests, sum.Errors, sum.P95Ms));
    }
}
