using AgentFlow.Engine.Audit;

namespace AgentFlow.Engine.Ports;

/// <summary>Where records go before they are dropped.</summary>
public interface IAuditArchive
{
    /// <summary>Writes the records of sealed segments with their checkpoints. Durable when it returns; doing it again writes the same.</summary>
    /// <param name="from">The first record.</param>
    /// <param name="segments">The checkpoints, by size; the last one says how far.</param>
    /// <returns>How people find it.</returns>
    /// <exception cref="IOException">It could not be written, or the records are not the ones that were sealed: they are kept then.</exception>
    ValueTask<string> ExportAsync(string tenant, long from, IReadOnlyList<AuditCheckpoint> segments, IAuditStore store, CancellationToken cancellationToken);
}
