using System.Diagnostics;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Engine.Audit;

/// <summary>
/// Makes chains of what waits: notes of commands, and notes derived from committed frames. Each batch is signed before it is
/// written, so that after a crash the chain ends either where it ended or where the batch would have ended it, and what
/// stands there otherwise was put there by somebody else. One process chains at a time; nobody waits for it.
/// </summary>
public sealed partial class AuditSequencer : IAsyncDisposable
{
    private const int MaxTrails = 20_000;
    private const int FramesPerRead = 64;

    // Once is another process, or somebody's hand in the database; more often is a store that does not take records.
    private const int MaxRefused = 3;

    // At most a thirty-second of the time while there is more to do: writing a batch keeps runs from writing, and they come
    // first. What has waited too long gets an eighth.
    private const int PausePerWork = 31;
    private const int PausePerLateWork = 7;
    private static readonly TimeSpan MaxPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan MaxLag = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan MaxRound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);

    private readonly IAuditStore _store;
    private readonly IRunStore _runs;
    private readonly DefinitionCache _definitions;
    private readonly IAuditWitness _witness;
    private readonly IAuditArchive? _archive;
    private readonly AuditKey _key;
    private readonly AuditOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly Action<AuditCheckpoint>? _announce;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<string, Chain> _chains = new(StringComparer.Ordinal);
    private readonly Dictionary<Ulid, RunTrail> _trails = [];
    private int _refused;
    private TimeSpan _lag;
    private Task _loop = Task.CompletedTask;

    /// <param name="archive">Where records go before they are dropped; needed for <see cref="AuditOptions.Retention"/>.</param>
    /// <param name="announce">Gets every checkpoint that was sealed; must neither block nor throw.</param>
    /// <exception cref="ArgumentException">The key cannot sign, or records were to be dropped without an archive.</exception>
    public AuditSequencer(
        AuditOptions options, IAuditStore store, IRunStore runs, DefinitionCache definitions, IAuditWitness witness, AuditKey key, TimeProvider clock, ILogger log,
        IAuditArchive? archive = null, Action<AuditCheckpoint>? announce = null)
    {
        if (!key.CanSign || (options.Retention is not null && archive is null))
        {
            throw new ArgumentException("A sequencer signs, and drops only what was exported.");
        }

        (_options, _store, _runs, _definitions, _witness, _key, _clock, _log, _archive, _announce) = (options, store, runs, definitions, witness, key, clock, log, archive, announce);
    }

    /// <summary>Whether this process chained in its last round.</summary>
    public bool Leads { get; private set; }

    /// <summary>Begins to chain in the background.</summary>
    public void Begin() => _loop = Task.Run(LoopAsync, CancellationToken.None);

    /// <summary>Chains what waits now, without pauses, if this process is the one that does. Gives up after 10 s while more keeps coming.</summary>
    /// <exception cref="AuditRefusedException">The store does not take the records.</exception>
    public async Task RoundAsync(CancellationToken cancellationToken)
    {
        long begun = Stopwatch.GetTimestamp();
        bool more = true;
        while (more && Stopwatch.GetElapsedTime(begun) < MaxRound)
        {
            using (await PauseAsync(cancellationToken).ConfigureAwait(false))
            {
                more = await TurnAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Keeps this process from chaining, sealing and dropping until the result is disposed.</summary>
    public async Task<IDisposable> PauseAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new Pause(_gate);
    }

    /// <summary>Stops, after a last round: what happened before it is chained.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        try
        {
            await RoundAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            RoundFailed(_log, 0, e);
        }
    }

    /// <summary>Lets go at once; the next process goes on where this one was.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
    }

    private async Task LoopAsync()
    {
        TimeSpan wait = _options.Interval;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using (await PauseAsync(_stop.Token).ConfigureAwait(false))
                {
                    long begun = Stopwatch.GetTimestamp();
                    bool more = await TurnAsync(_stop.Token).ConfigureAwait(false);
                    TimeSpan pause = Stopwatch.GetElapsedTime(begun) * (_lag > MaxLag ? PausePerLateWork : PausePerWork);
                    wait = more && pause < MaxPause ? pause : more ? MaxPause : _options.Interval;
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // What fails may fail for hours, and is said each time.
                wait = wait * 2 < MaxWait ? wait * 2 : MaxWait;
                RoundFailed(_log, wait.TotalSeconds, e);
            }

            await Task.Delay(wait, _clock, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Chains one batch, and seals and drops what is due.</summary>
    /// <returns>Whether there may be more to chain.</returns>
    private async Task<bool> TurnAsync(CancellationToken cancellationToken)
    {
        try
        {
            Leads = await _store.LeadAsync(_options.Lease, cancellationToken).ConfigureAwait(false);
            if (!Leads)
            {
                Forget();
                return false;
            }

            // Chains that nothing is added to are sealed and dropped all the same.
            foreach (string tenant in _witness.Tenants)
            {
                await ChainAsync(tenant, cancellationToken).ConfigureAwait(false);
            }

            bool more = await StepAsync(cancellationToken).ConfigureAwait(false);
            await SealAsync(cancellationToken).ConfigureAwait(false);
            await RetireAsync(cancellationToken).ConfigureAwait(false);
            return more;
        }
        catch (TakenOverException)
        {
            Forget();
            Leads = false;
            return false;
        }
        catch
        {
            // Whether something was written is found out by reading.
            Forget();
            throw;
        }
    }

    /// <summary>Chains one batch.</summary>
    /// <returns>Whether there was one.</returns>
    private async Task<bool> StepAsync(CancellationToken cancellationToken)
    {
        AuditIntake intake = await _store.ReadIntakeAsync(_options.Batch, cancellationToken).ConfigureAwait(false);
        if (intake.IsEmpty)
        {
            return false;
        }

        var notes = new List<AuditNote>(intake.Notes);
        foreach (WaitingFrame frame in intake.Frames)
        {
            await DeriveAsync(frame, notes, cancellationToken).ConfigureAwait(false);
        }

        _lag = notes.Count > 0 ? TimeSpan.FromMilliseconds(_clock.GetUtcNow().ToUnixTimeMilliseconds() - notes.Min(n => n.At)) : TimeSpan.Zero;

        // Stable: what a run does stays in its order, and a command stands before what follows from it.
        if (await AppendAsync([.. notes.OrderBy(n => n.At)], intake, cancellationToken).ConfigureAwait(false))
        {
            _refused = 0;
            return true;
        }

        Forget();
        return ++_refused < MaxRefused ? true : throw new AuditRefusedException();
    }

    private async Task<bool> AppendAsync(List<AuditNote> notes, AuditIntake intake, CancellationToken cancellationToken)
    {
        long now = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        var records = new List<AuditRecord>(notes.Count);
        var ends = new List<(Chain Chain, AuditCheckpoint Next)>();
        foreach (IGrouping<string, AuditNote> group in notes.GroupBy(n => n.Tenant, StringComparer.Ordinal))
        {
            Chain chain = await ChainAsync(group.Key, cancellationToken).ConfigureAwait(false);
            AuditHead head = chain.Head;
            records.AddRange(AuditChain.Extend(ref head, group));
            AuditCheckpoint next = _key.Sign(AuditCheckpointKind.Head, group.Key, head, now);
            CrashPoint.Reach("audit.end.before");
            Write(chain, new WitnessedEnd(chain.End, next));
            ends.Add((chain, next));
        }

        CrashPoint.Reach("audit.append.before");
        if (!await _store.AppendAsync(records, intake, cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        CrashPoint.Reach("audit.append.after");
        foreach ((Chain chain, AuditCheckpoint next) in ends)
        {
            chain.Head = next.Head;
            chain.End = next;
            chain.OpenSince ??= now;
            Write(chain, new WitnessedEnd(next, null));
            CrashPoint.Reach("audit.end.after");
        }

        return true;
    }

    private void Write(Chain chain, WitnessedEnd end)
    {
        if (!_witness.TryWriteEnd(chain.Tenant, chain.Known, end))
        {
            throw new TakenOverException();
        }

        chain.Known = end;
    }

    private async Task DeriveAsync(WaitingFrame frame, List<AuditNote> notes, CancellationToken cancellationToken)
    {
        try
        {
            RunTrail trail = await TrailAsync(frame, cancellationToken).ConfigureAwait(false);
            foreach (JournalEvent happened in Events(frame.Data))
            {
                if (trail.Apply(happened) is { } note)
                {
                    notes.Add(note);
                }
            }

            if (trail.HasEnded)
            {
                _trails.Remove(frame.Run);
            }
        }
        catch (FrameCorruptException)
        {
            _trails.Remove(frame.Run);
            notes.Add(RunTrail.Unreadable(frame.Tenant, frame.Run, frame.FirstSeq, _clock.GetUtcNow().ToUnixTimeMilliseconds()));
        }
    }

    /// <summary>The run as it was before a frame: from memory, or from its journal.</summary>
    private async ValueTask<RunTrail> TrailAsync(WaitingFrame frame, CancellationToken cancellationToken)
    {
        if (_trails.TryGetValue(frame.Run, out RunTrail? known) && known.NextSeq == frame.FirstSeq)
        {
            return known;
        }

        Definitions.WorkflowDefinition? definition = null;
        try
        {
            definition = await _definitions.GetAsync(frame.Tenant, frame.DefinitionHash, cancellationToken).ConfigureAwait(false);
        }
        catch (RunUnreadableException)
        {
            // Steps are then named by number.
        }

        var trail = new RunTrail(frame.Tenant, frame.Run, definition);
        while (trail.NextSeq < frame.FirstSeq)
        {
            IReadOnlyList<StoredFrame> earlier = await _runs.ReadFramesAsync(frame.Tenant, frame.Run, trail.NextSeq, FramesPerRead, cancellationToken).ConfigureAwait(false);
            long before = trail.NextSeq;
            foreach (StoredFrame stored in earlier.Where(f => f.FirstSeq >= before && f.FirstSeq < frame.FirstSeq))
            {
                foreach (JournalEvent happened in Events(stored.Data))
                {
                    trail.Apply(happened);
                }
            }

            if (trail.NextSeq == before)
            {
                throw new FrameCorruptException($"run {frame.Run} has no events from {before} to {frame.FirstSeq}");
            }
        }

        if (_trails.Count >= MaxTrails)
        {
            // Whatever goes on is read again.
            _trails.Clear();
        }

        return _trails[frame.Run] = trail;
    }

    private static IReadOnlyList<JournalEvent> Events(ReadOnlyMemory<byte> frame) => FrameCodec.Decode(frame, static _ => Payload.Null).Events;

    private void Forget()
    {
        _chains.Clear();
        _trails.Clear();
    }

    /// <summary>One tenant's chain as this process left it.</summary>
    private sealed class Chain(string tenant)
    {
        public string Tenant => tenant;

        public AuditHead Head { get; set; }

        /// <summary>The signed statement about <see cref="Head"/>; <see langword="null"/> before the first one.</summary>
        public AuditCheckpoint? End { get; set; }

        /// <summary>What the witness says, whoever has signed it.</summary>
        public WitnessedEnd Known { get; set; }

        public long Sealed { get; set; }

        public long Retired { get; set; }

        /// <summary>When the oldest record of the open segment came; <see langword="null"/> when it has none.</summary>
        public long? OpenSince { get; set; }

        /// <summary>No segment was sealed before this time that has not been dropped.</summary>
        public long Looked { get; set; } = long.MinValue;
    }

    /// <summary>Another process chains now; this one was too slow to notice.</summary>
    private sealed class TakenOverException : Exception;

    private sealed class Pause(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }

    [LoggerMessage(1, LogLevel.Error, "Audit records could not be chained; what waits stays in the store and is chained later (next try in {Seconds} s)")]
    private static partial void RoundFailed(ILogger logger, double seconds, Exception exception);
}

/// <summary>The store refuses to take records, though nobody else chains. What waits is chained once it takes them again.</summary>
public sealed class AuditRefusedException() : Exception("The store refuses the records of the audit, though no other process writes any. Look for triggers and constraints on the table audits.");
