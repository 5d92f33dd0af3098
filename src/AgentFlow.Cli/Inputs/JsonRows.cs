using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentFlow.Cli.Inputs;

/// <summary>Rows from JSON: an array, an object, or values one after another (JSON Lines). A row is an object, or a text that stands for the one the workflow needs.</summary>
internal static class JsonRows
{
    /// <summary>The member of a row that was a bare text; a name that no file can hold a second time beside others.</summary>
    public const string BareText = "text";

    private const int MaxDepth = 128;
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = MaxDepth };

    /// <returns>The rows, and whether they stood in a list (everything but a single object).</returns>
    /// <exception cref="InputException">The text is not JSON, or a row is neither object nor text.</exception>
    public static (IReadOnlyList<InputRow> Rows, bool IsList) Read(string file, ReadOnlySpan<byte> utf8)
    {
        var rows = new List<InputRow>();
        bool isArray = false;
        var lines = new LineCounter();
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { AllowMultipleValues = true, MaxDepth = MaxDepth });
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.StartArray && reader.CurrentDepth == 0)
                {
                    isArray = true;
                    continue;
                }

                if (reader.TokenType == JsonTokenType.EndArray)
                {
                    continue;
                }

                if (rows.Count == InputRows.MaxRows)
                {
                    throw InputRows.TooMany(file);
                }

                int start = (int)reader.TokenStartIndex;
                int line = lines.At(utf8, start);
                reader.Skip();
                rows.Add(ReadRow(file, utf8[start..(int)reader.BytesConsumed], rows.Count + 1, line));
            }
        }
        catch (JsonException e)
        {
            throw new InputException($"{file}:{e.LineNumber + 1}:{e.BytePositionInLine + 1}: not JSON: {Reason(e)}");
        }

        return (rows, isArray || rows.Count != 1);
    }

    private static InputRow ReadRow(string file, ReadOnlySpan<byte> utf8, int number, int line)
    {
        JsonElement value;
        try
        {
            value = JsonElement.Parse(utf8, Strict);
        }
        catch (JsonException e)
        {
            // A doubled member comes without a place of its own.
            throw new InputException($"{file}:{line + (e.LineNumber ?? 0)}: row {number}: {Reason(e)}");
        }

        return value.ValueKind switch
        {
            JsonValueKind.Object => new InputRow(number, line, JsonObject.Create(value)!),
            JsonValueKind.String => new InputRow(number, line, new JsonObject { [BareText] = JsonValue.Create(value.GetString()) }),
            _ => throw new InputException($"{file}:{line}: row {number} is {Article(value.ValueKind)}. A row is an object with the workflow's inputs, or a text."),
        };
    }

    private static string Article(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Number => "a number",
        JsonValueKind.Array => "an array inside the array",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };

    /// <summary>The parser's message without the path and position that it appends.</summary>
    private static string Reason(JsonException e)
    {
        int end = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return end < 0 ? e.Message : e.Message[..end];
    }

    private struct LineCounter
    {
        private int _counted;
        private int _line;

        /// <summary>The line of an offset, from 1. Offsets come in rising order.</summary>
        public int At(ReadOnlySpan<byte> utf8, int offset)
        {
            _line += utf8[_counted..offset].Count((byte)'\n');
            _counted = offset;
            return _line + 1;
        }
    }
}
