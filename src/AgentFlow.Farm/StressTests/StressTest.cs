using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Platform;

namespace AgentFlow.Farm.StressTests;

/// <summary>
/// One stress test: hands over the fleet, then the scenario, asks for the result until there is one, watches dashboard and
/// events meanwhile, and judges what came. A platform that misbehaves ends the test with a status, never with an exception.
/// </summary>
internal sealed class StressTest(StressTestRequest request, StressTestRun started, Scenario scenario, StressTestOptions options, TimeProvider clock, Action<StressTestProgress> progress)
{
    private readonly EventTally _tally = new(scenario);
    private readonly long _begin = clock.GetTimestamp();
    private string _scenarioId = scenario.ScenarioId;
    private string _phase = "fleet";
    private long? _agentsIngested;
    private long? _workflowsQueued;
    private int _polls;
    private int _pollFailures;
    private string? _lastPollFailure;
    private DashboardObservation _dashboard = new(0, 0, null, null, null, null);
    private long? _activeWorkflows;
    private PlatformReport? _latest;

    private TimeSpan Left => request.Timeout - clock.GetElapsedTime(_begin);

    public async Task<StressTestRun> RunAsync(CancellationToken cancelled)
    {
        using var platform = new PlatformClient(request.Target, options.RequestLimit, connections: 4);
        using var listening = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        var feed = new EventFeed(request.Target, request.Events, clock, _tally.Take);
        Task following = feed.FollowAsync(listening.Token);
        try
        {
            Ending ending = await DriveAsync(platform, feed, cancelled).ConfigureAwait(false);
            if (ending.Report is not null && feed.Connections > 0)
            {
                await Task.WhenAny(_tally.Ended, Task.Delay(options.EventGrace, clock, cancelled)).ConfigureAwait(false);
            }

            await listening.CancelAsync().ConfigureAwait(false);
            await following.ConfigureAwait(false);
            Tell("judging", null);
            return Judge(ending, Observed(feed));
        }
        finally
        {
            await listening.CancelAsync().ConfigureAwait(false);
            await following.ConfigureAwait(false);
        }
    }

    /// <param name="Error">Why there is no report.</param>
    private sealed record Ending(string Status, PlatformReport? Report, string? Error);

    private async Task<Ending> DriveAsync(PlatformClient platform, EventFeed feed, CancellationToken cancelled)
    {
        PlatformAnswer fleet = await SubmitAsync("fleet", FarmJson.Canonical(scenario.Agents), platform.PostFleetAsync, cancelled).ConfigureAwait(false);
        if (fleet.Kind != AnswerKind.Ok)
        {
            return new Ending(fleet.Kind == AnswerKind.TimedOut ? StressTestStatus.FleetTimeout : StressTestStatus.FleetFailed, null, fleet.Problem);
        }

        _agentsIngested = fleet.Body.Whole("agents_ingested");
        // Who listens only once the work has begun has missed something.
        await Task.WhenAny(feed.Tried, Task.Delay(options.EventGrace, clock, cancelled)).ConfigureAwait(false);
        PlatformAnswer submitted = await SubmitAsync("scenario", FarmJson.Canonical(scenario), platform.PostScenarioAsync, cancelled).ConfigureAwait(false);
        if (submitted.Kind != AnswerKind.Ok)
        {
            return new Ending(submitted.Kind == AnswerKind.TimedOut ? StressTestStatus.ScenarioTimeout : StressTestStatus.ScenarioFailed, null, submitted.Problem);
        }

        _workflowsQueued = submitted.Body.Whole("workflows_queued");
        _scenarioId = submitted.Body.Text("scenario_id") is { Length: > 0 and <= 512 } id ? id : scenario.ScenarioId;
        _tally.Rename(_scenarioId);
        return await PollAsync(platform, cancelled).ConfigureAwait(false);
    }

    /// <summary>Sends until it is taken, refused for good, or too late. A busy platform says when it wants to be asked again.</summary>
    private async Task<PlatformAnswer> SubmitAsync(string what, byte[] body, Func<ReadOnlyMemory<byte>, CancellationToken, Task<PlatformAnswer>> send, CancellationToken cancelled)
    {
        long begin = clock.GetTimestamp();
        TimeSpan wait = TimeSpan.FromMilliseconds(250);
        while (true)
        {
            Tell(what, null);
            PlatformAnswer answer = await send(body, cancelled).ConfigureAwait(false);
            if (answer.Kind == AnswerKind.Ok || !answer.IsTransient)
            {
                return answer;
            }

            // A scenario whose answer is lost may be under way: sending it again would run it twice.
            TimeSpan pause = answer.RetryAfter ?? wait;
            bool mayRepeat = what == "fleet" || answer.Kind == AnswerKind.Refused;
            TimeSpan limit = answer.Kind == AnswerKind.Unreachable ? options.ReachLimit : options.SubmissionLimit;
            TimeSpan left = limit - clock.GetElapsedTime(begin);
            if (!mayRepeat || pause >= left || pause >= Left)
            {
                return answer;
            }

            Tell(what, answer.Problem);
            await Task.Delay(pause, clock, cancelled).ConfigureAwait(false);
            wait = wait * 2 < options.PollEvery ? wait * 2 : options.PollEvery;
        }
    }

