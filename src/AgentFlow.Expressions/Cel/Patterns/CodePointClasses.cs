using System.Globalization;

namespace AgentFlow.Expressions.Cel.Patterns;

/// <summary>The named classes of RE2 (https://github.com/google/re2/wiki/Syntax). Perl and POSIX classes are ASCII only.</summary>
internal static class CodePointClasses
{
    public const string Digits = "09";
    public const string Blanks = "\t\n\f\r  ";
    public const string WordCharacters = "09AZ__az";

    private static readonly string[] CategoryNames =
    [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf",
        "Cs", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn",
    ];

    /// <summary>Ranges of a POSIX class such as <c>alpha</c>, as pairs of characters.</summary>
    public static string? Posix(string name) => name switch
    {
        "alnum" => "09AZaz",
        "alpha" => "AZaz",
        "ascii" => "\0\x7F",
        "blank" => "\t\t  ",
        "cntrl" => "\0\x1F\x7F\x7F",
        "digit" => Digits,
        "graph" => "!~",
        "lower" => "az",
        "print" => " ~",
        "punct" => "!/:@[`{~",
        "space" => "\t\r  ",
        "upper" => "AZ",
        "word" => WordCharacters,
        "xdigit" => "09AFaf",
        _ => null,
    };

    /// <summary>Bits of a general category (<c>Lu</c>) or a group of them (<c>L</c>, <c>Any</c>); 0 when there is none of that name.</summary>
    public static uint Categories(string name)
    {
        const uint all = (1u << ((int)UnicodeCategory.OtherNotAssigned + 1)) - 1;
        if (name == "Any")
        {
            return all;
        }

        var bits = 0u;
        for (var i = 0; i < CategoryNames.Length; i++)
        {
            // RE2 knows no class for unassigned code points.
            if (CategoryNames[i] != "Cn" && (CategoryNames[i] == name || (name.Length == 1 && CategoryNames[i][0] == name[0])))
            {
                bits |= 1u << i;
            }
        }

        return bits;
    }

    public static uint Complement(uint categories) => ~categories & ((1u << CategoryNames.Length) - 1);

    public static bool IsWordCharacter(int codePoint) =>
        codePoint < 128 && (char.IsAsciiLetterOrDigit((char)codePoint) || codePoint == '_');
}
