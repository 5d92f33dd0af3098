using System.Text;
using AgentFlow.Expressions.Cel.Evaluation;
using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary>
/// The strings extension (https://github.com/google/cel-go/blob/master/ext/README.md#strings). Positions count code points.
/// </summary>
internal static class StringExtension
{
    private const CelKind S = CelKind.String;
    private const CelKind I = CelKind.Int;

    public static IEnumerable<Overload> All { get; } =
    [
        new("charAt", CelCallStyle.Method, 2, 2, Typed([S, I], CharAt)),
        new("indexOf", CelCallStyle.Method, 2, 3, Typed([S, S, I], IndexOf)),
        new("lastIndexOf", CelCallStyle.Method, 2, 3, Typed([S, S, I], LastIndexOf)),
        new("substring", CelCallStyle.Method, 2, 3, Typed([S, I, I], Substring)),
        new("replace", CelCallStyle.Method, 3, 4, Typed([S, S, S, I], Replace)),
        new("split", CelCallStyle.Method, 2, 3, Typed([S, S, I], Split)),
        new("join", CelCallStyle.Method, 1, 2, Typed([CelKind.List, S], Join)),
        new("lowerAscii", CelCallStyle.Method, 1, 1, Typed([S], (ReadOnlySpan<CelValue> arguments, ref Frame _) =>
            CelValue.String(Map(arguments[0].RawString, char.ToLowerInvariant)))),
        new("upperAscii", CelCallStyle.Method, 1, 1, Typed([S], (ReadOnlySpan<CelValue> arguments, ref Frame _) =>
            CelValue.String(Map(arguments[0].RawString, char.ToUpperInvariant)))),
        new("trim", CelCallStyle.Method, 1, 1, Typed([S], (ReadOnlySpan<CelValue> arguments, ref Frame _) => CelValue.String(arguments[0].RawString.Trim()))),
        new("reverse", CelCallStyle.Method, 1, 1, Typed([S], (ReadOnlySpan<CelValue> arguments, ref Frame _) =>
            CelValue.String(CodePoints.Reverse(arguments[0].RawString)))),
        new("strings.quote", CelCallStyle.Function, 1, 1, Typed([S], (ReadOnlySpan<CelValue> arguments, ref Frame _) =>
            CelValue.String(Quote(arguments[0].RawString)))),
        new("format", CelCallStyle.Method, 2, 2, Typed([S, CelKind.List], TextFormat.Format)),
    ];

