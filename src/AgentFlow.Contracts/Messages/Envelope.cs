using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Json;

namespace AgentFlow.Contracts.Messages;

[JsonConverter(typeof(WireEnumConverter<EnvelopeType>))]
public enum EnvelopeType
{
    [JsonStringEnumMemberName("request")]
    Request,

    [JsonStringEnumMemberName("response")]
    Response,

    [JsonStringEnumMemberName("event")]
    Event,

    [JsonStringEnumMemberName("control")]
    Control,
}

/// <param name="Tokens">Model tokens, input and output together.</param>
/// <param name="Dollars">US dollars.</param>
public sealed record EnvelopeCost(long Tokens, decimal Dollars);

/// <summary>
/// A message on the bus. Its hash is the SHA-256 of the RFC 8785 form of the envelope without the hash, so that anybody
/// who has the text can tell whether it was altered, whatever has re-serialised it in between.
/// </summary>
public sealed record Envelope
{
    private const string HashMember = "envelope_hash";

    public required Ulid Id { get; init; }

    public required string TraceId { get; init; }

    public required string SpanId { get; init; }

    /// <summary>The agent that sends.</summary>
    public required string From { get; init; }

    /// <summary>An agent, or a workflow's topic.</summary>
    public required string To { get; init; }

    public required EnvelopeType Type { get; init; }

    /// <summary>An object whose schema depends on the message; its document must outlive the envelope.</summary>
    public required JsonElement Payload { get; init; }

    /// <summary><c>workflow_id</c>, <c>attempt</c>, <c>planner</c> and what else the sender knows.</summary>
    public required IReadOnlyDictionary<string, JsonElement> Metadata { get; init; }

    public required EnvelopeCost Cost { get; init; }

    /// <summary>When it was sent.</summary>
    public required DateTimeOffset Ts { get; init; }

    /// <summary>64 lower-case hexadecimal digits; <see langword="null"/> until <see cref="Seal"/>.</summary>
    public string? EnvelopeHash { get; init; }

    /// <summary>The same envelope with its hash.</summary>
    /// <exception cref="CanonicalJsonException">A member has no canonical form.</exception>
    public Envelope Seal() => this with { EnvelopeHash = ComputeHash() };

    /// <summary>Whether the hash is there and is the one of the other members.</summary>
    /// <exception cref="CanonicalJsonException">A member has no canonical form.</exception>
    public bool IsIntact() => EnvelopeHash is not null && EnvelopeHash == ComputeHash();

    /// <summary>
    /// Checks an envelope as it was received. Unlike <see cref="IsIntact()"/> this also covers members that this version does
    /// not know, and times and numbers in the sender's spelling.
    /// </summary>
    /// <returns>False as well when the text is no JSON object, has no canonical form, or carries no hash.</returns>
    public static bool IsIntact(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = CanonicalJson.DefaultMaxDepth });
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object
                || !root.TryGetProperty(HashMember, out JsonElement hash)
                || hash.ValueKind != JsonValueKind.String)
            {
                return false;
            }

            var rest = new ArrayBufferWriter<byte>(utf8.Length);
            using (var writer = new Utf8JsonWriter(rest))
            {
                writer.WriteStartObject();
                foreach (JsonProperty member in root.EnumerateObject())
                {
                    if (!member.NameEquals(HashMember)) member.WriteTo(writer);
                }

                writer.WriteEndObject();
            }

            return hash.ValueEquals(CanonicalJson.Hash(rest.WrittenSpan));
        }
        catch (Exception e) when (e is JsonException or CanonicalJsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string with a lone surrogate.
            return false;
        }
    }

    private string ComputeHash() => CanonicalJson.Hash(this with { EnvelopeHash = null }, WireJson.Default.Envelope);
}
