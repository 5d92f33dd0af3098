using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Steps;
using AgentFlow.Engine.Tests.Runs;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Costs;

/// <summary>
/// Estimates of plans whose calls always use the same: each was seen so often that nothing is left to chance, and the figures are
/// exact. A call uses 100 tokens, 1,000 nano-dollars and 2 seconds unless a test says otherwise.
/// </summary>
public class PlanCostModelTests
{
    private const long Often = 1_000_000_000;

    private readonly PlanCostModel _model = new();

    [Theory]
    [InlineData("[1,2,3]", 1, 3, 6)]
    [InlineData("[1,2,3]", 2, 3, 4)]
    [InlineData("[1,2,3]", 32, 3, 2)]
    [InlineData("""["${input.a}","${steps.x.output}"]""", 1, 2, 4)]
    [InlineData("[]", 1, 0, 0)]
    [InlineData("\"${input.list}\"", 2, 5, 6)]
    [InlineData("\"${input.list.filter(n, n > 3)}\"", 1, 2, 4)]
    [InlineData("\"${vars.none}\"", 1, CostPriors.Items, 2 * CostPriors.Items)]
    [InlineData("\"${output}\"", 5, CostPriors.Items, 2)]
    public void Foreach_HasTheItemsThatAreKnown_AndSoManyAtOnce(string items, int parallel, int calls, int seconds)
    {
        Learn("step:test/each/do");
        Check(_model.Estimate(One(Each(items, parallel)), Payload.FromText("""{"list":[1,2,3,4,5]}""")), calls, seconds);
    }

    [Fact]
    public void Foreach_InputNotKnown_HasAsManyItemsAsWereSeen()
    {
        WorkflowDefinition plan = One(Each("\"${input}\"", parallel: 2));
        Learn("step:test/each/do");
        Learn(new Play(plan, "[1,2,3,4,5,6,7]"));
        Check(_model.Estimate(plan), 7, 8);
        Check(_model.Estimate(plan, Payload.FromText("[1]")), 1, 2);
    }

    [Fact]
    public void Foreach_LongerThanWhatIsCountedOneByOne_IsSeenAllTheSame()
    {
        WorkflowDefinition plan = One(Each("\"${input}\"", parallel: 100));
        Learn("step:test/each/do");
        Learn(new Play(plan, $"[{string.Join(',', Enumerable.Range(0, 1000))}]"));
        Check(_model.Estimate(plan, runs: 50), 1000, 20);
    }

    [Theory]
    [InlineData(OnStepError.Abort, 0, false, 2)]
    [InlineData(OnStepError.Continue, 0, true, 6)]
    [InlineData(OnStepError.Continue, 3, false, 2)]
    [InlineData(OnStepError.Continue, 2, false, 4)]
    public void Foreach_WhoseItemsFail_EndsWhenTheEngineWould(OnStepError onError, int least, bool succeeds, int seconds)
    {
        Fail("step:test/each/do", 2);
        CostEstimate estimate = _model.Estimate(One(Each("[1,2,3]", 1, onError, least)));
        Assert.Equal((succeeds ? 1 : 0, 0), (estimate.SuccessRate, estimate.Tokens.Mean));
        Assert.Equal(seconds, estimate.Seconds.Mean, 4);
    }

    [Theory]
    [InlineData("7")]
    [InlineData("\"${input}\"")]
    public void Foreach_OverWhatIsNoList_Fails(string items) =>
        Assert.Equal((0, 0), (_model.Estimate(One(Each(items, 1)), Payload.FromText("{}")) is var e ? e.SuccessRate : 1, e.Tokens.Mean));

    [Fact]
    public void Foreach_OfVeryManySteps_IsImaginedLessOften()
    {
        Learn("step:test/each/do");
        WorkflowDefinition plan = Define(Machine("m", new State(Each($"[{string.Join(',', Enumerable.Range(0, 9000))}]", 9000)) { Final = true }));
        CostEstimate estimate = _model.Estimate(plan);
        Check(estimate, 9000, 2);
        Assert.InRange(estimate.Runs, 20, 300);
    }

