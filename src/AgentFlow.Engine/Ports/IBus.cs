using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Ports;

/// <summary>Where committed frames go. Consumers see what is durable, never anything else, and never slow the engine.</summary>
public interface IBus
{
    /// <summary>False while nobody listens: the engine then does not even build the message.</summary>
    bool HasConsumers { get; }

    /// <summary>Hands over one committed frame; frames of one run come in order. Returns at once.</summary>
    void Publish(CommittedFrame frame);
}

/// <param name="FirstSeq">Sequence of the first event.</param>
public sealed record CommittedFrame(string Tenant, Ulid Run, string Workflow, long FirstSeq, IReadOnlyList<JournalEvent> Events);
