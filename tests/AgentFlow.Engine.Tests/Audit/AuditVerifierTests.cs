using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Tests.Audit;

public sealed class AuditVerifierTests
{
    private readonly SeededRandom _random = new(7);
    private readonly Chain _chain;

    public AuditVerifierTests() => _chain = new Chain(95, 10, _random);

    private static AuditFinding Only(AuditReport report) => Assert.Single(report.Findings);

    [Fact]
    public void Verify_Untouched_IsIntact()
    {
        AuditReport report = _chain.Verify();
        Assert.True(report.IsIntact);
        Assert.Equal((0L, 95L, 10), (report.First, report.Size, report.Confirmed));
    }

    [Fact]
    public void Verify_Edited_NamesTheRecord()
    {
        _chain.Records[42] = _chain.Records[42] with { Note = _chain.Records[42].Note with { Actor = "nobody" } };
        AuditFinding finding = Only(_chain.Verify());
        Assert.Equal((AuditFault.Edited, 42L, 42L), (finding.Fault, finding.From, finding.To));
    }

    [Fact]
    public void Verify_EditedWithItsHash_NamesTheBrokenLink()
    {
        AuditRecord old = _chain.Records[42];
        AuditNote note = old.Note with { Actor = "nobody" };
        _chain.Records[42] = old with { Note = note, Hash = AuditHash.Of(AuditChain.Canonical(note, old.Prev)) };
        AuditFinding finding = Only(_chain.Verify());
        Assert.Equal((AuditFault.Edited, 42L, 43L), (finding.Fault, finding.From, finding.To));
    }

    [Fact]
    public void Verify_LastEditedWithItsHash_ContradictsTheHead()
    {
        List<AuditRecord> records = _chain.Rebuild(94, n => n with { Actor = "nobody" });
        AuditFinding finding = Only(_chain.Verify(records, _chain.Stored, _chain.Witnessed));
        Assert.Equal((AuditFault.Rebuilt, 90L, 94L), (finding.Fault, finding.From, finding.To));
    }

    [Fact]
    public void Verify_Removed_NamesTheGap()
    {
        _chain.Records.RemoveRange(20, 3);
        AuditFinding finding = Only(_chain.Verify());
        Assert.Equal((AuditFault.Removed, 20L, 22L), (finding.Fault, finding.From, finding.To));
    }

    [Fact]
    public void Verify_SwappedInPlace_IsReordered()
    {
        (AuditRecord a, AuditRecord b) = (_chain.Records[30], _chain.Records[50]);
        _chain.Records[30] = b with { Number = 30 };
        _chain.Records[50] = a with { Number = 50 };
        AuditReport report = _chain.Verify();
        Assert.All(report.Findings, f => Assert.Equal(AuditFault.Reordered, f.Fault));
        Assert.Equal([30L, 31, 50, 51], report.Findings.Select(f => f.To));
    }

    [Fact]
    public void Verify_CutTail_NamesWhatIsMissing()
    {
        _chain.Records.RemoveRange(93, 2);
        AuditFinding finding = Only(_chain.Verify());
        Assert.Equal((AuditFault.CutTail, 93L, 94L), (finding.Fault, finding.From, finding.To));
    }

    [Fact]
    public void Verify_EverythingRemoved_IsCutTail()
    {
        AuditReport report = _chain.Verify([], [], _chain.Witnessed);
        Assert.Contains(report.Findings, f => f is { Fault: AuditFault.CutTail, From: 0, To: 94 });
        Assert.Equal(9, report.Findings.Count(f => f.Fault == AuditFault.CheckpointRemoved));
    }

    [Fact]
    public void Verify_RebuiltFromTheMiddle_NamesTheSegment()
    {
        List<AuditRecord> records = _chain.Rebuild(42, n => n with { Actor = "nobody" });
        AuditFinding finding = Only(_chain.Verify(records, _chain.Stored, _chain.Witnessed));
        Assert.Equal((AuditFault.Rebuilt, 40L, 49L), (finding.Fault, finding.From, finding.To));
    }

    [Fact]
    public void Verify_AddedBehindTheHead_IsUnsigned()
    {
        AuditHead head = _chain.Head;
        _chain.Records.AddRange(AuditChain.Extend(ref head, [_chain.Note(1, _random)]));
        AuditFinding finding = Only(_chain.Verify());
        Assert.Equal((AuditFault.Unsigned, 95L, 95L), (finding.Fault, finding.From, finding.To));
    }

    [Fact]
    public void Verify_TwoSignedHistories_IsAFork()
    {
        // A backup was put back, and the chain went on from there under the same key.
        AuditHead head = new(60, _chain.Records[59].Hash);
        List<AuditRecord> other = [.. _chain.Records.Take(60), .. AuditChain.Extend(ref head, Enumerable.Range(0, 10).Select(i => _chain.Note(1000 + i, _random)))];
        AuditCheckpoint second = Chain.Key.Sign(AuditCheckpointKind.Segment, "t1", head, 1);
        AuditReport report = _chain.Verify(other, [.. _chain.Stored.Take(6), second], [.. _chain.Witnessed, second]);
        Assert.Contains(report.Findings, f => f is { Fault: AuditFault.Fork, From: 69 });
    }

