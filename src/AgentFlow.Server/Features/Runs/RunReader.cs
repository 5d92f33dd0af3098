using System.Runtime.CompilerServices;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Runs;

/// <summary>Reads runs from the store: rows, and folds over their durable events.</summary>
internal sealed class RunReader(IRunStore store, DefinitionCache definitions)
{
    private const int FramesPerRead = 64;

    public IRunStore Store => store;

    /// <summary>The row behind an id from outside.</summary>
    /// <exception cref="ProblemException"><c>RUN_NOT_FOUND</c>, with the same words for a malformed, an unknown and another tenant's id.</exception>
    public async ValueTask<RunRow> FindAsync(string tenant, string id, CancellationToken cancellationToken) =>
        (Ulid.TryParse(id, out Ulid run) ? await store.FindAsync(tenant, run, cancellationToken).ConfigureAwait(false) : null)
        ?? throw NotFound();

    /// <summary>
    /// As <see cref="FindAsync"/>, for reads. Where nobody is asked who they are, a request that names no tenant finds a run by
    /// its id in whichever has it.
    /// </summary>
    public async ValueTask<(string Tenant, RunRow Row)> LocateAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        Principal caller = Caller.Of(context);
        if (!Ulid.TryParse(id, out Ulid run))
        {
            throw NotFound();
        }

        if (await store.FindAsync(caller.Tenant, run, cancellationToken).ConfigureAwait(false) is { } own)
        {
            return (caller.Tenant, own);
        }

        return caller.Kind == PrincipalKind.BuiltIn
            && Tenant.Named(context) is null
            && await store.FindTenantAsync(run, cancellationToken).ConfigureAwait(false) is { } tenant
            && await store.FindAsync(tenant, run, cancellationToken).ConfigureAwait(false) is { } row
                ? (tenant, row)
                : throw NotFound();
    }

    public static ProblemException NotFound() => new(ErrorCode.RunNotFound, "There is no such run. GET /api/v1/runs lists the runs of this tenant.");

    /// <summary>The run's workflow version; <see langword="null"/> when it does not compile any more.</summary>
    public async ValueTask<WorkflowDefinition?> DefinitionAsync(string tenant, RunRow row, CancellationToken cancellationToken)
    {
        try
        {
            return await definitions.GetAsync(tenant, row.DefinitionHash, cancellationToken).ConfigureAwait(false);
        }
        catch (RunUnreadableException)
        {
            return null;
        }
    }

    /// <summary>A run with its definition, as far as it is durable now.</summary>
    public async ValueTask<RunFold> FoldAsync(string tenant, RunRow row, CancellationToken cancellationToken)
    {
        var fold = new RunFold(await DefinitionAsync(tenant, row, cancellationToken).ConfigureAwait(false));
        await ApplyAsync(fold, tenant, row, static _ => Payload.Null, cancellationToken).ConfigureAwait(false);
        return fold;
    }

    /// <summary>A run's state, as far as it is durable now.</summary>
    /// <exception cref="ProblemException"><c>RUN_DIVERGED</c>: its journal cannot be followed.</exception>
    public async ValueTask<RunState> StateAsync(string tenant, RunRow row, CancellationToken cancellationToken)
    {
        try
        {
            WorkflowDefinition definition = await definitions.GetAsync(tenant, row.DefinitionHash, cancellationToken).ConfigureAwait(false);
            IReadOnlyList<StoredFrame> frames = await StoredFramesAsync(tenant, row.Run, cancellationToken).ConfigureAwait(false);
            var claim = new ClaimedRun(0, row.Run, tenant, row.Workflow, row.Version, row.DefinitionHash);
            return RunLoader.Load(claim, definition, new RunHistory(null, frames, [], 0), Blobs(tenant)).State;
        }
        catch (RunUnreadableException e)
        {
            throw new ProblemException(Problem.Of(ErrorCode.RunDiverged, e.Message) with { Status = StatusCodes.Status409Conflict });
        }
    }

    /// <summary>The full view of a run.</summary>
    public async ValueTask<RunView> ViewAsync(string tenant, RunRow row, CancellationToken cancellationToken)
    {
        // Of all values in the journal the view shows two: the others are not worth a read.
        var deferred = new Dictionary<Payload, ReadOnlyMemory<byte>>(ReferenceEqualityComparer.Instance);
        var fold = new RunFold(await DefinitionAsync(tenant, row, cancellationToken).ConfigureAwait(false));
        Payload Defer(ReadOnlyMemory<byte> hash)
        {
            var placeholder = new Payload(hash);
            deferred.Add(placeholder, hash);
            return placeholder;
        }

        await ApplyAsync(fold, tenant, row, Defer, cancellationToken).ConfigureAwait(false);
        RawJson? Value(Payload? payload) => RawJson.Of(payload is not null && deferred.TryGetValue(payload, out ReadOnlyMemory<byte> hash) ? store.ReadBlob(tenant, hash) : payload);
        return fold.ToView(row, Value(fold.Input), Value(fold.Output));
    }

    /// <summary>
    /// Durable frames, oldest first, from the one that holds a sequence to the journal's end as it is when it is reached.
    /// </summary>
    /// <param name="blob">Finds the values that frames name by hash.</param>
    public async IAsyncEnumerable<(long FirstSeq, IReadOnlyList<JournalEvent> Events)> FramesAsync(
        string tenant,
        Ulid run,
        long from,
        Func<ReadOnlyMemory<byte>, Payload?> blob,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredFrame> frames;
        do
        {
            frames = await store.ReadFramesAsync(tenant, run, from, FramesPerRead, cancellationToken).ConfigureAwait(false);
            foreach (StoredFrame stored in frames)
            {
                IReadOnlyList<JournalEvent> events = FrameCodec.Decode(run, stored, blob).Events;
                if (stored.FirstSeq + events.Count > from)
                {
                    yield return (stored.FirstSeq, events);
                    from = stored.FirstSeq + events.Count;
                }
            }
        }
        while (frames.Count == FramesPerRead);
    }

    /// <summary>All durable frames as they are stored, oldest first.</summary>
    public async ValueTask<IReadOnlyList<StoredFrame>> StoredFramesAsync(string tenant, Ulid run, CancellationToken cancellationToken)
    {
        var frames = new List<StoredFrame>();
        IReadOnlyList<StoredFrame> read;
        do
        {
            long from = frames.Count == 0 ? 0 : frames[^1].FirstSeq + 1;
            read = await store.ReadFramesAsync(tenant, run, from, FramesPerRead, cancellationToken).ConfigureAwait(false);
            frames.AddRange(read.Where(f => frames.Count == 0 || f.FirstSeq > frames[^1].FirstSeq));
        }
        while (read.Count == FramesPerRead);
        return frames;
    }

    /// <summary>The blobs of one tenant.</summary>
    public Func<ReadOnlyMemory<byte>, Payload?> Blobs(string tenant) => hash => store.ReadBlob(tenant, hash);

    private async ValueTask ApplyAsync(RunFold fold, string tenant, RunRow row, Func<ReadOnlyMemory<byte>, Payload?> blob, CancellationToken cancellationToken)
    {
        try
        {
            await foreach ((_, IReadOnlyList<JournalEvent> events) in FramesAsync(tenant, row.Run, 0, blob, cancellationToken).ConfigureAwait(false))
            {
                foreach (JournalEvent journalEvent in events)
                {
                    fold.Apply(journalEvent);
                }
            }
        }
        catch (FrameCorruptException) when (row.Status == RunStatus.Diverged)
        {
            // The row says why the run was set aside; what stands before the damage can be shown.
        }
    }
}
