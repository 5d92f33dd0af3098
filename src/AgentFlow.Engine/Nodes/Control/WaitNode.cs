using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Nodes.Control;

/// <summary>
/// Waits for a signal or for time to pass. Signals that came early are taken first, in order of arrival; a signal ends
/// the wait with its payload as output. Waiting costs a parked run nothing but its row.
/// </summary>
public sealed class WaitNode : PlanNode
{
    /// <summary>Name of the awaited signal; <see langword="null"/>: only time passes.</summary>
    public string? Signal { get; init; }

    /// <summary>How long to wait; required without a signal, the limit with one (the node then fails with WAIT_TIMEOUT).</summary>
    public TimeSpan? For { get; init; }

    /// <summary>Gives the time until which to wait, a timestamp; evaluated once, when the wait begins. A time that has passed ends it at once.</summary>
    public CelExpression? Until { get; init; }

    public override string? AwaitedSignal => Signal;

    internal override void Start(RunMachine machine, NodeRun self)
    {
        SignalArrived(machine, self);
        if (self.Ended is not null)
        {
            return;
        }

        if (For is { } duration)
        {
            machine.SetTimer(self, duration);
        }
        else if (Until is { } until)
        {
            StartUntil(machine, self, until);
        }
    }

    private void StartUntil(RunMachine machine, NodeRun self, CelExpression until)
    {
        CelValue value = until.Evaluate(machine.VariablesFor(self));
        if (value.Kind != CelKind.Timestamp)
        {
            machine.Fail(self, ExpressionError(value.IsError
                ? $"'until: {until.Source}' of '{Id}' failed: {value.AsError().Message}"
                : $"'until: {until.Source}' of '{Id}' gave {value.TypeName} instead of a timestamp; write timestamp(…) around it."));
            return;
        }

        // A part of a millisecond is waited for, too: a timer is never early.
        long ticks = value.AsTimestamp().UtcTicks - DateTimeOffset.UnixEpoch.Ticks;
        long due = (ticks / TimeSpan.TicksPerMillisecond) + (ticks % TimeSpan.TicksPerMillisecond > 0 ? 1 : 0);
        if (!machine.TrySetTimer(self, due))
        {
            machine.Succeed(self, Payload.Null);
        }
    }

    internal override void SignalArrived(RunMachine machine, NodeRun self)
    {
        if (Signal is not null && machine.State.Signals.Exists(s => s.Name == Signal))
        {
            machine.Emit(new SignalConsumed(self.Id));
            machine.Succeed(self, self.Output);
        }
    }

    internal override void TimerFired(RunMachine machine, NodeRun self)
    {
        if (Signal is null)
        {
            machine.Succeed(self, Payload.Null);
        }
        else
        {
            machine.Fail(self, new StepError("WAIT_TIMEOUT", ErrorCategory.Transient, $"No signal '{Signal}' came to '{Id}' within {For}."));
        }
    }
}
