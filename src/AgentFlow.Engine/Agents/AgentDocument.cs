using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Agents;

/// <summary>The parts of an identity's <see cref="RegisteredAgent.Document"/>, each JSON as it was given.</summary>
public sealed record AgentDocument
{
    private static readonly ReadOnlyMemory<byte> Nothing = "{}"u8.ToArray();

    /// <summary>An object: description, version, tags and whatever else tells about the agent.</summary>
    public ReadOnlyMemory<byte> Metadata { get; init; } = Nothing;

    /// <summary>An object or a list: which tools and files are allowed and forbidden, as the outside RBAC engine reads it.</summary>
    public ReadOnlyMemory<byte> Permissions { get; init; } = Nothing;

    /// <summary>An object: behaviour, communication, integration, hooks and other keys of its source.</summary>
    public ReadOnlyMemory<byte> Definition { get; init; } = Nothing;

    /// <summary>The Markdown of its source.</summary>
    public string Instructions { get; init; } = "";

    /// <summary>The file that it was imported from, relative to its tree.</summary>
    public string? Source { get; init; }

    /// <summary>The parts of a document; parts that it does not have are empty.</summary>
    public static AgentDocument Of(Payload document)
    {
        ArgumentNullException.ThrowIfNull(document);
        var parts = new AgentDocument();
        ReadOnlyMemory<byte> utf8 = document.Utf8;
        var reader = new Utf8JsonReader(utf8.Span, new JsonReaderOptions { MaxDepth = 512 });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            string text = reader.TokenType == JsonTokenType.String ? reader.GetString()! : "";
            reader.Skip();
            ReadOnlyMemory<byte> value = utf8[start..(int)reader.BytesConsumed];
            parts = name switch
            {
                "metadata" => parts with { Metadata = value },
                "permissions" => parts with { Permissions = value },
                "definition" => parts with { Definition = value },
                "instructions" => parts with { Instructions = text },
                "source" => parts with { Source = text },
                _ => parts,
            };
        }

        return parts;
    }

    public Payload ToPayload()
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true }))
        {
            writer.WriteStartObject();
            writer.WritePropertyName("metadata");
            writer.WriteRawValue(Metadata.Span, skipInputValidation: true);
            writer.WritePropertyName("permissions");
            writer.WriteRawValue(Permissions.Span, skipInputValidation: true);
            writer.WritePropertyName("definition");
            writer.WriteRawValue(Definition.Span, skipInputValidation: true);
            writer.WriteString("instructions", Instructions);
            if (Source is not null)
            {
                writer.WriteString("source", Source);
            }

            writer.WriteEndObject();
        }

        return new Payload(buffer.WrittenSpan.ToArray());
    }
}
