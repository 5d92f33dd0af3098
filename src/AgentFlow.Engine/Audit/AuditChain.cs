using System.Text.Json;

namespace AgentFlow.Engine.Audit;

/// <summary>
/// The hash chain of one tenant. A record's hash covers its content and the hash before it, as canonical JSON (RFC 8785):
/// <c>{"action","actor","at","decision","details","prev","resource","tenant","trace"}</c>. Its place is not repeated in
/// there: the checkpoints sign how many records lead to a hash.
/// </summary>
public static class AuditChain
{
    [ThreadStatic]
    private static CanonicalObject? _writer;

    /// <summary>Adds notes to a chain.</summary>
    /// <param name="head">Where it ended; where it ends now.</param>
    public static List<AuditRecord> Extend(ref AuditHead head, IEnumerable<AuditNote> notes)
    {
        var records = new List<AuditRecord>();
        foreach (AuditNote note in notes)
        {
            AuditNote kept = note.Storable();
            var hash = AuditHash.Of(Canonical(kept, head.Hash));
            records.Add(new AuditRecord(head.Size, kept, head.Hash, hash));
            head = new AuditHead(head.Size + 1, hash);
        }

        return records;
    }

    /// <summary>Whether a record's hash is that of its content.</summary>
    public static bool IsWhole(AuditRecord record) =>
        IsObject(record.Note.Details.Utf8.Span) && AuditHash.Of(Canonical(record.Note, record.Prev)) == record.Hash;

    /// <summary>The bytes that are hashed; valid until the next call on this thread.</summary>
    internal static ReadOnlySpan<byte> Canonical(AuditNote note, AuditHash prev)
    {
        CanonicalObject writer = _writer ??= new CanonicalObject();
        writer.Clear();
        return writer
            .Text("action"u8, note.Action)
            .Text("actor"u8, note.Actor)
            .Number("at"u8, note.At)
            .Text("decision"u8, note.Decision)
            .Raw("details"u8, note.Details.Utf8.Span)
            .Hash("prev"u8, prev)
            .Text("resource"u8, note.Resource)
            .Text("tenant"u8, note.Tenant)
            .Text("trace"u8, note.Trace)
            .End();
    }

    /// <summary>Details that are no complete object could move the borders between members without changing the hashed bytes.</summary>
    private static bool IsObject(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 1000 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            reader.Skip();
            return !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
