using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// Journals, run rows, inbox and timers: the only truth about runs. Every method takes the tenant or a key that was
/// handed out for one. Implementations are safe for concurrent calls; of commits not more than
/// <see cref="ParallelCommits"/> are under way at once, never two with frames of the same run, and one with inbox items.
/// </summary>
public interface IRunStore
{
    /// <summary>Commits that may be under way at once, because the store writes one while another one waits for the disk. Default 1.</summary>
    int ParallelCommits => 1;

    /// <summary>Whether other processes may work on the same runs. Default false.</summary>
    bool IsShared => false;

    /// <summary>
    /// Whether a commit may leave the disk to the next one (<see cref="CommitBatch.IsDeferred"/>). Such a store commits one batch at a
    /// time, and what is on disk is always everything up to some commit. Default false.
    /// </summary>
    bool CanDefer => false;

    /// <summary>
    /// Writes a batch in one transaction and sets every item's outcome. When it returns, committed items are on disk, unless
    /// the batch is deferred. An exception says that the outcome of the whole batch is unknown; reading decides (<see cref="HasFrameAsync"/>).
    /// </summary>
    ValueTask CommitAsync(CommitBatch batch, CancellationToken cancellationToken);

    /// <summary>Puts on disk whatever was deferred. May come beside a commit.</summary>
    ValueTask FlushAsync(CancellationToken cancellationToken) => default;

    /// <summary>
    /// Whether exactly this frame stands in the journal, and is this process's: resolves an unknown commit. Another owner may
    /// have come to the same decision at the same time, and the same bytes are his then.
    /// </summary>
    /// <returns><see langword="null"/> when no frame stands at that sequence; otherwise whether it is this one.</returns>
    ValueTask<bool?> HasFrameAsync(RunAppend append, CancellationToken cancellationToken);

    /// <summary>Takes up to <paramref name="max"/> runs that are queued or have been woken, for this process: the same share of each tenant's, oldest first.</summary>
    ValueTask<IReadOnlyList<ClaimedRun>> ClaimAsync(int max, CancellationToken cancellationToken);

    /// <summary>The newest snapshot, the frames after it, and the unconsumed inbox items, from one consistent view.</summary>
    ValueTask<RunHistory> LoadAsync(ClaimedRun run, CancellationToken cancellationToken);

    /// <summary>
    /// Marks a run that cannot go on (<see cref="RunStatus.Diverged"/>), with the reason, and gives others the places that it held at
    /// what runs share. Nothing when it is marked already or another session owns it.
    /// </summary>
    /// <returns>The runs that were given a place.</returns>
    ValueTask<IReadOnlyList<Ulid>> SetAsideAsync(ClaimedRun run, string reason, CancellationToken cancellationToken);

    /// <summary>
    /// Removes every timer that is due at <paramref name="now"/> and wakes its run when that is parked, at most
    /// <paramref name="max"/> in one transaction. The owner derives what fired from the journal.
    /// </summary>
    /// <returns>How many fired, and when the next one is due (Unix milliseconds; <see langword="null"/>: none is set).</returns>
    ValueTask<(int Fired, long? NextDue)> FireTimersAsync(long now, int max, CancellationToken cancellationToken);

    /// <summary>Runs that wait to be claimed; counting stops at <paramref name="atMost"/>.</summary>
    ValueTask<int> CountQueuedAsync(int atMost, CancellationToken cancellationToken);

    /// <summary>Runs that this process owns and whose inbox holds something that others put there.</summary>
    ValueTask<IReadOnlyList<Ulid>> FindWokenAsync(CancellationToken cancellationToken) => new([]);

    /// <summary>One run's row; <see langword="null"/> when the tenant has no such run.</summary>
    ValueTask<RunRow?> FindAsync(string tenant, Ulid run, CancellationToken cancellationToken);

    /// <summary>Which tenant has a run; <see langword="null"/> when none has. Only for callers who may act in every tenant.</summary>
    ValueTask<string?> FindTenantAsync(Ulid run, CancellationToken cancellationToken);

    /// <summary>Who holds and who waits for what the tenant's runs share, by name and in the order of asking.</summary>
    /// <param name="max">Most places.</param>
    ValueTask<IReadOnlyList<SharedPlace>> ListPlacesAsync(string tenant, SharedKind kind, int max, CancellationToken cancellationToken);

    /// <summary>Rows, newest first.</summary>
    ValueTask<RunPage> ListAsync(string tenant, RunFilter filter, CancellationToken cancellationToken);

    /// <summary>Frames with a sequence of at least <paramref name="fromSeq"/>, oldest first; blobs are read on demand.</summary>
    ValueTask<IReadOnlyList<StoredFrame>> ReadFramesAsync(string tenant, Ulid run, long fromSeq, int max, CancellationToken cancellationToken);

