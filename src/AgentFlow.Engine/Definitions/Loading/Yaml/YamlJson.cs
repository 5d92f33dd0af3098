using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AgentFlow.Engine.Definitions.Loading.Yaml;

/// <summary>YAML data as JSON.</summary>
internal static class YamlJson
{
    private static readonly JsonWriterOptions Writing = new() { SkipValidation = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The node as JSON; what JSON cannot hold is reported and stands as null.</summary>
    public static JsonElement ToElement(YamlNode node, Findings findings)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, Writing))
        {
            if (node.Height - 1 > LoadLimits.DataDepth)
            {
                findings.Error(node, DiagnosticCodes.TooDeep, $"The value nests deeper than {LoadLimits.DataDepth} levels.", "Flatten it.");
                writer.WriteNullValue();
            }
            else
            {
                Write(writer, node, findings);
            }
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return JsonElement.ParseValue(ref reader);
    }

    private static void Write(Utf8JsonWriter writer, YamlNode node, Findings findings)
    {
        switch (node)
        {
            case YamlMapping mapping:
                writer.WriteStartObject();
                foreach (YamlEntry entry in mapping.Entries)
                {
                    writer.WritePropertyName(entry.Key.Text);
                    Write(writer, entry.Value, findings);
                }

                writer.WriteEndObject();
                break;
            case YamlSequence sequence:
                writer.WriteStartArray();
                foreach (YamlNode item in sequence.Items)
                {
                    Write(writer, item, findings);
                }

                writer.WriteEndArray();
                break;
            case YamlScalar scalar:
                WriteScalar(writer, scalar, findings);
                break;
        }
    }

    private static void WriteScalar(Utf8JsonWriter writer, YamlScalar scalar, Findings findings)
    {
        switch (scalar.Kind)
        {
            case ScalarKind.Null:
                writer.WriteNullValue();
                break;
            case ScalarKind.Boolean:
                writer.WriteBooleanValue(CoreSchema.IsTrue(scalar.Text));
                break;
            case ScalarKind.Integer or ScalarKind.Float when CoreSchema.ToJsonNumber(scalar.Text) is { } number:
                writer.WriteRawValue(number, skipInputValidation: true);
                break;
            case ScalarKind.Integer or ScalarKind.Float:
                findings.Error(scalar, DiagnosticCodes.InvalidNumber, $"JSON has no number '{Excerpt.Of(scalar.Text)}'.", "Quote it to make it text, or write a finite number.");
                writer.WriteNullValue();
                break;
            default:
                writer.WriteStringValue(scalar.Text);
                break;
        }
    }
}
