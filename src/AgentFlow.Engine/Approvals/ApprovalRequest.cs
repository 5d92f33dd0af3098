using System.Text.Json;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Approvals;

/// <summary>An approval that admission wants before a step runs: a human task with a fixed form.</summary>
/// <param name="Name">Unique among the approvals of a step; it is asked for once in a visit, and holds for every attempt.</param>
public sealed record ApprovalRequest(string Name, HumanTaskOrder Order)
{
    /// <summary>What everybody answers who is asked to approve something.</summary>
    public static Payload Form { get; } = Payload.FromText("""{"type":"object","required":["approved"],"properties":{"approved":{"type":"boolean"},"reason":{"type":"string"}},"additionalProperties":false}""");

    /// <param name="reason">Why an approval is needed.</param>
    /// <param name="timeout"><see langword="null"/>: it is waited for without end.</param>
    /// <param name="grantsWhenDue">What silence means when the time is up.</param>
    /// <param name="data">What there is to approve.</param>
    public static ApprovalRequest Of(string name, string title, string reason, Assignee to, TimeSpan? timeout = null, bool grantsWhenDue = false, Payload? data = null, IReadOnlyList<Escalation>? escalations = null) => new(
        name,
        new HumanTaskOrder
        {
            Title = title,
            Description = reason,
            Data = data,
            Form = Form,
            To = to,
            Timeout = timeout,
            DefaultAnswer = timeout is null ? null : Answer(grantsWhenDue, "nobody decided in time"),
            Escalations = escalations ?? [],
        });

    public static Payload Answer(bool granted, string reason) => JsonPayload.Object([("approved", granted ? Payload.FromText("true") : Payload.FromText("false")), ("reason", JsonPayload.Text(reason))]);

    /// <summary>What an answer says (<see cref="Answer"/>, or anything that fits <see cref="Form"/>).</summary>
    public static (bool Granted, string Reason) Read(Payload answer)
    {
        JsonElement json = JsonElement.Parse(answer.Utf8.Span);
        return (json.GetProperty("approved").GetBoolean(), json.TryGetProperty("reason", out JsonElement reason) ? reason.GetString() ?? "" : "");
    }
}

/// <param name="By">Who decided, as audits name it: <c>approver:NAME</c> for a rule.</param>
/// <param name="Reason">Why.</param>
public sealed record ApprovalAnswer(bool Granted, string By, string Reason);

/// <summary>
/// Decides about approvals in the place of people: a host's rule, or a simulation's. What it says is journaled and audited like
/// a person's answer.
/// </summary>
public interface IApprover
{
    /// <summary>Answers at once, from memory; <see langword="null"/>: people are asked. It is not asked again when a run is replayed.</summary>
    ApprovalAnswer? Decide(RunState run, NodeRun step, ApprovalRequest request);
}
