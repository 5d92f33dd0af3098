using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

public class ForeachTests
{
    [Fact]
    public void Iterations_EndInAnyOrder_OutputIsInOrderOfTheList()
    {
        Play play = Started("""[{"id":"a"},{"id":"b"},{"id":"c"}]""", Each(Call("do", input: """{"id":"${item.id}","n":"${index}"}""")));
        Assert.Equal(["""{"id":"a","n":0}""", """{"id":"b","n":1}""", """{"id":"c","n":2}"""], Inputs(play));
        End(play, 2, "30");
        End(play, 0, "10");
        Replays.Same(play);
        End(play, 1, "20");
        Assert.Equal("[10,20,30]", play.State.Output!.ToString());
        Replays.Same(play);
    }

    [Fact]
    public void Call_WithoutInput_GetsTheItemAsItStandsInTheList()
    {
        Play play = Started("""[ 1.0, "x" , {"a" : [ ]}]""", Each(Call("do")));
        Assert.Equal(["1.0", "\"x\"", """{"a" : [ ]}"""], Inputs(play));
    }

    [Fact]
    public void EmptyList_Succeeds()
    {
        Assert.Equal("[]", Started("[]", Each(Call("do"))).State.Output!.ToString());
        Assert.Equal("""{"results":[],"errors":[],"succeeded":0,"failed":0}""", Started("[]", Each(Call("do"), onError: OnStepError.Continue, share: 1)).State.Output!.ToString());
    }

    [Fact]
    public void MaxParallel_NoMoreThanSoManyAreOpen()
    {
        Play play = Started("[1,2,3,4,5]", Each(Call("do"), parallel: 2));
        for (int ended = 0; ended < 5; ended++)
        {
            Assert.Equal(Math.Min(2, 5 - ended), play.Open.Length);
            Assert.Equal(ended + 1, Leaves(play)[0].Visit);
            End(play, ended, "0");
        }

        Assert.Equal("[0,0,0,0,0]", play.State.Output!.ToString());
    }

    [Fact]
    public void IdempotencyKeys_DifferByIteration()
    {
        Play play = Started("[1,1,1]", Each(Graph("do", new Step(Call("a")), new Step(Call("b")))));
        string[] keys = [.. Leaves(play).Select(n => StepIdentity.IdempotencyKey(play.State, n))];
        Assert.Equal(6, keys.Distinct().Count());
        Assert.Equal("each#1/do#2/a#1", Leaves(play).First(n => n.Parent!.Visit == 2).Path);
    }

    [Fact]
    public void Abort_FirstFailure_CancelsTheOthersAndFails()
    {
        Play play = Started("[1,2,3,4]", Each(Call("do"), parallel: 3));
        Start(play, 0);
        Start(play, 1);
        Fail(play, 1);
        Assert.Equal(RunStatus.Running, play.State.Status);
        NodeRun first = Assert.Single(Leaves(play));
        Assert.Equal(NodeStatus.Cancelled, first.Closing);
        Replays.Same(play);
        play.Feed(new StepCancelled(first.Id, 1));
        Assert.Equal(RunStatus.Failed, play.State.Status);
        Assert.Contains("Item 1 of 'each' failed", play.State.Error!.Message);
        Assert.DoesNotContain(play.Journal, e => e is NodeEntered { Visit: 4 });
        Replays.Same(play);
    }

    [Fact]
    public void Continue_Failures_AreNullAndListed()
    {
        Play play = Started("[1,2,3]", Each(Call("do"), onError: OnStepError.Continue));
        Fail(play, 1);
        End(play, 0, "\"a\"");
        End(play, 2, "\"c\"");
        Assert.Equal("""{"results":["a",null,"c"],"errors":[{"index":1,"code":"TEST_ERROR","message":"It failed."}],"succeeded":2,"failed":1}""", play.State.Output!.ToString());
        Replays.Same(play);
    }