    /// <summary>The last frame of a run, which holds its end once it has one.</summary>
    ValueTask<StoredFrame?> ReadLastFrameAsync(string tenant, Ulid run, CancellationToken cancellationToken);

    /// <summary>A blob by its SHA-256; <see langword="null"/> when the tenant has none.</summary>
    Payload? ReadBlob(string tenant, ReadOnlyMemory<byte> hash);

    /// <summary>
    /// What other processes did that may concern this one. News says where to look, not what happened: it can be late,
    /// repeated or lost, and whoever relies on it looks again from time to time. Raised on the store's own thread;
    /// handlers must neither block nor throw. A store of one process has none, which is the default.
    /// </summary>
    event Action<StoreNews> News
    {
        add { }
        remove { }
    }
}

public enum StoreNewsKind
{
    /// <summary>Runs may be there to claim.</summary>
    WorkAvailable,

    /// <summary>Something came into the inbox of a run that this process owns: <see cref="StoreNews.Run"/>.</summary>
    ItemArrived,

    /// <summary>A run came to its end elsewhere: <see cref="StoreNews.Run"/>.</summary>
    RunEnded,

    /// <summary>This process was taken for dead: every run that it holds belongs to others now, and its frames are fenced.</summary>
    OwnershipLost,
}

public readonly record struct StoreNews(StoreNewsKind Kind, Ulid Run = default);

/// <summary>What one transaction writes.</summary>
public sealed class CommitBatch
{
    public List<RunAppend> Frames { get; } = [];

    public List<InboxAppend> Inbox { get; } = [];

    /// <summary>What waits to become audit records (<see cref="IAuditStore"/>).</summary>
    public List<NoteAppend> Notes { get; } = [];

    /// <summary>Runs that frames of the batch have created, or put something into the inbox of. Set by the store.</summary>
    public List<Ulid> Touched { get; } = [];

    /// <summary>Whether an unknown commit turned out to be written: which runs it touched nobody can tell then. Set by the engine alone.</summary>
    internal bool TouchedUnknown { get; set; }

    /// <summary>
    /// Need not be on disk when the commit returns: the next batch puts it there, whatever comes of its own items, or <see cref="IRunStore.FlushAsync"/>. Everybody
    /// who reads the store sees it at once. Only for a store that <see cref="IRunStore.CanDefer"/>. Default false.
    /// </summary>
    public bool IsDeferred { get; set; }

    public bool IsEmpty => Frames.Count == 0 && Inbox.Count == 0 && Notes.Count == 0;

    public void Clear()
    {
        Frames.Clear();
        Inbox.Clear();
        Notes.Clear();
        Touched.Clear();
        TouchedUnknown = false;
        IsDeferred = false;
    }
}

/// <summary>
/// What a frame does outside its run, in its own transaction and after it: nothing of this happens unless the frame is written.
/// A frame that withdraws a place is written only if <see cref="RunAppend.WakeSeq"/> is the run's (otherwise
/// <see cref="CommitOutcome.Woken"/>): the place may have been given meanwhile.
/// </summary>
public sealed class CrossAppend
{
    /// <summary>Runs that do steps of this one; each is a <see cref="RowChange.CreateQueued"/> and may have its own <see cref="RunAppend.Cross"/>.</summary>
    public List<RunAppend> Children { get; } = [];

    /// <summary>For other runs of the tenant. One that has ended takes nothing.</summary>
    public List<CrossItem> Items { get; } = [];

    /// <summary>Places that the run's steps ask for; who is given one is decided after all that leave.</summary>
    public List<PlaceRequest> Requests { get; } = [];

    public List<PlaceReturn> Returns { get; } = [];

    public bool Withdraws => Returns.Exists(r => !r.Held);

    public bool IsEmpty => Children.Count + Items.Count + Requests.Count + Returns.Count == 0;
}

/// <param name="Dedupe">Unique in the inbox of <paramref name="Run"/>.</param>
/// <param name="Data">As <see cref="InboxAppend.Data"/>.</param>
public sealed record CrossItem(Ulid Run, InboxKind Kind, string Dedupe, ReadOnlyMemory<byte> Data);

/// <param name="Step">The visit that asks; a visit has one place.</param>
/// <param name="Size">Permits or parties.</param>
public sealed record PlaceRequest(int Step, SharedKind Kind, string Name, int Size);

/// <param name="Held">The place had been given; otherwise the visit gives up waiting.</param>
public sealed record PlaceReturn(int Step, SharedKind Kind, string Name, bool Held);

/// <summary>A place at something that runs share, as it stands.</summary>
/// <param name="Number">The order in which places were asked for.</param>
/// <param name="Size">Permits or parties, as this one's workflow says.</param>
/// <param name="Held">Given; otherwise it is waited for.</param>
public sealed record SharedPlace(SharedKind Kind, string Name, long Number, Ulid Run, int Step, int Size, bool Held);

