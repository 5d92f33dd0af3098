using AgentFlow.Farm.Generation;

namespace AgentFlow.Farm.Tests.Generation;

/// <summary>The oracle against graphs that were worked out by hand.</summary>
public sealed class WorkflowOracleTests
{
    private static WorkflowTask Task(string id, string type, int ms, int tokens, string[] after, string agent = "worker", ChaosInjection? chaos = null, int retries = 3, string? compensation = null) =>
        new(id, type, id, after, [], ms, tokens, 1, retries > 0, retries, true, agent, compensation, chaos);

    private static ChaosInjection Chaos(string type, int attempts = 1, bool? recoverable = null, bool? repairable = null) =>
        new(type, "", ChaosCatalog.Kind(type).RecoveryAction, 1, new ChaosParameters(attempts, recoverable, repairable, type == ChaosCatalog.PolicyViolation ? true : null));

    //      ┌─ b (300) ─ d (50) ─┐
    // a ───┤                    ├─ f (400)
    // 100  └─ c (1000) ─────────┘
    //         e (200, after a)  ──┘
    private static readonly WorkflowTask[] Diamond =
    [
        Task("a", "io_read", 100, 500, []),
        Task("c", "api_call", 1000, 200, ["a"]),
        Task("b", "io_write", 300, 500, ["a"]),
        Task("d", "checkpoint", 50, 0, ["b"], retries: 0),
        Task("e", "approval", 200, 100, ["a"], "approver", retries: 0),
        Task("f", "aggregation", 400, 1500, ["c", "d", "e"], "reviewer"),
    ];

    [Fact]
    public void Expect_ADiamond_IsWhatAHandComputes()
    {
        WorkflowExpectation expected = WorkflowOracle.Expect(Diamond, null);
        Assert.Equal(6, expected.TotalTasks);
        Assert.Equal("completed", expected.ExpectedStatus);
        Assert.Equal(["a", "c", "b", "d", "e", "f"], expected.ExpectedExecutionOrder);
        Assert.Equal(1500, expected.EstimatedTotalDurationMs); // a, c, f
        Assert.Equal([750L, 4100L], expected.ExpectedDurationRangeMs); // half of it; twice 2050
        Assert.Equal(2800, expected.ExpectedTokenUsage);
        Assert.True(expected.RequiresHumanApproval);
        Assert.Equal(1, expected.CheckpointsExpected);
        Assert.Equal(4, expected.CriticalPathLength); // a, b, d, f
        Assert.Equal(4, expected.ParallelizableTasks); // b, c, d, e
        Assert.Equal(3, expected.MinAgentsRequired); // c, e and one of b, d
        Assert.Equal(1, expected.ExpectedCompletionRate);
        Assert.Equal(0, expected.ChaosEventsExpected);
    }

    [Fact]
    public void Expect_AChain_NeedsAsManyAgentsAsItHasKinds()
    {
        WorkflowExpectation expected = WorkflowOracle.Expect([Task("a", "compute", 10, 1, []), Task("b", "decision", 10, 1, ["a"], "planner"), Task("c", "approval", 10, 1, ["b"], "approver")], null);
        Assert.Equal((3, 3, 0), (expected.MinAgentsRequired, expected.CriticalPathLength, expected.ParallelizableTasks));
    }

    [Fact]
    public void Expect_ACycle_CountsItsBodyOncePerIteration()
    {
        WorkflowTask[] tasks =
        [
            Task("a", "compute", 100, 10, []),
            Task("b", "checkpoint", 20, 1, ["a", "c"], retries: 0),
            Task("c", "decision", 30, 2, ["b"]),
            Task("d", "compute", 1000, 20, ["c"]),
        ];
        WorkflowExpectation expected = WorkflowOracle.Expect(tasks, new WorkflowCycle("c", "b", 3));
        Assert.Equal(100 + (3 * 50) + 1000, expected.EstimatedTotalDurationMs);
        Assert.Equal(10 + (3 * 3) + 20, expected.ExpectedTokenUsage);
        Assert.Equal(3, expected.CheckpointsExpected);
        Assert.Equal(["a", "b", "c", "d"], expected.ExpectedExecutionOrder);
        Assert.Equal(4, expected.CriticalPathLength);
    }

