using System.Buffers.Text;
using System.Globalization;
using System.Numerics;

namespace AgentFlow.Expressions.JsonSchema.Values;

/// <summary>
/// An exact JSON number, however large or precise: nothing is rounded to a double, so 1 equals 1.0, and 0.0075 is a
/// multiple of 0.0001. Each value has one representation, the smallest that holds it; work is linear in the text.
/// </summary>
internal readonly struct JsonNumber : IEquatable<JsonNumber>, IComparable<JsonNumber>
{
    private const int SmallDigits = 18;
    private const int DecimalDigits = 28;

    // Integers below 10^18 are small; other values of up to 28 digits and decimals are decimal; the rest is large.
    private readonly decimal _decimal;
    private readonly long _small;
    private readonly Large? _large;
    private readonly bool _isSmall;

    private JsonNumber(long value) => (_small, _isSmall) = (value, true);

    private JsonNumber(decimal value) => _decimal = value;

    private JsonNumber(Large value) => _large = value;

    /// <param name="Digits">ASCII, neither the first nor the last one zero; empty for zero.</param>
    /// <param name="Exponent">The value is ±Digits × 10^Exponent. Saturates far beyond what any comparison can tell apart.</param>
    private sealed record Large(bool Negative, byte[] Digits, long Exponent);

    /// <summary>Reads a number that the JSON grammar allows.</summary>
    public static JsonNumber Parse(ReadOnlySpan<byte> text)
    {
        if (text.Length <= SmallDigits && text[1..].IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0)
        {
            if (Utf8Parser.TryParse(text, out long value, out int consumed) && consumed == text.Length) return new JsonNumber(value);
        }

        if (text.Length <= DecimalDigits && text.IndexOfAny((byte)'e', (byte)'E') < 0)
        {
            if (Utf8Parser.TryParse(text, out decimal value, out int consumed) && consumed == text.Length) return OfDecimal(value);
        }

        return OfLarge(Normalize(text));
    }

    public static JsonNumber Of(long value) =>
        value is > -1_000_000_000_000_000_000 and < 1_000_000_000_000_000_000 ? new JsonNumber(value) : new JsonNumber((decimal)value);

    public static JsonNumber Of(ulong value) => OfDecimal(value);

    /// <summary>The shortest decimal that stands for the double, which is what JSON would write. It has to be finite.</summary>
    public static JsonNumber Of(double value) =>
        Parse(System.Text.Encoding.ASCII.GetBytes(value.ToString("R", CultureInfo.InvariantCulture)));

    public bool IsInteger => _isSmall || (_large is null ? decimal.IsInteger(_decimal) : _large.Exponent >= 0);

    /// <summary>The value where it is an integer from 0 to <see cref="int.MaxValue"/>; larger ones saturate.</summary>
    public int ToCount() => _isSmall ? (int)Math.Clamp(_small, 0, int.MaxValue) : int.MaxValue;

    /// <summary>-1, 0 or 1.</summary>
    public int Sign => Math.Sign(CompareTo(new JsonNumber(0L)));

    public bool IsMultipleOf(JsonNumber divisor)
    {
        if (_isSmall && divisor._isSmall) return _small % divisor._small == 0;

        Large value = ToLarge();
        if (value.Digits.Length == 0) return true;
        Large by = divisor.ToLarge();

        // value/by = a·10^x / (b·10^y). With x < y, a would have to end in zeros, which it does not.
        long shift = value.Exponent - by.Exponent;
        if (shift < 0) return false;
        BigInteger b = BigInteger.Parse(System.Text.Encoding.ASCII.GetString(by.Digits), CultureInfo.InvariantCulture);
        return Remainder(value.Digits, b) * BigInteger.ModPow(10, shift, b) % b == 0;
    }

    public int CompareTo(JsonNumber other)
    {
        if (_isSmall && other._isSmall) return _small.CompareTo(other._small);
        if (_large is null && other._large is null) return ToDecimal().CompareTo(other.ToDecimal());

        Large left = ToLarge(), right = other.ToLarge();
        int leftSign = SignOf(left), rightSign = SignOf(right);
        if (leftSign != rightSign || leftSign == 0) return leftSign.CompareTo(rightSign);

        int order = (left.Digits.Length + left.Exponent).CompareTo(right.Digits.Length + right.Exponent);
        if (order == 0) order = left.Digits.AsSpan().SequenceCompareTo(right.Digits);
        return leftSign * order;
    }

    public bool Equals(JsonNumber other) => CompareTo(other) == 0;

    public override bool Equals(object? obj) => obj is JsonNumber other && Equals(other);

    public override int GetHashCode()
    {
        if (_isSmall) return _small.GetHashCode();
        if (_large is null) return _decimal.GetHashCode();
        var hash = new HashCode();
        hash.Add(_large.Exponent);
        hash.AddBytes(_large.Digits);
        return hash.ToHashCode();
    }

    private static JsonNumber OfDecimal(decimal value) =>
        decimal.IsInteger(value) && Math.Abs(value) < 1_000_000_000_000_000_000m ? new JsonNumber((long)value) : new JsonNumber(value);

    private static JsonNumber OfLarge(Large value)
    {
        bool fits = value.Exponent >= -DecimalDigits
            && value.Digits.Length <= DecimalDigits
            && value.Digits.Length + Math.Max(0, value.Exponent) <= DecimalDigits;
        if (!fits) return new JsonNumber(value);

        decimal number = value.Digits.Length == 0 ? 0 : decimal.Parse(value.Digits, NumberStyles.None, CultureInfo.InvariantCulture);
        for (long i = value.Exponent; i > 0; i--) number *= 10;

        // Dividing one by one would lose nothing either, but a scale is exact by construction.
        if (value.Exponent < 0)
        {
            int[] bits = decimal.GetBits(number);
            number = new decimal(bits[0], bits[1], bits[2], isNegative: false, (byte)-value.Exponent);
        }

        return OfDecimal(value.Negative ? -number : number);
    }

    private static Large Normalize(ReadOnlySpan<byte> text)
    {
        bool negative = text[0] == '-';
        if (negative) text = text[1..];

        long exponent = 0;
        int e = text.IndexOfAny((byte)'e', (byte)'E');
        if (e >= 0)
        {
            exponent = Exponent(text[(e + 1)..]);
            text = text[..e];
        }

        int dot = text.IndexOf((byte)'.');
        int integral = dot < 0 ? text.Length : dot;
        byte[] digits = new byte[dot < 0 ? text.Length : text.Length - 1];
        text[..integral].CopyTo(digits);
        if (dot >= 0) text[(dot + 1)..].CopyTo(digits.AsSpan(integral));
        exponent -= digits.Length - integral;

        ReadOnlySpan<byte> significant = digits.AsSpan().TrimEnd((byte)'0');
        exponent += digits.Length - significant.Length;
        significant = significant.TrimStart((byte)'0');
        return significant.IsEmpty ? new Large(false, [], 0) : new Large(negative, significant.ToArray(), exponent);
    }

    private static long Exponent(ReadOnlySpan<byte> text)
    {
        const long far = 1_000_000_000_000_000;
        bool negative = text[0] == '-';
        long value = 0;
        foreach (byte c in text.TrimStart("+-"u8)) value = Math.Min(far, (value * 10) + (c - '0'));
        return negative ? -value : value;
    }

    private static BigInteger Remainder(ReadOnlySpan<byte> digits, BigInteger divisor)
    {
        BigInteger remainder = 0;
        while (!digits.IsEmpty)
        {
            int length = Math.Min(SmallDigits, digits.Length);
            long chunk = long.Parse(digits[..length], NumberStyles.None, CultureInfo.InvariantCulture);
            remainder = ((remainder * BigInteger.Pow(10, length)) + chunk) % divisor;
            digits = digits[length..];
        }

        return remainder;
    }

    private static int SignOf(Large value) => value.Digits.Length == 0 ? 0 : value.Negative ? -1 : 1;

    private decimal ToDecimal() => _isSmall ? _small : _decimal;

    private Large ToLarge() =>
        _large ?? Normalize(System.Text.Encoding.ASCII.GetBytes(ToDecimal().ToString(CultureInfo.InvariantCulture)));
}