/// <summary>What became of one item of a batch.</summary>
public enum CommitOutcome
{
    Pending = 0,

    /// <summary>On disk.</summary>
    Committed,

    /// <summary>The frame is on disk, but something arrived for the run: it was not parked.</summary>
    CommittedAwake,

    /// <summary>The frame is on disk; whether the run was parked with it is unknown, and its row tells. Set by the engine alone.</summary>
    CommittedUnsure,

    /// <summary>Something arrived for the run before its end: nothing of this item was written.</summary>
    Woken,

    /// <summary>Another owner wrote this sequence, or this process lost the run: nothing was written.</summary>
    Fenced,

    /// <summary>A run with this idempotency key exists already (<see cref="RunAppend.ExistingRun"/>): nothing was written.</summary>
    Duplicate,

    /// <summary>The inbox has an item with this dedupe key already, or the run has ended: nothing was written.</summary>
    Ignored,

    /// <summary>The tenant has no such run: nothing was written.</summary>
    Missing,

    /// <summary>As many runs of the tenant are going as may (<see cref="RunCreation.MaxRuns"/>): nothing was written.</summary>
    OverQuota,
}

/// <summary>What a frame does to its run's row besides being appended.</summary>
public enum RowChange : byte
{
    None = 0,
    Create = 1,
    Park = 2,
    End = 3,

    /// <summary>Create a row for somebody to claim.</summary>
    CreateQueued = 4,
}

/// <summary>One frame of one run.</summary>
public sealed class RunAppend
{
    public required string Tenant { get; init; }

    public required Ulid Run { get; init; }

    /// <summary>
    /// The store's own key; 0 until the row exists. Set by the store on creation, and not to be derived from anything else:
    /// where several processes share a store it also says which ownership of the run the frame is written under.
    /// </summary>
    public long Key { get; set; }

    /// <summary>Sequence of the frame's first event, from 0.</summary>
    public required long FirstSeq { get; init; }

    public required ReadOnlyMemory<byte> Frame { get; init; }

    public IReadOnlyCollection<Payload> Blobs { get; init; } = [];

    /// <summary>Inbox items that the frame has consumed.</summary>
    public IReadOnlyList<long> Consumed { get; init; } = [];

    /// <summary>A combination of <see cref="Change"/> and <see cref="Then"/> lets one frame create a run and end or park it.</summary>
    public RowChange Change { get; init; }

    public RowChange Then { get; init; }

    /// <summary>For a creation.</summary>
    public RunCreation? Creation { get; init; }

    /// <summary>Expected wake sequence, for parking and ending.</summary>
    public long WakeSeq { get; init; }

    /// <summary>For parking: what the row shows, waiting or paused. For an end: the terminal status.</summary>
    public RunStatus Status { get; init; }

    /// <summary>For parking: the timers that stay set.</summary>
    public IReadOnlyList<(long Due, int Node)> Timers { get; init; } = [];

    /// <summary>For an end: what the run came to; the error's code when it failed.</summary>
    public string Result { get; init; } = "";

    /// <summary>For an end: total cost in 10⁻⁹ dollars.</summary>
    public long CostNanoDollars { get; init; }

    /// <summary>Run time of the frame's last event, Unix milliseconds.</summary>
    public long At { get; init; }

    /// <summary>What the frame does to other runs and to what runs share; <see langword="null"/>, as nearly always: nothing.</summary>
    public CrossAppend? Cross { get; init; }

    /// <summary>A snapshot of the state after this frame.</summary>
    public ReadOnlyMemory<byte>? Snapshot { get; init; }

    /// <summary>Sequence after the frame's last event.</summary>
    public long NextSeq { get; init; }

    public CommitOutcome Outcome { get; set; }

    /// <summary>With <see cref="CommitOutcome.Duplicate"/>.</summary>
    public (Ulid Run, string RequestHash)? ExistingRun { get; set; }

    /// <summary>Called once the outcome is set, on the writing thread; must not block.</summary>
    internal Action<RunAppend>? Done { get; init; }

    /// <summary>Called, perhaps repeatedly, while the store takes nothing; the item is still written once it does again.</summary>
    internal Action<Exception>? Unanswered { get; init; }
}

/// <param name="IdempotencyKey">The caller's, unique in the tenant; <see langword="null"/>: none.</param>
/// <param name="RequestHash">What the key stands for; another request under the same key is refused.</param>
/// <param name="MaxRuns">
/// Most runs of the tenant that may be going, this one included; <see langword="null"/>: any number. The tenant's runs must be
/// counted (<see cref="Access.IQuotaStore.CountRunsAsync"/>).
/// </param>
public sealed record RunCreation(string Workflow, string Version, string DefinitionHash, string? IdempotencyKey, string RequestHash, long? MaxRuns = null)
{
    /// <summary>The run that this one does a step of.</summary>
    public Ulid? Parent { get; init; }

