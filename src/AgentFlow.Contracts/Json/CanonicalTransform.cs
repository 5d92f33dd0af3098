using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace AgentFlow.Contracts.Json;

/// <summary>
/// Turns one JSON text into its canonical form in two linear passes. The first writes every token in canonical form, in
/// the order of the input, and notes for each object whose members came out of order how they sort. The second, only
/// needed when there is such an object, copies the pieces in order. Nothing recurses, so depth costs no stack, and each
/// byte is copied twice at most, so nesting costs no time.
/// </summary>
internal sealed class CanonicalTransform(int inputLength) : IDisposable
{
    private PooledArray<byte> _output = new(inputLength + EcmaScriptNumber.MaxLength);
    private PooledArray<byte> _sorted;
    private PooledArray<byte> _names = new(256);
    private PooledArray<Member> _members = new(32);
    private PooledArray<Member> _kept = new(32);
    private PooledArray<Container> _open = new(32);
    private PooledArray<Unordered> _unordered = new(8);
    private Comparison<Member>? _compare;

    /// <summary>A member of an open or unordered object: where it stands in the output, its unescaped name, and its place in the input.</summary>
    private struct Member
    {
        public int Start, End, Name, NameLength, Offset;
    }

    private struct Container
    {
        public bool IsObject, IsSorted;
        public int Count, FirstMember, Names, Content;
    }

    /// <summary>An object to be reordered: its content in the output, and its members in <see cref="_kept"/>, already sorted.</summary>
    private readonly record struct Unordered(int Content, int End, int FirstMember, int Count) : IComparable<Unordered>
    {
        public int CompareTo(Unordered other) => Content.CompareTo(other.Content);
    }

    private readonly record struct Piece(int Start, int End, bool Comma);

