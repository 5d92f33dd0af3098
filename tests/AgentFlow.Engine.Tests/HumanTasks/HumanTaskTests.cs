using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Tests.HumanTasks;

/// <summary>What people and time do to a task. Pure.</summary>
public class HumanTaskTests
{
    private const long Start = 1_700_000_000_000;
    private const long Hour = 3_600_000;

    private static readonly Assignee Manager = new("manager", null);

    private static HumanTask Task(Payload? answer = null, params Escalation[] escalations) => HumanTask.Create(
        default, "t", default, new StepAddress(1, 0), "", "flow", "ask#1", new HumanTaskOrder { Title = "Look", To = new Assignee("approver", null), Timeout = TimeSpan.FromHours(3), DefaultAnswer = answer, Escalations = escalations }, Start);

    [Fact]
    public void Age_BeforeAnythingIsDue_ChangesNothing()
    {
        HumanTask task = Task();
        Assert.Same(task, task.Age(Start + (3 * Hour) - 1));
    }

    [Fact]
    public void Age_AtAnEscalation_TakesItFromWhoeverClaimedIt()
    {
        HumanTask task = Task(null, new Escalation(TimeSpan.FromHours(1), Manager), new Escalation(TimeSpan.FromHours(2), new Assignee(null, "anna")));
        Assert.Equal(Start + Hour, task.NextAt);
        HumanTask escalated = task.Claim("user:bob", Start + 5).Age(Start + Hour);
        Assert.Equal((HumanTaskStatus.Escalated, Manager, "", 1, Start + (2 * Hour)), (escalated.Status, escalated.To, escalated.ClaimedBy, escalated.Level, escalated.NextAt));
        Assert.Equal(HumanTaskStatus.Escalated, escalated.Claim("user:eve", 1).Release(2).Status);
    }

    [Fact]
    public void Age_AfterALongTime_CatchesUpToTheEnd()
    {
        HumanTask expired = Task(null, new Escalation(TimeSpan.FromHours(1), Manager)).Age(Start + (9 * Hour));
        Assert.Equal((HumanTaskStatus.Expired, 1, 0L, "timeout"), (expired.Status, expired.Level, expired.NextAt, expired.AnsweredBy));
        StepOutcome outcome = HumanTaskTool.OutcomeOf(expired);
        Assert.Equal("HUMAN_TASK_EXPIRED", outcome.Error!.Code);
    }

    [Fact]
    public void Age_WithADefaultAnswer_AnswersWithIt() =>
        Assert.Equal("7", System.Text.Encoding.UTF8.GetString(HumanTaskTool.OutcomeOf(Task(Payload.FromText("7")).Age(Start + (3 * Hour))).Output.Span));

    [Fact]
    public void Age_OfACompletedTask_ChangesNothing()
    {
        HumanTask done = Task().Complete(Payload.FromText("1"), "user:anna", "", Start + 1);
        Assert.Same(done, done.Age(long.MaxValue));
    }

    [Fact]
    public void Order_WithEverything_IsReadAsWritten()
    {
        var order = new HumanTaskOrder
        {
            Title = "Décide",
            Description = "why",
            Data = Payload.FromText("""{"a":[1,2]}"""),
            Form = ApprovalRequest.Form,
            To = new Assignee(null, "anna"),
            Priority = 9,
            Timeout = TimeSpan.FromMinutes(90),
            DefaultAnswer = ApprovalRequest.Answer(false, "late"),
            Escalations = [new Escalation(TimeSpan.FromMinutes(5), Manager)],
        };
        HumanTaskOrder read = HumanTaskOrder.Read(order.ToPayload().Utf8);
        Assert.Equal(order, read with { Escalations = order.Escalations });
        Assert.Equal(order.Escalations, read.Escalations);
    }
}
