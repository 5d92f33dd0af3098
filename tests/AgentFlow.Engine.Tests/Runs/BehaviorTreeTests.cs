using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Expressions.Cel;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>Every composite and decorator against the standard tables, for every result of its children.</summary>
public class BehaviorTreeTests
{
    private const int Most = 4;

    public static TheoryData<string> Results { get; } = [.. Enumerable.Range(1, Most).SelectMany(n => Enumerable.Range(0, 1 << n).Select(bits => string.Concat(Enumerable.Range(0, n).Select(i => (bits >> i & 1) == 1 ? 's' : 'f'))))];

    private static PlanNode[] Leaves(int count) => [.. Enumerable.Range(0, count).Select(i => Call($"c{i}"))];

    private static Play Of(PlanNode root) => new(Define(root));

    /// <summary>Ends the open leaf as its letter says; gives the ids in the order in which they were ticked.</summary>
    private static List<string> Tick(Play play, string results)
    {
        List<string> ticked = [];
        while (play.Open is [var id])
        {
            ticked.Add(id);
            End(play, id, results[int.Parse(id[1..])]);
        }

        return ticked;
    }

    private static void End(Play play, string id, char result)
    {
        if (result == 's')
        {
            play.Succeed(id, $"\"{id}\"");
        }
        else
        {
            play.Fail(id, FakeTool.Error(ErrorCategory.Permanent) with { Code = $"{id}_FAILED" });
        }
    }

    private static void AssertEnded(Play play, bool succeeded, string by)
    {
        Assert.Equal(succeeded ? RunStatus.Completed : RunStatus.Failed, play.State.Status);
        Assert.Equal(succeeded ? $"\"{by}\"" : $"{by}_FAILED", succeeded ? play.State.Output!.ToString() : play.State.Error!.Code);
    }

    [Theory]
    [MemberData(nameof(Results))]
    public void Selector_EveryTable_EndsWithTheFirstSuccess(string results)
    {
        Play play = Of(new SelectorNode(Leaves(results.Length)) { Id = "s" });
        int first = results.IndexOf('s');
        int last = first >= 0 ? first : results.Length - 1;
        Assert.Equal(Enumerable.Range(0, last + 1).Select(i => $"c{i}"), Tick(play, results));
        AssertEnded(play, first >= 0, $"c{last}");
    }

    [Theory]
    [MemberData(nameof(Results))]
    public void Sequence_EveryTable_EndsWithTheFirstFailure(string results)
    {
        Play play = Of(new SequenceNode(Leaves(results.Length)) { Id = "s" });
        int first = results.IndexOf('f');
        int last = first >= 0 ? first : results.Length - 1;
        Assert.Equal(Enumerable.Range(0, last + 1).Select(i => $"c{i}"), Tick(play, results));
        AssertEnded(play, first < 0, $"c{last}");
    }

