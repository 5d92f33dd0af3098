using AgentFlow.Farm.Platform;
using AgentFlow.Farm.StressTests;
using AgentFlow.Farm.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace AgentFlow.Farm.Tests.StressTests;

public sealed class StressTestTests
{
    [Fact]
    public async Task Run_ASoundPlatform_PassesAndIsWatchedMeanwhile()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        List<StressTestProgress> seen = [];
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url, tenant: "acme"), progress: p => seen.Add(p));
        Assert.Equal((StressTestStatus.Completed, StressTestOutcome.Passed, (string?)null), (run.Status, run.Outcome, run.Error));
        Assert.True(run.Validation!.AllPassed);
        Assert.Equal(["chaos_recovery", "completion_rate", "task_completion"], run.Validation.Checks.Keys);
        Assert.Empty(run.Validation.Discrepancies);
        Assert.Equal((1, "PASS", "PASS"), (run.Validation.AlignmentScore, run.Validation.Verdict, run.Validation.FarmVerdict));
        Assert.Empty(run.Validation.NotReported);
        Assert.Equal((10, 5, 3, 0), ((int)run.Observed!.AgentsIngested!, (int)run.Observed.WorkflowsQueued!, run.Observed.Polls, run.Observed.PollFailures));
        Assert.Equal((3, 4L, 0.5, 0.25), (run.Observed.Dashboard.Samples, run.Observed.Dashboard.PeakActiveWorkflows, run.Observed.Dashboard.RecoveryRate, run.Observed.Dashboard.CostUsd));
        Assert.Equal("sse", run.Observed.Events.Transport);
        // The foreign workflow's event is not among them.
        Assert.Equal((5L, 1L), (run.Observed.Events.ByType["workflow.completed"], run.Observed.Events.ByType["scenario.completed"]));
        Assert.Equal("PASS", run.Analysis!.Verdict);
        Assert.False(run.Platform!.Value.TryGetProperty("workflow_results", out _));
        Assert.Equal(["fleet", "scenario", "running", "judging"], seen.Select(p => p.Phase).Distinct());

        string[] requests = platform.Requests;
        Assert.All(requests, r => Assert.EndsWith(" acme", r, StringComparison.Ordinal));
        Assert.True(Array.IndexOf(requests, "POST /api/v1/stress-test/fleet acme") < Array.IndexOf(requests, "POST /api/v1/stress-test/scenario acme"));
        Assert.Equal(10, platform.Fleet!["agents"]!.AsArray().Count);
    }

    [Fact]
    public async Task Run_WithoutATenant_UsesTheUsualOne()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        await Bench.RunAsync(Bench.Request(platform.Url));
        Assert.All(platform.Requests, r => Assert.EndsWith(" stress-test-tenant", r, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_APlatformBelowAPath_IsFoundThere()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.Habit = context =>
        {
            context.Request.Path = context.Request.Path.StartsWithSegments("/tenants/a", out PathString rest) ? rest : "/nowhere";
            return Task.FromResult(false);
        };
        Assert.Equal(StressTestOutcome.Passed, (await Bench.RunAsync(Bench.Request(platform.Url + "/tenants/a"))).Outcome);
    }

    [Fact]
    public async Task Run_AFleetThatIsRefused_SaysWhatThePlatformSaid()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.Habit = context => On(context, "/fleet", () => ForeignPlatform.WriteAsync(context, "no\u001bsuch agents", "text/plain", 422));
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url));
        Assert.Equal((StressTestStatus.FleetFailed, StressTestOutcome.Failed), (run.Status, run.Outcome));
        Assert.Equal("POST /api/v1/stress-test/fleet answered 422: no such agents", run.Error);
        Assert.Null(run.Validation);
    }

    [Fact]
    public async Task Run_AScenarioThatIsRefused_SaysSo()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.Habit = context => On(context, "/scenario", () => ForeignPlatform.WriteAsync(context, "{}", status: 400));
        Assert.Equal(StressTestStatus.ScenarioFailed, (await Bench.RunAsync(Bench.Request(platform.Url))).Status);
    }

    [Theory]
    [InlineData("/stress-test/fleet", StressTestStatus.FleetTimeout)]
    [InlineData("/stress-test/scenario", StressTestStatus.ScenarioTimeout)]
    public async Task Run_ASubmissionThatHangs_TimesOut(string path, string status)
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.Habit = context => On(context, path, () => Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }));
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url), Bench.Hasty with { RequestLimit = TimeSpan.FromMilliseconds(300), SubmissionLimit = TimeSpan.FromMilliseconds(400) });
        Assert.Equal((status, StressTestOutcome.Failed), (run.Status, run.Outcome));
    }

    /// <summary>An answer that is lost may stand for a scenario that runs: it is not sent twice.</summary>
    [Fact]
    public async Task Run_AScenarioWhoseAnswerIsLost_IsNotSentAgain()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.Habit = context => On(context, "/stress-test/scenario", () => { context.Abort(); return Task.CompletedTask; });
        Assert.Equal(StressTestStatus.ScenarioFailed, (await Bench.RunAsync(Bench.Request(platform.Url))).Status);
        Assert.Single(platform.Requests, r => r.StartsWith("POST /api/v1/stress-test/scenario", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_ABusyPlatform_IsAskedAgain()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        int fleets = 0;
        int scenarios = 0;
        platform.Habit = context =>
        {
            context.Response.Headers.RetryAfter = "0";
            return context.Request.Path.Value!.EndsWith("/fleet", StringComparison.Ordinal) && ++fleets <= 3 ? Busy(429)
                : context.Request.Method == "POST" && context.Request.Path.Value!.EndsWith("/scenario", StringComparison.Ordinal) && ++scenarios <= 2 ? Busy(503)
                : Task.FromResult(false);

            async Task<bool> Busy(int status)
            {
                await ForeignPlatform.WriteAsync(context, "later", "text/plain", status);
                return true;
            }
        };
        Assert.Equal(StressTestOutcome.Passed, (await Bench.RunAsync(Bench.Request(platform.Url))).Outcome);
        Assert.Equal((4, 3), (fleets, scenarios));
    }

    [Fact]
    public async Task Run_NobodyThere_IsAFailedFleet()
    {
        StressTestRun run = await Bench.RunAsync(Bench.Request("http://127.0.0.1:1"), Bench.Hasty with { ReachLimit = TimeSpan.FromMilliseconds(300) });
        Assert.Equal(StressTestStatus.FleetFailed, run.Status);
        Assert.Contains("POST /api/v1/stress-test/fleet failed:", run.Error, StringComparison.Ordinal);
    }

    /// <summary>Errors, breaks, nonsense and a wrong content type while it works; then the result after all.</summary>
    [Fact]
    public async Task Run_APlatformThatStumbles_IsJudgedByItsResult()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.PollsUntilDone = 0;
        int asked = 0;
        platform.Habit = context => context.Request.Method != "GET" || !context.Request.Path.Value!.Contains("/scenario/", StringComparison.Ordinal) ? Task.FromResult(false) : ++asked switch
        {
            1 => Did(() => ForeignPlatform.WriteAsync(context, "<h1>bad gateway</h1>", "text/html", 502)),
            2 => Did(() => { context.Abort(); return Task.CompletedTask; }),
            3 => Did(() => ForeignPlatform.WriteAsync(context, "<h1>all is well</h1>", "text/html")),
            4 => Did(() => ForeignPlatform.WriteAsync(context, "[1,2]")),
            5 => Did(() => ForeignPlatform.WriteAsync(context, """{"status":"completed","verdict":"PA""")),
            6 => Did(() => ForeignPlatform.WriteAsync(context, """{"detail":"not yet"}""", status: 404)),
            7 => Did(() => ForeignPlatform.WriteAsync(context, """{"status":null,"verdict":17}""")),
            8 => Did(() => Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { })),
            _ => PlainAsync(context),
        };
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url), Bench.Hasty with { RequestLimit = TimeSpan.FromSeconds(3) });
        Assert.Equal((StressTestStatus.Completed, StressTestOutcome.Passed), (run.Status, run.Outcome));
        Assert.Equal((9, 7), (run.Observed!.Polls, run.Observed.PollFailures));

        static async Task<bool> PlainAsync(HttpContext context)
        {
            // The right answer under a wrong name.
            context.Response.OnStarting(() => { context.Response.ContentType = "text/plain; charset=latin1"; return Task.CompletedTask; });
            await Task.CompletedTask;
            return false;
        }
    }

    [Fact]
    public async Task Run_AScenarioThatNeverEnds_TimesOut()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.PollsUntilDone = int.MaxValue;
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url) with { Timeout = TimeSpan.FromSeconds(1) });
        Assert.Equal((StressTestStatus.Timeout, StressTestOutcome.Failed), (run.Status, run.Outcome));
        Assert.Equal("The scenario did not end within 1 s. Its last status was 'running'.", run.Error);
    }

    [Fact]
    public async Task Run_APlatformThatFallsSilent_IsGivenUp()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.Habit = context => context.Request.Method == "GET" ? On(context, "", () => ForeignPlatform.WriteAsync(context, "down", status: 500)) : Task.FromResult(false);
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url), Bench.Hasty with { SilenceLimit = TimeSpan.FromMilliseconds(200) });
        Assert.Equal(StressTestStatus.ExecutionError, run.Status);
        Assert.EndsWith("answered 500: down", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_AnAnswerWithoutEnd_IsNotSwallowed()
    {
        using var platform = new RawServer(async (stream, head, stop) =>
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\":\""u8.ToArray(), stop);
            byte[] more = [.. Enumerable.Repeat((byte)'x', 1 << 20)];
            while (true) await stream.WriteAsync(more, stop);
        });
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url, events: EventTransport.None), Bench.Hasty with { RequestLimit = TimeSpan.FromSeconds(60) });
        Assert.Equal((StressTestStatus.FleetFailed, "POST /api/v1/stress-test/fleet answered more than 64 MiB."), (run.Status, run.Error));
    }

    [Fact]
    public async Task Run_AConnectionClosedHalfway_IsAFailedFleet()
    {
        using var platform = new RawServer(async (stream, head, stop) =>
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"status\":"u8.ToArray(), stop);
            stream.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
            await Task.Delay(Timeout.Infinite, stop);
        });
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url, events: EventTransport.None), Bench.Hasty with { ReachLimit = TimeSpan.FromMilliseconds(300) });
        Assert.Equal(StressTestStatus.FleetFailed, run.Status);
    }

    [Fact]
    public async Task Run_ARedirect_IsNotFollowed()
    {
        await using ForeignPlatform elsewhere = await ForeignPlatform.StartAsync();
        using var platform = new RawServer((stream, head, stop) => stream.WriteAsync(RawServer.Answer("", $"HTTP/1.1 307 Temporary Redirect\r\nLocation: {elsewhere.Url}/api/v1/stress-test/fleet"), stop).AsTask());
        Assert.Equal(StressTestStatus.FleetFailed, (await Bench.RunAsync(Bench.Request(platform.Url, events: EventTransport.None))).Status);
        Assert.Empty(elsewhere.Requests);
    }

    [Fact]
    public async Task Run_APlatformThatFails_CompletesWithFailures()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.ChangeResult = result =>
        {
            result["verdict"] = "FAIL";
            result["workflows_completed"] = 2;
            result["workflows_failed"] = 3;
            result["completion_rate"] = 0.4;
            result["validation"]!["completion_rate"]!["passed"] = false;
        };
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url));
        Assert.Equal((StressTestStatus.CompletedWithFailures, StressTestOutcome.Failed, false), (run.Status, run.Outcome, run.Validation!.AllPassed));
        Assert.Equal((false, true, true), (run.Validation.Checks["completion_rate"], run.Validation.Checks["chaos_recovery"], run.Validation.Checks["task_completion"]));
    }

    [Fact]
    public async Task Run_DegradedByItsOwnWords_IsDegraded()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.ChangeResult = result => result["verdict"] = "degraded";
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url));
        Assert.Equal((StressTestStatus.Completed, StressTestOutcome.Degraded), (run.Status, run.Outcome));
    }

    /// <summary>A platform that reports no more than the protocol's first version of it: status, verdict and two rates.</summary>
    [Fact]
    public async Task Run_AnAnswerWithoutDetails_IsJudgedByWhatThereIs()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.ChangeResult = result =>
        {
            foreach (string name in result.Select(m => m.Key).Except(["status", "verdict", "completion_rate", "chaos_recovery_rate", "scenario_id"]).ToArray())
            {
                result.Remove(name);
            }

            result["completion_rate"] = "0.97";
        };
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url));
        Assert.Equal((StressTestOutcome.Passed, 1.0), (run.Outcome, run.Validation!.AlignmentScore));
        Assert.Contains("workflow_statuses", run.Validation.NotReported);
        Assert.Equal(0.97, run.Analysis!.Metrics.CompletionRate);
    }

    private static async Task<bool> On(HttpContext context, string end, Func<Task> answer)
    {
        if (!context.Request.Path.Value!.EndsWith(end, StringComparison.Ordinal))
        {
            return false;
        }

        await answer();
        return true;
    }

    private static async Task<bool> Did(Func<Task> answer)
    {
        await answer();
        return true;
    }
}
