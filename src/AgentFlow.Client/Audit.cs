using System.Text.Json;

namespace AgentFlow.Client;

/// <summary>One record of the audit.</summary>
public sealed record AuditEntry
{
    /// <summary>Its place in the tenant's chain, from 0 without gaps.</summary>
    public required long Number { get; init; }

    public required DateTimeOffset At { get; init; }

    public string Actor { get => field ?? ""; init; }

    public string Action { get => field ?? ""; init; }

    public string Resource { get => field ?? ""; init; }

    /// <summary><c>allowed</c>, <c>denied</c>, <c>requires_approval</c>, <c>refused</c>, <c>succeeded</c>, <c>failed</c>, <c>cancelled</c> or <c>unknown</c>.</summary>
    public string Decision { get => field ?? ""; init; }

    public JsonElement? Details { get; init; }

    public string? TraceId { get; init; }

    public string? Prev { get; init; }

    public string? Hash { get; init; }
}

/// <summary>A signed statement about a chain.</summary>
/// <param name="Kind"><c>segment</c> or <c>retired</c>.</param>
/// <param name="Size">How many records it is about.</param>
/// <param name="Hash">Hash of the last of them.</param>
public sealed record AuditCheckpoint(string Kind, long Size, string Hash, DateTimeOffset SignedAt, string Key, string Signature);

/// <summary>What verifying a chain found.</summary>
public sealed record AuditVerification
{
    public required string Tenant { get; init; }

    public required bool Intact { get; init; }

    /// <summary>The first record that has not been exported and dropped.</summary>
    public long First { get; init; }

    /// <summary>How many records the chain has had.</summary>
    public long Size { get; init; }

    /// <summary>How many signed statements about it were found true.</summary>
    public int Confirmed { get; init; }

    public IReadOnlyList<AuditFault> Findings { get => field ?? []; init; }

    public int TotalFindings { get; init; }

    /// <summary>The public keys that are trusted, PEM.</summary>
    public string? Keys { get; init; }
}

/// <param name="Fault">For example <c>edited</c> or <c>cut_tail</c>.</param>
/// <param name="From">First record concerned.</param>
/// <param name="To">Last record concerned.</param>
public sealed record AuditFault(string Fault, long From, long To, string Message);

/// <summary>Which records to list.</summary>
public sealed record AuditQuery
{
    public string? Actor { get; init; }

    public string? Action { get; init; }

    /// <summary>The whole resource, or its beginning followed by <c>*</c>.</summary>
    public string? Resource { get; init; }

    public string? Decision { get; init; }

    /// <summary>RFC 3339.</summary>
    public string? From { get; init; }

    /// <summary>RFC 3339.</summary>
    public string? To { get; init; }

    /// <summary>Oldest first; otherwise newest first.</summary>
    public bool Ascending { get; init; }

    /// <summary>From the page before.</summary>
    public string? Cursor { get; init; }

    /// <summary>1 to 500. Default 50.</summary>
    public int Size { get; init; } = 50;
}