    [Fact]
    public void Verify_TwoRecordsAtOnePlace_IsAFork()
    {
        _chain.Records.Insert(12, _chain.Records[12] with { Note = _chain.Records[3].Note });
        Assert.Contains(_chain.Verify().Findings, f => f is { Fault: AuditFault.Fork, From: 12 });
    }

    [Fact]
    public void Verify_WitnessWithoutALine_IsMissingWitness()
    {
        _chain.Witnessed.RemoveAt(4);
        AuditFinding finding = Only(_chain.Verify());
        Assert.Equal((AuditFault.MissingWitness, 49L), (finding.Fault, finding.From));
    }

    [Fact]
    public void Verify_NoWitness_SaysSo() => Assert.Equal(AuditFault.MissingWitness, Only(_chain.Verify(witness: false)).Fault);

    [Fact]
    public void Verify_CheckpointRemoved_IsNamed()
    {
        _chain.Stored.RemoveAt(2);
        AuditFinding finding = Only(_chain.Verify());
        Assert.Equal((AuditFault.CheckpointRemoved, 29L), (finding.Fault, finding.To));
    }

    [Fact]
    public void Verify_CheckpointOfAnotherKey_IsForged()
    {
        using AuditKey thief = AuditKey.Parse(AuditKey.NewPem());
        List<AuditRecord> records = _chain.Rebuild(42, n => n with { Actor = "nobody" });
        List<AuditCheckpoint> stored = [.. _chain.Stored.Select(c => c.Size <= 40 ? c : thief.Sign(c.Kind, c.Tenant, new AuditHead(c.Size, records[(int)c.Size - 1].Hash), c.At))];
        AuditReport report = _chain.Verify(records, stored, _chain.Witnessed);
        Assert.Equal(5, report.Findings.Count(f => f.Fault == AuditFault.Forged));
        Assert.Contains(report.Findings, f => f is { Fault: AuditFault.Rebuilt, From: 40 });
    }

    [Fact]
    public void Verify_Retired_HoldsFromThereOn()
    {
        AuditCheckpoint retired = Chain.Key.Sign(AuditCheckpointKind.Retired, "t1", _chain.Stored[3].Head, 9000);
        AuditReport report = _chain.Verify(_chain.Records.Skip(40), [.. _chain.Stored, retired], [.. _chain.Witnessed, retired]);
        Assert.True(report.IsIntact);
        Assert.Equal((40L, 95L), (report.First, report.Size));

        // The same without the signed statement is a removal.
        Assert.Contains(_chain.Verify(_chain.Records.Skip(40), _chain.Stored, _chain.Witnessed).Findings, f => f is { Fault: AuditFault.Removed, From: 0, To: 39 });

        // And dropping one segment more than was signed off, too.
        report = _chain.Verify(_chain.Records.Skip(50), [.. _chain.Stored, retired], [.. _chain.Witnessed, retired]);
        Assert.Contains(report.Findings, f => f is { Fault: AuditFault.Removed, From: 40, To: 49 });
    }

    [Fact]
    public void Verify_OtherTenantsRecords_AreEdited()
    {
        var other = new Chain(95, 10, _random, "t2");
        AuditReport report = _chain.Verify(other.Records, other.Stored, other.Witnessed);
        Assert.Equal(AuditFault.Edited, report.Findings.First(f => f.From == 0).Fault);
    }

    [Fact]
    public void Verify_AllEdited_CountsAndStopsListing()
    {
        var chain = new Chain(1500, 100, _random);
        AuditReport report = chain.Verify(chain.Records.Select(r => r with { Note = r.Note with { Trace = "x" } }), chain.Stored, chain.Witnessed);
        Assert.Equal((AuditVerifier.MaxFindings, 1500), (report.Findings.Count, report.TotalFindings));
    }

    [Fact]
    public void Verify_Alarm_StaysFound()
    {
        AuditHead head = _chain.Head;
        AuditNote alarm = _chain.Note(1, _random) with { Action = AuditVerifier.AlarmAction, Details = Payload.FromText("""{"fault":"unsigned","from":10,"message":"m","to":12}""") };
        _chain.Records.AddRange(AuditChain.Extend(ref head, [alarm]));
        _chain.Witnessed.Add(Chain.Key.Sign(AuditCheckpointKind.Head, "t1", head, 1));
        AuditFinding finding = Only(_chain.Verify());
        Assert.Equal((AuditFault.Unsigned, 10L, 12L), (finding.Fault, finding.From, finding.To));
    }
}