    [Fact]
    public void Expect_AnUnrecoverableFault_LosesTheTaskAndWhatComesAfterIt()
    {
        WorkflowTask[] tasks = [.. Diamond];
        tasks[2] = tasks[2] with { ChaosInjection = Chaos(ChaosCatalog.ToolTimeout, attempts: 4) }; // b has 3 retries
        WorkflowExpectation expected = WorkflowOracle.Expect(tasks, null);
        Assert.Equal("failed", expected.ExpectedStatus);
        Assert.Equal(0.5m, expected.ExpectedCompletionRate); // a, c and e of 6
        Assert.Equal((1, 0), (expected.ChaosEventsExpected, expected.ChaosEventsRecoverable));
        Assert.Equal(["tool_timeout"], expected.ExpectedChaosTypes);
        Assert.Equal(4100 + 10_000, expected.ExpectedDurationRangeMs[1]);
    }

    [Fact]
    public void Expect_ACompensatedFailure_IsHandledAndPartial()
    {
        WorkflowTask[] tasks = [Task("a", "api_call", 10, 1, [], chaos: Chaos(ChaosCatalog.ToolFailure, recoverable: false), compensation: "Undo")];
        WorkflowExpectation expected = WorkflowOracle.Expect(tasks, null);
        Assert.Equal(("partial", 1, 0m), (expected.ExpectedStatus, expected.ChaosEventsRecoverable, expected.ExpectedCompletionRate));
    }

    public static TheoryData<string, int, int, bool?, bool?, bool, Recovery> Rule => new()
    {
        { ChaosCatalog.ToolTimeout, 3, 3, null, null, false, Recovery.Completes },
        { ChaosCatalog.ToolTimeout, 4, 3, null, null, false, Recovery.None },
        { ChaosCatalog.ToolTimeout, 1, 0, null, null, true, Recovery.None },
        { ChaosCatalog.ToolFailure, 3, 3, true, null, false, Recovery.Completes },
        { ChaosCatalog.ToolFailure, 1, 3, false, null, false, Recovery.None },
        { ChaosCatalog.ToolFailure, 1, 3, false, null, true, Recovery.Compensated },
        { ChaosCatalog.ToolFailure, 4, 3, true, null, true, Recovery.Compensated },
        { ChaosCatalog.AgentConflict, 1, 0, null, null, false, Recovery.Completes },
        { ChaosCatalog.PolicyViolation, 1, 0, null, null, false, Recovery.Completes },
        { ChaosCatalog.CheckpointCrash, 1, 0, null, null, false, Recovery.Completes },
        { ChaosCatalog.MemoryPressure, 1, 0, null, null, false, Recovery.Completes },
        { ChaosCatalog.RateLimit, 2, 0, null, null, false, Recovery.Completes },
        { ChaosCatalog.RateLimit, 3, 5, null, null, false, Recovery.None },
        { ChaosCatalog.DataCorruption, 1, 0, null, true, false, Recovery.Completes },
        { ChaosCatalog.DataCorruption, 1, 5, null, false, false, Recovery.None },
        { ChaosCatalog.NetworkPartition, 3, 0, null, null, false, Recovery.Completes },
        { ChaosCatalog.NetworkPartition, 4, 5, null, null, false, Recovery.None },
    };

    [Theory]
    [MemberData(nameof(Rule))]
    public void Outcome_OfEachFault_FollowsTheRule(string type, int attempts, int retries, bool? recoverable, bool? repairable, bool compensates, Recovery expected) =>
        Assert.Equal(expected, ChaosRule.Outcome(Task("a", "api_call", 1, 1, [], chaos: Chaos(type, attempts, recoverable, repairable), retries: retries, compensation: compensates ? "Undo" : null)));

    /// <summary>Against a search over every set of tasks, which is slow and simple.</summary>
    [Fact]
    public void Width_OfRandomGraphs_IsTheLargestSetOfIndependentTasks()
    {
        for (long seed = 0; seed < 60; seed++)
        {
            Workflow workflow = WorkflowGenerator.Single("dag", 10, 0, seed);
            var graph = new TaskGraph(workflow.Tasks, null);
            int widest = Enumerable.Range(1, (1 << 10) - 1)
                .Where(set => Members(set).All(i => Members(set).All(j => !graph.Reaches(i, j))))
                .Max(set => Members(set).Count());
            Assert.True(widest == graph.Width(), $"seed {seed}: {widest} instead of {graph.Width()}");
        }

        static IEnumerable<int> Members(int set) => Enumerable.Range(0, 10).Where(i => (set & (1 << i)) != 0);
    }

    [Fact]
    public void TaskGraph_OfACircle_SaysSo() =>
        Assert.Throws<InvalidOperationException>(() => new TaskGraph([Task("a", "compute", 1, 1, ["b"]), Task("b", "compute", 1, 1, ["a"])], null));
}
