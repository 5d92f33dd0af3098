using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Tests.Runs;

public class PlanModificationTests
{
    private const string Graph = """
        language: 1
        name: graph
        version: 1.0.0
        planner: dag
        steps:
          - { id: fetch, tool: skill.http_call, compensate: { tool: skill.query } }
          - { id: review, wait: { signal: go }, depends_on: [fetch] }
          - { id: publish, tool: skill.echo, depends_on: [review], input: "${steps.fetch.output}" }
        output: { published: "${steps.publish.output}" }
        """;

    private const string Machine = """
        language: 1
        name: machine
        version: 1.0.0
        planner: fsm
        initial_state: approve
        final_states: [done, refused]
        states:
          approve:
            wait: { signal: go }
            transitions: [{ condition: "output == 'no'", target: refused }]
            on_success: publish
          publish: { tool: skill.http_call, on_success: done, on_error: refused }
          done: {}
          refused: {}
        """;

    private const string Tree = """
        language: 1
        name: tree
        version: 1.0.0
        planner: behavior_tree
        root:
          sequence:
            - { tool: skill.http_call }
            - { wait: { signal: go } }
            - { tool: skill.http_call }
            - { tool: skill.echo }
        """;

    [Fact]
    public void Insert_IntoARunningGraph_RunsTheStepBeforeTheOther()
    {
        Play play = Started(Graph).Succeed("fetch", "1");
        Change(play, "- { insert: { id: check, tool: skill.http_call, depends_on: [fetch] }, before: publish }");
        Assert.Equal(["review", "check"], play.Open);
        Signal(play);
        Assert.Equal(["check"], play.Open);
        play.Succeed("check");
        play.Succeed("publish", "2");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Assert.Equal("""{"published":2}""", play.State.Output!.ToString());
        Replays.Same(play);
    }

    [Fact]
    public void Insert_BehindAStepThatHasEnded_StartsAtOnce()
    {
        Play play = Started(Graph).Succeed("fetch");
        Change(play, "- insert: { id: note, tool: skill.http_call, depends_on: [fetch] }");
        NodeRun note = play.Node("note");
        Assert.Equal(NodePhase.Scheduled, note.Phase);
        Assert.Equal(5, note.Node.Index);
        Assert.Equal("publish", play.State.Definition.Nodes[4].Id);
        Replays.Same(play);
    }

    [Fact]
    public void RemoveAndReplace_PendingSteps_KeepWhoDependsOnThem()
    {
        Play play = Started(Graph);
        Change(play, "- { insert: { id: check, tool: skill.http_call }, before: publish }");
        Change(play, "- { replace: check, with: { wait: { signal: go } } }", taken: false);
        play.Succeed("fetch");
        Change(play, """
            - { insert: { id: late, tool: skill.http_call, depends_on: [review] }, before: [publish] }
            - { replace: publish, with: { tool: skill.http_call, input: "${steps.fetch.output}" } }
            """);
        Change(play, "- remove: late");
        Signal(play);
        play.Succeed("check");
        Assert.Equal(["publish"], play.Open);
        Assert.Equal("skill.http_call", ((Engine.Nodes.CallNode)play.Node("publish").Node).Tool.Contract.Id);
        play.Succeed("publish");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Replays.Same(play);
    }

    [Fact]
    public void Change_OfAnActiveMachine_LeadsElsewhere()
    {
        Play play = Started(Machine);
        Change(play, "- { insert: { id: check, tool: skill.http_call }, before: publish }");
        Signal(play);
        Assert.Equal(["check"], play.Open);
        play.Succeed("check");
        Assert.Equal(["publish"], play.Open);
        Change(play, """
            - { insert: { id: archived, outcome: archived }, final: true }
            - { redirect: publish, on_success: archived }
            """);
        play.Succeed("publish");
        Assert.Equal("archived", play.State.Outcome);
        Replays.Same(play);
    }

    [Fact]
    public void Remove_OfAState_LeadsWhereItLed()
    {
        Play play = Started(Machine);
        Change(play, "- remove: publish");
        Signal(play);
        Assert.Equal("done", play.State.Outcome);
        Replays.Same(play);
    }

