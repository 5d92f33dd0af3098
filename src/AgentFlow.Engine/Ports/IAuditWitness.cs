using AgentFlow.Engine.Audit;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// What is known about the chains outside the database. Whoever owns the database alone cannot change it. Used by one thread
/// at a time for writing; reading is safe beside that.
/// </summary>
public interface IAuditWitness
{
    /// <summary>Keeps a checkpoint for good. Durable when it returns.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    void Append(AuditCheckpoint checkpoint);

    /// <summary>Replaces what is known about a chain's end.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    void WriteEnd(string tenant, WitnessedEnd end);

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
public readonly record struct WitnessedEnd(AuditCheckpoint? Confirmed, AuditCheckpoint? Next);
