using System.Globalization;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Engine.Audit;

/// <content>Sealing segments, and dropping old ones.</content>
public sealed partial class AuditSequencer
{
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
            CrashPoint.Reach("audit.seal.before");
            _witness.Append(checkpoint);
            CrashPoint.Reach("audit.seal.witnessed");
            await _store.AddCheckpointAsync(checkpoint, cancellationToken).ConfigureAwait(false);
            CrashPoint.Reach("audit.seal.after");
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
            CrashPoint.Reach("audit.retire.exported");
            var note = new AuditNote(
                chain.Tenant, _clock.GetUtcNow().ToUnixTimeMilliseconds(), "system", "audit.retire", "audit", AuditDecision.Allowed,
                new Payload(new CanonicalObject().Text("export"u8, file).Number("from"u8, chain.Retired).Number("to"u8, last.Size - 1).End().ToArray()), "");
            if (!await AppendAsync([note], AuditIntake.None, cancellationToken).ConfigureAwait(false))
            {
                Forget();
                return;
            }

            AuditCheckpoint retired = _key.Sign(AuditCheckpointKind.Retired, chain.Tenant, last.Head, _clock.GetUtcNow().ToUnixTimeMilliseconds());
            CrashPoint.Reach("audit.retire.before");
            _witness.Append(retired);
            CrashPoint.Reach("audit.retire.witnessed");
            await _store.RetireAsync(retired, cancellationToken).ConfigureAwait(false);
            CrashPoint.Reach("audit.retire.after");
            Retired(_log, chain.Tenant, chain.Retired.ToString(CultureInfo.InvariantCulture), last.Size - 1, file);
            chain.Retired = last.Size;
        }
    }

    [LoggerMessage(3, LogLevel.Information, "Audit records {From} to {To} of tenant {Tenant} were dropped after their export to {File}")]
    private static partial void Retired(ILogger logger, string tenant, string from, long to, string file);
}