    [Theory]
    [MemberData(nameof(Results))]
    public void Parallel_EveryTableNeedAndOrder_EndsWhenItIsDecided(string results)
    {
        foreach (int[] order in Orders(results.Length))
        {
            for (int needed = 1; needed <= results.Length; needed++)
            {
                Play play = Of(new ParallelNode(Leaves(results.Length), needed) { Id = "p" });
                Assert.Equal(results.Length, play.Open.Length);
                play.Open.ToList().ForEach(id => play.Start(id));
                int succeeded = 0;
                int failed = 0;
                foreach (int child in order)
                {
                    Assert.Equal(RunStatus.Running, play.State.Status);
                    succeeded += results[child] == 's' ? 1 : 0;
                    failed += results[child] == 'f' ? 1 : 0;
                    End(play, $"c{child}", results[child]);
                    if (succeeded >= needed || failed > results.Length - needed)
                    {
                        break;
                    }
                }

                foreach (string left in play.Open)
                {
                    Assert.Equal(NodeStatus.Cancelled, play.Node(left).Closing);
                    play.Feed(new StepCancelled(play.Node(left).Id, 1));
                }

                Assert.Equal(succeeded >= needed ? RunStatus.Completed : RunStatus.Failed, play.State.Status);
                if (succeeded >= needed)
                {
                    int[] done = [.. order.Take(succeeded + failed).Where(c => results[c] == 's').Order()];
                    Assert.Equal($"{{{string.Join(',', done.Select(c => $"\"c{c}\":\"c{c}\""))}}}", play.State.Output!.ToString());
                }
            }
        }
    }

    [Theory]
    [InlineData('s', false, "INVERTED")]
    [InlineData('f', true, "")]
    public void Invert_EveryResult_IsTheOther(char result, bool succeeds, string code)
    {
        Play play = Of(new InvertNode(Call("c0")) { Id = "i" });
        End(play, "c0", result);
        Assert.Equal(succeeds ? RunStatus.Completed : RunStatus.Failed, play.State.Status);
        Assert.Equal(code, play.State.Error?.Code ?? "");
    }

    [Theory]
    [InlineData("s", 1, true)]
    [InlineData("fs", 2, true)]
    [InlineData("ffs", 3, true)]
    [InlineData("fff", 3, false)]
    [InlineData("f", 1, false)]
    public void Retry_EveryTable_EndsWithTheFirstSuccessOrTheLastTry(string results, int times, bool succeeds) => Rounds(new RepeatNode(Call("c0")) { Id = "r", IsRetry = true, Times = times }, results, succeeds);

    [Theory]
    [InlineData("f", 3, false)]
    [InlineData("sf", 3, false)]
    [InlineData("sss", 3, true)]
    [InlineData("s", 1, true)]
    public void Repeat_EveryTable_EndsWithTheFirstFailureOrTheLastRound(string results, int times, bool succeeds) => Rounds(new RepeatNode(Call("c0")) { Id = "r", Times = times }, results, succeeds);

    private static void Rounds(PlanNode root, string results, bool succeeds)
    {
        Play play = Of(root);
        foreach (char result in results)
        {
            Assert.Equal("c0", Assert.Single(play.Open));
            End(play, "c0", result);
        }

        AssertEnded(play, succeeds, "c0");
    }

    [Fact]
    public void Repeat_UntilAConditionHolds_EndsThenOrAtItsLimit()
    {
        Play Until(int times) => Of(new RepeatNode(Call("c0")) { Id = "r", Times = times, Until = Cel("output >= 2") });
        Play play = Until(5);
        play.Succeed("c0", "1").Succeed("c0", "2");
        Assert.Equal((RunStatus.Completed, "2"), (play.State.Status, play.State.Output!.ToString()));
        Play limited = Until(2);
        limited.Succeed("c0", "0").Succeed("c0", "1");
        Assert.Equal("REPEAT_LIMIT", limited.State.Error!.Code);
        Play broken = Until(2);
        broken.Succeed("c0", "\"text\"");
        Assert.Equal("EXPRESSION_FAILED", broken.State.Error!.Code);
    }

    [Fact]
    public void Retry_WithADelay_WaitsBetweenTheTries()
    {
        Play play = Of(new RepeatNode(Call("c0"), TimeSpan.FromSeconds(3)) { Id = "r", IsRetry = true, Times = 2 });
        End(play, "c0", 'f');
        Assert.Equal("pause", Assert.Single(play.Open));
        Assert.Equal(3000, play.Node("pause").Due - play.Now);
        play.FireTimer("pause");
        End(play, "c0", 's');
        Assert.Equal(RunStatus.Completed, play.State.Status);
    }

    [Fact]
    public void Timeout_ThatRunsOut_FailsTheChildAndTheTreeGoesOn()
    {
        Play play = Of(new SelectorNode([new TimeoutNode(Call("c0")) { Id = "limited", Timeout = TimeSpan.FromSeconds(5) }, Call("c1")]) { Id = "s" });
        play.Start("c0");
        NodeRun limited = play.State.Open.Values.Single(n => n.Node.Id == "limited");
        play.Advance(TimeSpan.FromSeconds(5));
        Assert.True(play.Feed(new TimerFired(limited.Id, limited.Due)));
        play.Feed(new StepCancelled(play.Node("c0").Id, 1));
        Assert.Equal("c1", Assert.Single(play.Open));
        play.Succeed("c1");
        Assert.Equal(RunStatus.Completed, play.State.Status);
    }

    [Theory]
    [InlineData("input.n == 1", true, "")]
    [InlineData("input.n == 2", false, "CONDITION_FALSE")]
    [InlineData("input.missing == 2", false, "EXPRESSION_FAILED")]
    [InlineData("input.n", false, "EXPRESSION_FAILED")]
    public void Condition_EveryValue_IsSuccessFailureOrError(string condition, bool succeeds, string code)
    {
        var play = new Play(Define(new SequenceNode([new ConditionNode { Id = "c", Condition = Cel(condition) }]) { Id = "s" }), """{"n":1}""");
        Assert.Equal(succeeds ? RunStatus.Completed : RunStatus.Failed, play.State.Status);
        Assert.Equal(code, play.State.Error?.Code ?? "");
    }

    [Theory]
    [InlineData(1, true, "c0")]
    [InlineData(2, true, "c1")]
    [InlineData(3, true, "c2")]
    [InlineData(3, false, "NO_BRANCH")]
    public void ConditionalSelector_FirstTrueCondition_TakesItsBranch(int n, bool hasDefault, string taken)
    {
        (CelExpression?, PlanNode)[] branches = [(Cel("input.n == 1"), Call("c0")), (Cel("input.n == 2"), Call("c1")), .. hasDefault ? new[] { ((CelExpression?)null, (PlanNode)Call("c2")) } : []];
        var play = new Play(Define(new ConditionalSelectorNode(branches) { Id = "b" }), $$"""{"n":{{n}}}""");
        if (taken == "NO_BRANCH")
        {
            Assert.Equal(taken, play.State.Error!.Code);
            return;
        }

        Assert.Equal(taken, Assert.Single(play.Open));
        End(play, taken, 'f');
        Assert.Equal($"{taken}_FAILED", play.State.Error!.Code);
    }

    [Fact]
    public void FinishedLeaf_IsNotTickedAgainAfterAReload()
    {
        Play play = Of(new SequenceNode([new SelectorNode(Leaves(2)) { Id = "s" }, Call("z")]) { Id = "root" });
        End(play, "c0", 'f');
        RunMachine reloaded = play.Reload();
        Assert.Equal("c1", Assert.Single(reloaded.State.Open.Values, n => n.Scope is null).Node.Id);
        End(play, "c1", 's');
        Assert.Equal("z", Assert.Single(play.Reload().State.Open.Values, n => n.Scope is null).Node.Id);
    }

    [Fact]
    public void Alternative_ThatFails_IsUndoneBeforeTheNextOne()
    {
        Play play = Of(new SelectorNode([
            new SequenceNode([Call("book", undo: Call("unbook")), Call("pay")]) { Id = "first" },
            Call("second")])
        { Id = "s" });
        play.Succeed("book");
        play.Fail("pay", FakeTool.Error(ErrorCategory.Permanent));
        Assert.Equal("unbook", Assert.Single(play.Open));
        play.Succeed("unbook");
        Assert.Equal("second", Assert.Single(play.Open));
    }

    private static IEnumerable<int[]> Orders(int count) => count == 0 ? [[]] : Orders(count - 1).SelectMany(rest => Enumerable.Range(0, count).Select(at => rest[..at].Append(count - 1).Concat(rest[at..]).ToArray()));
}