    [Fact]
    public void While_Seen_HasAsManyRoundsUpToItsLimit()
    {
        Learn("step:test/loop/do");
        Learn("step:test/loop", "rounds:3");
        Check(_model.Estimate(One(Loop(100, delay: TimeSpan.FromSeconds(10)))), 3, 26);
        Check(_model.Estimate(One(Loop(2))), 2, 4);
    }

    [Fact]
    public void While_NotSeen_GoesOnHalfOfTheTime()
    {
        Learn("step:test/loop/do");
        Check(_model.Estimate(One(Loop(1))), 1, 2);
        CostEstimate estimate = _model.Estimate(One(Loop(100)));
        Assert.InRange(estimate.Tokens.Mean, 190, 210);
        Assert.InRange(estimate.Tokens.P95, 399, 601);
    }

    [Fact]
    public void While_WithoutARound_IsLearned()
    {
        WorkflowDefinition plan = One(new WhileNode(Call("do")) { Id = "loop", Condition = Cel("input.on") });
        Learn("step:test/loop/do");
        Learn(new Play(plan, """{"on":false}"""));
        Check(_model.Estimate(plan), 0, 0);
    }

    [Fact]
    public void Child_IsEstimatedByItsOwnPlan()
    {
        WorkflowDefinition child = Named("billing", Each("\"${input.orders}\"", 1));
        WorkflowDefinition parent = One(Child("bill", "billing", """{"orders":"${input.new}"}"""));
        Learn("step:billing/each/do");
        Payload input = Payload.FromText("""{"new":[1,2,3,4]}""");
        Check(Estimate(parent, input, child), 4, 8);
        Check(Estimate(parent, null, child), CostPriors.Items, 2 * CostPriors.Items);
        CostEstimate opaque = _model.Estimate(parent, input);
        Assert.Equal(["bill"], opaque.Unobserved);
        Assert.Equal(0, opaque.Tokens.Mean);
    }

    [Fact]
    public void Child_Unobserved_NamesItsCallsBehindTheStep()
    {
        WorkflowDefinition child = Named("billing", Graph("g", new Step(Call("a")), new Step(Call("b"))));
        Learn("step:billing/a");
        Assert.Equal(["bill/b"], Estimate(One(Child("bill", "billing")), null, child).Unobserved);
    }

    [Fact]
    public void Child_ThatFails_IsTriedAgainAsThePolicySays()
    {
        WorkflowDefinition child = Named("billing", Graph("g", new Step(Call("a")), new Step(Call("b")) { After = ["a"] }));
        Learn("step:billing/a");
        Fail("step:billing/b", 2);
        Fail("step:test/bill", 4);
        Learn("step:test/bill", "attempt:again");
        CallNode bill = Child("bill", "billing", retry: new RetryPolicy { MaxAttempts = 3, Initial = TimeSpan.FromSeconds(10), Factor = 1, Jitter = 0 });
        CostEstimate estimate = Estimate(One(bill), null, child);
        Assert.Equal(0, estimate.SuccessRate);
        Assert.Equal(300, estimate.Tokens.Mean, 4);
        Assert.Equal((3 * 4) + 20, estimate.Seconds.Mean, 4);
    }

    [Fact]
    public void Child_ThatCallsItself_IsFollowedAsDeepAsTheEngineGoes()
    {
        CallNode itself = Child("again", "endless");
        WorkflowDefinition endless = Named("endless", Graph("g", new Step(Call("a")), new Step(itself) { After = ["a"] }));
        Learn("step:endless/a");
        CostEstimate estimate = _model.Estimate(endless, children: new Dictionary<ChildCall, WorkflowDefinition> { [itself.Child!] = endless });
        Assert.Equal(0, estimate.SuccessRate);
        Assert.Equal(100 * (ChildCall.MaxDepth + 1), estimate.Tokens.Mean, 4);
    }

