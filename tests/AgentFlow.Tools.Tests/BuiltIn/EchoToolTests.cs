using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn;

namespace AgentFlow.Tools.Tests.BuiltIn;

public class EchoToolTests
{
    private readonly ITool _echo = Skill.Create(EchoTool.Definition);

    [Fact]
    public void InvokeAsync_AnyBytes_GivesTheSameMemoryAtOnce()
    {
        // Not even JSON: whoever parses it here would fail.
        ToolCall call = Skill.Call("{ \"b\" : 1,\t\"a\": ");

        StepOutcome outcome = _echo.Now(call);

        Assert.True(call.Input.Equals(outcome.Output));
    }

    [Fact]
    public void InvokeAsync_Allocations_AreTheOutcomeAlone()
    {
        ToolCall call = Skill.Call("{}");
        _ = _echo.Now(call);
        const int Calls = 1_000;

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Calls; i++)
            _ = StepOutcome.Success(call.Input);
        long outcomes = GC.GetAllocatedBytesForCurrentThread() - before;
        before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Calls; i++)
            _ = _echo.Now(call);

        Assert.Equal(outcomes, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
