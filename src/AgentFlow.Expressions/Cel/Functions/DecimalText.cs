using System.Globalization;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary>Doubles with a given number of digits, rounded from their exact value, ties to even; .NET rounds ties away.</summary>
internal static class DecimalText
{
    // No double has more significant digits than this.
    private const string Exact = "E766";

    public static string Fixed(double magnitude, int decimals)
    {
        var (digits, exponent) = Digits(magnitude, keep => keep + 1 + decimals);
        var text = exponent < 0 ? new string('0', -exponent) + digits : digits;
        var whole = Math.Max(exponent, 0) + 1;
        text = text.PadRight(whole + decimals, '0');
        return decimals == 0 ? text[..whole] : $"{text[..whole]}.{text.AsSpan(whole, decimals)}";
    }

    public static string Scientific(double magnitude, int decimals)
    {
        var (digits, exponent) = Digits(magnitude, _ => 1 + decimals);
        digits = digits.PadRight(1 + decimals, '0');
        var sign = exponent < 0 ? '-' : '+';
        var fraction = decimals == 0 ? "" : "." + digits[1..(1 + decimals)];
        return string.Create(CultureInfo.InvariantCulture, $"{digits[0]}{fraction}e{sign}{Math.Abs(exponent):00}");
    }

    /// <param name="keepOf">How many significant digits to keep, given the decimal exponent; may be none or negative.</param>
    private static (string Digits, int Exponent) Digits(double magnitude, Func<int, int> keepOf)
    {
        var text = magnitude.ToString(Exact, CultureInfo.InvariantCulture);
        var exponentAt = text.IndexOf('E', StringComparison.Ordinal);
        var exponent = int.Parse(text.AsSpan(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var digits = string.Concat(text.AsSpan(0, 1), text.AsSpan(2, exponentAt - 2));
        var keep = keepOf(exponent);
        if (keep < 0)
        {
            return ("0", 0);
        }

        if (keep >= digits.Length || !RoundsUp(digits, keep))
        {
            return keep == 0 ? ("0", 0) : (digits[..Math.Min(keep, digits.Length)], exponent);
        }

        var rounded = digits[..keep].ToCharArray();
        for (var i = keep - 1; i >= 0; i--)
        {
            if (rounded[i] != '9')
            {
                rounded[i]++;
                return (new string(rounded), exponent);
            }

            rounded[i] = '0';
        }

        return ("1" + new string(rounded), exponent + 1);
    }

    private static bool RoundsUp(string digits, int keep)
    {
        var rest = digits.AsSpan(keep);
        if (rest[0] != '5')
        {
            return rest[0] > '5';
        }

        var isTie = rest[1..].IndexOfAnyExcept('0') < 0;
        return !isTie || (keep > 0 && (digits[keep - 1] - '0') % 2 == 1);
    }
}
