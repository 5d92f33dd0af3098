using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Cli.Json;

/// <summary>
/// Answers lines <c>{"schema": …, "instance": …}</c> with lines <c>{"valid": …, "errors": […]}</c>: one each, in order,
/// whatever is wrong with a line. The answers to what was read at once are written before more is read.
/// </summary>
internal sealed class JsonValidateLines(JsonSchemaOptions options)
{
    private const int LongestLine = 64 * 1024 * 1024;
    private const int MaxDepth = 1000;

    // Consecutive lines mostly have the same schema.
    private byte[] _schemaText = [];
    private JsonSchema? _schema;

    public void Answer(Stream input, Stream output)
    {
        var answers = new ArrayBufferWriter<byte>();
        using var line = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        bool tooLong = false;
        int read;
        while ((read = input.Read(buffer)) > 0)
        {
            ReadOnlySpan<byte> rest = buffer.AsSpan(0, read);
            int length;
            while ((length = rest.IndexOf((byte)'\n')) >= 0)
            {
                line.Write(rest[..length]);
                rest = rest[(length + 1)..];
                Reply();
            }

            line.Write(rest);
            if (line.Length > LongestLine)
            {
                tooLong = true;
                line.SetLength(0);
            }

            output.Write(answers.WrittenSpan);
            output.Flush();
            answers.ResetWrittenCount();
        }

        if (line.Length > 0 || tooLong) Reply();
        output.Write(answers.WrittenSpan);
        output.Flush();

        void Reply()
        {
            SchemaResult result = tooLong
                ? Refuse($"The line is longer than {LongestLine} bytes.")
                : Validate(line.GetBuffer().AsMemory(0, (int)line.Length));
            answers.Write(ToJson(result));
            answers.Write("\n"u8);
            line.SetLength(0);
            tooLong = false;
        }
    }

    public static byte[] ToJson(SchemaResult result)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WriteBoolean("valid"u8, result.Valid);
            writer.WriteStartArray("errors"u8);
            foreach (SchemaFailure error in result.Errors)
            {
                writer.WriteStartObject();
                writer.WriteString("instance_location"u8, error.InstanceLocation);
                writer.WriteString("keyword_location"u8, error.KeywordLocation);
                writer.WriteString("message"u8, error.Message);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private SchemaResult Validate(ReadOnlyMemory<byte> line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false });
            JsonElement request = document.RootElement;
            if (request.ValueKind != JsonValueKind.Object
                || !request.TryGetProperty("schema"u8, out JsonElement schema)
                || !request.TryGetProperty("instance"u8, out JsonElement instance))
            {
                return Refuse("A line is an object with the members 'schema' and 'instance'.");
            }

            ReadOnlySpan<byte> text = JsonMarshal.GetRawUtf8Value(schema);
            if (_schema is null || !text.SequenceEqual(_schemaText))
            {
                if (!JsonSchema.TryCompile(schema, options, out _schema, out IReadOnlyList<SchemaError> errors))
                {
                    return new SchemaResult(false, [.. errors.Select(e => new SchemaFailure("", e.Location, $"The schema is invalid: {e.Message}"))]);
                }

                _schemaText = text.ToArray();
            }

            return _schema.Validate(instance);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a name with a lone surrogate.
            return Refuse($"Not JSON: {e.Message}");
        }
    }

    private static SchemaResult Refuse(string message) => new(false, [new SchemaFailure("", "", message)]);
}
