using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Audit;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// The chains of all tenants, and what waits to be chained: notes that commits have written (<see cref="CommitBatch.Notes"/>)
/// and the frames of runs. One process at a time takes from the intake and appends; anybody reads.
/// </summary>
public interface IAuditStore
{
    /// <summary>Whether this process is the one that chains, asked before each round. A store of one process says yes.</summary>
    /// <param name="lease">How long the answer holds at least, if nobody asks again.</param>
    ValueTask<bool> LeadAsync(TimeSpan lease, CancellationToken cancellationToken) => new(true);

    /// <summary>What waits, oldest first; every frame exactly once, whoever committed it and in whatever order.</summary>
    /// <param name="max">About how many notes and how many frames at most.</param>
    ValueTask<AuditIntake> ReadIntakeAsync(int max, CancellationToken cancellationToken);

    /// <summary>Where a tenant's chain ends in the store; the default value when it has none.</summary>
    ValueTask<AuditHead> HeadAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Adds records and takes what they were made of from the intake, in one durable transaction.</summary>
    /// <returns>False when another process appended or took something in the meantime: nothing was written.</returns>
    ValueTask<bool> AppendAsync(IReadOnlyList<AuditRecord> records, AuditIntake taken, CancellationToken cancellationToken);

    /// <summary>Records from a number on, in order. Says what is there, whether or not it is in order.</summary>
    ValueTask<IReadOnlyList<AuditRecord>> ReadAsync(string tenant, long from, int max, CancellationToken cancellationToken);

    ValueTask<AuditPage> SearchAsync(string tenant, AuditFilter filter, CancellationToken cancellationToken);

    /// <summary>How many records match, by who did what to what and how it went; cursor, order and size say nothing here.</summary>
    ValueTask<IReadOnlyList<AuditTally>> TallyAsync(string tenant, AuditFilter filter, CancellationToken cancellationToken);

    /// <summary>All checkpoints of a tenant, by size.</summary>
    ValueTask<IReadOnlyList<AuditCheckpoint>> CheckpointsAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Keeps a checkpoint; one that is there already changes nothing.</summary>
    ValueTask AddCheckpointAsync(AuditCheckpoint checkpoint, CancellationToken cancellationToken);

    /// <summary>Keeps a checkpoint of kind <see cref="AuditCheckpointKind.Retired"/> and drops the records before its size, in one transaction.</summary>
    ValueTask RetireAsync(AuditCheckpoint retired, CancellationToken cancellationToken);
}

/// <summary>What waits to be chained.</summary>
/// <param name="Position">The store's own: what <see cref="IAuditStore.AppendAsync"/> takes away.</param>
public sealed record AuditIntake(IReadOnlyList<AuditNote> Notes, IReadOnlyList<WaitingFrame> Frames, object Position)
{
    /// <summary>Takes nothing.</summary>
    public static AuditIntake None { get; } = new([], [], "");

    /// <summary>What the store holds that turned out to be nothing (a frame that was refused) is to be taken away as well.</summary>
    public bool IsEmpty { get; init; } = Notes.Count + Frames.Count == 0;
}

/// <param name="DefinitionHash">Hex SHA-256 of the run's workflow version.</param>
/// <param name="FirstSeq">Sequence of the frame's first event.</param>
public sealed record WaitingFrame(string Tenant, Ulid Run, string DefinitionHash, long FirstSeq, ReadOnlyMemory<byte> Data);

/// <summary>Which records to list. What is <see langword="null"/> does not restrict.</summary>
/// <param name="Resource">The whole resource, or its beginning followed by <c>*</c>.</param>
/// <param name="From">Unix milliseconds, inclusive.</param>
/// <param name="To">Unix milliseconds, exclusive.</param>
/// <param name="Cursor">The number of the last record of the page before.</param>
/// <param name="Ascending">Oldest first; otherwise newest first.</param>
public sealed record AuditFilter(
    string? Actor = null,
    string? Action = null,
    string? Resource = null,
    string? Decision = null,
    long? From = null,
    long? To = null,
    long? Cursor = null,
    bool Ascending = false,
    int Size = 50)
{
    /// <summary>Whether every record matches: how many those are follows from their numbers, and nobody has to count a long chain.</summary>
    public bool MatchesAll => (Actor ?? Action ?? Resource ?? Decision) is null && From is null && To is null;
}

public sealed record AuditTally(string Actor, string Action, string Resource, string Decision, long Count);

/// <param name="Total">All records that match, on whatever page.</param>
public sealed record AuditPage(IReadOnlyList<AuditRecord> Records, long Total, bool HasMore);

/// <summary>A note to be written with a batch.</summary>
public sealed class NoteAppend
{
    public required AuditNote Note { get; init; }

    /// <summary>
    /// Called once the note is on disk, or with the reason why it may not be, on the writing thread; must not block. A note is
    /// never written again by itself: whoever wanted it does without what it was about.
    /// </summary>
    internal Action<Exception?>? Done { get; init; }
}
