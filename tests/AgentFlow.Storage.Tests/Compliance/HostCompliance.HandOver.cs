using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Storage.Tests.Compliance;

/// <content>Steps whose outcome comes later.</content>
public abstract partial class HostCompliance
{
    private static readonly EngineOptions ParksAtOnce = new() { ParkAfter = TimeSpan.Zero };

    private static StepOutcome Text(string json) => StepOutcome.Success(Encoding.UTF8.GetBytes(json));

    private Task<SendOutcome> AnswerAsync(Ledger ledger, StepOutcome outcome, string id)
    {
        ToolCall call = ledger.Calls.Last();
        return Host.AnswerAsync("t1", Ulid.Parse(call.RunId), call.Address!.Value, outcome, id, "agent:far", default).WaitAsync(Patience);
    }

    private async Task<StartOutcome> UntilHandedOver(WorkflowDefinition definition)
    {
        StartOutcome start = await Host.StartAsync(Request(definition), default);
        await UntilAsync(start.Run, RunStatus.Waiting);
        return start;
    }

    private Task UntilAsync(Ulid run, RunStatus status) => Until(async () => (await Store.FindAsync("t1", run, default))!.Status == status);

    [Fact]
    public async Task HandedOver_Step_ParksTheRunAndTheAnswerEndsIt()
    {
        NewHost(ParksAtOnce);
        var ledger = new Ledger(static (_, _) => new(StepOutcome.Later(TimeSpan.FromHours(1))));
        StartOutcome start = await UntilHandedOver(await Define(Chain(Call("a", ledger))));
        Assert.Equal(SendOutcome.Accepted, await AnswerAsync(ledger, Text("""{"ok":true}""") with { CostNanoDollars = 9 }, "1"));
        RunEnd end = (await End(start.Run))!;
        Assert.Equal((RunStatus.Completed, """{"ok":true}""", 9L), (end.Status, end.Output!.ToString(), end.CostNanoDollars));
        Assert.Equal(SendOutcome.RunEnded, await AnswerAsync(ledger, Text("2"), "2"));
        Assert.Single(ledger.Calls);
    }

    [Fact]
    public async Task HandedOver_ProcessDies_AnswersBeforeAndAfterTheRestartAreTaken()
    {
        NewHost(ParksAtOnce);
        var first = new Ledger(static (_, _) => new(StepOutcome.Later(TimeSpan.FromHours(1))));
        var second = new Ledger(static (_, _) => new(StepOutcome.Later(TimeSpan.FromHours(1))));
        WorkflowDefinition definition = await Define(Chain(Call("a", first), Call("b", second)));
        StartOutcome start = await UntilHandedOver(definition);
        Assert.Equal(SendOutcome.Accepted, await AnswerAsync(first, Text("1"), "1"));
        await second.Called.Task.WaitAsync(Patience);
        await UntilAsync(start.Run, RunStatus.Waiting);
        await RestartAsync(ParksAtOnce);
        Assert.Equal(SendOutcome.Accepted, await AnswerAsync(first, Text("1"), "1"));
        Assert.Equal(SendOutcome.Accepted, await AnswerAsync(second, Text("2"), "2"));
        Assert.Equal("2", (await End(start.Run))!.Output!.ToString());
        Assert.Equal((1, 1), (first.Calls.Count, second.Calls.Count));
    }

    [Fact]
    public async Task HandedOver_AnswerInsideTheCall_EndsTheRunOnce()
    {
        var ledger = new Ledger(async (call, _) =>
        {
            await Host.AnswerAsync("t1", Ulid.Parse(call.RunId), call.Address!.Value, Text("5"), "1", "agent:far", default);
            return StepOutcome.Later(TimeSpan.FromHours(1));
        });
        (StartOutcome start, RunEnd end) = await Host.ExecuteAsync(Request(await Define(Chain(Call("a", ledger)))), default).WaitAsync(Patience);
        Assert.Equal("5", end.Output!.ToString());
        Assert.Single((await Journal(start.Run)).OfType<StepAnswered>());
    }

    [Fact]
    public async Task HandedOver_NoAnswer_IsTriedAgainUnderTheSameKeyAndThenFails()
    {
        var ledger = new Ledger(static (_, _) => new(StepOutcome.Later(TimeSpan.FromMilliseconds(20))));
        var retry = new RetryPolicy { MaxAttempts = 3, Initial = TimeSpan.FromMilliseconds(1), Jitter = 0 };
        (_, RunEnd end) = await Host.ExecuteAsync(Request(await Define(Chain(Call("a", ledger, retry)))), default).WaitAsync(Patience);
        Assert.Equal("STEP_TIMEOUT", end.Error!.Code);
        Assert.Equal(3, ledger.Calls.Count);
        Assert.Single(ledger.Calls.Select(c => c.IdempotencyKey).Distinct());
    }

    [Fact]
    public async Task HandedOver_ManyAnswersFromEverywhere_EachRunEndsWithItsOwn()
    {
        NewHost(ParksAtOnce);
        var ledger = new Ledger(static (_, _) => new(StepOutcome.Later(TimeSpan.FromHours(1))));
        WorkflowDefinition definition = await Define(Chain(Call("a", ledger)));
        StartOutcome[] starts = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Host.StartAsync(Request(definition), default)));
        await Until(() => Task.FromResult(ledger.Calls.Count >= starts.Length));
        var random = new Random(7);
        (ToolCall Call, int Try)[] answers = [.. ledger.Calls.SelectMany(c => Enumerable.Range(0, 3).Select(t => (c, t)))];
        random.Shuffle(answers);
        await Task.WhenAll(answers.Select(a => Host.AnswerAsync(
            "t1", Ulid.Parse(a.Call.RunId), a.Call.Address!.Value, Text($"\"{a.Call.RunId}\""), $"{(a.Try == 0 ? 0 : 1)}", "agent:far", default))).WaitAsync(Patience);
        foreach (StartOutcome start in starts)
        {
            Assert.Equal($"\"{start.Run}\"", (await End(start.Run))!.Output!.ToString());
        }
    }

    [Fact]
    public async Task Answer_ThatBreaksTheContract_FailsTheStep()
    {
        var ledger = new Ledger(static (_, _) => new(StepOutcome.Later(TimeSpan.FromHours(1))));
        var call = new Engine.Nodes.CallNode { Id = "a", Tool = ledger, OutputValidator = static output => output.Span.SequenceEqual("1"u8) ? null : "it is not 1" };
        Task<(StartOutcome, RunEnd End)> executed = Host.ExecuteAsync(Request(await Define(Chain(call))), default);
        await ledger.Called.Task.WaitAsync(Patience);
        await AnswerAsync(ledger, Text("2"), "1");
        StepError error = (await executed.WaitAsync(Patience)).End.Error!;
        Assert.Equal(("OUTPUT_INVALID", ErrorCategory.Permanent), (error.Code, error.Category));
    }
}
