using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Tests.Compliance;

/// <param name="At">The record at which it begins.</param>
internal sealed record Tampering(string Kind, long At, List<AuditRecord> Records, List<AuditCheckpoint> Checkpoints);

/// <summary>Owns the database, knows how everything is computed, and has a key of his own; he has neither the key nor the witness.</summary>
internal sealed class Attacker(SeededRandom random, List<AuditRecord> records, IReadOnlyList<AuditCheckpoint> checkpoints)
{
    public const int Kinds = 14;

    private static readonly AuditKey Own = AuditKey.Parse(AuditKey.NewPem());

    public Tampering Next()
    {
        List<AuditRecord> chain = [.. records];
        List<AuditCheckpoint> marks = [.. checkpoints];
        int at = Number(chain.Count);
        switch (Number(Kinds))
        {
            case 0:
                chain[at] = chain[at] with { Note = Change(chain[at].Note) };
                return new Tampering("edit", at, chain, marks);
            case 1:
                AuditNote note = Change(chain[at].Note);
                chain[at] = chain[at] with { Note = note, Hash = AuditHash.Of(AuditChain.Canonical(note, chain[at].Prev)) };
                return new Tampering("edit with its hash", at, chain, marks);
            case 2:
                chain[at] = Number(2) == 0 ? chain[at] with { Hash = AuditHash.Of(BitConverter.GetBytes(random.NextUInt64())) } : chain[at] with { Prev = AuditHash.Of(BitConverter.GetBytes(random.NextUInt64())) };
                return new Tampering("change a hash", at, chain, marks);
            case 3:
                chain.RemoveRange(at, Math.Min(1 + Number(5), chain.Count - at));
                return new Tampering("remove", at, chain, marks);
            case 4:
                chain.RemoveRange(at, Math.Min(1 + Number(5), chain.Count - at));
                return new Tampering("remove and renumber", at, Renumber(chain), marks);
            case 5:
                int other = (at + 1 + Number(chain.Count - 1)) % chain.Count;
                (chain[at], chain[other]) = (chain[other], chain[at]);
                return new Tampering("swap", at, Renumber(chain), marks);
            case 6:
                return new Tampering("cut the tail", at, chain[..at], [.. marks.Where(c => c.Size <= at)]);
            case 7:
                return new Tampering("rebuild", at, Rebuild(chain, at, [Change(chain[at].Note), .. chain.Skip(at + 1).Select(r => r.Note)]), marks);
            case 8:
                chain = Rebuild(chain, at, [Change(chain[at].Note), .. chain.Skip(at + 1).Select(r => r.Note)]);
                return new Tampering("rebuild and sign with another key", at, chain, [.. marks.Select(c => c.Size <= at ? c : Own.Sign(c.Kind, c.Tenant, new AuditHead(c.Size, chain[(int)c.Size - 1].Hash), c.At))]);
            case 9:
                chain = Rebuild(chain, at, [Change(chain[at].Note), .. chain.Skip(at + 1).Select(r => r.Note)]);
                return new Tampering("rebuild and rewrite the checkpoints", at, chain, [.. marks.Select(c => c.Size <= at ? c : c with { Hash = chain[(int)c.Size - 1].Hash })]);
            case 10:
                return new Tampering("insert and rebuild", at, Rebuild(chain, at, [Change(chain[at].Note), .. chain.Skip(at).Select(r => r.Note)]), marks);
            case 11:
                return new Tampering("add at the end", chain.Count, Rebuild(chain, chain.Count, [Change(chain[at].Note)]), marks);
            case 12:
                int mark = Number(marks.Count);
                long size = marks[mark].Size;
                marks.RemoveAt(mark);
                return new Tampering("remove a checkpoint", size - 1, chain, marks);
            default:
                AuditCheckpoint last = marks[Number(marks.Count)];
                return new Tampering("sign off as retired", 0, [.. chain.Skip((int)last.Size)], [.. marks, Number(2) == 0 ? Own.Sign(AuditCheckpointKind.Retired, last.Tenant, last.Head, 1) : last with { Kind = AuditCheckpointKind.Retired }]);
        }
    }

    private int Number(int below) => (int)(random.NextUInt64() % (ulong)below);

    private AuditNote Change(AuditNote note) => Number(7) switch
    {
        0 => note with { Actor = note.Actor + "x" },
        1 => note with { Action = "run.pause" },
        2 => note with { Resource = note.Resource + "0" },
        3 => note with { Decision = AuditDecision.Denied },
        4 => note with { At = note.At + 1 },
        5 => note with { Trace = "0" },
        _ => note with { Details = Payload.FromText("""{"i":-1}""") },
    };

    private static List<AuditRecord> Renumber(List<AuditRecord> chain) => [.. chain.Select((r, i) => r with { Number = i })];

    private static List<AuditRecord> Rebuild(List<AuditRecord> chain, int from, IEnumerable<AuditNote> notes)
    {
        AuditHead head = from == 0 ? default : new AuditHead(from, chain[from - 1].Hash);
        return [.. chain.Take(from), .. AuditChain.Extend(ref head, notes)];
    }
}
