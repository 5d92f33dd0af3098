using System.Text.Json;

namespace AgentFlow.Engine.Audit;

public enum AuditCheckpointKind : byte
{
    /// <summary>Ends a sealed segment.</summary>
    Segment = 1,

    /// <summary>Everything before its size was exported and dropped.</summary>
    Retired = 2,

    /// <summary>Where the chain ends now; replaced by the next one and kept outside the database only.</summary>
    Head = 3,
}

/// <summary>A signed statement: the first <paramref name="Size"/> records of a tenant's chain lead to this hash.</summary>
/// <param name="At">When it was signed, Unix milliseconds.</param>
/// <param name="Key">Id of the key that signed it.</param>
/// <param name="Signature">ECDSA P-256 over SHA-256 of the statement's canonical JSON without the signature; r and s, 64 bytes (IEEE P1363).</param>
public sealed record AuditCheckpoint(AuditCheckpointKind Kind, string Tenant, long Size, AuditHash Hash, long At, string Key, ReadOnlyMemory<byte> Signature)
{
    public AuditHead Head => new(Size, Hash);

    /// <summary>What is signed.</summary>
    internal byte[] Statement() => Write(new CanonicalObject()).End().ToArray();

    /// <summary>One line of canonical JSON, as it stands in a witness file.</summary>
    public byte[] ToJson()
    {
        var writer = new CanonicalObject();
        writer.Hash("hash"u8, Hash).Text("key"u8, Key).Text("kind"u8, Word(Kind)).Text("signature"u8, Convert.ToBase64String(Signature.Span));
        return writer.Number("signed_at"u8, At).Number("size"u8, Size).Text("tenant"u8, Tenant).End().ToArray();
    }

    /// <summary>Reads what <see cref="ToJson"/> wrote; <see langword="null"/> when it is anything else.</summary>
    public static AuditCheckpoint? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            JsonElement root = JsonElement.ParseValue(ref reader);
            return root.ValueKind == JsonValueKind.Object
                && AuditHash.TryParse(root.GetProperty("hash").GetString(), out AuditHash hash)
                && KindOf(root.GetProperty("kind").GetString()) is { } kind
                && root.GetProperty("size").TryGetInt64(out long size)
                && root.GetProperty("signed_at").TryGetInt64(out long at)
                && root.GetProperty("signature").TryGetBytesFromBase64(out byte[]? signature)
                ? new AuditCheckpoint(kind, root.GetProperty("tenant").GetString() ?? "", size, hash, at, root.GetProperty("key").GetString() ?? "", signature)
                : null;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }

    public static string Word(AuditCheckpointKind kind) => kind switch
    {
        AuditCheckpointKind.Segment => "segment",
        AuditCheckpointKind.Retired => "retired",
        AuditCheckpointKind.Head => "head",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    public static AuditCheckpointKind? KindOf(string? word) => word switch
    {
        "segment" => AuditCheckpointKind.Segment,
        "retired" => AuditCheckpointKind.Retired,
        "head" => AuditCheckpointKind.Head,
        _ => null,
    };

    private CanonicalObject Write(CanonicalObject writer) =>
        writer.Hash("hash"u8, Hash).Text("key"u8, Key).Text("kind"u8, Word(Kind)).Number("signed_at"u8, At).Number("size"u8, Size).Text("tenant"u8, Tenant);
}
