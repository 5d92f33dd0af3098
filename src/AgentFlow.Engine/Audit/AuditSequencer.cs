using System.Diagnostics;
using System.Globalization;
using AgentFlow.Contracts.Ids;
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

    // At most a sixteenth of the time while there is more to do: writing a batch keeps runs from writing, and they come first.
    private const int PausePerWork = 15;
    private static readonly TimeSpan MaxPause = TimeSpan.FromMilliseconds(500);

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

    /// <summary>Chains what waits now, if this process is the one that does.</summary>
    public async Task RoundAsync(CancellationToken cancellationToken)
    {
        using (await PauseAsync(cancellationToken).ConfigureAwait(false))
        {
            await RoundInsideAsync(eager: true, cancellationToken).ConfigureAwait(false);
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
            RoundFailed(_log, e);
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
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using (await PauseAsync(_stop.Token).ConfigureAwait(false))
                {
                    await RoundInsideAsync(eager: false, _stop.Token).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                RoundFailed(_log, e);
            }

            await Task.Delay(_options.Interval, _clock, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <param name="eager">Somebody waits for the round.</param>
    private async Task RoundInsideAsync(bool eager, CancellationToken cancellationToken)
    {
        try
        {
            Leads = await _store.LeadAsync(_options.Lease, cancellationToken).ConfigureAwait(false);
            if (!Leads)
            {
                Forget();
                return;
            }

            // Chains that nothing is added to are sealed and dropped all the same.
            foreach (string tenant in _witness.Tenants)
            {
                await ChainAsync(tenant, cancellationToken).ConfigureAwait(false);
            }

            long begun = Stopwatch.GetTimestamp();
            while (await StepAsync(cancellationToken).ConfigureAwait(false))
            {
                if (!eager)
                {
                    TimeSpan pause = Stopwatch.GetElapsedTime(begun) * PausePerWork;
                    await Task.Delay(pause < MaxPause ? pause : MaxPause, _clock, cancellationToken).ConfigureAwait(false);
                    begun = Stopwatch.GetTimestamp();
                }

                await SealAsync(cancellationToken).ConfigureAwait(false);
                if (!(Leads = await _store.LeadAsync(_options.Lease, cancellationToken).ConfigureAwait(false)))
                {
                    Forget();
                    return;
                }
            }

            await SealAsync(cancellationToken).ConfigureAwait(false);
            await RetireAsync(cancellationToken).ConfigureAwait(false);
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

        // Stable: what a run does stays in its order, and a command stands before what follows from it.
        if (!await AppendAsync([.. notes.OrderBy(n => n.At)], intake, cancellationToken).ConfigureAwait(false))
        {
            Forget();
        }

        return true;
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
            _witness.WriteEnd(group.Key, new WitnessedEnd(chain.End, next));
            ends.Add((chain, next));
        }

        if (!await _store.AppendAsync(records, intake, cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        foreach ((Chain chain, AuditCheckpoint next) in ends)
        {
            chain.Head = next.Head;
            chain.End = next;
            chain.OpenSince ??= now;
            _witness.WriteEnd(chain.Tenant, new WitnessedEnd(next, null));
        }

        return true;
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

    /// <summary>A tenant's chain, taken over from whoever extended it last.</summary>
    private async ValueTask<Chain> ChainAsync(string tenant, CancellationToken cancellationToken)
    {
        if (_chains.TryGetValue(tenant, out Chain? known))
        {
            return known;
        }

        AuditHead stored = await _store.HeadAsync(tenant, cancellationToken).ConfigureAwait(false);
        WitnessedEnd end = _witness.ReadEnd(tenant);
        AuditCheckpoint? confirmed = end.Confirmed is { } c && c.Tenant == tenant && _key.IsSigned(c) ? c : null;
        AuditCheckpoint? next = end.Next is { } n && n.Tenant == tenant && _key.IsSigned(n) ? n : null;
        IReadOnlyList<AuditCheckpoint> sealedHere = [.. (_witness.Read(tenant) ?? []).Where(s => s.Kind != AuditCheckpointKind.Head && _key.IsSigned(s))];
        if (sealedHere.MaxBy(s => s.Size) is { } newest)
        {
            // A crash between the witness and the database leaves at most the newest one out of the latter.
            await _store.AddCheckpointAsync(newest, cancellationToken).ConfigureAwait(false);
        }

        var chain = new Chain(tenant)
        {
            Head = stored,
            End = confirmed,
            Sealed = sealedHere.Where(s => s.Kind == AuditCheckpointKind.Segment).Select(s => s.Size).DefaultIfEmpty(0).Max(),
            Retired = sealedHere.Where(s => s.Kind == AuditCheckpointKind.Retired).Select(s => s.Size).DefaultIfEmpty(0).Max(),
        };
        chain.OpenSince = chain.Head.Size > chain.Sealed ? _clock.GetUtcNow().ToUnixTimeMilliseconds() : null;
        _chains.Add(tenant, chain);
        if (next?.Head == stored)
        {
            chain.End = next;
            _witness.WriteEnd(tenant, new WitnessedEnd(next, null));
        }
        else if (await ContradictionAsync(tenant, stored, confirmed?.Head ?? default, cancellationToken).ConfigureAwait(false) is { } found)
        {
            ChainContradicted(_log, tenant, found.Message);
            if (found.Fault == AuditFault.CutTail)
            {
                // Going on behind the signed end leaves a gap that stays; going on before it would fill the gap.
                chain.Head = confirmed!.Head;
            }

            await AppendAsync([Alarm(tenant, found)], AuditIntake.None, cancellationToken).ConfigureAwait(false);
        }

        return chain;
    }

    /// <summary>What is wrong with a chain's end, compared with what is known about it outside the database.</summary>
    private async ValueTask<AuditFinding?> ContradictionAsync(string tenant, AuditHead stored, AuditHead confirmed, CancellationToken cancellationToken)
    {
        if (stored.Size < confirmed.Size)
        {
            return new AuditFinding(AuditFault.CutTail, stored.Size, confirmed.Size - 1, $"the chain ended after {stored.Size} records when it was taken over; {confirmed.Size} were signed");
        }

        AuditHash? there = stored.Size == confirmed.Size
            ? stored.Hash
            : confirmed.Size == 0
            ? default(AuditHash)
            : (await _store.ReadAsync(tenant, confirmed.Size - 1, 1, cancellationToken).ConfigureAwait(false)) is [var last] && last.Number == confirmed.Size - 1 ? last.Hash : null;
        if (there != confirmed.Hash)
        {
            return new AuditFinding(AuditFault.Rebuilt, Math.Max(confirmed.Size - 1, 0), Math.Max(confirmed.Size - 1, 0), $"the chain had another record at {confirmed.Size - 1} than was signed when it was taken over");
        }

        return stored.Size == confirmed.Size
            ? null
            : new AuditFinding(AuditFault.Unsigned, confirmed.Size, stored.Size - 1, $"records {confirmed.Size} to {stored.Size - 1} stood in the chain when it was taken over, and nobody had signed them");
    }

    private AuditNote Alarm(string tenant, AuditFinding finding) => new(
        tenant, _clock.GetUtcNow().ToUnixTimeMilliseconds(), "system", AuditVerifier.AlarmAction, "audit", AuditDecision.Failed,
        new Payload(new CanonicalObject().Text("fault"u8, finding.Word).Number("from"u8, finding.From).Text("message"u8, finding.Message).Number("to"u8, finding.To).End().ToArray()), "");

    private async Task SealAsync(CancellationToken cancellationToken)
    {
        long now = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (Chain chain in _chains.Values)
        {
            if (chain.Head.Size <= chain.Sealed
                || (chain.Head.Size - chain.Sealed < _options.SegmentRecords && now - (chain.OpenSince ?? now) < _options.SegmentAge.TotalMilliseconds))
            {
                continue;
            }

            AuditCheckpoint checkpoint = _key.Sign(AuditCheckpointKind.Segment, chain.Tenant, chain.Head, now);
            _witness.Append(checkpoint);
            await _store.AddCheckpointAsync(checkpoint, cancellationToken).ConfigureAwait(false);
            chain.Sealed = checkpoint.Size;
            chain.OpenSince = null;
            _announce?.Invoke(checkpoint);
        }
    }

    /// <summary>Drops what is old enough: exported first, then said in the chain, then signed off, then dropped.</summary>
    private async Task RetireAsync(CancellationToken cancellationToken)
    {
        if (_options.Retention is not { } retention)
        {
            return;
        }

        long before = _clock.GetUtcNow().ToUnixTimeMilliseconds() - (long)retention.TotalMilliseconds;
        foreach (Chain chain in _chains.Values.ToArray())
        {
            if (chain.Looked > before)
            {
                continue;
            }

            IReadOnlyList<AuditCheckpoint> checkpoints = [.. (await _store.CheckpointsAsync(chain.Tenant, cancellationToken).ConfigureAwait(false)).Where(c => c.Kind == AuditCheckpointKind.Segment && c.Size > chain.Retired && _key.IsSigned(c))];
            if (checkpoints.LastOrDefault(c => c.At <= before) is not { } last)
            {
                // Nothing is due before the oldest segment is.
                chain.Looked = checkpoints.Count > 0 ? checkpoints[0].At : before + (long)_options.SegmentAge.TotalMilliseconds;
                continue;
            }

            string file = await _archive!.ExportAsync(chain.Tenant, chain.Retired, [.. checkpoints.Where(c => c.Size <= last.Size)], _store, cancellationToken).ConfigureAwait(false);
            var note = new AuditNote(
                chain.Tenant, _clock.GetUtcNow().ToUnixTimeMilliseconds(), "system", "audit.retire", "audit", AuditDecision.Allowed,
                new Payload(new CanonicalObject().Text("export"u8, file).Number("from"u8, chain.Retired).Number("to"u8, last.Size - 1).End().ToArray()), "");
            if (!await AppendAsync([note], AuditIntake.None, cancellationToken).ConfigureAwait(false))
            {
                Forget();
                return;
            }

            AuditCheckpoint retired = _key.Sign(AuditCheckpointKind.Retired, chain.Tenant, last.Head, _clock.GetUtcNow().ToUnixTimeMilliseconds());
            _witness.Append(retired);
            await _store.RetireAsync(retired, cancellationToken).ConfigureAwait(false);
            Retired(_log, chain.Tenant, chain.Retired.ToString(CultureInfo.InvariantCulture), last.Size - 1, file);
            chain.Retired = last.Size;
        }
    }

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

        public long Sealed { get; set; }

        public long Retired { get; set; }

        /// <summary>When the oldest record of the open segment came; <see langword="null"/> when it has none.</summary>
        public long? OpenSince { get; set; }

        /// <summary>No segment was sealed before this time that has not been dropped.</summary>
        public long Looked { get; set; } = long.MinValue;
    }

    private sealed class Pause(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }

    [LoggerMessage(1, LogLevel.Error, "Audit records could not be chained; what waits stays in the store and is chained later")]
    private static partial void RoundFailed(ILogger logger, Exception exception);

    [LoggerMessage(2, LogLevel.Critical, "The audit chain of tenant {Tenant} was tampered with: {Message}. It goes on, and says so in a record. Run af audit verify")]
    private static partial void ChainContradicted(ILogger logger, string tenant, string message);

    [LoggerMessage(3, LogLevel.Information, "Audit records {From} to {To} of tenant {Tenant} were dropped after their export to {File}")]
    private static partial void Retired(ILogger logger, string tenant, string from, long to, string file);
}
