using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Simulation.Rehearsals;
using AgentFlow.Simulation.Scenarios;

namespace AgentFlow.Simulation.Tests.Scenarios;

public sealed class RehearsalTests
{
    private static readonly DateTimeOffset Start = Scenario.DefaultStart;

    [Fact]
    public void Run_SameSeed_GivesTheSameJournal()
    {
        List<string>[] keys = [[], [], []];
        Assert.Equal(Play(7, keys[0].Add).Journal, Play(7, keys[1].Add).Journal);
        Play(8, keys[2].Add);
        Assert.Equal(keys[0], keys[1]);
        Assert.NotEqual(keys[0], keys[2]);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    public void KillWorker_InsideCalls_AnotherWorkerGoesOn(int kills, int lives)
    {
        var calls = new List<string>();
        RehearsalReport report = Play(1, calls.Add, kills);
        Assert.Equal((RunStatus.Completed, lives), (report.State.Status, report.Lives));
        Assert.Null(report.Divergence);
        // The killed attempts and their repetitions carry one key each.
        Assert.Equal(2 + kills, calls.Count);
        Assert.Equal(2, calls.Distinct().Count());
        Assert.Equal(kills, report.Journal.OfType<RunRecovered>().Count());
    }

    [Fact]
    public void KillWorker_WhileAnApprovalIsAskedFor_ItIsAskedForOnceAndDecided()
    {
        var rehearsal = new Rehearsal(Start, 1);
        int kills = 2;
        var asked = new List<HumanTask>();
        var kill = new Tool(async (call, cancel) =>
        {
            await Task.Delay(TimeSpan.FromHours(1), rehearsal.Clock, cancel);
            if (kills-- > 0)
            {
                rehearsal.KillWorker();
                await new TaskCompletionSource().Task;
            }

            return StepOutcome.Success("1"u8.ToArray());
        });
        var graph = new GraphNode([
            (new CallNode { Id = "pay", Tool = new Tool((_, _) => new(StepOutcome.Success("2"u8.ToArray()))), Approval = new ApprovalPolicy("step", Assignee.Anybody) }, new StepRules()),
            (new CallNode { Id = "beside", Tool = kill, Timeout = TimeSpan.FromHours(2) }, new StepRules()),
        ])
        { Id = "root" };
        RehearsalReport report = rehearsal.Run(Define(graph), Payload.EmptyObject, new RehearsalOptions
        {
            Decide = task =>
            {
                asked.Add(task);
                return task.Complete(ApprovalRequest.Answer(true, "fine"), "anna", "", task.CreatedAt + (long)TimeSpan.FromHours(10).TotalMilliseconds);
            },
        });
        Assert.Equal((RunStatus.Completed, 3), (report.State.Status, report.Lives));
        Assert.Equal("pay#1", Assert.Single(asked).Step);
        ApprovalDecided decided = Assert.Single(report.Journal.OfType<ApprovalDecided>());
        Assert.Equal(("anna", 10.0), (decided.By, (DateTimeOffset.FromUnixTimeMilliseconds(decided.At) - Start).TotalHours));
    }

    [Fact]
    public void Run_NobodySignals_StandsWhereItWaits()
    {
        var rehearsal = new Rehearsal(Start, 1);
        RehearsalReport report = rehearsal.Run(Define(new WaitNode { Id = "hold", Signal = "go" }), Payload.EmptyObject, new RehearsalOptions());
        Assert.False(report.Ended);
        Assert.Equal("hold#1", Assert.Single(report.Open).Path);
    }

    [Fact]
    public void Run_TwoDays_ArePassedAtOnce()
    {
        var rehearsal = new Rehearsal(Start, 1);
        RehearsalReport report = rehearsal.Run(Define(new WaitNode { Id = "hold", For = TimeSpan.FromDays(2) }), Payload.EmptyObject, new RehearsalOptions());
        Assert.True(report.Ended);
        Assert.Equal(TimeSpan.FromDays(2), report.Took);
    }

    private static RehearsalReport Play(ulong seed, Action<string> called, int kills = 0)
    {
        var rehearsal = new Rehearsal(Start, seed);
        int left = kills;
        var tool = new Tool(async (call, cancel) =>
        {
            called(call.IdempotencyKey);
            await Task.Delay(TimeSpan.FromSeconds(1), rehearsal.Clock, cancel);
            if (left-- > 0)
            {
                rehearsal.KillWorker();
                await new TaskCompletionSource().Task;
            }

            return StepOutcome.Success("1"u8.ToArray());
        });
        return rehearsal.Run(Define(new CallNode { Id = "a", Tool = tool }, new CallNode { Id = "b", Tool = tool }), Payload.EmptyObject, new RehearsalOptions());
    }

    private static WorkflowDefinition Define(params PlanNode[] steps) => Define(new GraphNode([.. steps.Select((s, i) => (s, new StepRules { DependsOn = i == 0 ? [] : [i - 1] }))]) { Id = "root" });

    private static WorkflowDefinition Define(GraphNode root) => new(root)
    {
        Name = "rehearsed",
        Version = "1.0.0",
        Hash = new string('a', 64),
        Planner = "dag",
        Source = new WorkflowSource("", WorkflowAssets.Empty),
    };

    private sealed class Tool(Func<ToolCall, CancellationToken, ValueTask<StepOutcome>> invoke) : ITool
    {
        public ToolContract Contract { get; } = new() { Id = "test.effect", Version = "1.0.0", Effects = Effects.External, Determinism = Determinism.None };

        public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) => invoke(call, cancellationToken);
    }
}