    [Fact]
    public void Child_ThatCallsItselfManyTimes_ComesToAnEnd()
    {
        CallNode itself = Child("again", "endless");
        WorkflowDefinition endless = Named("endless", new ForeachNode(itself) { Id = "each", Items = Template("[1,2,3]"), OnError = OnStepError.Continue });
        Assert.Equal(20, _model.Estimate(Define(Machine("m", new State(Child("start", "endless")) { Final = true })), children: new Dictionary<ChildCall, WorkflowDefinition> { [itself.Child!] = endless }).Runs);
    }

    [Fact]
    public void Barrier_TakesAsLongAsItDid_AndNoTokens()
    {
        WorkflowDefinition plan = One(new BarrierNode { Id = "gate", Barrier = new SharedUse(SharedKind.Barrier, Template("\"gate\""), 3, TimeSpan.FromMinutes(5)) });
        Assert.Equal(0, _model.Estimate(plan).Seconds.P50);
        Play play = new Play(plan).Advance(TimeSpan.FromSeconds(30));
        play.Feed(new PlaceGranted(play.Node("gate").Id, 1, 3));
        Learn(play);
        Check(_model.Estimate(plan), 0, 30);
    }

    [Fact]
    public void Barrier_ThatNobodyElseReaches_TakesItsLimit()
    {
        WorkflowDefinition plan = One(new BarrierNode { Id = "gate", Barrier = new SharedUse(SharedKind.Barrier, Template("\"gate\""), 3, TimeSpan.FromMinutes(5)) });
        var play = new Play(plan);
        play.FireTimer("gate");
        Assert.Equal(RunStatus.Failed, play.State.Status);
        Learn(play);
        Assert.Equal((0, 300), (_model.Estimate(plan).SuccessRate, _model.Estimate(plan).Seconds.Mean));
    }

    [Fact]
    public void Semaphore_IsQueuedForAsLongAsItWas()
    {
        CallNode call = Call("do");
        call.Semaphore = new SharedUse(SharedKind.Semaphore, Template("\"ledger\""), 1);
        WorkflowDefinition plan = One(call);
        Play play = new Play(plan).Advance(TimeSpan.FromSeconds(4));
        play.Feed(new PlaceGranted(play.Node("do").Id, 1, 1));
        play.Start("do").Advance(TimeSpan.FromSeconds(2)).Succeed("do");
        Learn(play);
        Check(_model.Estimate(plan), 0, 6);
    }

    [Fact]
    public void Waits_TakeTheDeclaredTime_UntilTheyWereSeen()
    {
        Check(_model.Estimate(One(Sleep("nap", TimeSpan.FromHours(1)))), 0, 3600);
        WaitNode[] naps() => [Sleep("long", TimeSpan.FromSeconds(60)), Sleep("short", TimeSpan.FromSeconds(5))];
        Check(_model.Estimate(One(new WaitForNode(naps()) { Id = "any" })), 0, 5);
        Check(_model.Estimate(One(new WaitForNode(naps()) { Id = "all", All = true })), 0, 60);

        WorkflowDefinition mail = One(new WaitForNode([Signal("mail", "mail"), Sleep("short", TimeSpan.FromSeconds(90))]) { Id = "any" });
        Play play = new Play(mail).Advance(TimeSpan.FromSeconds(40));
        play.Feed(new SignalReceived("mail", Payload.Null, 1));
        Learn(play);
        Check(_model.Estimate(mail), 0, 40);
    }

    [Fact]
    public void WaitUntil_TakesAsLongAsItDid()
    {
        WorkflowDefinition plan = One(new WaitNode { Id = "until", Until = Cel("run.started_at + duration('25s')") });
        var play = new Play(plan);
        play.FireTimer("until");
        Learn(play);
        Check(_model.Estimate(plan), 0, 25);
    }

