using System.Text.Json;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Tests.Features.Runs;

public sealed class RunFoldTests
{
    private static readonly WorkflowDefinition Gated = Journals.Definition(Flows.Gated);

    [Fact]
    public void View_CompletedRun_HasPathCostsAndTimes()
    {
        RunView view = View(Gated, RunStatus.Completed, [.. Journals.Timed(
            Journals.Started,
            new NodeEntered(0, -1, 0, 1),
            new Transitioned(0, 1, TransitionRule.Initial, -1),
            new NodeEntered(1, 0, 1, 1),
            new StepScheduled(1, Payload.Null),
            new StepStarted(1, 1, 0, false),
            new StepSucceeded(1, 1, Payload.Null, 2_500_000_000, 100, 20, "openai"),
            new NodeEntered(2, 0, 2, 1),
            new StepScheduled(2, Payload.Null),
            new StepStarted(2, 1, 0, false),
            new StepSucceeded(2, 1, Payload.Null, 1, 3, 4, ""),
            new NodeFinished(0, NodeStatus.Succeeded, Payload.Null, null),
            new RunCompleted("passed", Payload.FromText("7")))]);
        Assert.Equal(("completed", "passed"), (view.Status, view.Outcome));
        Assert.Equal(["first", "done"], view.Path);
        Assert.Equal(2.500000001m, view.CostDollars);
        Assert.Equal(new TokensView(103, 24), view.Tokens);
        Assert.Equal(12_000, view.DurationMs);
        Assert.Equal("trace", view.TraceId);
        StepView first = view.Steps![0];
        Assert.Equal(("1", "first#1", "agent", "gate", "succeeded", "openai", 3000L), (first.Id, first.Path, first.Kind, first.Target, first.Status, first.Provider, first.DurationMs));
        Assert.Equal(StepIdentity.IdempotencyKey(Journals.Run, "first#1", 0), first.IdempotencyKey);
        Assert.Null(view.Steps[1].IdempotencyKey);
    }

    [Theory]
    [InlineData(4, "running", 0)]
    [InlineData(5, "scheduled", 0)]
    [InlineData(6, "running", 1)]
    [InlineData(7, "running", 1)]
    [InlineData(8, "backoff", 1)]
    [InlineData(9, "scheduled", 1)]
    [InlineData(10, "running", 2)]
    [InlineData(11, "running", 2)]
    [InlineData(12, "asked", 2)]
    [InlineData(13, "asked", 2)]
    [InlineData(14, "backoff", 2)]
    [InlineData(16, "running", 3)]
    [InlineData(17, "succeeded", 3)]
    public void View_StepOnItsWay_ShowsWhereItStands(int events, string status, int attempts)
    {
        JournalEvent[] journal = [.. Journals.Timed(
            Journals.Started,
            new NodeEntered(0, -1, 0, 1),
            new Transitioned(0, 1, TransitionRule.Initial, -1),
            new NodeEntered(1, 0, 1, 1),
            new StepScheduled(1, Payload.Null),
            new StepStarted(1, 1, 0, false),
            new StepFailed(1, 1, Journals.Error, 0),
            new RetryScheduled(1, 1, 99),
            new TimerFired(1, 99),
            new StepStarted(1, 2, 0, false),
            new StepUnknown(1, 2),
            new StepAsked(1),
            new StepResolved(1, StepResolution.Retry, null, "api"),
            new RetryScheduled(1, 1, 100),
            new TimerFired(1, 100),
            new StepStarted(1, 3, 0, false),
            new StepSucceeded(1, 3, Payload.Null, 0, 0, 0, ""))];
        StepView step = Assert.Single(View(Gated, RunStatus.Running, journal[..events]).Steps!);
        Assert.Equal((status, attempts), (step.Status, step.Attempts));
        Assert.Equal(status == "backoff", step.DueAt is not null);
        if (events >= 8)
        {
            Assert.Equal(StepIdentity.IdempotencyKey(Journals.Run, "first#1", 1), step.IdempotencyKey);
        }
    }

    [Theory]
    [InlineData(RunStatus.Queued, "queued")]
    [InlineData(RunStatus.Running, "running")]
    [InlineData(RunStatus.Waiting, "waiting")]
    [InlineData(RunStatus.Diverged, "diverged")]
    public void View_OpenRun_TakesWhatOnlyTheRowKnows(RunStatus row, string status) =>
        Assert.Equal(status, View(Gated, row, [Journals.Started]).Status);