    [Theory]
    [InlineData(3, 0, 1)]
    [InlineData(0, 0.75, 1)]
    [InlineData(0, 0.5, 2)]
    [InlineData(9, 0, 0)]
    [InlineData(0, 1, 0)]
    [InlineData(0, 0, 4)]
    public void MinSuccess_OutOfReach_EndsAtOnce(int least, double share, int bearable)
    {
        Play play = Started("[1,2,3,4]", Each(Call("do"), onError: OnStepError.Continue, least: least, share: (decimal)share));
        for (int i = 0; i < bearable; i++)
        {
            Fail(play, i);
            Assert.Equal(i < 3 ? RunStatus.Running : RunStatus.Completed, play.State.Status);
        }

        if (bearable < 4)
        {
            Fail(play, bearable);
            Assert.Equal(RunStatus.Failed, play.State.Status);
            Assert.Equal("FOREACH_FAILED", play.State.Error!.Code);
            Assert.Contains($"0 of 4 items of 'each' succeeded, {4 - bearable} have to. Item 0 failed", play.State.Error.Message);
        }

        Replays.Same(play);
    }

    [Fact]
    public void Nested_InnerItems_AreTheOuterItem()
    {
        ForeachNode inner = new(Call("do", input: """{"o":"${outer}","i":"${item}","at":"${string(outer_index) + '.' + string(index)}"}""")) { Id = "do", Items = Template("\"${outer}\""), };
        Play play = Started("[[1,2],[],[3]]", new ForeachNode(inner) { Id = "each", As = "outer", Items = Template("\"${input}\"") });
        Assert.Equal(["""{"o":[1,2],"i":1,"at":"0.0"}""", """{"o":[1,2],"i":2,"at":"0.1"}""", """{"o":[3],"i":3,"at":"2.0"}"""], Inputs(play));
        foreach (NodeRun leaf in Leaves(play).Reverse())
        {
            play.Feed(new StepStarted(leaf.Id, 1, 0, false));
            play.Feed(new StepSucceeded(leaf.Id, 1, leaf.Input!, 0, 0, 0, ""));
        }

        Assert.Equal("""[[{"o":[1,2],"i":1,"at":"0.0"},{"o":[1,2],"i":2,"at":"0.1"}],[],[{"o":[3],"i":3,"at":"2.0"}]]""", play.State.Output!.ToString());
        Replays.Same(play);
    }

    [Fact]
    public void Retry_OfAnIteration_KeepsItsItem()
    {
        Play play = Started("[1,2]", Each(Call("do", retry: new RetryPolicy { MaxAttempts = 2 })));
        NodeRun second = Leaves(play)[1];
        Fail(play, 1);
        Assert.Equal(NodePhase.Backoff, second.Phase);
        Assert.True(play.Advance(TimeSpan.FromMinutes(1)).Feed(new TimerFired(second.Id, second.Due)));
        Assert.Equal("2", second.Input!.ToString());
        play.Feed(new StepStarted(second.Id, 2, 0, false));
        play.Feed(new StepSucceeded(second.Id, 2, Payload.FromText("\"two\""), 0, 0, 0, ""));
        End(play, 0, "\"one\"");
        Assert.Equal("""["one","two"]""", play.State.Output!.ToString());
    }

    [Fact]
    public void Timeout_OfTheWhole_CancelsWhatIsOpen()
    {
        var each = new ForeachNode(Call("do")) { Id = "each", Items = Template("\"${input}\""), Timeout = TimeSpan.FromSeconds(5) };
        Play play = Started("[1,2]", each);
        NodeRun loop = play.Node("each");
        play.Advance(TimeSpan.FromSeconds(5)).Feed(new TimerFired(loop.Id, loop.Due));
        Assert.Equal("STEP_TIMEOUT", play.State.Error!.Code);
        Replays.Same(play);
    }

