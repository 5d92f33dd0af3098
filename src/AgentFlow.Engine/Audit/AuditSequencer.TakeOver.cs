using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Engine.Audit;

/// <content>Going on where somebody else, or an earlier life, has stopped.</content>
public sealed partial class AuditSequencer
{
    /// <summary>A tenant's chain, taken over from whoever extended it last.</summary>
    private async ValueTask<Chain> ChainAsync(string tenant, CancellationToken cancellationToken)
    {
        if (_chains.TryGetValue(tenant, out Chain? known))
        {
            return known;
        }

        // In this order: who announced an end before it was read here either has written it before this process leads again,
        // and it is read below, or never does; who announces one afterwards changes what the witness says.
        WitnessedEnd end = _witness.ReadEnd(tenant);
        if (!await _store.LeadAsync(_options.Lease, cancellationToken).ConfigureAwait(false))
        {
            throw new TakenOverException();
        }

        AuditHead stored = await _store.HeadAsync(tenant, cancellationToken).ConfigureAwait(false);
        AuditCheckpoint? confirmed = end.Confirmed is { } c && c.Tenant == tenant && _key.IsSigned(c) ? c : null;
        AuditCheckpoint? next = end.Next is { } n && n.Tenant == tenant && _key.IsSigned(n) ? n : null;
        ILookup<AuditCheckpointKind, AuditCheckpoint> witnessed = (_witness.Read(tenant) ?? []).Where(_key.IsSigned).ToLookup(s => s.Kind);
        AuditCheckpoint? newest = witnessed[AuditCheckpointKind.Segment].MaxBy(s => s.Size);
        AuditCheckpoint? retired = witnessed[AuditCheckpointKind.Retired].MaxBy(s => s.Size);

        // A crash between the witness and the database leaves at most the newest one of each kind out of the latter.
        if (newest is not null)
        {
            await _store.AddCheckpointAsync(newest, cancellationToken).ConfigureAwait(false);
        }

        if (retired is not null)
        {
            await _store.RetireAsync(retired, cancellationToken).ConfigureAwait(false);
        }

        var chain = new Chain(tenant) { Head = stored, End = confirmed, Known = end, Sealed = newest?.Size ?? 0, Retired = retired?.Size ?? 0 };
        chain.OpenSince = chain.Head.Size > chain.Sealed ? _clock.GetUtcNow().ToUnixTimeMilliseconds() : null;
        _chains.Add(tenant, chain);
        if (next?.Head == stored)
        {
            chain.End = next;
            Write(chain, new WitnessedEnd(next, null));
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

    [LoggerMessage(2, LogLevel.Critical, "The audit chain of tenant {Tenant} was tampered with: {Message}. It goes on, and says so in a record. Run af audit verify")]
    private static partial void ChainContradicted(ILogger logger, string tenant, string message);
}
