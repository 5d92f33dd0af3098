using System.Runtime.CompilerServices;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Audit;

/// <summary>Verifies and exports chains while they grow.</summary>
/// <param name="sequencer">This process's, which may or may not be the one that chains.</param>
public sealed class AuditInspector(IAuditStore store, IAuditWitness witness, AuditKey key, AuditSequencer sequencer, TimeProvider clock)
{
    private const int RecordsPerRead = 1000;
    private const int Attempts = 3;

    // Longer than the other process needs to say outside the database what it has written into it.
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(500);

    /// <summary>The public keys that are trusted, as PEM.</summary>
    public string Keys => key.PublicPem;

    /// <summary>Chains what waits, if this process is the one that chains.</summary>
    public Task CatchUpAsync(CancellationToken cancellationToken) => sequencer.RoundAsync(cancellationToken);

    /// <summary>Chains what waits, then checks everything that a tenant's chain holds.</summary>
    public async Task<AuditReport> VerifyAsync(string tenant, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            await sequencer.RoundAsync(cancellationToken).ConfigureAwait(false);

            // A first look disturbs nobody. What it finds may only have been on its way, and is looked at again at rest.
            AuditReport report = await LookAsync(tenant, atRest: attempt > 1, cancellationToken).ConfigureAwait(false);
            if (report.IsIntact || (attempt > 1 && sequencer.Leads) || attempt == Attempts)
            {
                return report;
            }

            if (!sequencer.Leads)
            {
                await Task.Delay(Between, clock, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>The lines of a tenant's chain from a record on: each record, and each checkpoint behind the record that it ends with.</summary>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ExportAsync(string tenant, long from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await sequencer.RoundAsync(cancellationToken).ConfigureAwait(false);
        ILookup<long, AuditCheckpoint> checkpoints = (await store.CheckpointsAsync(tenant, cancellationToken).ConfigureAwait(false)).ToLookup(c => c.Size);

        // Those about records that were dropped come first: whoever verifies needs to know where the rest begins.
        IReadOnlyList<AuditRecord> records = await store.ReadAsync(tenant, from, RecordsPerRead, cancellationToken).ConfigureAwait(false);
        long first = records.Count > 0 ? records[0].Number : long.MaxValue;
        foreach (AuditCheckpoint checkpoint in checkpoints.Where(c => c.Key > from && c.Key <= first).OrderBy(c => c.Key).SelectMany(c => c))
        {
            yield return checkpoint.ToJson();
        }

        while (records.Count > 0)
        {
            foreach (AuditRecord record in records)
            {
                yield return AuditLine.Write(record);
                foreach (AuditCheckpoint checkpoint in checkpoints[record.Number + 1].Where(c => c.Size > first))
                {
                    yield return checkpoint.ToJson();
                }
            }

            records = await store.ReadAsync(tenant, records[^1].Number + 1, RecordsPerRead, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<AuditReport> LookAsync(string tenant, bool atRest, CancellationToken cancellationToken)
    {
        IDisposable? pause = await sequencer.PauseAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            IReadOnlyList<AuditCheckpoint> stored = await store.CheckpointsAsync(tenant, cancellationToken).ConfigureAwait(false);
            IReadOnlyList<AuditCheckpoint>? witnessed = witness.Read(tenant);
            AuditHead head = await store.HeadAsync(tenant, cancellationToken).ConfigureAwait(false);
            if (!atRest)
            {
                pause.Dispose();
                pause = null;
            }

            var verifier = new AuditVerifier(tenant, stored, witnessed, key.IsSigned);
            for (long next = 0; next < head.Size;)
            {
                IReadOnlyList<AuditRecord> records = await store.ReadAsync(tenant, next, RecordsPerRead, cancellationToken).ConfigureAwait(false);
                foreach (AuditRecord record in records.TakeWhile(r => r.Number < head.Size))
                {
                    verifier.Add(record);
                }

                next = records.Count == 0 ? head.Size : records[^1].Number + 1;
            }

            return verifier.Finish();
        }
        finally
        {
            pause?.Dispose();
        }
    }
}