    [Fact]
    public void Failure_UndoesTheIterationsThatWereDone_LatestFirst()
    {
        Play play = Started("[1,2,3]", Each(Call("do", undo: Call("undo", input: """{"item":"${item}","got":"${output}"}"""))));
        End(play, 0, "\"a\"");
        End(play, 1, "\"b\"");
        Fail(play, 2, ErrorCategory.Permanent);
        Assert.Equal("""{"item":2,"got":"b"}""", play.Node("undo").Input!.ToString());
        play.Succeed("undo");
        Assert.Equal("""{"item":1,"got":"a"}""", play.Node("undo").Input!.ToString());
        Replays.Same(play);
        play.Succeed("undo");
        Assert.Equal(RunStatus.Failed, play.State.Status);
    }

    [Fact]
    public void Body_ThatEndsAtOnce_NeedsNoStack()
    {
        string items = $"[{string.Join(',', Enumerable.Range(0, ForeachNode.MostItems))}]";
        var each = new ForeachNode(new PassNode { Id = "do" }) { Id = "each", Items = Template("\"${input}\"") };
        var play = new Play(Define(Machine("m", new State(each) { Final = true }), new RunPolicies { MaxSteps = 20_000 }), items);
        Assert.Equal(items, play.State.Output!.ToString());
    }

    [Theory]
    [InlineData("7", "EXPRESSION_FAILED", "not a list")]
    [InlineData("{}", "EXPRESSION_FAILED", "not a list")]
    [InlineData("null", "EXPRESSION_FAILED", "not a list")]
    public void Items_ThatAreNoList_FailCleanly(string input, string code, string message)
    {
        Play play = Started(input, Each(Call("do")));
        Assert.Equal(code, play.State.Error!.Code);
        Assert.Contains(message, play.State.Error.Message);
    }

    [Fact]
    public void Items_TooMany_FailCleanly()
    {
        Play play = Started($"[{string.Join(',', Enumerable.Repeat("0", ForeachNode.MostItems + 1))}]", Each(Call("do")));
        Assert.Equal("FOREACH_LIMIT", play.State.Error!.Code);
    }

    [Fact]
    public void Results_TooLarge_FailCleanly()
    {
        Play play = Started("[1,2]", Each(Call("do")));
        string big = $"\"{new string('x', (Payload.MaxLength / 2) + 10)}\"";
        End(play, 0, big);
        End(play, 1, big);
        Assert.Equal("RESULT_TOO_LARGE", play.State.Error!.Code);
    }

    private static ForeachNode Each(Engine.Nodes.PlanNode body, int parallel = 32, OnStepError onError = OnStepError.Abort, int least = 0, decimal share = 0) =>
        new(body) { Id = "each", Items = Template("\"${input}\""), MaxParallel = parallel, OnError = onError, MinSuccess = least, MinShare = share };

    private static Play Started(string input, ForeachNode each) => new(Define(Machine("m", new State(each) { Final = true })), input);

    private static NodeRun[] Leaves(Play play) => [.. play.State.Open.Values.Where(n => n.Scope is null).OrderBy(n => n.Id)];

    private static string[] Inputs(Play play) => [.. Leaves(play).Select(n => n.Input!.ToString())];

    private static NodeRun Leaf(Play play, int index) => Leaves(play).Single(n => n.Visit == index + 1);

    private static void Start(Play play, int index) => play.Feed(new StepStarted(Leaf(play, index).Id, Leaf(play, index).Attempt + 1, 0, false));

    private static void End(Play play, int index, string output)
    {
        NodeRun leaf = Leaf(play, index);
        if (leaf.Phase == NodePhase.Scheduled)
        {
            Start(play, index);
        }

        Assert.True(play.Feed(new StepSucceeded(leaf.Id, leaf.Attempt, Payload.FromText(output), 0, 0, 0, "")));
    }

    private static void Fail(Play play, int index, ErrorCategory category = ErrorCategory.Transient)
    {
        NodeRun leaf = Leaf(play, index);
        if (leaf.Phase == NodePhase.Scheduled)
        {
            Start(play, index);
        }

        Assert.True(play.Feed(new StepFailed(leaf.Id, leaf.Attempt, FakeTool.Error(category), 0)));
    }
}