    /// <summary>The canonical bytes, valid until this is disposed.</summary>
    public ReadOnlySpan<byte> Run(ReadOnlySpan<byte> json, JsonReaderOptions options, int maxDepth)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxDepth);
        if (json.StartsWith("\uFEFF"u8)) throw Fault(json, 0, "The text begins with a byte order mark; JSON has none. Remove the first three bytes.");

        if (json.IndexOfAnyExcept(" \t\r\n"u8) < 0) throw Fault(json, 0, "The text is empty; one JSON value is expected.");

        // One more than allowed, so that the message about depth is ours.
        options.MaxDepth = (int)Math.Min((long)maxDepth + 1, int.MaxValue);
        var reader = new Utf8JsonReader(json, options);
        try
        {
            while (reader.Read()) Token(json, ref reader, maxDepth);
        }
        catch (JsonException e)
        {
            throw Syntax(json, e);
        }

        return _unordered.Count == 0 ? _output.Items : Reorder();
    }

    public void Dispose()
    {
        _output.Return();
        _sorted.Return();
        _names.Return();
        _members.Return();
        _kept.Return();
        _open.Return();
        _unordered.Return();
    }

    private void Token(ReadOnlySpan<byte> json, ref Utf8JsonReader reader, int maxDepth)
    {
        JsonTokenType token = reader.TokenType;
        if (token is JsonTokenType.EndObject or JsonTokenType.EndArray)
        {
            Close(json);
            return;
        }

        bool inArray = _open.Count > 0 && !_open.Last.IsObject;
        if ((inArray || token == JsonTokenType.PropertyName) && _open.Last.Count++ > 0) _output.Add((byte)',');

        switch (token)
        {
            case JsonTokenType.StartObject or JsonTokenType.StartArray:
                if (_open.Count >= maxDepth)
                {
                    throw Fault(json, reader.TokenStartIndex, $"The text is nested deeper than {maxDepth} levels. Make it flatter.");
                }

                Open(token == JsonTokenType.StartObject);
                break;
            case JsonTokenType.PropertyName:
                Name(json, ref reader);
                break;
            case JsonTokenType.String:
                String(json, ref reader);
                break;
            case JsonTokenType.Number:
                Number(json, ref reader);
                break;
            default:
                _output.Add(reader.ValueSpan);
                break;
        }
    }

    private void Open(bool isObject)
    {
        _output.Add((byte)(isObject ? '{' : '['));
        _open.Add(new Container
        {
            IsObject = isObject,
            IsSorted = true,
            FirstMember = _members.Count,
            Names = _names.Count,
            Content = _output.Count,
        });
    }

    private void Name(ReadOnlySpan<byte> json, ref Utf8JsonReader reader)
    {
        ref Container container = ref _open.Last;
        if (container.Count > 1) _members.Last.End = _output.Count - 1;

        var member = new Member { Start = _output.Count, Name = _names.Count, Offset = (int)reader.TokenStartIndex };
        if (reader.ValueIsEscaped) Unescape(json, ref reader, ref _names);
        else _names.Add(Valid(json, ref reader));
        member.NameLength = _names.Count - member.Name;

        if (container.Count > 1 && container.IsSorted)
        {
            int order = Compare(_members.Last, member);
            if (order == 0) throw Duplicate(json, member);
            container.IsSorted = order < 0;
        }

        _members.Add(member);
        Quote(_names.Items[member.Name..], reader.ValueIsEscaped);
        _output.Add((byte)':');
    }

    private void Close(ReadOnlySpan<byte> json)
    {
        Container container = _open.Last;
        if (container.IsObject && container.Count > 0)
        {
            _members.Last.End = _output.Count;
            if (!container.IsSorted) Sort(json, container);
            _members.Truncate(container.FirstMember);
            _names.Truncate(container.Names);
        }

        _output.Add((byte)(container.IsObject ? '}' : ']'));
        _open.Truncate(_open.Count - 1);
    }

    private void Sort(ReadOnlySpan<byte> json, Container container)
    {
        Span<Member> members = _members.Items[container.FirstMember..];
        members.Sort(_compare ??= Compare);
        for (int i = 1; i < members.Length; i++)
        {
            if (Compare(members[i - 1], members[i]) != 0) continue;
            throw Duplicate(json, members[i - 1].Offset > members[i].Offset ? members[i - 1] : members[i]);
        }

        _unordered.Add(new Unordered(container.Content, _output.Count, _kept.Count, members.Length));
        _kept.Add(members);
    }

    private int Compare(Member left, Member right) =>
        CompareUtf16(_names.Items.Slice(left.Name, left.NameLength), _names.Items.Slice(right.Name, right.NameLength));

    /// <summary>
    /// Orders two UTF-8 texts as their UTF-16 code units would. That is the order of the bytes, except that characters
    /// above U+FFFF (first byte F0 to F4) are surrogates in UTF-16 and come before U+E000 to U+FFFF (first byte EE or EF).
    /// </summary>
    internal static int CompareUtf16(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        int same = left.CommonPrefixLength(right);
        if (same == left.Length || same == right.Length) return left.Length.CompareTo(right.Length);

        byte l = left[same], r = right[same];
        bool swapped = l >= 0xEE && r >= 0xEE && (l >= 0xF0) != (r >= 0xF0);
        return swapped ? r.CompareTo(l) : l.CompareTo(r);
    }

    private void String(ReadOnlySpan<byte> json, ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped)
        {
            Quote(Valid(json, ref reader), mayNeedEscapes: false);
            return;
        }

        int start = _names.Count;
        Unescape(json, ref reader, ref _names);
        Quote(_names.Items[start..], mayNeedEscapes: true);
        _names.Truncate(start);
    }

    private static ReadOnlySpan<byte> Valid(ReadOnlySpan<byte> json, ref Utf8JsonReader reader) => Utf8.IsValid(reader.ValueSpan)
        ? reader.ValueSpan
        : throw Fault(json, reader.TokenStartIndex, "The string is not valid UTF-8. Save the text as UTF-8.");

    private static void Unescape(ReadOnlySpan<byte> json, ref Utf8JsonReader reader, ref PooledArray<byte> destination)
    {
        Valid(json, ref reader);
        try
        {
            destination.Advance(reader.CopyString(destination.Reserve(reader.ValueSpan.Length)));
        }
        catch (InvalidOperationException)
        {
            throw Fault(json, reader.TokenStartIndex, "The string has an escaped lone surrogate (\\uD800 to \\uDFFF without its other half). Repair it.");
        }
    }

    private void Quote(ReadOnlySpan<byte> text, bool mayNeedEscapes)
    {
        _output.Add((byte)'"');
        while (mayNeedEscapes)
        {
            int i = text.IndexOfAny(MustEscape);
            if (i < 0) break;
            _output.Add(text[..i]);
            _output.Add(Escape(text[i]));
            text = text[(i + 1)..];
        }

        _output.Add(text);
        _output.Add((byte)'"');
    }

    private static readonly System.Buffers.SearchValues<byte> MustEscape =
        System.Buffers.SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(c => (byte)c), (byte)'"', (byte)'\\']);

    private static ReadOnlySpan<byte> Escape(byte c) => c switch
    {
        (byte)'"' => "\\\""u8,
        (byte)'\\' => "\\\\"u8,
        (byte)'\b' => "\\b"u8,
        (byte)'\t' => "\\t"u8,
        (byte)'\n' => "\\n"u8,
        (byte)'\f' => "\\f"u8,
        (byte)'\r' => "\\r"u8,
        _ => ControlEscapes.AsSpan(c * 6, 6),
    };

    private static readonly byte[] ControlEscapes = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 0x20).Select(c => $"\\u{c:x4}")));

    private void Number(ReadOnlySpan<byte> json, ref Utf8JsonReader reader)
    {
        ReadOnlySpan<byte> text = reader.ValueSpan;

        // Up to 15 digits are exact in a double and written alike.
        if (text.Length <= 15 && text.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0)
        {
            _output.Add(text);
            return;
        }

        if (!Utf8Parser.TryParse(text, out double value, out _) || !double.IsFinite(value))
        {
            throw Fault(json, reader.TokenStartIndex, "The number is beyond the range of a double (about 1.8e308). Pass it as a string.");
        }

        _output.Advance(EcmaScriptNumber.Format(value, _output.Reserve(EcmaScriptNumber.MaxLength)));
    }

    private ReadOnlySpan<byte> Reorder()
    {
        _unordered.Items.Sort();
        _sorted = new PooledArray<byte>(_output.Count);
        var pieces = new PooledArray<Piece>(64);
        pieces.Add(new Piece(0, _output.Count, Comma: false));
        while (pieces.Count > 0)
        {
            Piece piece = pieces.Last;
            pieces.Truncate(pieces.Count - 1);
            if (piece.Comma) _sorted.Add((byte)',');

            // An object inside the piece begins behind its start: the first member of an object starts where its content does.
            int next = _unordered.Items.BinarySearch(new Unordered(piece.Start + 1, 0, 0, 0));
            if (next < 0) next = ~next;
            if (next == _unordered.Count || _unordered[next].Content >= piece.End)
            {
                _sorted.Add(_output.Items[piece.Start..piece.End]);
                continue;
            }

            Unordered inner = _unordered[next];
            _sorted.Add(_output.Items[piece.Start..inner.Content]);
            pieces.Add(new Piece(inner.End, piece.End, Comma: false));
            for (int i = inner.Count - 1; i >= 0; i--)
            {
                Member member = _kept[inner.FirstMember + i];
                pieces.Add(new Piece(member.Start, member.End, Comma: i > 0));
            }
        }

        pieces.Return();
        return _sorted.Items;
    }

    private CanonicalJsonException Duplicate(ReadOnlySpan<byte> json, Member member)
    {
        string name = Encoding.UTF8.GetString(_names.Items.Slice(member.Name, member.NameLength));
        return Fault(json, member.Offset, $"The object has the member \"{(name.Length <= 80 ? name : name[..80] + "…")}\" twice. Remove one.");
    }

    private static CanonicalJsonException Syntax(ReadOnlySpan<byte> json, JsonException e)
    {
        // The reader counts lines and bytes; its message ends with them.
        int offset = 0;
        for (long line = e.LineNumber ?? 0; line > 0; line--) offset += json[offset..].IndexOf((byte)'\n') + 1;
        offset = (int)Math.Min(json.Length, offset + (e.BytePositionInLine ?? 0));
        if (offset == json.Length) return Fault(json, offset, "Not JSON: the text ends too early.");

        int place = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        string problem = (place < 0 ? e.Message : e.Message[..place])
            .Replace(" Change the reader options.", "", StringComparison.Ordinal)
            .Replace(" in this mode", "", StringComparison.Ordinal);
        return Fault(json, offset, "Not JSON: " + problem);
    }

    private static CanonicalJsonException Fault(ReadOnlySpan<byte> json, long offset, string problem)
    {
        ReadOnlySpan<byte> before = json[..(int)offset];
        int lineStart = before.LastIndexOf((byte)'\n') + 1;
        return new CanonicalJsonException(
            problem, offset, before.Count((byte)'\n') + 1, Encoding.UTF8.GetCharCount(before[lineStart..]) + 1);
    }
}
