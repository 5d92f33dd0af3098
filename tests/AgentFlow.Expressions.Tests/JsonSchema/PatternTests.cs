using AgentFlow.Expressions.JsonSchema.Patterns;

namespace AgentFlow.Expressions.Tests.JsonSchema;

public sealed class PatternTests
{
    [Theory]
    [InlineData("b", "abc", true)]
    [InlineData("^b", "abc", false)]
    [InlineData("^abc$", "abc\n", false)]
    [InlineData("^\\d+$", "৪২", false)]
    [InlineData("^\\w+$", "é", false)]
    [InlineData("^\\W$", "é", true)]
    [InlineData("^\\W$", "😀", true)]
    [InlineData("^\\s$", "\uFEFF", true)]
    [InlineData("^\\S$", "\u00A0", false)]
    [InlineData("^.$", "😀", true)]
    [InlineData("^.{2}$", "😀", false)]
    [InlineData("^.$", "\u2028", false)]
    [InlineData("^.+$", "a😀b", true)]
    [InlineData("^.+.$", "😀", false)]
    [InlineData("^.*$", "", true)]
    [InlineData("^[^a]$", "😀", true)]
    [InlineData("^[^😀]$", "😀", false)]
    [InlineData("^[😀-😂]$", "😁", true)]
    [InlineData("^[\\u{1F600}-\\u{1F602}]+$", "😀😁😂", true)]
    [InlineData("^\\uD83D\\uDE00{2}$", "😀😀", true)]
    [InlineData("^😀*$", "😀😀", true)]
    [InlineData("^[]$", "", false)]
    [InlineData("^[^]$", "\n", true)]
    [InlineData("[]", "a", false)]
    [InlineData("^\\cJ$", "\n", true)]
    [InlineData("^\\0$", "\0", true)]
    [InlineData("^\\x41\\u0042$", "AB", true)]
    [InlineData("^[\\b]$", "\b", true)]
    [InlineData("\\bcat\\b", "a cat.", true)]
    [InlineData("\\bcat\\b", "cats", false)]
    [InlineData("^\\p{L}+$", "aéЖ中", true)]
    [InlineData("^\\p{Lu}$", "𝐀", true)]
    [InlineData("^\\p{Lu}$", "𝐚", false)]
    [InlineData("^\\P{L}$", "𝐀", false)]
    [InlineData("^\\P{L}$", "😀", true)]
    [InlineData("^\\P{L}{2}$", "😀", false)]
    [InlineData("^[\\p{L}\\d]+$", "a1中𝐀", true)]
    [InlineData("^[^\\p{L}]+$", "1😀", true)]
    [InlineData("^[^\\p{L}]+$", "1𝐀", false)]
    [InlineData("^\\p{Script_Extensions=Greek}$", "α", null)]
    [InlineData("^\\p{General_Category=Decimal_Number}$", "৪", true)]
    [InlineData("^\\p{gc=Nd}$", "a", false)]
    [InlineData("^\\p{ASCII}$", "é", false)]
    [InlineData("^(a)(?<n>b)\\2\\k<n>\\1$", "abbba", true)]
    [InlineData("^(?:(a)|b)\\1$", "b", true)]
    [InlineData("^(?=.*\\d)(?!.*x).{2,}$", "a1", true)]
    [InlineData("^(?=.*\\d)(?!.*x).{2,}$", "x1", false)]
    [InlineData("(?<=a+)b", "aab", true)]
    [InlineData("(?<!a)b", "ab", false)]
    [InlineData("^a{2}$", "aa", true)]
    [InlineData("^a{2,}?$", "aaa", true)]
    [InlineData("^a{,2}$", "a{,2}", true)]
    [InlineData("^{a}]$", "{a}]", true)]
    [InlineData("^\\/\\-\\_\\@$", "/-_@", true)]
    [InlineData("^[\\w.-]+$", "a.b-c", true)]
    [InlineData("^[\\d-x]$", "-", true)]
    [InlineData("^[a-]$", "-", true)]
    [InlineData("^[[]$", "[", true)]
    [InlineData("^(?:a{500}){2}$", "a", false)]
    public void IsMatch_EcmaScript_IsAsInEcmaScript(string pattern, string text, bool? expected)
    {
        bool good = EcmaPattern.TryCreate(pattern, out EcmaPattern? compiled, out string? problem);
        Assert.True(good == expected.HasValue, problem);
        if (expected is { } matches) Assert.Equal(matches, compiled!.IsMatch(text));
    }

    [Theory]
    [InlineData("(", "not closed")]
    [InlineData(")", "no group to close")]
    [InlineData("[a", "not closed")]
    [InlineData("[a\\", "ends in a backslash")]
    [InlineData("a\\", "ends in a backslash")]
    [InlineData("*", "nothing to repeat")]
    [InlineData("a**", "nothing to repeat")]
    [InlineData("a++", "nothing to repeat")]
    [InlineData("{2}", "nothing to repeat")]
    [InlineData("^*", "assertion")]
    [InlineData("(?=a)*", "assertion")]
    [InlineData("a{3,2}", "wrong order")]
    [InlineData("[b-a]", "wrong order")]
    [InlineData("\\a", "'\\a' is not an escape")]
    [InlineData("\\Z", "'\\Z' is not an escape")]
    [InlineData("\\1", "no group 1")]
    [InlineData("\\k<x>", "no group 'x'")]
    [InlineData("\\kx", "group name")]
    [InlineData("(?<1a>b)", "group name")]
    [InlineData("(?<a>b)(?<a>c)", "used twice")]
    [InlineData("(?i)a", "ECMA-262")]
    [InlineData("(?P<n>a)", "ECMA-262")]
    [InlineData("(?#c)", "ECMA-262")]
    [InlineData("(?>a)", "ECMA-262")]
    [InlineData("\\u12", "hexadecimal")]
    [InlineData("\\u{110000}", "code point")]
    [InlineData("\\xg1", "hexadecimal")]
    [InlineData("\\c1", "not an escape")]
    [InlineData("\\01", "not an escape")]
    [InlineData("\\p{Greek}", "'Greek'")]
    [InlineData("\\pL", "braces")]
    public void TryCreate_Malformed_SaysWhy(string pattern, string words)
    {
        Assert.False(EcmaPattern.TryCreate(pattern, out _, out string? problem));
        Assert.Contains(words, problem);
    }

    [Fact]
    public void TryCreate_DeepGroups_AreRefusedNotFatal()
    {
        Assert.True(EcmaPattern.TryCreate(new string('(', 150) + new string(')', 150), out _, out _));
        Assert.False(EcmaPattern.TryCreate(new string('(', 100_000) + new string(')', 100_000), out _, out string? problem));
        Assert.Contains("nested deeper", problem);
    }
}
