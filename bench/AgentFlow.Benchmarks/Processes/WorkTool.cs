using System.Text;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Benchmarks.Processes;

/// <summary>
/// A step with effects that takes a while, and notes its beginning and end in a file that survives its process: what really
/// happened, to be held against what the journal says.
/// </summary>
internal sealed class WorkTool(string ledgerPath) : ITool, IDisposable
{
    private static readonly TimeSpan Duration = TimeSpan.FromMilliseconds(20);

    private readonly FileStream _ledger = new(ledgerPath, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);

    public ToolContract Contract { get; } = new() { Id = "bench.work", Version = "1.0.0", Effects = Effects.External };

    public async ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
    {
        Note('S', call);
        await Task.Delay(Duration, cancellationToken);
        Note('D', call);
        return StepOutcome.Success(call.Input);
    }

    /// <summary>Ten such steps, one after the other.</summary>
    public WorkflowDefinition TenSteps() => new(new StateMachineNode(
        [.. Enumerable.Range(0, 10).Select(i => ((PlanNode)new CallNode { Id = $"s{i}", Tool = this, OnUnknown = OnUnknown.Retry }, new StateRules { OnSuccess = i < 9 ? i + 1 : null, IsFinal = i == 9 }))],
        0)
    { Id = "root" })
    {
        Name = "ten-times-work",
        Version = "1.0.0",
        Hash = new string('1', 64),
        Planner = "fsm",
        Source = new WorkflowSource("", WorkflowAssets.Empty),
    };

    public void Dispose() => _ledger.Dispose();

    private void Note(char what, in ToolCall call)
    {
        byte[] line = Encoding.ASCII.GetBytes($"{call.RunId} {call.StepPath} {what}\n");
        lock (_ledger)
        {
            _ledger.Write(line);
        }
    }
}
