using System.Buffers.Text;
using System.Globalization;

namespace AgentFlow.Contracts.Json;

/// <summary>
/// Formats a double as ECMAScript's Number::toString does (ECMA-262, 6.1.6.1.20), which RFC 8785 prescribes. The shortest
/// digits that read back as the same double come from .NET; where they stand is decided here.
/// </summary>
internal static class EcmaScriptNumber
{
    /// <summary>No formatted double is longer; the longest is 25 bytes.</summary>
    public const int MaxLength = 32;

    private const double ExactIntegers = 1L << 53;

    /// <param name="destination">At least <see cref="MaxLength"/> bytes.</param>
    /// <returns>The number of bytes written.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The value is not finite: JSON has no word for it.</exception>
    public static int Format(double value, Span<byte> destination)
    {
        if (!double.IsFinite(value))
        {
            throw new ArgumentOutOfRangeException(nameof(value), value, "JSON has no NaN and no infinity.");
        }

        if (Math.Abs(value) < ExactIntegers && value == Math.Truncate(value))
        {
            // Negative zero becomes 0 here as well.
            Utf8Formatter.TryFormat((long)value, destination, out int length);
            return length;
        }

        Span<byte> digits = stackalloc byte[MaxLength];
        int count = ShortestDigits(Math.Abs(value), digits, out int point);
        digits = digits[..count];

        int written = 0;
        if (value < 0) destination[written++] = (byte)'-';
        return written + point switch
        {
            > 21 or <= -6 => Scientific(digits, point - 1, destination[written..]),
            <= 0 => Fraction(digits, -point, destination[written..]),
            _ => Positional(digits, point, destination[written..]),
        };
    }

    /// <summary>
    /// The significant digits, and where the decimal point stands relative to the first of them: the value is 0.DIGITS × 10^point.
    /// </summary>
    private static int ShortestDigits(double value, Span<byte> digits, out int point)
    {
        Span<byte> text = stackalloc byte[MaxLength];
        value.TryFormat(text, out int length, default, CultureInfo.InvariantCulture);
        text = text[..length];

        int exponent = 0;
        int e = text.IndexOf((byte)'E');
        if (e >= 0)
        {
            exponent = int.Parse(text[(e + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            text = text[..e];
        }

        int dot = text.IndexOf((byte)'.');
        int integral = dot < 0 ? text.Length : dot;
        int count = 0;
        int leadingZeros = 0;
        foreach (byte c in text)
        {
            if (c == '.') continue;
            if (count == 0 && c == '0') leadingZeros++;
            else digits[count++] = c;
        }

        while (digits[count - 1] == '0') count--;
        point = integral - leadingZeros + exponent;
        return count;
    }

    private static int Scientific(ReadOnlySpan<byte> digits, int exponent, Span<byte> destination)
    {
        int n = 0;
        destination[n++] = digits[0];
        if (digits.Length > 1)
        {
            destination[n++] = (byte)'.';
            digits[1..].CopyTo(destination[n..]);
            n += digits.Length - 1;
        }

        destination[n++] = (byte)'e';
        destination[n++] = (byte)(exponent < 0 ? '-' : '+');
        Utf8Formatter.TryFormat(Math.Abs(exponent), destination[n..], out int length);
        return n + length;
    }

    private static int Fraction(ReadOnlySpan<byte> digits, int zeros, Span<byte> destination)
    {
        "0."u8.CopyTo(destination);
        destination.Slice(2, zeros).Fill((byte)'0');
        digits.CopyTo(destination[(2 + zeros)..]);
        return 2 + zeros + digits.Length;
    }

    private static int Positional(ReadOnlySpan<byte> digits, int point, Span<byte> destination)
    {
        if (digits.Length <= point)
        {
            digits.CopyTo(destination);
            destination[digits.Length..point].Fill((byte)'0');
            return point;
        }

        digits[..point].CopyTo(destination);
        destination[point] = (byte)'.';
        digits[point..].CopyTo(destination[(point + 1)..]);
        return digits.Length + 1;
    }
}
