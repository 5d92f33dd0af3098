using System.Buffers;
using System.Globalization;
using System.Numerics;
using System.Text;
using AgentFlow.Expressions.Cel.Time;

namespace AgentFlow.Expressions.Cel.Values;

/// <summary>Values as text: for <c>string()</c>, for messages, and code points where .NET counts UTF-16 units.</summary>
internal static class CelText
{
    private const int DescribedItems = 8;
    private const int DescribedChars = 80;

    private static readonly SearchValues<char> Surrogates = SearchValues.Create(Enumerable.Range(0xD800, 0x800).Select(c => (char)c).ToArray());

    /// <summary>How <c>string(double)</c> writes a number: shortest digits that read back, exponents below 1e-4 and from 1e21.</summary>
    public static string Format(double value)
    {
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
        }

        if (value == 0)
        {
            return double.IsNegative(value) ? "-0" : "0";
        }

        var text = value.ToString("R", CultureInfo.InvariantCulture);
        var exponentAt = text.IndexOf('E', StringComparison.Ordinal);
        if (exponentAt < 0)
        {
            return text;
        }

        var exponent = int.Parse(text.AsSpan(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return exponent is >= 0 and < 21
            ? ((BigInteger)value).ToString(CultureInfo.InvariantCulture)
            : string.Concat(text.AsSpan(0, exponentAt), exponent < 0 ? "e-" : "e+", Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture));
    }

    /// <summary>The number of code points.</summary>
    public static int CountCodePoints(string text)
    {
        var first = text.AsSpan().IndexOfAny(Surrogates);
        if (first < 0)
        {
            return text.Length;
        }

        var count = text.Length;
        for (var i = first; i < text.Length - 1; i++)
        {
            if (char.IsHighSurrogate(text[i]) && char.IsLowSurrogate(text[i + 1]))
            {
                count--;
                i++;
            }
        }

        return count;
    }

    /// <summary>The offset of a surrogate without its other half; -1 in well-formed text.</summary>
    public static int IndexOfHalfSurrogate(string text)
    {
        for (var i = text.AsSpan().IndexOfAny(Surrogates); i >= 0 && i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
            {
                continue;
            }

            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
            {
                return i;
            }

            i++;
        }

        return -1;
    }

    /// <summary>Orders by code point, which differs from UTF-16 order where surrogates meet U+E000 to U+FFFF.</summary>
    public static int Compare(string left, string right)
    {
        var common = left.AsSpan().CommonPrefixLength(right);
        if (common == left.Length || common == right.Length)
        {
            return left.Length.CompareTo(right.Length);
        }

        return Rank(left[common]).CompareTo(Rank(right[common]));

        static int Rank(char c) => c >= 0xE000 ? c - 0x800 : c >= 0xD800 ? c + 0x2000 : c;
    }

    /// <summary>The value as an expression would write it, cut where it is long.</summary>
    public static string Describe(in CelValue value)
    {
        var text = new StringBuilder();
        Describe(value, text, 0);
        return text.ToString();
    }

    private static void Describe(in CelValue value, StringBuilder text, int depth)
    {
        switch (value.Kind)
        {
            case CelKind.Null:
                text.Append("null");
                break;
            case CelKind.Bool:
                text.Append(value.RawBits != 0 ? "true" : "false");
                break;
            case CelKind.Int:
                text.Append(value.RawBits);
                break;
            case CelKind.UInt:
                text.Append(value.RawUInt).Append('u');
                break;
            case CelKind.Double:
                var number = Format(value.RawDouble);
                text.Append(number).Append(number.AsSpan().IndexOfAny(".eIN") < 0 ? ".0" : "");
                break;
            case CelKind.String:
                text.Append('\'').Append(Quote(Cut(value.RawString))).Append('\'');
                break;
            case CelKind.Bytes:
                text.Append("bytes of length ").Append(value.RawBytes.Length);
                break;
            case CelKind.Timestamp:
                text.Append("timestamp('").Append(CelTime.Format(value.RawBits, value.RawNanos)).Append("')");
                break;
            case CelKind.Duration:
                text.Append("duration('").Append(CelDuration.Format(value.RawBits)).Append("')");
                break;
            case CelKind.Type:
                text.Append(value.AsType());
                break;
            case CelKind.Error:
                text.Append("error: ").Append(value.RawError);
                break;
            case CelKind.Optional when value.TryAsOptional(out var inner):
                text.Append("optional.of(");
                Describe(inner, text, depth + 1);
                text.Append(')');
                break;
            case CelKind.Optional:
                text.Append("optional.none()");
                break;
            case CelKind.List:
                DescribeList(value.RawList, text, depth);
                break;
            default:
                DescribeMap(value.RawMap, text, depth);
                break;
        }
    }

    private static void DescribeList(CelList list, StringBuilder text, int depth)
    {
        text.Append('[');
        for (var i = 0; i < list.Count; i++)
        {
            text.Append(i > 0 ? ", " : "");
            if (i == DescribedItems || depth > 2)
            {
                text.Append('…');
                break;
            }

            Describe(list[i], text, depth + 1);
        }

        text.Append(']');
    }

    private static void DescribeMap(CelMap map, StringBuilder text, int depth)
    {
        text.Append('{');
        for (var i = 0; i < map.Count; i++)
        {
            text.Append(i > 0 ? ", " : "");
            if (i == DescribedItems || depth > 2)
            {
                text.Append('…');
                break;
            }

            Describe(map.KeyAt(i), text, depth + 1);
            text.Append(": ");
            Describe(map.ValueAt(i), text, depth + 1);
        }

        text.Append('}');
    }

    /// <summary>Cuts long text for a message, between code points.</summary>
    public static string Cut(string text) =>
        text.Length <= DescribedChars ? text : text[..(char.IsHighSurrogate(text[DescribedChars - 1]) ? DescribedChars - 1 : DescribedChars)] + "…";

    private static string Quote(string text) => text
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("'", "\\'", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal)
        .Replace("\r", "\\r", StringComparison.Ordinal)
        .Replace("\t", "\\t", StringComparison.Ordinal);
}
