using System.Globalization;
using System.Text.Json;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Cli.Expressions;

/// <summary>
/// The proto3 JSON form of <c>cel.expr.Value</c>: <c>{"int64Value": "1"}</c>,
/// <c>{"mapValue": {"entries": [{"key": …, "value": …}]}}</c>
/// (https://github.com/google/cel-spec/blob/master/proto/cel/expr/value.proto).
/// </summary>
internal static class TypedJson
{
    private const string TypePrefix = "type.googleapis.com/";
    private const string Timestamp = "google.protobuf.Timestamp";
    private const string Duration = "google.protobuf.Duration";

    /// <exception cref="CelJsonException">Not of that form.</exception>
    public static CelValue Read(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object || element.EnumerateObject().Take(2).Count() != 1)
        {
            throw new CelJsonException("a typed value is an object with one member such as int64Value");
        }

        var member = element.EnumerateObject().First();
        try
        {
            return Read(member.Name, member.Value);
        }
        catch (Exception error) when (error is not CelJsonException and (FormatException or InvalidOperationException or OverflowException or ArgumentException or KeyNotFoundException))
        {
            throw new CelJsonException($"'{member.Name}' does not hold a value of its type", error);
        }
    }

    private static CelValue Read(string kind, JsonElement value) => kind switch
    {
        "nullValue" => CelValue.Null,
        "boolValue" => CelValue.Bool(value.GetBoolean()),
        "int64Value" => CelValue.Int(long.Parse(NumberText(value), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)),
        "uint64Value" => CelValue.UInt(ulong.Parse(NumberText(value), NumberStyles.None, CultureInfo.InvariantCulture)),
        "doubleValue" => CelValue.Double(ReadDouble(value)),
        "stringValue" => CelValue.String(value.GetString()!),
        "bytesValue" => CelValue.Bytes(ReadBase64(value.GetString()!)),
        "typeValue" => CelValue.Type(value.GetString()!),
        "listValue" => CelValue.List(Members(value, "values").Select(Read).ToArray()),
        "mapValue" => CelValue.Map(Members(value, "entries").Select(entry =>
            KeyValuePair.Create(Read(entry.GetProperty("key")), Read(entry.GetProperty("value"))))),
        "objectValue" => ReadObject(value),
        _ => throw new CelJsonException($"'{kind}' is no kind of value this implementation has"),
    };

    /// <exception cref="CelJsonException">The value holds something that form has no place for.</exception>
    public static void Write(in CelValue value, Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        switch (value.Kind)
        {
            case CelKind.Null:
                writer.WriteNull("nullValue"u8);
                break;
            case CelKind.Bool:
                writer.WriteBoolean("boolValue"u8, value.AsBool());
                break;
            case CelKind.Int:
                writer.WriteString("int64Value"u8, value.AsInt().ToString(CultureInfo.InvariantCulture));
                break;
            case CelKind.UInt:
                writer.WriteString("uint64Value"u8, value.AsUInt().ToString(CultureInfo.InvariantCulture));
                break;
            case CelKind.Double when double.IsFinite(value.AsDouble()):
                writer.WritePropertyName("doubleValue"u8);
                value.WriteJson(writer);
                break;
            case CelKind.Double:
                writer.WriteString("doubleValue"u8, double.IsNaN(value.AsDouble()) ? "NaN" : value.AsDouble() > 0 ? "Infinity" : "-Infinity");
                break;
            case CelKind.String:
                writer.WriteString("stringValue"u8, value.AsString());
                break;
            case CelKind.Bytes:
                writer.WriteBase64String("bytesValue"u8, value.AsBytes().Span);
                break;
            case CelKind.Type:
                writer.WriteString("typeValue"u8, value.AsType());
                break;
            case CelKind.List:
                WriteList(value.AsList(), writer);
                break;
            case CelKind.Map:
                WriteMap(value.AsMap(), writer);
                break;
            case CelKind.Timestamp or CelKind.Duration:
                writer.WriteStartObject("objectValue"u8);
                writer.WriteString("@type"u8, TypePrefix + value.TypeName);
                writer.WriteString("value"u8, value.ToTimeText());
                writer.WriteEndObject();
                break;
            default:
                throw new CelJsonException($"a value of type {value.TypeName} has no typed JSON form");
        }

        writer.WriteEndObject();
    }

    private static void WriteList(CelList list, Utf8JsonWriter writer)
    {
        writer.WriteStartObject("listValue"u8);
        writer.WriteStartArray("values"u8);
        for (var i = 0; i < list.Count; i++)
        {
            Write(list[i], writer);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteMap(CelMap map, Utf8JsonWriter writer)
    {
        writer.WriteStartObject("mapValue"u8);
        writer.WriteStartArray("entries"u8);
        for (var i = 0; i < map.Count; i++)
        {
            writer.WriteStartObject();
            writer.WritePropertyName("key"u8);
            Write(map.KeyAt(i), writer);
            writer.WritePropertyName("value"u8);
            Write(map.ValueAt(i), writer);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    // proto3 JSON leaves out empty lists.
    private static IEnumerable<JsonElement> Members(JsonElement container, string name) =>
        container.TryGetProperty(name, out var members) ? members.EnumerateArray() : [];

    private static string NumberText(JsonElement value) => value.ValueKind == JsonValueKind.Number ? value.GetRawText() : value.GetString()!;

    private static double ReadDouble(JsonElement value) => value.ValueKind == JsonValueKind.Number
        ? value.GetDouble()
        : value.GetString() switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            var text => double.Parse(text!, NumberStyles.Float, CultureInfo.InvariantCulture),
        };

    // proto3 JSON readers take either alphabet, with or without padding.
    private static byte[] ReadBase64(string text)
    {
        var standard = text.TrimEnd('=').Replace('-', '+').Replace('_', '/');
        return Convert.FromBase64String(standard.PadRight((standard.Length + 3) / 4 * 4, '='));
    }

    private static CelValue ReadObject(JsonElement value)
    {
        var type = value.GetProperty("@type").GetString()!;
        return type[(type.LastIndexOf('/') + 1)..] switch
        {
            Timestamp when CelValue.TryParseTimestamp(Text(value), out var timestamp) => timestamp,
            Duration when CelValue.TryParseDuration(Text(value), out var duration) => duration,
            Timestamp or Duration => throw new CelJsonException($"'{Text(value)}' is no {type}"),
            _ => throw new CelJsonException($"messages of type '{type}' are not supported"),
        };
    }

    private static string Text(JsonElement value) => value.GetProperty("value").GetString()!;
}
