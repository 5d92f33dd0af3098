using System.Buffers;
using System.Globalization;

namespace AgentFlow.Expressions.Cel.Time;

/// <summary>Durations as text: <c>1h30m</c>, <c>-1.5h</c>, <c>60.001s</c>.</summary>
internal static class CelDuration
{
    private static readonly (string Unit, long Nanoseconds)[] Units =
    [
        ("ns", 1), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000),
        ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ];

    private static readonly SearchValues<char> NumberStart = SearchValues.Create("0123456789.");

    /// <summary>Reads a sign and a row of number and unit; a bare <c>0</c> needs no unit.</summary>
    /// <param name="overflow">When false is returned: whether the text was well formed and only too large.</param>
    public static bool TryParse(ReadOnlySpan<char> text, out long nanoseconds, out bool overflow)
    {
        nanoseconds = 0;
        overflow = false;
        var negative = text.Length > 0 && text[0] == '-';
        if (text.Length > 0 && text[0] is '-' or '+')
        {
            text = text[1..];
        }

        if (text is "0")
        {
            return true;
        }

        if (text.IsEmpty)
        {
            return false;
        }

        Int128 total = 0;
        while (!text.IsEmpty)
        {
            if (!TryNumber(ref text, out var whole, out var fraction, out var fractionScale, ref overflow) || !TryUnit(ref text, out var unit))
            {
                overflow = false;
                return false;
            }

            total += ((Int128)whole * unit) + ((Int128)fraction * unit / fractionScale);
        }

        total = negative ? -total : total;
        overflow |= total < long.MinValue || total > long.MaxValue;
        nanoseconds = overflow ? 0 : (long)total;
        return !overflow;
    }

    /// <summary>Writes seconds with as many digits of fraction as needed, or in groups of three for protocol buffer JSON.</summary>
    public static string Format(long nanoseconds, bool grouped = false)
    {
        var seconds = Math.DivRem(nanoseconds, CelTime.NanosPerSecond, out var rest);
        var sign = nanoseconds < 0 && seconds == 0 ? "-" : "";
        return sign + seconds.ToString(CultureInfo.InvariantCulture) + CelTime.Fraction((int)Math.Abs(rest), grouped) + "s";
    }

    private static bool TryNumber(ref ReadOnlySpan<char> text, out ulong whole, out long fraction, out long fractionScale, ref bool overflow)
    {
        fraction = 0;
        fractionScale = 1;
        whole = 0;
        var digits = Digits(text);
        if (digits > 0 && !ulong.TryParse(text[..digits], NumberStyles.None, CultureInfo.InvariantCulture, out whole))
        {
            overflow = true;
        }

        text = text[digits..];
        if (text.IsEmpty || text[0] != '.')
        {
            return digits > 0;
        }

        text = text[1..];
        var places = Digits(text);
        foreach (var digit in text[..Math.Min(places, 18)])
        {
            fraction = (fraction * 10) + (digit - '0');
            fractionScale *= 10;
        }

        text = text[places..];
        return digits + places > 0;
    }

    private static int Digits(ReadOnlySpan<char> text)
    {
        var end = text.IndexOfAnyExceptInRange('0', '9');
        return end < 0 ? text.Length : end;
    }

    private static bool TryUnit(ref ReadOnlySpan<char> text, out long nanoseconds)
    {
        var end = text.IndexOfAny(NumberStart);
        var name = end < 0 ? text : text[..end];
        foreach (var (unit, length) in Units)
        {
            if (name.SequenceEqual(unit))
            {
                text = text[name.Length..];
                nanoseconds = length;
                return true;
            }
        }

        nanoseconds = 0;
        return false;
    }
}
