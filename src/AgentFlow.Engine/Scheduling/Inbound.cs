using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Scheduling;

/// <summary>A cause on its way into a run.</summary>
/// <param name="Item">Number of the inbox item that carried it; 0: it came from this process.</param>
/// <param name="WakeSeq">The run's wake sequence with this item; 0: the item was read from the store, and <see cref="Known"/> follows.</param>
/// <param name="Leaves">The run is to leave this process.</param>
internal readonly record struct Inbound(JournalEvent? Cause, long Item = 0, long WakeSeq = 0, bool Leaves = false)
{
    /// <summary>Asks the run to leave, on behalf of the process that holds it.</summary>
    public static readonly Inbound Left = new(null, Leaves: true);

    /// <summary>Only makes the run look at itself again.</summary>
    public static readonly Inbound Nothing = new(null);

    /// <summary>What an inbox item means.</summary>
    public static Inbound From(long item, InboxKind kind, ReadOnlyMemory<byte> data, long wakeSeq = 0) =>
        new(InboxItems.ToCause(item, kind, data), item, wakeSeq, Leaves: kind == InboxKind.Migrate);

    /// <summary>Says that everything up to a wake sequence has been handed over.</summary>
    public static Inbound Known(long wakeSeq) => new(null, 0, wakeSeq);
}

/// <summary>The content of inbox items.</summary>
internal static class InboxItems
{
    public static JournalEvent? ToCause(long item, InboxKind kind, ReadOnlyMemory<byte> data)
    {
        InboxContent content = InboxContent.Read(data);
        return kind switch
        {
            InboxKind.Signal => new SignalReceived(content.Name, content.Payload ?? Runs.Payload.Null, item),
            InboxKind.Cancel => new CancelRequested(content.By, content.Reason),
            InboxKind.Resolution => new StepResolved(content.Node, content.Resolution, content.Payload, content.By),
            InboxKind.Answer => new StepAnswered(content.Node, content.Generation, content.Error is null ? content.Payload ?? Runs.Payload.Null : null, content.Error, content.CostNanoDollars, content.By),
            InboxKind.Place => new PlaceGranted(content.Node, content.Round, content.Position),
            InboxKind.Modify => new PlanModified(content.Text, content.Revision, content.Name, content.By, content.Reason),
            InboxKind.Approval => new ApprovalDecided(content.Node, content.Name, content.Resolution == StepResolution.Succeed, content.By, content.Reason),
            InboxKind.Pause => new PauseRequested(content.By),
            InboxKind.Resume => new ResumeRequested(content.By),
            _ => null,
        };
    }
}
