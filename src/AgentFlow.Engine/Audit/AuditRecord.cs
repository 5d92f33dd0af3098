using System.Text;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Audit;

/// <summary>What became of the action that a record is about.</summary>
public static class AuditDecision
{
    /// <summary>It passed every check; its effect follows.</summary>
    public const string Allowed = "allowed";

    /// <summary>The actor may not do it, or a policy forbids it; nothing was done.</summary>
    public const string Denied = "denied";

    /// <summary>It waits for a person who approves it; nothing was done yet. What an outside policy engine says of agents.</summary>
    public const string RequiresApproval = "requires_approval";

    /// <summary>It could not be done (there is no such thing, or it is not in a state for it); nothing was done.</summary>
    public const string Refused = "refused";

    public const string Succeeded = "succeeded";
    public const string Failed = "failed";
    public const string Cancelled = "cancelled";

    /// <summary>Whether it took effect is not known.</summary>
    public const string Unknown = "unknown";

    public static IReadOnlyList<string> All { get; } = [Allowed, Denied, RequiresApproval, Refused, Succeeded, Failed, Cancelled, Unknown];
}

/// <summary>What is to become a record: everything but its place in the chain.</summary>
/// <param name="At">Unix milliseconds.</param>
/// <param name="Actor">Who: a principal, <c>run:ID</c> for what a run does itself, <c>system</c> for what nobody asked for.</param>
/// <param name="Action">What, for example <c>run.cancel</c> or <c>step.started</c>.</param>
/// <param name="Resource">On what, for example <c>run:ID</c>, <c>run:ID/step#1</c> or <c>workflow:name</c>.</param>
/// <param name="Decision">One of <see cref="AuditDecision"/>.</param>
/// <param name="Details">A JSON object in canonical form (RFC 8785).</param>
/// <param name="Trace">W3C trace id, or empty.</param>
public sealed record AuditNote(string Tenant, long At, string Actor, string Action, string Resource, string Decision, Payload Details, string Trace)
{
    /// <summary>
    /// The same with texts that every store keeps as they are: neither U+0000 nor half a surrogate pair. What is hashed must be
    /// what is read again.
    /// </summary>
    public AuditNote Storable() => IsStorable(Actor) && IsStorable(Action) && IsStorable(Resource) && IsStorable(Trace)
        ? this
        : this with { Actor = Clean(Actor), Action = Clean(Action), Resource = Clean(Resource), Trace = Clean(Trace) };

    private static bool IsStorable(string text) => !text.AsSpan().Contains('\0') && !text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF');

    private static string Clean(string text)
    {
        if (IsStorable(text))
        {
            return text;
        }

        var clean = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            clean.Append(rune.Value == 0 ? "\uFFFD" : rune.ToString());
        }

        return clean.ToString();
    }
}

/// <summary>One record of a tenant's chain.</summary>
/// <param name="Number">Its place, from 0 without gaps.</param>
/// <param name="Prev">Hash of the record before; zeros before the first one.</param>
/// <param name="Hash">SHA-256 over the canonical JSON of the note and <paramref name="Prev"/>.</param>
public sealed record AuditRecord(long Number, AuditNote Note, AuditHash Prev, AuditHash Hash);

/// <summary>Where a chain ends: how many records it has had, and the hash of the last one.</summary>
public readonly record struct AuditHead(long Size, AuditHash Hash);
