using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What runs take on disk.</summary>
public abstract partial class HostCompliance
{
    /// <summary>Bytes of tables and indexes, without the log.</summary>
    protected abstract Task<long> BytesOnDiskAsync();

    [Fact]
    public async Task Size_RunOfTenDurableSteps_IsBelowFourKibibytes()
    {
        const int runs = 600;
        var ledger = new Ledger();
        WorkflowDefinition definition = await Define(Chain([.. Enumerable.Range(0, 10).Select(i => Call($"s{i}", ledger))]));
        await ExecuteMany(definition, 100);
        long before = await BytesOnDiskAsync();
        await ExecuteMany(definition, runs);
        Assert.InRange((await BytesOnDiskAsync() - before) / (double)runs, 1, 4096);
    }

    [Fact]
    public async Task Size_Conversation_GrowsWithItsTurnsAndNotWithTheirSquare()
    {
        var answer = new Ledger((_, _) => ValueTask.FromResult(StepOutcome.Success(Said("answer", last: false).Utf8)));
        StateRules listen = new() { Transitions = [new ConditionalTransition(CelExpression.Compile("output.last"), 2)], OnSuccess = 1 };
        WorkflowDefinition definition = await Define(new StateMachineNode(
            [(new WaitNode { Id = "listen", Signal = "said" }, listen), (Call("answer", answer), new StateRules { OnSuccess = 0 }), (Call("done", answer), new StateRules { IsFinal = true })],
            0)
        { Id = "root" });
        await Converse(definition, 10);
        double few = await BytesATurn(25);
        double many = await BytesATurn(100);
        Assert.True(many < few * 1.3, $"A turn takes {few:0} bytes in a conversation of 25 and {many:0} in one of 100.");

        async Task<double> BytesATurn(int turns)
        {
            const int conversations = 8;
            long before = await BytesOnDiskAsync();
            for (int i = 0; i < conversations; i++)
            {
                await Converse(definition, turns);
            }

            return (await BytesOnDiskAsync() - before) / (double)(conversations * turns);
        }
    }

    private async Task ExecuteMany(WorkflowDefinition definition, int count)
    {
        for (int i = 0; i < count; i += 50)
        {
            await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Host.ExecuteAsync(Request(definition), default).WaitAsync(Patience)));
        }
    }

    private async Task Converse(WorkflowDefinition definition, int turns)
    {
        Ulid run = (await Host.StartAsync(Request(definition), default).WaitAsync(Patience)).Run;
        for (int turn = 1; turn <= turns; turn++)
        {
            var said = new InboxContent { Name = "said", Payload = Said($"{run} {turn}", last: turn == turns) };
            Assert.Equal(SendOutcome.Accepted, await Host.SendAsync("t1", run, InboxKind.Signal, $"turn-{turn}", said, default).WaitAsync(Patience));
        }

        Assert.Equal(RunStatus.Completed, (await End(run))!.Status);
    }

    /// <summary>A thousand bytes.</summary>
    private static Payload Said(string text, bool last) => Payload.FromText($$"""{"text":"{{text.PadRight(960, 'x')}}","last":{{(last ? "true" : "false")}}}""");
}
