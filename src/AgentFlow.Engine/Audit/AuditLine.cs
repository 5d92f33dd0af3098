using System.Text.Json;
using AgentFlow.Contracts.Json;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Audit;

/// <summary>
/// One line of an exported chain: a record as canonical JSON with its number and hash, or a checkpoint
/// (<see cref="AuditCheckpoint.ToJson"/>), which has a member <c>signature</c>.
/// </summary>
public static class AuditLine
{
    public static byte[] Write(AuditRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        AuditNote note = record.Note;
        return new CanonicalObject()
            .Text("action"u8, note.Action)
            .Text("actor"u8, note.Actor)
            .Number("at"u8, note.At)
            .Text("decision"u8, note.Decision)
            .Raw("details"u8, note.Details.Utf8.Span)
            .Hash("hash"u8, record.Hash)
            .Number("number"u8, record.Number)
            .Hash("prev"u8, record.Prev)
            .Text("resource"u8, note.Resource)
            .Text("tenant"u8, note.Tenant)
            .Text("trace"u8, note.Trace)
            .End().ToArray();
    }

    /// <summary>Reads a line; both are <see langword="null"/> when it is neither.</summary>
    public static (AuditRecord? Record, AuditCheckpoint? Checkpoint) Parse(ReadOnlySpan<byte> line)
    {
        if (AuditCheckpoint.Parse(line) is { } checkpoint)
        {
            return (null, checkpoint);
        }

        try
        {
            var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = 1000 });
            JsonElement root = JsonElement.ParseValue(ref reader);
            string Text(string name) => root.GetProperty(name).GetString() ?? "";
            if (root.ValueKind != JsonValueKind.Object
                || !AuditHash.TryParse(Text("hash"), out AuditHash hash)
                || !AuditHash.TryParse(Text("prev"), out AuditHash prev)
                || !root.GetProperty("number").TryGetInt64(out long number)
                || !root.GetProperty("at").TryGetInt64(out long at))
            {
                return default;
            }

            var details = new Payload(CanonicalJson.Canonicalize(root.GetProperty("details")));
            return (new AuditRecord(number, new AuditNote(Text("tenant"), at, Text("actor"), Text("action"), Text("resource"), Text("decision"), details, Text("trace")), prev, hash), null);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or CanonicalJsonException)
        {
            return default;
        }
    }
}