    private async Task<Ending> PollAsync(PlatformClient platform, CancellationToken cancelled)
    {
        long heard = clock.GetTimestamp();
        while (true)
        {
            Task<PlatformAnswer> asking = platform.GetScenarioAsync(_scenarioId, cancelled);
            PlatformAnswer dashboard = await platform.GetDashboardAsync(cancelled).ConfigureAwait(false);
            PlatformAnswer answer = await asking.ConfigureAwait(false);
            _polls++;
            See(dashboard);
            if (answer.Kind == AnswerKind.Ok)
            {
                heard = clock.GetTimestamp();
                _latest = PlatformReport.Read(answer.Body);
                if (_latest.IsFinal)
                {
                    return new Ending(Status(_latest), _latest, null);
                }
            }
            else
            {
                _pollFailures++;
                _lastPollFailure = answer.Problem;
                // A restarting platform refuses, hangs or is away; one that answers nonsense may come to itself. Not for ever.
                if (clock.GetElapsedTime(heard) >= options.SilenceLimit)
                {
                    return new Ending(StressTestStatus.ExecutionError, null, $"The platform gave no usable answer for {options.SilenceLimit.TotalSeconds:0} s. The last one: {answer.Problem}");
                }
            }

            Tell("running", answer.Problem);
            if (Left <= TimeSpan.Zero)
            {
                string last = _latest is null ? "It never gave a result." : $"Its last status was '{_latest.Status}'.";
                return new Ending(StressTestStatus.Timeout, null, $"The scenario did not end within {request.Timeout.TotalSeconds:0} s. {last}");
            }

            await Task.Delay(Left < options.PollEvery ? Left : options.PollEvery, clock, cancelled).ConfigureAwait(false);
        }
    }

    private static string Status(PlatformReport report) =>
        report.Status is "failed" or "error" or "cancelled" || report.WorkflowsFailed > 0 || Verdicts.Parse(report.Verdict) == Verdict.Fail
            ? StressTestStatus.CompletedWithFailures
            : StressTestStatus.Completed;

    private void See(PlatformAnswer answer)
    {
        if (answer.Kind != AnswerKind.Ok)
        {
            _dashboard = _dashboard with { Failures = _dashboard.Failures + 1 };
            return;
        }

        _activeWorkflows = answer.Body.Member("workflows")?.Whole("active_workflows");
        _dashboard = _dashboard with
        {
            Samples = _dashboard.Samples + 1,
            PeakActiveWorkflows = _activeWorkflows is { } active ? Math.Max(active, _dashboard.PeakActiveWorkflows ?? 0) : _dashboard.PeakActiveWorkflows,
            RecoveryRate = answer.Body.Member("chaos")?.Number("recovery_rate") ?? _dashboard.RecoveryRate,
            CostUsd = answer.Body.Member("costs")?.Number("session_usd") ?? _dashboard.CostUsd,
            Last = Small(answer.Body),
        };
    }

    private void Tell(string phase, string? note)
    {
        _phase = phase;
        long ended = (_latest?.WorkflowsCompleted ?? 0) + (_latest?.WorkflowsFailed ?? 0);
        ended = Math.Max(ended, _tally.Count("workflow.completed") + _tally.Count("workflow.failed"));
        progress(new StressTestProgress(
            _phase,
            Math.Min(ended, scenario.Summary.TotalWorkflows),
            scenario.Summary.TotalWorkflows,
            _activeWorkflows,
            Math.Max(_latest?.ChaosTotal ?? 0, _tally.Count("chaos.injected")),
            Math.Max(_latest?.ChaosRecovered ?? 0, _tally.Count("chaos.recovered")),
            _tally.Counts().Values.Sum(),
            note));
    }

    private Observation Observed(EventFeed feed) => new(
        _agentsIngested,
        _workflowsQueued,
        _polls,
        _pollFailures,
        _lastPollFailure,
        _dashboard,
        new EventObservation(feed.Used, feed.Connections, feed.Received, feed.Unreadable, _tally.Counts(), feed.Problem));

    private StressTestRun Judge(Ending ending, Observation observed)
    {
        StressTestRun run = started with
        {
            Status = ending.Status,
            Outcome = StressTestOutcome.Failed,
            ScenarioId = _scenarioId,
            CompletedAt = clock.GetUtcNow(),
            DurationMs = (long)clock.GetElapsedTime(_begin).TotalMilliseconds,
            Observed = observed,
            Error = ending.Error,
        };
        if (ending.Report is not { } report)
        {
            return run;
        }

        Validation validation = Validator.Validate(scenario, report, observed);
        Verdict verdict = Verdicts.Worst(Verdicts.Parse(report.Verdict) ?? Verdict.Pass, Figures.Of(scenario, report).Soundness);
        return run with
        {
            Outcome = verdict.Outcome(),
            Validation = validation,
            Analysis = Analyst.Analyse(scenario, report, validation, verdict),
            Platform = WithoutTasks(report.Source),
        };
    }

    /// <summary>The platform's answer for the record: what it says about single tasks would fill the history.</summary>
    private static JsonElement? WithoutTasks(JsonElement source)
    {
        JsonObject copy = JsonObject.Create(source)!;
        copy.Remove("workflow_results");
        return Small(JsonSerializer.SerializeToElement(copy, FarmJson.Default.JsonObject));
    }

    /// <summary><see langword="null"/> for what is too large to keep.</summary>
    private static JsonElement? Small(JsonElement element) => element.GetRawText().Length <= 256 << 10 ? element : null;
}