    [Fact]
    public void Plan_OfAModel_IsEstimatedAsGrafted_AndForOthersAsTheWhole()
    {
        var play = new Play(Definitions.Loading.Loading.Definition("""
            language: 1
            name: planned
            version: 1.0.0
            planner: llm
            plan: { goal: "Serve ${input.who}", model: { model: m }, tools: [skill.http_call, skill.echo] }
            """), """{"who":"Ada"}""");
        Do(play, "plan.model", new JsonObject { ["answer"] = """{"steps":[{"step_id":"s1","skill":"skill.http_call","params":{"url":"a"}},{"step_id":"s2","skill":"skill.echo","params":{},"depends_on":["s1"]}]}""", ["cached"] = false, ["cache_key"] = "k" }.ToJsonString());
        Do(play, "s1", """{"body":[1]}""");
        Do(play, "s2", "{}");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        IReadOnlyDictionary<CostKey, Moments> learned = Learn(play);
        Assert.DoesNotContain(learned.Keys, k => k.Subject.Contains("/s1", StringComparison.Ordinal));
        Assert.Equal(["plan:ok", "plan:taken", "plan_dollars", "plan_seconds", "plan_tokens"], learned.Keys.Where(k => k.Measure.StartsWith("plan", StringComparison.Ordinal)).Select(k => k.Measure).Order(StringComparer.Ordinal));
        Check(_model.Estimate(play.State.Definition), 3, 6);
        Check(_model.Estimate(play.State.Definition.Base), 3, 6);
    }

    [Fact]
    public void Plan_Refused_IsAskedForAgainAndFallsBack()
    {
        WorkflowDefinition plan = Definitions.Loading.Loading.Definition("""
            language: 1
            name: planned
            version: 1.0.0
            planner: llm
            plan: { goal: "Serve ${input.who}", model: { model: m }, tools: [skill.echo], fallback: { tool: skill.query, input: { why: lost } } }
            """);
        var play = new Play(plan, """{"who":"Ada"}""");
        for (int i = 0; i < 2; i++)
        {
            Do(play, "plan.model", """{"answer":"no plan","cached":false,"cache_key":"k"}""");
        }

        string fallback = Assert.Single(play.Open);
        Do(play, fallback, "{}");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Assert.Equal(2 * Often, Learn(play).Single(l => l.Key.Measure == "plan:refused").Value.Count);
        Check(_model.Estimate(plan), 3, 6);
    }

    [Theory]
    [InlineData(false, 3, 6)]
    [InlineData(true, 5, 10)]
    public void Compensation_IsUsedWhereTheScopeFails(bool fails, int calls, double seconds)
    {
        WorkflowDefinition plan = Define(Graph("g", new Step(Call("a", undo: Call("undo"))), new Step(Call("b", undo: Call("undo"))) { After = ["a"] }, new Step(Call("c")) { After = ["b"] }));
        Array.ForEach<string>(["step:test/a", "step:test/b", "step:test/a/undo", "step:test/b/undo"], Learn);
        if (!fails)
        {
            Learn("step:test/c");
            Check(_model.Estimate(plan), calls, seconds);
            return;
        }

        Fail("step:test/c", 2);
        CostEstimate estimate = _model.Estimate(plan);
        Assert.Equal((0, 400), (estimate.SuccessRate, Math.Round(estimate.Tokens.Mean, 2)));
        Assert.Equal(seconds, estimate.Seconds.Mean, 4);
    }

    [Fact]
    public void Compensation_OfANestedScopeThatFails_IsUsedOnce()
    {
        Array.ForEach<string>(["step:test/inner/a", "step:test/inner/a/undo", "step:test/after"], Learn);
        Fail("step:test/inner/b", 2);
        WorkflowDefinition plan = Define(Graph(
            "g",
            new Step(Graph("inner", new Step(Call("a", undo: Call("undo"))), new Step(Call("b")) { After = ["a"] })) { OnError = OnStepError.Continue },
            new Step(Call("after"))));
        Check(_model.Estimate(plan), 3, 6);
    }

