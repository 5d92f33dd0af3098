using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Platform;
using AgentFlow.Farm.StressTests;

namespace AgentFlow.Farm.Tests.StressTests;

/// <summary>A scenario of two workflows with three tasks, made by hand, and answers to it.</summary>
public sealed class ValidatorTests
{
    private static readonly Scenario Scenario = Make();

    private static Scenario Make(int attemptsAffected = 1, string? chaosOfFirst = null)
    {
        Workflow One(string id, params WorkflowTask[] tasks) => new(id, "linear", $"Order {id}", tasks, tasks[0].TaskId, tasks[^1].TaskId, WorkflowOracle.Expect(tasks, null));
        WorkflowTask Task(string id, string[] after, string? chaos = null) => new(id, "api_call", "Call the carrier", after, [], 1000, 200, 1, true, 3, true, "worker", null, chaos is null ? null : new ChaosInjection(chaos, "", ChaosCatalog.Kind(chaos).RecoveryAction, 1, new ChaosParameters(attemptsAffected)));
        Fleet fleet = FleetGenerator.Fleet(Scale.Small, 1);
        string worker = fleet.Agents.First(a => a.Type == "worker").AgentId;
        Workflow[] workflows = [One("w1", Task("a", [], chaosOfFirst), Task("b", ["a"], ChaosCatalog.RateLimit)), One("w2", Task("c", [], ChaosCatalog.ToolTimeout))];
        var assigned = new SortedDictionary<string, SortedDictionary<string, string>> { ["w1"] = new() { ["a"] = worker, ["b"] = worker }, ["w2"] = new() { ["c"] = worker } };
        return new Scenario("stress-1-small", 1, "small", fleet, new WorkflowBatch("b", 1, 0.5, 2, 3, 2, workflows), assigned, new ScenarioSummary(10, 2, 3, 2, 0.5), ScenarioOracle.Expect(fleet, workflows, assigned));
    }

    private static JsonObject Answer() => (JsonObject)JsonNode.Parse($$"""
        {
          "scenario_id": "stress-1-small", "status": "completed", "verdict": "PASS", "completion_rate": 1, "chaos_recovery_rate": 1,
          "workflows_completed": 2, "workflows_failed": 0, "total_tasks": 3, "tasks_completed": 3, "tasks_failed": 0,
          "chaos_events_total": 2, "chaos_events_recovered": 2, "total_duration_ms": 1500, "total_cost_usd": 0.02,
          "workflow_results": [
            { "workflow_id": "w1", "status": "completed", "total_duration_ms": 1400, "task_results": [
              { "task_id": "a", "status": "completed", "started_at": "2030-01-01T00:00:00Z", "completed_at": "2030-01-01T00:00:00.600Z", "duration_ms": 600, "assigned_agent_id": "{{Scenario.AgentAssignments["w1"]["a"]}}", "chaos_occurred": false, "retry_count": 0 },
              { "task_id": "b", "status": "retried", "started_at": "2030-01-01T00:00:00.600Z", "completed_at": "2030-01-01T00:00:01.400Z", "duration_ms": 800, "chaos_occurred": true, "chaos_type": "rate_limit", "retry_count": 2 } ] },
            { "workflow_id": "w2", "status": "completed", "total_duration_ms": 700, "task_results": [
              { "task_id": "c", "status": "completed", "started_at": "2030-01-01T00:00:00Z", "completed_at": "2030-01-01T00:00:00.700Z", "duration_ms": 700, "chaos_occurred": true, "chaos_type": "tool_timeout", "retry_count": 1 } ] } ]
        }
        """)!;

    private static JsonNode Task(JsonObject answer, int workflow, int task) => answer["workflow_results"]![workflow]!["task_results"]![task]!;

    private static (Validation Validation, Analysis Analysis, Verdict Soundness) Judge(Action<JsonObject>? change = null, long? ingested = 10, EventObservation? events = null, Scenario? of = null)
    {
        JsonObject answer = Answer();
        change?.Invoke(answer);
        Scenario scenario = of ?? Scenario;
        PlatformReport report = PlatformReport.Read(JsonDocument.Parse(answer.ToJsonString()).RootElement);
        var observed = new Observation(ingested, 2, 1, 0, null, new DashboardObservation(0, 0, null, null, null, null), events ?? new EventObservation("none", 0, 0, 0, new Dictionary<string, long>(), null));
        Validation validation = Validator.Validate(scenario, report, observed);
        Figures figures = Figures.Of(scenario, report);
        return (validation, Analyst.Analyse(scenario, report, validation, figures.Soundness), figures.Soundness);
    }

