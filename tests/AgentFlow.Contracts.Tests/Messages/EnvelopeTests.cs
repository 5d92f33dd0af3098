using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Json;
using AgentFlow.Contracts.Messages;

namespace AgentFlow.Contracts.Tests.Messages;

public sealed class EnvelopeTests
{
    private const string CanonicalWithoutHash =
        """{"cost":{"dollars":0.0125,"tokens":42},"from":"planner","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","metadata":{"attempt":1,"workflow_id":"support"},"payload":{"a":[1,2.5],"message":"grüße"},"span_id":"00f067aa0ba902b7","to":"workflows.support.in","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","ts":"2026-01-31T11:00:00.25Z","type":"request"}""";

    private static readonly Envelope Sample = new()
    {
        Id = Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        TraceId = "4bf92f3577b34da6a3ce929d0e0e4736",
        SpanId = "00f067aa0ba902b7",
        From = "planner",
        To = "workflows.support.in",
        Type = EnvelopeType.Request,
        Payload = Element("""{"message":"grüße","a":[1.0,2.50]}"""),
        Metadata = new Dictionary<string, JsonElement> { ["workflow_id"] = Element("\"support\""), ["attempt"] = Element("1") },
        Cost = new EnvelopeCost(42, 0.0125m),
        Ts = new DateTimeOffset(2026, 1, 31, 12, 0, 0, 250, TimeSpan.FromHours(1)),
    };

    [Fact]
    public void Seal_Envelope_HashesTheCanonicalFormWithoutTheHash() =>
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(CanonicalWithoutHash))), Sample.Seal().EnvelopeHash);

    [Fact]
    public void Seal_SealedAlready_GivesTheSameHash() => Assert.Equal(Sample.Seal().EnvelopeHash, Sample.Seal().Seal().EnvelopeHash);

    [Fact]
    public void IsIntact_AfterARoundTrip_IsTrue()
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(Sample.Seal(), WireJson.Default.Envelope);
        Assert.True(Envelope.IsIntact(json));
        Assert.True(JsonSerializer.Deserialize(json, WireJson.Default.Envelope)!.IsIntact());
    }

    [Fact]
    public void IsIntact_Changed_IsFalse()
    {
        Envelope envelope = Sample.Seal();
        Assert.True(envelope.IsIntact());
        Assert.False((envelope with { To = "somebody" }).IsIntact());
        Assert.False((envelope with { Cost = new EnvelopeCost(42, 0.0126m) }).IsIntact());
        Assert.False((envelope with { Payload = Element("{}") }).IsIntact());
        Assert.False((envelope with { EnvelopeHash = null }).IsIntact());
        Assert.False((envelope with { EnvelopeHash = envelope.EnvelopeHash!.ToUpperInvariant() }).IsIntact());
    }

    [Fact]
    public void IsIntact_TextOfAnotherSender_KeepsUnknownMembersAndSpellings()
    {
        const string rest = """{"ts":"2026-01-31T12:00:00.250+01:00","id":"x","vendor":{"b":1,"a":[]},"n":1.50}""";
        string hash = CanonicalJson.Hash(Encoding.UTF8.GetBytes(rest));
        string text = rest.Replace("\"n\"", $"\"envelope\\u005fhash\" : \"{hash}\", \"n\"");
        Assert.True(Envelope.IsIntact(Encoding.UTF8.GetBytes(text)));
        Assert.False(Envelope.IsIntact(Encoding.UTF8.GetBytes(text.Replace("vendor", "Vendor"))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"envelope_hash":1}""")]
    [InlineData("""{"envelope_hash":"x"}""")]
    [InlineData("""{"a":1,"a":2,"envelope_hash":"x"}""")]
    [InlineData("""{"a":"\ud800","envelope_hash":"x"}""")]
    [InlineData("""{"a":1""")]
    public void IsIntact_NotASealedEnvelope_IsFalse(string text) => Assert.False(Envelope.IsIntact(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Json_WireForm_IsSnakeCaseWithWords()
    {
        using JsonDocument document = JsonDocument.Parse(JsonSerializer.Serialize(Sample.Seal(), WireJson.Default.Envelope));
        Assert.Equal(
            ["id", "trace_id", "span_id", "from", "to", "type", "payload", "metadata", "cost", "ts", "envelope_hash"],
            document.RootElement.EnumerateObject().Select(m => m.Name));
        Assert.Equal("request", document.RootElement.GetProperty("type").GetString());
        Assert.Equal("2026-01-31T11:00:00.25Z", document.RootElement.GetProperty("ts").GetString());
    }

    [Theory]
    [InlineData("\"type\":\"request\"", "\"type\":1")]
    [InlineData("\"type\":\"request\"", "\"type\":\"ask\"")]
    [InlineData("\"ts\":\"2026-01-31T11:00:00.25Z\"", "\"ts\":\"2026-01-31\"")]
    [InlineData("\"ts\":\"2026-01-31T11:00:00.25Z\"", "\"ts\":\"2026-01-31T11:00:00\"")]
    [InlineData("\"from\":\"planner\",", "")]
    [InlineData("\"from\":\"planner\"", "\"from\":null")]
    public void Json_BadMember_IsRefused(string good, string bad)
    {
        Assert.Contains(good, CanonicalWithoutHash);
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(CanonicalWithoutHash.Replace(good, bad), WireJson.Default.Envelope));
    }

    private static JsonElement Element(string json) => JsonElement.Parse(json);
}