    [Fact]
    public void View_Cause_OutranksAnOldRow()
    {
        Assert.Equal("paused", View(Gated, RunStatus.Running, [Journals.Started, new PauseRequested("x")]).Status);
        Assert.Equal("running", View(Gated, RunStatus.Running, [Journals.Started, new PauseRequested("x"), new ResumeRequested("x")]).Status);
        Assert.Equal("cancelling", View(Gated, RunStatus.Running, [Journals.Started, new NodeEntered(0, -1, 0, 1), new ScopeCancelling(0, NodeStatus.Cancelled, null)]).Status);
        RunView cancelled = View(Gated, RunStatus.Running, [Journals.Started, new RunCancelled("enough")]);
        Assert.Equal(("cancelled", "RUN_CANCELLED", "enough"), (cancelled.Status, cancelled.Error!.Code, cancelled.Error.Message));
        RunView failed = View(Gated, RunStatus.Running, [Journals.Started, new RunFailed(Journals.Error)]);
        Assert.Equal(("failed", "TOO_BUSY", "TRANSIENT", true), (failed.Status, failed.Error!.Code, failed.Error.Category, failed.Error.Retryable));
    }

    [Fact]
    public void View_DivergedRun_SaysWhy()
    {
        var fold = new RunFold(null);
        fold.Apply(Journals.Started);
        fold.Apply(new NodeEntered(0, -1, 0, 1));
        fold.Apply(new NodeEntered(1, 0, 1, 1));
        RunView view = fold.ToView(Journals.Row(RunStatus.Diverged, "event 7 differs"), null, null);
        Assert.Equal(("diverged", "RUN_DIVERGED", "event 7 differs"), (view.Status, view.Error!.Code, view.Error.Message));
        Assert.Equal(["node 1"], view.Path);
    }

    [Fact]
    public void Apply_EventsOfUnknownVisits_ChangeNothing()
    {
        var fold = new RunFold(Gated);
        foreach (JournalEvent journalEvent in Journals.OneOfEach.Where(e => e is not NodeEntered and not RunCompleted and not RunFailed and not RunCancelled))
        {
            fold.Apply(journalEvent);
        }

        Assert.Empty(fold.ToView(Journals.Row(RunStatus.Running), null, null).Steps!);
    }

    [Fact]
    public void Observe_MissingFrame_NeverComesToTheEnd()
    {
        var fold = new RunFold(Gated);
        fold.Observe(0, [Journals.Started]);
        fold.Observe(2, [new RunCompleted("x", Payload.Null)]);
        Assert.False(fold.HasEnded);
        fold.Observe(1, [new NodeEntered(0, -1, 0, 1), new RunCompleted("x", Payload.Null)]);
        Assert.True(fold.HasEnded);
    }

    [Fact]
    public void View_AnyPrefix_IsTheSameEachTime()
    {
        for (int length = 0; length <= Journals.OneOfEach.Count; length++)
        {
            JournalEvent[] prefix = [.. Journals.OneOfEach.Take(length)];
            Assert.Equal(Json(prefix), Json(prefix));
        }

        static string Json(JournalEvent[] events) => JsonSerializer.Serialize(View(Gated, RunStatus.Running, events), ServerJson.Default.RunView);
    }

    [Fact]
    public void Plan_OfAFailedGraph_ShowsEveryNode()
    {
        WorkflowDefinition definition = Journals.Definition(Flows.Failing);
        var fold = new RunFold(definition);
        foreach (JournalEvent journalEvent in new JournalEvent[]
        {
            Journals.Started, new NodeEntered(0, -1, 0, 1), new NodeEntered(1, 0, 1, 1), new StepStarted(1, 1, 0, false),
            new StepSucceeded(1, 1, Payload.Null, 0, 0, 0, ""), new NodeEntered(2, 0, 2, 1), new NodeFinished(2, NodeStatus.Failed, null, Journals.Error), new NodeSkipped(0, 3),
        })
        {
            fold.Apply(journalEvent);
        }

        PlanNodeView root = PlanView.Of(Journals.Row(RunStatus.Running), definition, fold).Root;
        Assert.Equal(("graph", "running"), (root.Kind, root.Status));
        Assert.Equal(["before:succeeded:1:", "broken:failed:1:before", "after:skipped:0:broken"], root.Children.Select(c => $"{c.Id}:{c.Status}:{c.Visits}:{string.Join(",", c.DependsOn!)}"));
    }

    private static RunView View(WorkflowDefinition definition, RunStatus row, JournalEvent[] events)
    {
        var fold = new RunFold(definition);
        foreach (JournalEvent journalEvent in events)
        {
            fold.Apply(journalEvent);
        }

        return fold.ToView(Journals.Row(row), RawJson.Of(fold.Input), RawJson.Of(fold.Output));
    }
}