    [Fact]
    public void Validate_WhatWasExpected_MatchesEverything()
    {
        var (validation, analysis, soundness) = Judge();
        Assert.Equal((true, 1.0, Verdict.Pass), (validation.AllPassed, validation.AlignmentScore, soundness));
        Assert.Empty(validation.Discrepancies);
        Assert.Equal(["workflow_events"], validation.NotReported);
        Assert.Equal(16, validation.Comparisons.Count);
        // Two of two workflows, two of two faults; (600 + 800 + 700) / 3; three tasks in 1.5 s.
        Assert.Equal(new AnalysisMetrics(1, 1, 0, 2, 700, 0.02), analysis.Metrics);
        Assert.Empty(analysis.Recommendations);
        Assert.Contains("The slowest workflow was w1 (Order w1): 1400 ms, where 1000 to 19000 ms of real time were expected.", analysis.Sections.Performance.Findings);
        Assert.Contains("The slowest task was b: 800 ms, 2 retries, rate_limit.", analysis.Sections.Performance.Findings);
        Assert.Contains("rate_limit: 1 of 1 tasks went on (backoff_and_retry), 800 ms a task on average.", analysis.Sections.Resilience.Findings);
    }

    public static TheoryData<string, string, Action<JsonObject>> Lies => new()
    {
        { "total_tasks", "total_tasks: 3 tasks were sent, the platform counts 4.", a => a["total_tasks"] = 4 },
        { "workflows_accounted", "workflows_accounted: 2 workflows were sent, completed and failed ones sum up to 1.", a => a["workflows_completed"] = 1 },
        { "chaos_events", "chaos_events: 2 faults were planted, the platform counts 1.", a => a["chaos_events_total"] = 1 },
        { "chaos_types", "chaos_types: the faults planted were rate_limit, tool_timeout, those that struck rate_limit.", a => Task(a, 1, 0)["chaos_type"] = "rate_limit" },
        { "completion_rate", "completion_rate: 100 % of the workflows should complete, 50 % did.", a => a["workflows_completed"] = 1 },
        { "chaos_recovery_rate", "chaos_recovery_rate: 100 % of the faults can be recovered from, 50 % were.", a => a["chaos_events_recovered"] = 1 },
        { "verdict", "verdict: PASS was expected, the platform says FAIL.", a => a["verdict"] = "FAIL" },
        { "verdict_follows_from_figures", "the platform says PASS, but its figures deserve FAIL.", a => a["workflows_completed"] = 1 },
        { "completion_rate_follows_from_counts", "the platform states a completion_rate of 100 %, its counts give 50 %.", a => a["workflows_completed"] = 1 },
        { "workflow_statuses", "1 workflows ended otherwise than expected: w2 is partial instead of completed.", a => a["workflow_results"]![1]!["status"] = "partial" },
        { "workflow_statuses", "w2 is not reported instead of completed.", a => a["workflow_results"]!.AsArray().RemoveAt(1) },
        { "tasks_counted_once", "1 tasks were not counted once: a stands 2 times.", a => a["workflow_results"]![0]!["task_results"]!.AsArray().Add(Task(a, 0, 0).DeepClone()) },
        { "tasks_counted_once", "b is missing", a => a["workflow_results"]![0]!["task_results"]!.AsArray().RemoveAt(1) },
        { "tasks_counted_once", "zz was never sent", a => Task(a, 1, 0)["task_id"] = "zz" },
        { "dependencies_respected", "1 tasks started before what they depend on had ended: b before a.", a => Task(a, 0, 1)["started_at"] = "2030-01-01T00:00:00.599Z" },
        { "agents_known", "a was done by agent-007", a => Task(a, 0, 0)["assigned_agent_id"] = "agent-007" },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public void Validate_OneThingWrong_IsFoundAndNamed(string check, string discrepancy, Action<JsonObject> change)
    {
        Validation validation = Judge(change).Validation;
        Assert.Contains(validation.Comparisons, c => c.Check == check && !c.Matched);
        Assert.Contains(validation.Discrepancies, d => d.StartsWith(check + ": ", StringComparison.Ordinal) && d.Contains(discrepancy, StringComparison.Ordinal));
        Assert.Equal(Math.Round((double)validation.Comparisons.Count(c => c.Matched) / validation.Comparisons.Count, 4), validation.AlignmentScore);
        Assert.True(validation.AlignmentScore < 1);
    }

    [Fact]
    public void Validate_AgentsThatWereNotTaken_IsADiscrepancy() =>
        Assert.Contains("agents_ingested: 10 agents were sent, the platform took 9.", Judge(ingested: 9).Validation.Discrepancies);

    /// <summary>What is beyond recovery keeps what is planted behind it from striking, and no platform is to blame for that.</summary>
    [Theory]
    [InlineData(2, "network_partition, tool_timeout", true)]
    [InlineData(3, "network_partition, tool_timeout", true)]
    [InlineData(1, "network_partition", false)]
    [InlineData(4, "network_partition, tool_timeout", false)]
    public void Validate_FaultsBehindALostTask_MayStrikeOrNot(int counted, string types, bool matched)
    {
        Scenario harsh = Make(attemptsAffected: 4, chaosOfFirst: ChaosCatalog.NetworkPartition);
        harsh = harsh with { Workflows = harsh.Workflows with { Workflows = [harsh.Workflows.Workflows[0], Scenario.Workflows.Workflows[1]] } };
        Assert.Equal(("failed", "completed", 3), (harsh.Workflows.Workflows[0].Expected.ExpectedStatus, harsh.Workflows.Workflows[1].Expected.ExpectedStatus, harsh.Expected.ChaosEventsExpected));
        Validation validation = Judge(
            a =>
            {
                a["chaos_events_total"] = counted;
                a["workflow_results"]![0]!["task_results"]!.AsArray().RemoveAt(1);
                (Task(a, 0, 0)["chaos_occurred"], Task(a, 0, 0)["chaos_type"]) = (true, "network_partition");
                Task(a, 1, 0)["chaos_occurred"] = types.Contains("tool_timeout", StringComparison.Ordinal);
            },
            of: harsh).Validation;
        Assert.Equal(("2 to 3", matched), (validation.Comparisons.Single(c => c.Check == "chaos_events").Expected, validation.Comparisons.Single(c => c.Check == "chaos_events").Matched));
        Assert.Equal(types.Contains("tool_timeout", StringComparison.Ordinal), validation.Comparisons.Single(c => c.Check == "chaos_types").Matched);
    }

    [Theory]
    [InlineData(1, 2, true)]
    [InlineData(1, 1, false)]
    public void Validate_EventsOfAnUnbrokenConnection_AreCompared(int connections, long ends, bool matched)
    {
        var events = new EventObservation("sse", connections, 9, 0, new Dictionary<string, long> { ["scenario.completed"] = 1, ["workflow.completed"] = ends }, null);
        Assert.Equal(matched, Judge(events: events).Validation.Comparisons.Single(c => c.Check == "workflow_events").Matched);
    }

    [Fact]
    public void Validate_ThePlatformsOwnChecks_AreTakenAsItGaveThem()
    {
        Validation validation = Judge(a => a["validation"] = JsonNode.Parse("""{"completion_rate":{"passed":false},"chaos_recovery":{"passed":true}}""")).Validation;
        Assert.Equal([("chaos_recovery", true), ("completion_rate", false), ("task_completion", true)], validation.Checks.Select(c => (c.Key, c.Value)));
        Assert.False(validation.AllPassed);
    }

    [Fact]
    public void Analyse_ATaskThatFailed_NamesItWithItsFaultRetriesAndTime()
    {
        var (_, analysis, soundness) = Judge(a =>
        {
            a["workflows_completed"] = 1;
            a["workflows_failed"] = 1;
            a["tasks_completed"] = 2;
            a["tasks_failed"] = 1;
            a["chaos_events_recovered"] = 1;
            a["workflow_results"]![1]!["status"] = "failed";
            Task(a, 1, 0)["status"] = "timeout";
            Task(a, 1, 0)["retry_count"] = 3;
            Task(a, 1, 0)["duration_ms"] = 9000;
            Task(a, 1, 0)["error_message"] = "deadline exceeded";
        });
        Assert.Equal((Verdict.Fail, "FAIL", "DEGRADED"), (soundness, analysis.Sections.Reliability.Verdict, analysis.Sections.Resilience.Verdict));
        Assert.Contains(
            "w2 (Order w2) is failed: c 'Call the carrier' (api_call) ended as timeout with 'deadline exceeded' after 3 retries and 9000 ms; tool_timeout was planted there and retry should have recovered it.",
            analysis.Sections.Reliability.Findings);
        Assert.Contains("c 'Call the carrier' was not recovered from tool_timeout after 3 retries and 9000 ms: retry should have.", analysis.Sections.Resilience.Findings);
        Assert.Contains($"tool_timeout: {ChaosCatalog.Kind("tool_timeout").Advice}", analysis.Recommendations);
    }

    [Theory]
    [InlineData(0.95, Verdict.Pass)]
    [InlineData(0.949, Verdict.Degraded)]
    [InlineData(0.80, Verdict.Degraded)]
    [InlineData(0.799, Verdict.Fail)]
    public void Completion_OnTheBorders_FollowsTheProtocol(double rate, Verdict expected) => Assert.Equal(expected, Thresholds.Completion(rate));

    [Theory]
    [InlineData(0.80, Verdict.Pass)]
    [InlineData(0.799, Verdict.Degraded)]
    [InlineData(0.50, Verdict.Degraded)]
    [InlineData(0.499, Verdict.Fail)]
    public void Recovery_OnTheBorders_FollowsTheProtocol(double rate, Verdict expected) => Assert.Equal(expected, Thresholds.Recovery(rate));

    [Theory]
    [InlineData(0.049, 999, 1.01, Verdict.Pass)]
    [InlineData(0.05, 1000, 1, Verdict.Degraded)]
    [InlineData(0.15, 2000, 0.5, Verdict.Degraded)]
    [InlineData(0.151, 2001, 0.49, Verdict.Fail)]
    public void OtherFigures_OnTheBorders_FollowTheProtocol(double errors, double latency, double throughput, Verdict expected) =>
        Assert.Equal((expected, expected, expected), (Thresholds.Errors(errors), Thresholds.Latency(latency), Thresholds.Throughput(throughput)));
}