    [Theory]
    [InlineData("left:1", 200)]
    [InlineData("left:0", 0)]
    public void Compensation_OfACallThatFailed_IsUsedAsOftenAsItLeftSomething(string left, double tokens)
    {
        WorkflowDefinition plan = Define(Graph("g", new Step(Call("a", undo: Call("undo"))), new Step(Call("b", undo: Call("undo")))));
        Array.ForEach<string>(["step:test/a/undo", "step:test/b/undo"], Learn);
        Array.ForEach<string>(["a", "b"], id =>
        {
            Fail($"step:test/{id}", 2);
            Learn($"step:test/{id}", left);
        });
        Assert.Equal(tokens, _model.Estimate(plan).Tokens.Mean, 2);
    }

    [Fact]
    public void Compensation_IsLearned()
    {
        WorkflowDefinition plan = Define(Graph("g", new Step(Call("a", undo: Call("undo"))), new Step(Call("b", undo: Call("undo"))) { After = ["a"] }));
        var play = new Play(plan);
        Do(play, "a", "{}");
        play.Start("b").Advance(TimeSpan.FromSeconds(3)).Fail("b", new StepError("AWAY", ErrorCategory.Permanent, "gone"));
        Do(play, "undo", "{}");
        Assert.Equal(RunStatus.Failed, play.State.Status);
        IReadOnlyDictionary<CostKey, Moments> learned = Learn(play);
        Assert.Equal(Often, learned[new CostKey("step:test/a/undo", "attempt:ok")].Count);
        Assert.Equal(Often, learned[new CostKey("step:test/b", "left:0")].Count);
        Assert.DoesNotContain(learned.Keys, k => k is { Subject: "step:test/b", Measure: "left:1" });
        CostEstimate estimate = _model.Estimate(plan);
        Assert.Equal(200, estimate.Tokens.Mean, 2);
        Assert.Equal(7, estimate.Seconds.Mean, 4);
    }

    [Fact]
    public void Race_ThatIsDecided_UndoesWhatTheOthersHadDone()
    {
        // The second branch has done its call when the first wins, and is in the middle of the next one.
        WorkflowDefinition plan = Define(new ParallelNode([Call("fast"), new SequenceNode([Call("done", undo: Call("undo")), Call("slow")]) { Id = "s" }], 1) { Id = "race" });
        _model.Calibrate([Seen("step:test/fast", "attempt:ok", 0), Seen("step:test/fast", "seconds", 4)]);
        Array.ForEach<string>(["step:test/s/done", "step:test/s/done/undo"], Learn);
        _model.Calibrate([Seen("step:test/s/slow", "attempt:ok", 0), Seen("step:test/s/slow", "seconds", 6)]);
        CostEstimate estimate = _model.Estimate(plan);
        // Half of the branch's time is over: half of its use, and what was done is undone half of the time.
        Assert.Equal(1, estimate.SuccessRate);
        Assert.InRange(estimate.Tokens.Mean, 90, 110);
    }

    [Theory]
    [InlineData(true, 1, 1, 4)]
    [InlineData(false, 2, 0, 8)]
    public void Remedy_IsUsedAsOftenAsItWas(bool isAnswer, int calls, double success, double seconds)
    {
        var remedy = new Remedy(["OUTPUT_INVALID"]) { Call = Call("fix"), IsAnswer = isAnswer, Times = 2 };
        WorkflowDefinition plan = Define(Graph("g", new Step(new CallNode { Id = "work", Tool = FakeTool.External, Remedies = [remedy] })));
        Learn("step:test/work/fix");
        Fail("step:test/work", 2);
        Learn("step:test/work", "remedy:0");
        CostEstimate estimate = _model.Estimate(plan);
        // An answer ends the step; another input fails again, until the remedy is used up.
        Assert.Equal((success, 100.0 * calls), (estimate.SuccessRate, Math.Round(estimate.Tokens.Mean, 2)));
        Assert.Equal(isAnswer ? seconds : seconds + 2, estimate.Seconds.Mean, 4);
    }

    [Fact]
    public void Remedy_OfWaiting_TakesItsTime()
    {
        var remedy = new Remedy(["RATE_LIMITED"]) { Times = 3, Backoff = new RetryPolicy { Initial = TimeSpan.FromSeconds(10), Factor = 1, Jitter = 0 } };
        WorkflowDefinition plan = Define(Graph("g", new Step(new CallNode { Id = "work", Tool = FakeTool.External, Remedies = [remedy] })));
        Fail("step:test/work", 2);
        Learn("step:test/work", "remedy:0");
        Assert.Equal((4 * 2) + 30, _model.Estimate(plan).Seconds.Mean, 4);
    }

