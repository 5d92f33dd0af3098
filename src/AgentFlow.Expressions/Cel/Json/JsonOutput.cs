using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using AgentFlow.Expressions.Cel.Time;

namespace AgentFlow.Expressions.Cel.Json;

/// <summary>Values as plain JSON.</summary>
internal static class JsonOutput
{
    // The text goes to files, sockets and models, never into an HTML page unescaped: keep it readable.
    public static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const int DeepestNesting = 900;

    public static void Write(in CelValue value, Utf8JsonWriter writer)
    {
        switch (value.Kind)
        {
            case CelKind.Null:
                writer.WriteNullValue();
                break;
            case CelKind.Bool:
                writer.WriteBooleanValue(value.RawBits != 0);
                break;
            case CelKind.Int:
                writer.WriteNumberValue(value.RawBits);
                break;
            case CelKind.UInt:
                writer.WriteNumberValue(value.RawUInt);
                break;
            case CelKind.Double:
                WriteDouble(value.RawDouble, writer);
                break;
            case CelKind.String:
                writer.WriteStringValue(value.RawString);
                break;
            case CelKind.Bytes:
                writer.WriteBase64StringValue(value.RawBytes);
                break;
            case CelKind.Timestamp:
                writer.WriteStringValue(CelTime.Format(value.RawBits, value.RawNanos));
                break;
            case CelKind.Duration:
                writer.WriteStringValue(CelDuration.Format(value.RawBits));
                break;
            case CelKind.Type:
                writer.WriteStringValue(value.AsType());
                break;
            case CelKind.Optional when value.TryAsOptional(out var inner):
                Write(inner, writer);
                break;
            case CelKind.Optional:
                writer.WriteNullValue();
                break;
            case CelKind.Error:
                throw new CelJsonException($"An error has no JSON form: {value.RawError}");
            case CelKind.List:
                WriteList(value.RawList, writer);
                break;
            default:
                WriteMap(value.RawMap, writer);
                break;
        }
    }

    private static void WriteDouble(double value, Utf8JsonWriter writer)
    {
        if (!double.IsFinite(value))
        {
            throw new CelJsonException($"The number {value.ToString(CultureInfo.InvariantCulture)} has no JSON form.");
        }

        // 1.0 stays a double when it is read again: 1.0 / 2.0 is not 1 / 2.
        if (Math.Truncate(value) == value && Math.Abs(value) < 1e15)
        {
            writer.WriteRawValue(value.ToString("F1", CultureInfo.InvariantCulture), skipInputValidation: true);
        }
        else
        {
            writer.WriteNumberValue(value);
        }
    }

    private static void WriteList(CelList list, Utf8JsonWriter writer)
    {
        if (list is JsonList { Source.IsVerbatim: true } json)
        {
            writer.WriteRawValue(json.Source.Text(json.Token), skipInputValidation: true);
            return;
        }

        CheckDepth(writer);
        writer.WriteStartArray();
        var count = list.Count;
        for (var i = 0; i < count; i++)
        {
            Write(list[i], writer);
        }

        writer.WriteEndArray();
    }

    private static void WriteMap(CelMap map, Utf8JsonWriter writer)
    {
        if (map is JsonMap { Source.IsVerbatim: true } json)
        {
            writer.WriteRawValue(json.Source.Text(json.Token), skipInputValidation: true);
            return;
        }

        CheckDepth(writer);
        CheckNames(map);
        writer.WriteStartObject();
        var count = map.Count;
        for (var i = 0; i < count; i++)
        {
            writer.WritePropertyName(NameOf(map.KeyAt(i)));
            Write(map.ValueAt(i), writer);
        }

        writer.WriteEndObject();
    }

    private static void CheckDepth(Utf8JsonWriter writer)
    {
        if (writer.CurrentDepth > DeepestNesting)
        {
            throw new CelJsonException($"The value is nested deeper than {DeepestNesting} levels.");
        }
    }

    private static string NameOf(in CelValue key) => key.Kind switch
    {
        CelKind.String => key.RawString,
        CelKind.Bool => key.RawBits != 0 ? "true" : "false",
        CelKind.UInt => key.RawUInt.ToString(CultureInfo.InvariantCulture),
        _ => key.RawBits.ToString(CultureInfo.InvariantCulture),
    };

    private static void CheckNames(CelMap map)
    {
        if (map is not Values.MixedMap)
        {
            return;
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < map.Count; i++)
        {
            if (!names.Add(NameOf(map.KeyAt(i))))
            {
                throw new CelJsonException($"The map has two keys that both read '{NameOf(map.KeyAt(i))}' in JSON.");
            }
        }
    }
}
