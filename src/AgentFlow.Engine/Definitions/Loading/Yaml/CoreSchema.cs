using System.Globalization;
using System.Text.RegularExpressions;

namespace AgentFlow.Engine.Definitions.Loading.Yaml;

internal enum ScalarKind : byte
{
    Text,
    Null,
    Boolean,
    Integer,
    Float,
}

/// <summary>
/// What plain scalars mean: the core schema of YAML 1.2 (section 10.3). <c>yes</c>, <c>no</c>, <c>on</c> and dates are text.
/// </summary>
internal static partial class CoreSchema
{
    public static ScalarKind Resolve(string plain)
    {
        switch (plain)
        {
            case "" or "~" or "null" or "Null" or "NULL":
                return ScalarKind.Null;
            case "true" or "True" or "TRUE" or "false" or "False" or "FALSE":
                return ScalarKind.Boolean;
        }

        if (!char.IsAsciiDigit(plain[0]) && plain[0] is not ('-' or '+' or '.'))
        {
            return ScalarKind.Text;
        }

        return Integer.IsMatch(plain) ? ScalarKind.Integer : Float.IsMatch(plain) ? ScalarKind.Float : ScalarKind.Text;
    }

    public static bool IsTrue(string boolean) => boolean[0] is 't' or 'T';

    /// <summary>
    /// The number as JSON spells it, without loss of digits; <see langword="null"/> where JSON has no such number
    /// (infinities, NaN) or no reader could hold it (beyond double, or beyond 64 bits in octal and hexadecimal).
    /// </summary>
    public static string? ToJsonNumber(string plain)
    {
        if (plain.StartsWith("0x", StringComparison.Ordinal))
        {
            return ulong.TryParse(plain.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong hex) ? hex.ToString(CultureInfo.InvariantCulture) : null;
        }

        if (plain.StartsWith("0o", StringComparison.Ordinal))
        {
            return FromOctal(plain.AsSpan(2));
        }

        if (Decimal.Match(plain) is not { Success: true } match || !double.IsFinite(double.Parse(plain, NumberStyles.Float, CultureInfo.InvariantCulture)))
        {
            return null;
        }

        string whole = match.Groups["whole"].Value.TrimStart('0');
        string fraction = match.Groups["fraction"].Value;
        return (plain[0] == '-' ? "-" : "") + (whole.Length > 0 ? whole : "0") + (fraction.Length > 0 ? "." + fraction : "") + match.Groups["exponent"].Value;
    }

    private static string? FromOctal(ReadOnlySpan<char> digits)
    {
        ulong value = 0;
        foreach (char digit in digits)
        {
            if (value >> 61 != 0)
            {
                return null;
            }

            value = (value << 3) | (uint)(digit - '0');
        }

        return value.ToString(CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Integer { get; }

    [GeneratedRegex(@"^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\z", RegexOptions.CultureInvariant)]
    private static partial Regex Float { get; }

    [GeneratedRegex(@"^[-+]?(?<whole>[0-9]*)(\.(?<fraction>[0-9]*))?(?<exponent>([eE][-+]?[0-9]+)?)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Decimal { get; }
}