    [Fact]
    public void Remedy_IsLearned_AndDisturbsNothingElse()
    {
        var remedy = new Remedy(["OUTPUT_INVALID"]) { Call = Call("fix"), IsAnswer = true };
        CallNode work = new() { Id = "work", Tool = FakeTool.External, Remedies = [remedy], Retry = new RetryPolicy { MaxAttempts = 3, On = [ErrorCategory.Permanent] } };
        WorkflowDefinition plan = Define(Machine("m", new State(work) { Next = "end" }, new State(Call("end")) { Final = true }));
        var play = new Play(plan);
        play.Start("work").Advance(TimeSpan.FromSeconds(2)).Fail("work", new StepError("OUTPUT_INVALID", ErrorCategory.Permanent, "no name"));
        Do(play, "fix", "{}");
        Do(play, "end", "{}");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        IReadOnlyDictionary<CostKey, Moments> learned = Learn(play);
        Assert.Equal(Often, learned[new CostKey("step:test/work", "remedy:0")].Count);
        Assert.Equal(["step:test/work"], learned.Keys.Where(k => k.Measure.StartsWith("go:", StringComparison.Ordinal)).Select(k => k.Subject));
        Assert.DoesNotContain(learned.Keys, k => k.Measure is "attempt:again" or "attempt:failed");
        Check(_model.Estimate(plan), 2, 6);
    }

    [Fact]
    public void Child_TokensOfItsOwn_AreNotTheParents()
    {
        WorkflowDefinition child = Named("billing", Call("a"));
        CallNode bill = Child("bill", "billing");
        WorkflowDefinition parent = Define(Graph("g", new Step(Call("first")), new Step(bill)));
        Array.ForEach<string>(["step:billing/a", "step:test/first"], Learn);
        CostEstimate estimate = _model.Estimate(parent, children: new Dictionary<ChildCall, WorkflowDefinition> { [bill.Child!] = child });
        Assert.Equal((200, 100), (Math.Round(estimate.Tokens.Mean, 2), Math.Round(estimate.OwnTokens.Mean, 2)));
    }

    [Fact]
    public void Calibrate_WhileAnEstimateIsMade_DoesNotWaitForIt()
    {
        CallNode bill = Child("bill", "billing");
        WorkflowDefinition parent = One(bill);
        Learn("step:billing/a");
        long before = _model.Version;
        // Whoever is asked for the child stands in the middle of the estimate.
        var children = new AskedChildren(bill.Child!, Named("billing", Call("a")), () => Assert.True(
            Task.Run(() => _model.Calibrate([Seen("step:billing/a", "failed_seconds", 2), Seen("step:billing/a", "failed_seconds", 2)])).Wait(TimeSpan.FromMinutes(1)),
            "what was observed waits for an estimate"));
        Check(_model.Estimate(parent, children: children), 1, 2);
        Assert.Equal(before + 2, _model.Version);
        Assert.InRange(_model.Estimate(parent, children: new Dictionary<ChildCall, WorkflowDefinition> { [bill.Child!] = Named("billing", Call("a")) }).SuccessRate, 0.3, 0.37);
    }

    /// <summary>Does something when it is first asked for a child.</summary>
    private sealed class AskedChildren(ChildCall call, WorkflowDefinition child, Action asked) : IReadOnlyDictionary<ChildCall, WorkflowDefinition>
    {
        private Action? _asked = asked;

        public int Count => 1;

        public IEnumerable<ChildCall> Keys => [call];

        public IEnumerable<WorkflowDefinition> Values => [child];

        public WorkflowDefinition this[ChildCall key] => child;

        public bool ContainsKey(ChildCall key) => key == call;