    [Fact]
    public void Change_OfATree_ConcernsWhatHasNotBeenTicked()
    {
        Play play = Started(Tree).Succeed("action");
        Change(play, "- { insert: { id: early, tool: skill.echo }, into: sequence, before: action_2 }", taken: false);
        Change(play, """
            - { insert: { id: more, tool: skill.http_call }, into: sequence, before: action_3 }
            - { remove: sequence/action_4 }
            """);
        Signal(play);
        Assert.Equal(["more"], play.Open);
        play.Succeed("more");
        Assert.Equal(["action_3"], play.Open);
        play.Succeed("action_3");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Replays.Same(play);
    }

    [Theory]
    [InlineData("- { replace: fetch, with: { tool: skill.echo } }", "STEP_BEGUN")]
    [InlineData("- { replace: review, with: { tool: skill.echo } }", "STEP_BEGUN")]
    [InlineData("- { insert: { id: x, tool: skill.nothing } }", "PLAN_CHANGE_INVALID")]
    [InlineData("- { insert: { id: x, tool: skill.echo, depends_on: [publish] }, before: publish }", "PLAN_CHANGE_INVALID")]
    [InlineData("- { insert: { id: fetch, tool: skill.echo } }", "PLAN_CHANGE_INVALID")]
    [InlineData("- { remove: nothing }", "PLAN_CHANGE_INVALID")]
    [InlineData("- { remove: publish }", "PLAN_CHANGE_INVALID")]
    [InlineData("- { redirect: publish, on_success: fetch }", "PLAN_CHANGE_INVALID")]
    [InlineData("", "PLAN_CHANGE_INVALID")]
    public void Change_ThatCannotBe_IsRefusedAndChangesNothing(string changes, string code)
    {
        Play play = Started(Graph).Succeed("fetch");
        Change(play, changes, taken: false);
        Assert.Equal(code, ((PlanRefused)play.Journal[^1]).Error.Code);
        Assert.Same(play.State.Definition.Base, play.State.Definition);
        Signal(play);
        play.Succeed("publish");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Replays.Same(play);
    }

    [Fact]
    public void Change_OfAnotherRevision_IsRefused()
    {
        Play play = Started(Graph);
        Change(play, "- insert: { id: a, tool: skill.echo }", revision: 0);
        Change(play, "- insert: { id: b, tool: skill.echo }", taken: false, revision: 0);
        Assert.Equal("PLAN_CHANGED", ((PlanRefused)play.Journal[^1]).Error.Code);
        Change(play, "- insert: { id: b, tool: skill.echo }", revision: 1);
        Assert.Equal(2, play.State.Definition.Changes.Count);
    }

    [Fact]
    public void Problem_InAChange_IsPlacedInTheChange()
    {
        Play play = Started(Graph);
        Change(play, "- insert:\n    id: x\n    tool: skill.nothing", taken: false);
        Assert.Contains("changes.yaml:4:11: error unknown-tool", ((PlanRefused)play.Journal[^1]).Error.Message);
    }

    [Fact]
    public void Compensation_OfAStepBeforeTheChange_IsKept()
    {
        Play play = Started(Graph).Succeed("fetch");
        Change(play, "- { insert: { id: check, tool: skill.http_call }, before: publish }");
        play.Fail("check", FakeTool.Error(Contracts.Errors.ErrorCategory.Permanent));
        Assert.Equal(["fetch.compensate"], play.Open);
        play.Succeed("fetch.compensate");
        Assert.Equal(RunStatus.Failed, play.State.Status);
        Replays.Same(play);
    }

    [Fact]
    public void Change_OfAnEndingRun_IsRefused()
    {
        Play play = Started(Graph).Start("fetch");
        play.Feed(new CancelRequested("ops", "enough"));
        Change(play, "- insert: { id: a, tool: skill.echo }", taken: false);
        Assert.Equal("RUN_ALREADY_ENDED", ((PlanRefused)play.Journal[^1]).Error.Code);
    }

    private static Play Started(string yaml)
    {
        var loaded = Definitions.Loading.Loading.Loader.Load(new WorkflowSource(yaml, WorkflowAssets.Empty));
        Assert.True(loaded.Definition is not null, string.Join('\n', loaded.Diagnostics));
        return new Play(loaded.Definition);
    }

    private static void Signal(Play play) => play.Feed(new SignalReceived("go", Payload.FromText("\"yes\""), 1));

    private static void Change(Play play, string changes, bool taken = true, int revision = -1)
    {
        play.Feed(new PlanModified("changes:\n" + changes, revision, "key", "tester", "because"));
        JournalEvent decided = play.Journal[play.Journal.FindLastIndex(e => e is PlanModified) + 1];
        Assert.True(taken == (decided is PlanGrafted), decided.ToString());
    }
}
