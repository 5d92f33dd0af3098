using System.Collections.Concurrent;
using System.Globalization;

namespace AgentFlow.Expressions.JsonSchema.Patterns;

/// <summary>
/// <c>\p{…}</c> of ECMAScript: the general categories under all their names, and the properties that need no table of their
/// own. Below U+10000 .NET's classes serve; above, where they see surrogates only, the code points are listed.
/// </summary>
internal sealed class UnicodeProperty
{
    private static readonly ConcurrentDictionary<string, CodePointSet> AstralSets = new(StringComparer.Ordinal);

    /// <summary>Long names and aliases of the general categories (UAX #44, table 12).</summary>
    private static readonly Dictionary<string, string> Categories =
        """
        Letter=L Cased_Letter=LC Uppercase_Letter=Lu Lowercase_Letter=Ll Titlecase_Letter=Lt Modifier_Letter=Lm Other_Letter=Lo
        Mark=M Combining_Mark=M Nonspacing_Mark=Mn Spacing_Mark=Mc Enclosing_Mark=Me
        Number=N Decimal_Number=Nd digit=Nd Letter_Number=Nl Other_Number=No
        Punctuation=P punct=P Connector_Punctuation=Pc Dash_Punctuation=Pd Open_Punctuation=Ps Close_Punctuation=Pe
        Initial_Punctuation=Pi Final_Punctuation=Pf Other_Punctuation=Po
        Symbol=S Math_Symbol=Sm Currency_Symbol=Sc Modifier_Symbol=Sk Other_Symbol=So
        Separator=Z Space_Separator=Zs Line_Separator=Zl Paragraph_Separator=Zp
        Other=C Control=Cc cntrl=Cc Format=Cf Surrogate=Cs Private_Use=Co Unassigned=Cn
        """
        .Split(Array.Empty<char>(), StringSplitOptions.RemoveEmptyEntries)
        .Select(e => e.Split('='))
        .ToDictionary(e => e[0], e => e[1], StringComparer.Ordinal);

    /// <summary>The short names in the order of <see cref="UnicodeCategory"/>.</summary>
    private static readonly string[] ByCategory =
        "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Zs Zl Zp Cc Cf Cs Co Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Cn".Split(' ');

    private static readonly HashSet<string> ShortNames = [.. Categories.Values];

    private readonly string _category;

    private UnicodeProperty(string category) => _category = category;

    /// <summary>The inside of a character class, for example <c>\p{L}</c>.</summary>
    public string BasicClass(bool negated)
    {
        string letter = negated ? "P" : "p";
        return _category != "LC" ? $"\\{letter}{{{_category}}}"
            : negated ? "\\P{L}\\p{Lm}\\p{Lo}"
            : "\\p{Lu}\\p{Ll}\\p{Lt}";
    }

    public CodePointSet Astral(bool negated)
    {
        CodePointSet set = AstralSets.GetOrAdd(_category, Collect);
        return negated ? set.Complement() : set;
    }

    /// <param name="name">What stands between the braces.</param>
    /// <param name="property">The property, when it is a general category.</param>
    /// <param name="set">The code points, when it is not.</param>
    public static bool TryFind(string name, out UnicodeProperty? property, out CodePointSet? set)
    {
        property = null;
        set = name switch
        {
            "Any" => new CodePointSet((0, CodePointSet.Last)),
            "ASCII" => new CodePointSet((0, 0x7F)),
            "ASCII_Hex_Digit" or "AHex" => new CodePointSet(('0', '9'), ('A', 'F'), ('a', 'f')),
            "White_Space" or "space" => new CodePointSet(
                (9, 13), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
                (0x205F, 0x205F), (0x3000, 0x3000)),
            _ => null,
        };
        if (set is not null) return true;

        foreach (string prefix in (string[])["General_Category=", "gc="])
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal)) name = name[prefix.Length..];
        }

        if (Categories.TryGetValue(name, out string? category) || ShortNames.TryGetValue(name, out category)) property = new UnicodeProperty(category);
        return property is not null;
    }

    private static CodePointSet Collect(string category)
    {
        var set = new CodePointSet();
        int first = -1;
        for (int codePoint = 0x10000; codePoint <= CodePointSet.Last + 1; codePoint++)
        {
            bool inside = codePoint <= CodePointSet.Last && Belongs(CharUnicodeInfo.GetUnicodeCategory(codePoint), category);
            if (inside && first < 0) first = codePoint;
            if (inside || first < 0) continue;
            set.Add(first, codePoint - 1);
            first = -1;
        }

        return set;
    }

    private static bool Belongs(UnicodeCategory category, string name)
    {
        string own = ByCategory[(int)category];
        return name == "LC" ? own is "Lu" or "Ll" or "Lt" : own == name || (name.Length == 1 && own[0] == name[0]);
    }
}
