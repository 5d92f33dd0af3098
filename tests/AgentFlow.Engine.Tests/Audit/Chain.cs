using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Tests.Audit;

/// <summary>A chain of random records with its checkpoints, as the sequencer would have left it.</summary>
internal sealed class Chain
{
    public static readonly AuditKey Key = AuditKey.Parse(AuditKey.NewPem());

    public Chain(int records, int segment, SeededRandom random, string tenant = "t1")
    {
        Tenant = tenant;
        var head = default(AuditHead);
        for (int i = 0; i < records; i++)
        {
            Records.AddRange(AuditChain.Extend(ref head, [Note(i, random)]));
            if (head.Size % segment == 0)
            {
                AuditCheckpoint sealedHere = Key.Sign(AuditCheckpointKind.Segment, tenant, head, 1000 + i);
                Stored.Add(sealedHere);
                Witnessed.Add(sealedHere);
            }
        }

        Witnessed.Add(Key.Sign(AuditCheckpointKind.Head, tenant, head, 5000));
        Head = head;
    }

    public string Tenant { get; }

    public AuditHead Head { get; }

    public List<AuditRecord> Records { get; } = [];

    public List<AuditCheckpoint> Stored { get; } = [];

    public List<AuditCheckpoint> Witnessed { get; } = [];

    public AuditNote Note(long i, SeededRandom random) => new(
        Tenant, 1_700_000_000_000 + i, $"user:{random.NextUInt64() % 5}", "run.cancel", $"run:{random.NextUInt64():x}", AuditDecision.Allowed, Payload.FromText($$"""{"n":{{i}}}"""), "");

    public AuditReport Verify(bool witness = true) => Verify(Records, Stored, witness ? Witnessed : null);

    public AuditReport Verify(IEnumerable<AuditRecord> records, IReadOnlyCollection<AuditCheckpoint> stored, IReadOnlyCollection<AuditCheckpoint>? witnessed)
    {
        var verifier = new AuditVerifier(Tenant, stored, witnessed, Key.IsSigned);
        foreach (AuditRecord record in records)
        {
            verifier.Add(record);
        }

        return verifier.Finish();
    }

    /// <summary>Chains the records from a place on anew, as somebody can who owns the database.</summary>
    public List<AuditRecord> Rebuild(int from, Func<AuditNote, AuditNote> change)
    {
        AuditHead head = from == 0 ? default : new AuditHead(from, Records[from - 1].Hash);
        AuditNote[] notes = [change(Records[from].Note), .. Records.Skip(from + 1).Select(r => r.Note)];
        return [.. Records.Take(from), .. AuditChain.Extend(ref head, notes)];
    }
}
