using System.Collections.Concurrent;
using System.Text.Json;
using AgentFlow.Farm.Load;
using AgentFlow.Farm.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace AgentFlow.Farm.Tests.Load;

public sealed class LoadRunTests
{
    private readonly ConcurrentDictionary<string, int> _taken = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _keys = new(StringComparer.Ordinal);

    private static LoadRequest Request(string url, int count = 100, TimeSpan? check = null) => new(
        Bench.Request(url).Target, 1000, TimeSpan.FromMilliseconds(count), TimeSpan.FromSeconds(30), 0.2, 5, 16, check);

    /// <summary>Takes a workflow unless <paramref name="instead"/> does something else with it.</summary>
    private async Task<ForeignPlatform> StartAsync(Func<HttpContext, int, Task<bool>> instead)
    {
        ForeignPlatform platform = await ForeignPlatform.StartAsync();
        int count = 0;
        platform.Habit = async context =>
        {
            if (context.Request.Path == "/api/v1/stress-test/workflow" && !await instead(context, Interlocked.Increment(ref count)))
            {
                string id = (await JsonDocument.ParseAsync(context.Request.Body)).RootElement.GetProperty("workflow_id").GetString()!;
                _taken.AddOrUpdate(id, 1, (_, n) => n + 1);
                Assert.Equal(_keys.GetOrAdd(id, context.Request.Headers["Idempotency-Key"].ToString()), context.Request.Headers["Idempotency-Key"].ToString());
                await ForeignPlatform.WriteAsync(context, $$"""{"status":"queued","workflow_id":"{{id}}","execution_id":"exec/{{id}}"}""");
            }
            else if (context.Request.Path.Value!.Contains("/execution/", StringComparison.Ordinal))
            {
                bool first = _keys.TryAdd(context.Request.Path.Value, "");
                await ForeignPlatform.WriteAsync(context, first ? """{"status":"running"}""" : """{"status":"completed"}""");
            }

            return context.Response.HasStarted || context.RequestAborted.IsCancellationRequested;
        };
        return platform;
    }

    [Fact]
    public async Task Run_AWillingPlatform_TakesEveryWorkflowOnce()
    {
        await using ForeignPlatform platform = await StartAsync((_, _) => Task.FromResult(false));
        LoadReport report = await new LoadRun(Request(platform.Url, check: TimeSpan.FromMinutes(1)) with { ChaosRate = 0.9 }, TimeProvider.System).RunAsync(_ => { }, CancellationToken.None);
        Assert.Equal((100L, 100L, 0L, 0L, 0L, 0L, true), (report.Due, report.Accepted, report.Refused, report.Undelivered, report.Busy, report.Unclear, report.IsComplete));
        // It says of everything that it completed; the oracle knows better of what it made unrecoverable.
        long toComplete = Enumerable.Range(0, 100).LongCount(i => AgentFlow.Farm.Generation.WorkflowGenerator.InStream(i, 0.9, 5).Expected.ExpectedStatus == "completed");
        Assert.InRange(toComplete, 50, 99);
        Assert.Equal(new ExecutionCounts(100, 0, 0, 0, 0, toComplete, 100 - toComplete, null), report.Executions! with { FirstUnexpected = null });
        Assert.Contains("should not complete and is completed", report.Executions!.FirstUnexpected);
        Assert.Equal(100, _taken.Count);
        Assert.All(_taken.Values, n => Assert.Equal(1, n));
        Assert.Equal(100, _keys.Values.Where(k => k.Length > 0).Distinct().Count());
        Assert.InRange(report.AnswerMs.P50, 0, report.AnswerMs.Max);
    }

    /// <summary>Every second request is turned away: the platform is left alone for as long as it asked, and nothing is lost.</summary>
    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    public async Task Run_ABusyPlatform_GetsEverythingInTheEnd(int status)
    {
        await using ForeignPlatform platform = await StartAsync(async (context, n) =>
        {
            if (n % 2 == 1 || n > 150) return false;
            context.Response.Headers.RetryAfter = "0";
            await ForeignPlatform.WriteAsync(context, "busy", "text/plain", status);
            return true;
        });
        LoadReport report = await new LoadRun(Request(platform.Url), TimeProvider.System).RunAsync(_ => { }, CancellationToken.None);
        Assert.Equal((100L, 100L, 0L, true), (report.Due, report.Accepted, report.Undelivered, report.IsComplete));
        Assert.True(report.Busy > 0);
        Assert.Equal(100, _taken.Count);
    }

    /// <summary>Connections that break after the workflow was taken: it comes again under the same key, so the platform can tell.</summary>
    [Fact]
    public async Task Run_AnswersThatAreLost_AreAskedForUnderTheSameKey()
    {
        await using ForeignPlatform platform = await StartAsync(async (context, n) =>
        {
            if (n % 5 != 0) return false;
            string id = (await JsonDocument.ParseAsync(context.Request.Body)).RootElement.GetProperty("workflow_id").GetString()!;
            Assert.Equal(_keys.GetOrAdd(id, context.Request.Headers["Idempotency-Key"].ToString()), context.Request.Headers["Idempotency-Key"].ToString());
            context.Abort();
            return true;
        });
        LoadReport report = await new LoadRun(Request(platform.Url, count: 40), TimeProvider.System).RunAsync(_ => { }, CancellationToken.None);
        Assert.Equal((40L, 40L, true), (report.Due, report.Accepted, report.IsComplete));
        Assert.True(report.Unclear > 0);
    }

    [Fact]
    public async Task Run_WorkflowsThatAreRefused_AreCountedAndNotOfferedAgain()
    {
        await using ForeignPlatform platform = await StartAsync(async (context, n) =>
        {
            if (n > 10) return false;
            await ForeignPlatform.WriteAsync(context, "cyclic workflows are not for us", "text/plain", 422);
            return true;
        });
        LoadReport report = await new LoadRun(Request(platform.Url), TimeProvider.System).RunAsync(_ => { }, CancellationToken.None);
        Assert.Equal((90L, 10L, 0L, false), (report.Accepted, report.Refused, report.Undelivered, report.IsComplete));
        Assert.Equal("POST /api/v1/stress-test/workflow answered 422: cyclic workflows are not for us", report.FirstRefusal);
    }

    [Fact]
    public async Task Run_NobodyThere_DeliversNothingAndSaysSo()
    {
        LoadReport report = await new LoadRun(Request("http://127.0.0.1:1", count: 5) with { Drain = TimeSpan.FromSeconds(2) }, TimeProvider.System).RunAsync(_ => { }, CancellationToken.None);
        Assert.Equal((5L, 0L, 5L, false), (report.Due, report.Accepted, report.Undelivered, report.IsComplete));
        Assert.NotNull(report.LastProblem);
    }

    [Fact]
    public async Task Run_Interrupted_ReportsHowFarItCame()
    {
        using var stop = new CancellationTokenSource();
        await using ForeignPlatform platform = await StartAsync((_, n) =>
        {
            if (n == 20) stop.Cancel();
            return Task.FromResult(false);
        });
        LoadReport report = await new LoadRun(Request(platform.Url, count: 10_000), TimeProvider.System).RunAsync(_ => { }, stop.Token);
        Assert.Equal((true, false), (report.Interrupted, report.IsComplete));
        Assert.InRange(report.Accepted, 1, 10_000 - 1);
    }
}