    // Checks the kinds and charges for reading every string once; what a function writes it charges itself.
    private static Body Typed(CelKind[] kinds, Body body) => (ReadOnlySpan<CelValue> arguments, ref Frame frame) =>
    {
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i].Kind != kinds[i])
            {
                return Overload.None;
            }

            if (kinds[i] == S && !frame.TryCharge(arguments[i].RawString.Length >> 3))
            {
                return Overload.TooExpensive();
            }
        }

        return body(arguments, ref frame);
    };

    private static CelValue CharAt(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var text = arguments[0].RawString;
        var offset = CodePoints.OffsetOf(text, arguments[1].RawBits);
        return offset < 0 ? OutOfRange(arguments[1].RawBits)
            : CelValue.String(offset == text.Length ? "" : text.Substring(offset, CodePoints.LengthAt(text, offset)));
    }

    private static CelValue IndexOf(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var (text, wanted) = (arguments[0].RawString, arguments[1].RawString);
        var start = arguments.Length > 2 ? CodePoints.OffsetOf(text, arguments[2].RawBits) : 0;
        if (start < 0)
        {
            return OutOfRange(arguments[2].RawBits);
        }

        if (!frame.TryCharge(SearchCost(text, wanted)))
        {
            return Overload.TooExpensive();
        }

        var found = text.IndexOf(wanted, start, StringComparison.Ordinal);
        return CelValue.Int(found < 0 ? -1 : CodePoints.PositionOf(text, found));
    }

    private static CelValue LastIndexOf(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var (text, wanted) = (arguments[0].RawString, arguments[1].RawString);
        var last = arguments.Length > 2 ? CodePoints.OffsetOf(text, arguments[2].RawBits) : text.Length;
        if (last < 0)
        {
            return OutOfRange(arguments[2].RawBits);
        }

        if (!frame.TryCharge(SearchCost(text, wanted)))
        {
            return Overload.TooExpensive();
        }

        // A match may begin at the last position, so the text to search ends after it.
        var end = (int)Math.Min((long)last + wanted.Length, text.Length);
        var found = text.AsSpan(0, end).LastIndexOf(wanted, StringComparison.Ordinal);
        return CelValue.Int(found < 0 ? -1 : CodePoints.PositionOf(text, found));
    }

    private static CelValue Substring(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var text = arguments[0].RawString;
        var start = CodePoints.OffsetOf(text, arguments[1].RawBits);
        if (start < 0)
        {
            return OutOfRange(arguments[1].RawBits);
        }

        if (arguments.Length == 2)
        {
            return CelValue.String(text[start..]);
        }

        var end = CodePoints.OffsetOf(text, arguments[2].RawBits);
        if (end < 0)
        {
            return OutOfRange(arguments[2].RawBits);
        }

        return end < start
            ? Overload.Invalid($"invalid substring range. start: {arguments[1].RawBits}, end: {arguments[2].RawBits}")
            : CelValue.String(text[start..end]);
    }

    private static CelValue Replace(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var (text, old, replacement) = (arguments[0].RawString, arguments[1].RawString, arguments[2].RawString);
        var limit = arguments.Length > 3 && arguments[3].RawBits >= 0 ? arguments[3].RawBits : long.MaxValue;
        if (!frame.TryCharge(SearchCost(text, old)))
        {
            return Overload.TooExpensive();
        }

        var result = new StringBuilder();
        var position = 0;
        for (; limit > 0; limit--)
        {
            // An empty search string is found before every code point and at the end.
            var found = old.Length > 0 ? text.IndexOf(old, position, StringComparison.Ordinal)
                : result.Length == 0 && position == 0 ? 0
                : position < text.Length ? position + CodePoints.LengthAt(text, position) : -1;
            if (found < 0)
            {
                break;
            }

            result.Append(text, position, found - position).Append(replacement);
            position = found + old.Length;
            if (result.Length > CelSize.MaxWeight || !frame.TryCharge(1 + (replacement.Length >> 3)))
            {
                return Overload.TooExpensive();
            }
        }

        return CelValue.String(result.Append(text, position, text.Length - position).ToString());
    }

    private static CelValue Split(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var (text, separator) = (arguments[0].RawString, arguments[1].RawString);
        var limit = arguments.Length > 2 ? arguments[2].RawBits : -1;
        if (limit == 0)
        {
            return CelValue.List(CelArray.Empty);
        }

        var most = limit < 0 || limit > int.MaxValue ? int.MaxValue : (int)limit;
        if (!frame.TryCharge(SearchCost(text, separator) + (separator.Length == 0 ? text.Length : 0)))
        {
            return Overload.TooExpensive();
        }

        string[] parts = separator.Length > 0 ? text.Split(separator, most, StringSplitOptions.None) : Characters(text, most);
        return frame.TryCharge(parts.Length)
            ? Construct.List(Array.ConvertAll(parts, CelValue.String), parts.Length, -1)
            : Overload.TooExpensive();
    }

    private static string[] Characters(string text, int most)
    {
        var parts = CodePoints.Split(text).Take(most).ToArray();
        if (parts.Length == most && parts.Length > 0)
        {
            var before = parts.Take(most - 1).Sum(part => part.Length);
            parts[^1] = text[before..];
        }

        return parts;
    }

    private static CelValue Join(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var list = arguments[0].RawList;
        var separator = arguments.Length > 1 ? arguments[1].RawString : "";
        var result = new StringBuilder();
        for (var i = 0; i < list.Count; i++)
        {
            var item = list[i];
            if (item.Kind != S)
            {
                return Overload.None;
            }

            if (result.Length > CelSize.MaxWeight || !frame.TryCharge(1 + ((item.RawString.Length + separator.Length) >> 3)))
            {
                return Overload.TooExpensive();
            }

            result.Append(i > 0 ? separator : "").Append(item.RawString);
        }

        return CelValue.String(result.ToString());
    }

    private static string Map(string text, Func<char, char> map) =>
        string.Create(text.Length, (text, map), (span, state) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = char.IsAscii(state.text[i]) ? state.map(state.text[i]) : state.text[i];
            }
        });

    private static string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        foreach (var rune in text.EnumerateRunes())
        {
            quoted.Append(rune.Value switch
            {
                '\a' => "\\a",
                '\b' => "\\b",
                '\f' => "\\f",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\v' => "\\v",
                '\\' => "\\\\",
                '"' => "\\\"",
                _ => rune.ToString(),
            });
        }

        return quoted.Append('"').ToString();
    }

    private static long SearchCost(string text, string wanted) => (long)(text.Length >> 4) * (1 + (wanted.Length >> 4));

    private static CelValue OutOfRange(long position) => CelValue.Error(CelErrorCodes.IndexOutOfRange, $"index out of range: {position}");
}
