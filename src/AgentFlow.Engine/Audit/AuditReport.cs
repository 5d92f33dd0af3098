namespace AgentFlow.Engine.Audit;

/// <summary>What is wrong with a chain.</summary>
public enum AuditFault
{
    /// <summary>A record does not have the content that was chained.</summary>
    Edited,

    /// <summary>Records are missing from the middle.</summary>
    Removed,

    /// <summary>Records stand in another order.</summary>
    Reordered,

    /// <summary>The chain ends before the place that was signed.</summary>
    CutTail,

    /// <summary>The records agree with each other, but not with what was signed: somebody has computed the chain anew.</summary>
    Rebuilt,

    /// <summary>Two records claim one place, or two signed statements disagree about one size.</summary>
    Fork,

    /// <summary>Records that nothing signed confirms.</summary>
    Unsigned,

    /// <summary>A checkpoint that no trusted key has signed.</summary>
    Forged,

    /// <summary>A checkpoint that was signed and witnessed is gone from the database.</summary>
    CheckpointRemoved,

    /// <summary>The witness, or a line of it, is missing: nothing outside the database confirms the checkpoint.</summary>
    MissingWitness,
}

/// <summary>One thing that is wrong, and where.</summary>
/// <param name="From">First record concerned.</param>
/// <param name="To">Last record concerned; for a checkpoint the record that it ends with.</param>
public sealed record AuditFinding(AuditFault Fault, long From, long To, string Message)
{
    /// <summary>The fault in lower case with underscores, as the API writes it.</summary>
    public string Word => Fault switch
    {
        AuditFault.CutTail => "cut_tail",
        AuditFault.CheckpointRemoved => "checkpoint_removed",
        AuditFault.MissingWitness => "missing_witness",
        var fault => fault.ToString().ToLowerInvariant(),
    };

    internal static AuditFault? FaultOf(string? word) =>
        Enum.GetValues<AuditFault>().Cast<AuditFault?>().FirstOrDefault(f => new AuditFinding(f!.Value, 0, 0, "").Word == word);
}

/// <summary>What verifying one tenant's chain has found.</summary>
/// <param name="First">The first record that is still there: earlier ones were exported and dropped.</param>
/// <param name="Size">How many records the chain has had.</param>
/// <param name="Confirmed">How many of the statements about it were found true.</param>
/// <param name="Findings">By place; at most <see cref="AuditVerifier.MaxFindings"/>.</param>
/// <param name="TotalFindings">How many there are.</param>
public sealed record AuditReport(string Tenant, long First, long Size, int Confirmed, IReadOnlyList<AuditFinding> Findings, int TotalFindings)
{
    public bool IsIntact => TotalFindings == 0;
}