    /// <summary>Higher ones are claimed first (<see cref="Scheduling.RunPriority"/>). Default 0.</summary>
    public int Priority { get; init; }
}

public enum InboxKind : byte
{
    Signal = 1,
    Cancel = 2,
    Resolution = 3,
    Pause = 4,
    Resume = 5,

    /// <summary>The run leaves its process for another one. Nothing of it stands in the journal.</summary>
    Migrate = 6,

    /// <summary>The outcome of a step that was handed over.</summary>
    Answer = 7,

    /// <summary>A place at something that runs share was given to a step.</summary>
    Place = 55,

    /// <summary>What somebody decided about a step that waits for an approval.</summary>
    Approval = 8,

    /// <summary>Changes of the run's plan.</summary>
    Modify = 40,
}

/// <summary>Something from outside for a run that the sender does not own.</summary>
public sealed class InboxAppend
{
    public required string Tenant { get; init; }

    public required Ulid Run { get; init; }

    public required InboxKind Kind { get; init; }

    /// <summary>Unique per run: the same item sent twice is one item.</summary>
    public required string Dedupe { get; init; }

    /// <summary>The item's content, a JSON object whose shape the kind decides.</summary>
    public required ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>
    /// The sender has room for the run: when it is parked, the store may give it to this process with the same commit instead of
    /// waking it for whoever claims first. Default false.
    /// </summary>
    public bool Claims { get; init; }

    /// <summary>
    /// With <see cref="Claims"/>, set by the store: the run is this process's. After <see cref="CommitOutcome.Ignored"/> it may have been
    /// so before.
    /// </summary>
    public ClaimedRun? Claimed { get; set; }

    public CommitOutcome Outcome { get; set; }

    /// <summary>The item's number; set by the store with <see cref="CommitOutcome.Committed"/>.</summary>
    public long Item { get; set; }

    /// <summary>The run's wake sequence with this item: it is the run's n-th. Set by the store with <see cref="CommitOutcome.Committed"/>.</summary>
    public long WakeSeq { get; set; }

    /// <summary>The run's status before the item arrived; set by the store.</summary>
    public RunStatus StatusBefore { get; set; }

    /// <summary>Whether the item is in the inbox of a run that has not ended, by this writing or an earlier one.</summary>
    internal bool IsWaiting => Outcome == CommitOutcome.Committed || (Outcome == CommitOutcome.Ignored && !StatusBefore.IsTerminal());

    /// <summary>Called once the outcome is set, on the writing thread; must not block. It may not be on disk yet.</summary>
    internal Action<InboxAppend>? Done { get; init; }

    /// <summary>Called after <see cref="Done"/>, once the outcome is on disk; must not block.</summary>
    internal Action<InboxAppend>? Durable { get; init; }

    /// <summary>Called, perhaps repeatedly, while the store takes nothing; the item is still written once it does again.</summary>
    internal Action<Exception>? Unanswered { get; init; }
}

/// <param name="Key">The store's own key, as <see cref="RunAppend.Key"/>.</param>
public sealed record ClaimedRun(long Key, Ulid Run, string Tenant, string Workflow, string Version, string DefinitionHash);

/// <param name="WakeSeq">Counts the inbox items that ever came; the read items below are all that are unconsumed at this count.</param>
public sealed record RunHistory(StoredSnapshot? Snapshot, IReadOnlyList<StoredFrame> Frames, IReadOnlyList<StoredItem> Inbox, long WakeSeq);

public sealed record StoredSnapshot(long Seq, ReadOnlyMemory<byte> Data);

public sealed record StoredFrame(long FirstSeq, ReadOnlyMemory<byte> Data);

public sealed record StoredItem(long Item, InboxKind Kind, string Dedupe, ReadOnlyMemory<byte> Data);

/// <summary>One run's row.</summary>
/// <param name="Result">Outcome of a completed run, error code of a failed one.</param>
/// <param name="EndedAt">Unix milliseconds.</param>
public sealed record RunRow(Ulid Run, string Workflow, string Version, string DefinitionHash, RunStatus Status, string Result, long CostNanoDollars, long? EndedAt)
{
    public long CreatedAt => Run.UnixMilliseconds;

    /// <summary>The run that this one does a step of.</summary>
    public Ulid? Parent { get; init; }

    public int Priority { get; init; }
}

/// <param name="Before">Only runs older than this one.</param>
/// <param name="Parent">Only runs that do steps of this one.</param>
public sealed record RunFilter(string? Workflow = null, RunStatus? Status = null, Ulid? Before = null, int Size = 50, Ulid? Parent = null);

/// <param name="Total">All runs that match, on whatever page.</param>
public sealed record RunPage(IReadOnlyList<RunRow> Rows, long Total, bool HasMore);
