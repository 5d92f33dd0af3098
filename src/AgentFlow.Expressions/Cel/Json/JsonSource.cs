using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace AgentFlow.Expressions.Cel.Json;

/// <summary>
/// A JSON text that was checked in one pass, with a table of its tokens. Values are made from the table on demand;
/// after the check nothing about the text can fail any more.
/// </summary>
internal sealed class JsonSource
{
    public const int MaxDepth = 128;

    private readonly ReadOnlyMemory<byte> _utf8;
    private readonly JsonToken[] _tokens;

    private JsonSource(ReadOnlyMemory<byte> utf8, JsonToken[] tokens, int height, bool isVerbatim)
    {
        _utf8 = utf8;
        _tokens = tokens;
        Height = height;
        IsVerbatim = isVerbatim;
    }

    /// <summary>Levels of arrays and objects in the whole text.</summary>
    public int Height { get; }

    /// <summary>Whether a part may be copied to an output as it stands: no line breaks, no name that may occur twice.</summary>
    public bool IsVerbatim { get; }

    public static CelValue Parse(ReadOnlyMemory<byte> utf8)
    {
        var span = utf8.Span;
        if (!Utf8.IsValid(span))
        {
            throw new CelJsonException("The JSON text is not valid UTF-8.");
        }

        try
        {
            return Scan(utf8);
        }
        catch (JsonException error)
        {
            throw new CelJsonException($"The JSON text is malformed: {error.Message}", error);
        }
    }

    public ref readonly JsonToken this[int index] => ref _tokens[index];

    public ReadOnlySpan<byte> Text(int index) => _utf8.Span.Slice(_tokens[index].Start, _tokens[index].Length);

    public CelValue ValueAt(int index)
    {
        ref readonly var token = ref _tokens[index];
        return token.Type switch
        {
            JsonTokenType.StartObject => token.Count == 0 ? CelValue.Map(Values.StringMap.Empty) : CelValue.Map(new JsonMap(this, index)),
            JsonTokenType.StartArray => token.Count == 0 ? CelValue.List(Values.CelArray.Empty) : CelValue.List(new JsonList(this, index)),
            JsonTokenType.String => CelValue.String(StringAt(index)),
            JsonTokenType.Number => NumberAt(index),
            JsonTokenType.True => CelValue.True,
            JsonTokenType.False => CelValue.False,
            _ => CelValue.Null,
        };
    }

    public string StringAt(int index)
    {
        ref readonly var token = ref _tokens[index];
        if (!token.Escaped)
        {
            return Encoding.UTF8.GetString(Text(index));
        }

        // The reader wants the quotes, which the token leaves out.
        var reader = new Utf8JsonReader(_utf8.Span.Slice(token.Start - 1, token.Length + 2));
        reader.Read();
        return reader.GetString()!;
    }

    private CelValue NumberAt(int index)
    {
        var text = Text(index);
        if (Utf8Parser.TryParse(text, out long integer, out var consumed) && consumed == text.Length)
        {
            return CelValue.Int(integer);
        }

        return CelValue.Double(double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture));
    }

    private static CelValue Scan(ReadOnlyMemory<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8.Span, new JsonReaderOptions { MaxDepth = MaxDepth });
        var tokens = new List<JsonToken>(Math.Clamp(utf8.Length / 16, 4, 1024));
        var open = new Stack<int>();
        var height = 0;
        var namesDiffer = true;
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray)
            {
                var start = open.Pop();
                var tokensSpan = CollectionsMarshal.AsSpan(tokens);
                ref var container = ref tokensSpan[start];
                container.Next = tokens.Count;
                container.Length = (int)reader.BytesConsumed - container.Start;
                namesDiffer = namesDiffer && (container.Type != JsonTokenType.StartObject || NamesDiffer(utf8.Span, tokensSpan, start));
                continue;
            }

            if (open.TryPeek(out var parent) && reader.TokenType != JsonTokenType.PropertyName)
            {
                CollectionsMarshal.AsSpan(tokens)[parent].Count++;
            }

            var token = new JsonToken { Type = reader.TokenType, Start = (int)reader.TokenStartIndex, Length = reader.ValueSpan.Length, Next = tokens.Count + 1 };
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject or JsonTokenType.StartArray:
                    open.Push(tokens.Count);
                    height = Math.Max(height, open.Count);
                    break;
                case JsonTokenType.String or JsonTokenType.PropertyName:
                    token.Start++;
                    token.Escaped = reader.ValueIsEscaped;
                    CheckEscapes(ref reader);
                    break;
                case JsonTokenType.Number:
                    CheckRange(reader.ValueSpan);
                    break;
            }

            tokens.Add(token);
        }

        var verbatim = namesDiffer && utf8.Span.IndexOfAny("\n\r\t"u8) < 0;
        return new JsonSource(utf8, [.. tokens], height, verbatim).ValueAt(0);
    }

    // An escaped lone surrogate is JSON, but no text.
    private static void CheckEscapes(ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped)
        {
            return;
        }

        var buffer = ArrayPool<char>.Shared.Rent(reader.ValueSpan.Length);
        try
        {
            reader.CopyString(buffer);
        }
        catch (InvalidOperationException error)
        {
            throw new CelJsonException($"The JSON text has a string with half a surrogate pair at byte {reader.TokenStartIndex}.", error);
        }
        finally
        {
            ArrayPool<char>.Shared.Return(buffer);
        }
    }

    private static void CheckRange(ReadOnlySpan<byte> number)
    {
        // Shorter numbers without an exponent cannot leave the range of a double.
        if ((number.Length > 300 || number.IndexOfAny((byte)'e', (byte)'E') >= 0)
            && double.IsInfinity(double.Parse(number, NumberStyles.Float, CultureInfo.InvariantCulture)))
        {
            throw new CelJsonException($"The JSON text has a number beyond the range of a double: {Encoding.UTF8.GetString(number[..Math.Min(40, number.Length)])}.");
        }
    }

    // Conservative: equal hashes and escapes count as equal names, which only costs the shortcut.
    private static bool NamesDiffer(ReadOnlySpan<byte> utf8, ReadOnlySpan<JsonToken> tokens, int start)
    {
        var count = tokens[start].Count;
        if (count < 2)
        {
            return true;
        }

        var rented = count > 32 ? ArrayPool<int>.Shared.Rent(count) : null;
        var hashes = rented is null ? stackalloc int[count] : rented.AsSpan(0, count);
        try
        {
            var name = start + 1;
            for (var i = 0; i < count; i++)
            {
                if (tokens[name].Escaped)
                {
                    return false;
                }

                var hash = default(HashCode);
                hash.AddBytes(utf8.Slice(tokens[name].Start, tokens[name].Length));
                hashes[i] = hash.ToHashCode();
                name = tokens[name + 1].Next;
            }

            hashes.Sort();
            for (var i = 1; i < count; i++)
            {
                if (hashes[i] == hashes[i - 1])
                {
                    return false;
                }
            }

            return true;
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<int>.Shared.Return(rented);
            }
        }
    }
}
