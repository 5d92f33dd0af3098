using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Json;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Tests.Audit;

public sealed class AuditChainTests
{
    private static readonly string[] Pieces = ["a", "\"", "\\", "\n", "\t", "\u0001", "\u001f", "é", "\u2028", "😀", "</script>", "\0", "\ud800", "\udfff", "'", "&", "+", "\u007f"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Canonical_AnyTexts_IsRfc8785(int seed)
    {
        var random = new SeededRandom((ulong)seed);
        for (int i = 0; i < 500; i++)
        {
            string Text() => string.Concat(Enumerable.Range(0, (int)(random.NextUInt64() % 6)).Select(_ => Pieces[random.NextUInt64() % (ulong)Pieces.Length]));
            byte[] details = CanonicalJson.Canonicalize(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new Dictionary<string, string> { ["x"] = Text().Replace("\ud800", "").Replace("\udfff", "") })));
            AuditNote note = new AuditNote(Text(), (long)(random.NextUInt64() % (1UL << 50)), Text(), Text(), Text(), "allowed", new Payload(details), Text()) with { Tenant = "t" };
            byte[] written = AuditChain.Canonical(note.Storable(), AuditHash.Of(details)).ToArray();
            Assert.True(CanonicalJson.Canonicalize(written).AsSpan().SequenceEqual(written), $"seed {seed}, case {i}: {Encoding.UTF8.GetString(written)}");
        }
    }

    [Fact]
    public void Extend_Note_HashesContentAndPredecessor()
    {
        var head = default(AuditHead);
        var note = new AuditNote("t", 7, "api", "run.cancel", "run:1", "allowed", Payload.FromText("{}"), "");
        AuditRecord first = AuditChain.Extend(ref head, [note])[0];
        AuditRecord second = AuditChain.Extend(ref head, [note])[0];
        Assert.Equal(
            """{"action":"run.cancel","actor":"api","at":7,"decision":"allowed","details":{},"prev":"0000000000000000000000000000000000000000000000000000000000000000","resource":"run:1","tenant":"t","trace":""}""",
            Encoding.UTF8.GetString(AuditChain.Canonical(first.Note, first.Prev)));
        Assert.Equal((first.Hash, 1L), (second.Prev, second.Number));
        Assert.NotEqual(first.Hash, second.Hash);
        Assert.Equal(new AuditHead(2, second.Hash), head);
    }

    [Fact]
    public void IsWhole_BordersBetweenMembersMoved_IsFalse()
    {
        // Both records have the same bytes to hash; only one of them has an object as details.
        var head = default(AuditHead);
        string prev = new('0', 64);
        var honest = new AuditNote("t", 7, "api", "a", "r", "allowed", Payload.FromText($$"""{"d":{},"prev":"{{prev}}","resource":"r"}"""), "");
        AuditRecord record = AuditChain.Extend(ref head, [honest])[0];
        Assert.True(AuditChain.IsWhole(record));
        foreach (string details in new[] { "{}}", "{", "[]", "{} {}", "", "{\"a\":1}," })
        {
            AuditNote moved = honest with { Details = Payload.FromText(details) };
            var forged = new AuditRecord(0, moved, default, AuditHash.Of(AuditChain.Canonical(moved, default)));
            Assert.False(AuditChain.IsWhole(forged), details);
        }
    }

    [Fact]
    public void Checkpoint_WrittenAndRead_IsSignedStill()
    {
        AuditCheckpoint signed = Chain.Key.Sign(AuditCheckpointKind.Segment, "t1", new AuditHead(12, AuditHash.Of("x"u8)), 99);
        AuditCheckpoint read = AuditCheckpoint.Parse(signed.ToJson())!;
        Assert.True(CanonicalJson.Canonicalize(signed.ToJson()).AsSpan().SequenceEqual(signed.ToJson()));
        Assert.True(Chain.Key.IsSigned(read));
        Assert.False(Chain.Key.IsSigned(read with { Size = 13 }));
        Assert.False(Chain.Key.IsSigned(read with { Kind = AuditCheckpointKind.Retired }));
        Assert.False(Chain.Key.IsSigned(read with { Tenant = "t2" }));
        Assert.False(Chain.Key.IsSigned(read with { At = 100 }));
        Assert.False(Chain.Key.IsSigned(read with { Hash = default }));
        using AuditKey other = AuditKey.Parse(AuditKey.NewPem());
        Assert.False(other.IsSigned(read));
        Assert.False(other.IsSigned(read with { Key = other.Id }));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"kind\":\"segment\"}")]
    [InlineData("{\"hash\":1}")]
    [InlineData("{")]
    public void Checkpoint_AnythingElse_IsNone(string text) => Assert.Null(AuditCheckpoint.Parse(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Key_OlderPublicPart_IsTrustedAndDoesNotSign()
    {
        using AuditKey old = AuditKey.Parse(AuditKey.NewPem());
        using AuditKey rotated = AuditKey.Parse(AuditKey.NewPem() + old.PublicPem);
        AuditCheckpoint before = old.Sign(AuditCheckpointKind.Segment, "t", new AuditHead(1, default), 1);
        Assert.True(rotated.IsSigned(before));
        Assert.NotEqual(old.Id, rotated.Sign(AuditCheckpointKind.Segment, "t", new AuditHead(2, default), 1).Key);
        using AuditKey reader = AuditKey.Parse(rotated.PublicPem);
        Assert.True(reader.IsSigned(before));
        Assert.False(reader.CanSign);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")]
    public void Key_NoKey_IsRefused(string pem) => Assert.Throws<FormatException>(() => AuditKey.Parse(pem));

    [Fact]
    public void Key_TwoPrivateKeys_IsRefused() => Assert.Throws<FormatException>(() => AuditKey.Parse(AuditKey.NewPem() + AuditKey.NewPem()));
}