        public bool TryGetValue(ChildCall key, [MaybeNullWhen(false)] out WorkflowDefinition value)
        {
            Interlocked.Exchange(ref _asked, null)?.Invoke();
            value = key == call ? child : null;
            return value is not null;
        }

        public IEnumerator<KeyValuePair<ChildCall, WorkflowDefinition>> GetEnumerator() => throw new NotSupportedException();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    /// <summary>Performs a step with the usual use.</summary>
    private static void Do(Play play, string id, string output)
    {
        play.Start(id).Advance(TimeSpan.FromSeconds(2));
        play.Feed(new StepSucceeded(play.Node(id).Id, play.Node(id).Attempt, Payload.FromText(output), 1000, 60, 40, ""));
    }

    private static void Check(CostEstimate estimate, int calls, double seconds)
    {
        Assert.Equal(1, estimate.SuccessRate, 3);
        foreach ((double expected, Spread spread) in new[] { (100.0 * calls, estimate.Tokens), (1000.0 * calls, estimate.NanoDollars), (seconds, estimate.Seconds) })
        {
            Assert.Equal(expected, spread.Mean, expected * 1e-5);
            Assert.Equal(expected, spread.P95, expected * 1e-5);
        }
    }

    private CostEstimate Estimate(WorkflowDefinition parent, Payload? input, WorkflowDefinition child) =>
        _model.Estimate(parent, input, new Dictionary<ChildCall, WorkflowDefinition> { [parent.Nodes.OfType<CallNode>().Single().Child!] = child });

    /// <summary>A call was seen to use the usual.</summary>
    private void Learn(string step) => _model.Calibrate(
    [
        Seen(step, "attempt:ok", 0), Seen(step, "input_tokens", 60), Seen(step, "output_tokens", 40), Seen(step, "dollars", 1000), Seen(step, "seconds", 2),
    ]);

    private void Learn(string step, string choice) => _model.Calibrate([Seen(step, choice, 0)]);

    private void Fail(string step, double seconds) => _model.Calibrate([Seen(step, "failed_seconds", seconds)]);

    private static KeyValuePair<CostKey, Moments> Seen(string step, string measure, double value)
    {
        double ln = value == 0 ? 0 : Math.Log(value);
        return new(new CostKey(step, measure), new Moments(Often, ln * Often, ln * ln * Often));
    }

    /// <summary>The same run, very often.</summary>
    private IReadOnlyDictionary<CostKey, Moments> Learn(Play play)
    {
        var book = new CostBook();
        var fold = new CostFold(play.State.Definition.Base);
        foreach (JournalEvent happened in play.Journal)
        {
            fold.Apply(happened, book);
        }

        Dictionary<CostKey, Moments> learned = book.All.ToDictionary(m => m.Key, m => new Moments(m.Value.Count * Often, m.Value.Sum * Often, m.Value.SquareSum * Often));
        _model.Calibrate(learned);
        return learned;
    }

    private static WorkflowDefinition One(PlanNode node) => Define(Machine("m", new State(node) { Final = true }));

    private static WorkflowDefinition Named(string name, PlanNode node) => new(node is GraphNode ? node : Machine("m", new State(node) { Final = true }))
    {
        Name = name,
        Version = "1.0.0",
        Hash = name,
        Planner = "test",
        Source = new WorkflowSource("", WorkflowAssets.Empty),
    };

    private static ForeachNode Each(string items, int parallel, OnStepError onError = OnStepError.Abort, int least = 0) =>
        new(Call("do")) { Id = "each", Items = Template(items), MaxParallel = parallel, OnError = onError, MinSuccess = least };

    private static WhileNode Loop(int max, TimeSpan? delay = null) => new(Call("do"), delay) { Id = "loop", Until = Cel("output.done"), Max = max };

    private static CallNode Child(string id, string workflow, string? input = null, RetryPolicy? retry = null) => new()
    {
        Id = id,
        Tool = new WorkflowTool(workflow),
        Child = new ChildCall(workflow, VersionRange.Any),
        Input = input is null ? null : Template(input),
        Retry = retry ?? RetryPolicy.None,
    };
}
