using AgentFlow.Engine.Audit;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// What is known about the chains outside the database. Whoever owns the database alone cannot change it. Written by the
/// process that chains, and perhaps by one that has not noticed yet that it does not any more; read by anybody.
/// </summary>
public interface IAuditWitness
{
    /// <summary>Keeps a checkpoint for good. Durable when it returns.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    void Append(AuditCheckpoint checkpoint);

    /// <summary>Replaces what is known about a chain's end. Durable when it returns.</summary>
    /// <param name="known">What it replaces.</param>
    /// <returns>False when something else is known: another process chains now, and nothing was written.</returns>
    /// <exception cref="IOException">It could not be written.</exception>
    bool TryWriteEnd(string tenant, WitnessedEnd known, WitnessedEnd end);

    /// <exception cref="IOException">It could not be read.</exception>
    WitnessedEnd ReadEnd(string tenant);

    /// <summary>Every checkpoint of a tenant, and its confirmed end; <see langword="null"/> when nothing was ever kept for anybody.</summary>
    /// <exception cref="IOException">It could not be read.</exception>
    IReadOnlyList<AuditCheckpoint>? Read(string tenant);

    /// <summary>Tenants whose chains have an end here.</summary>
    IReadOnlyList<string> Tenants { get; }
}

/// <summary>Where a chain ends, as known outside the database.</summary>
/// <param name="Confirmed">It was in the database up to here.</param>
/// <param name="Next">It was about to be extended up to here; a crash in between leaves it at either.</param>
public readonly record struct WitnessedEnd(AuditCheckpoint? Confirmed, AuditCheckpoint? Next)
{
    /// <summary>Whether both are the same statements: the same ends signed twice, perhaps by two processes, are not.</summary>
    public bool SaysAs(WitnessedEnd other) => IsSame(Confirmed, other.Confirmed) && IsSame(Next, other.Next);

    private static bool IsSame(AuditCheckpoint? one, AuditCheckpoint? other) =>
        one is null ? other is null : other is not null && one.Head == other.Head && one.Signature.Span.SequenceEqual(other.Signature.Span);
}
