using System.Buffers;
using System.Text.Json;

namespace AgentFlow.Server.Http;

/// <summary>
/// Finds a name that stands twice in one object of a JSON text. Keeps some bytes per name of the open objects, as places in
/// the text; a small object is compared as it grows, a large one is sorted when it closes, so that no text costs more than
/// n log n.
/// </summary>
internal sealed class NameLedger(ReadOnlyMemory<byte> text) : IComparer<NameLedger.Name>
{
    private const int SmallObject = 8;

    private readonly List<Name> _names = [];
    private readonly Stack<int> _firsts = new();
    private ArrayBufferWriter<byte>? _unescaped;

    public void Open() => _firsts.Push(_names.Count);

    /// <summary>Takes the name that the reader stands on.</summary>
    /// <returns>Where the name stands, when the open object has it already and is small; otherwise <see cref="Close"/> tells.</returns>
    public int? Add(ref Utf8JsonReader reader)
    {
        int offset = (int)reader.TokenStartIndex;
        Name added = reader.ValueIsEscaped ? Unescape(ref reader, offset) : new Name(offset, offset + 1, reader.ValueSpan.Length, false);
        int first = _firsts.Peek();
        if (_names.Count - first < SmallObject)
        {
            for (int i = first; i < _names.Count; i++)
            {
                if (Bytes(_names[i]).SequenceEqual(Bytes(added)))
                {
                    return offset;
                }
            }
        }

        _names.Add(added);
        return null;
    }

    /// <summary>Ends the innermost object.</summary>
    /// <returns>Where a name stands for the second time, or <see langword="null"/>.</returns>
    public int? Close()
    {
        int first = _firsts.Pop();
        int? duplicate = _names.Count - first > SmallObject ? FindDuplicate(first) : null;
        _names.RemoveRange(first, _names.Count - first);
        return duplicate;
    }

    int IComparer<Name>.Compare(Name x, Name y)
    {
        int order = Bytes(x).SequenceCompareTo(Bytes(y));
        return order != 0 ? order : x.Offset.CompareTo(y.Offset);
    }

    private int? FindDuplicate(int first)
    {
        _names.Sort(first, _names.Count - first, this);
        for (int i = first + 1; i < _names.Count; i++)
        {
            if (Bytes(_names[i - 1]).SequenceEqual(Bytes(_names[i])))
            {
                return _names[i].Offset;
            }
        }

        return null;
    }

    private Name Unescape(ref Utf8JsonReader reader, int offset)
    {
        _unescaped ??= new ArrayBufferWriter<byte>();
        int start = _unescaped.WrittenCount;
        int length = reader.CopyString(_unescaped.GetSpan(reader.ValueSpan.Length));
        _unescaped.Advance(length);
        return new Name(offset, start, length, true);
    }

    private ReadOnlySpan<byte> Bytes(in Name name) => (name.Unescaped ? _unescaped!.WrittenSpan : text.Span).Slice(name.Start, name.Length);

    /// <param name="Offset">Where the name stands in the text.</param>
    /// <param name="Start">Where its characters begin, in the text or among the unescaped ones.</param>
    internal readonly record struct Name(int Offset, int Start, int Length, bool Unescaped);
}
