using System.Text.Json;
using AgentFlow.Expressions.JsonPath;

namespace AgentFlow.Expressions.Tests.JsonPath;

/// <summary>RFC 9485: what is a regular expression and what it matches. What is none matches nothing.</summary>
public sealed class IRegexpTests
{
    [Theory]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("abc", "abc", true)]
    [InlineData("abc", "abcd", false)]
    [InlineData("a|bc|", "bc", true)]
    [InlineData("a|bc|", "", true)]
    [InlineData("(a|b)*c+d?", "abacc", true)]
    [InlineData("a{2}", "aa", true)]
    [InlineData("a{2}", "aaa", false)]
    [InlineData("a{2,}", "aaaaa", true)]
    [InlineData("a{1,2}b", "aab", true)]
    [InlineData("a{1,2}b", "aaab", false)]
    [InlineData("a{0}", "", true)]
    [InlineData(".", "\n", false)]
    [InlineData(".", "\r", false)]
    [InlineData(".", "\u2028", true)]
    [InlineData(".", "😀", true)]
    [InlineData("[a-c]x", "bx", true)]
    [InlineData("[^a-c]x", "bx", false)]
    [InlineData("[^a-c]x", "\nx", true)]
    [InlineData("[-a]", "-", true)]
    [InlineData("[a-]", "-", true)]
    [InlineData("[--]", "-", true)]
    [InlineData("[.*]", ".", true)]
    [InlineData("[.*]", "x", false)]
    [InlineData("[\\]\\[\\-\\\\]+", "[]-\\", true)]
    [InlineData("[\\p{Lu}0-9]+", "Ä7", true)]
    [InlineData("[^\\p{Lu}]", "Ä", false)]
    [InlineData("\\p{L}+", "aÄж", true)]
    [InlineData("\\P{L}", "1", true)]
    [InlineData("\\p{Nd}", "٣", true)]
    [InlineData("\\p{Sm}\\p{Sc}", "+€", true)]
    [InlineData("\\p{Cn}", "\u0378", true)]
    [InlineData("\\p{C}", "\u0378", true)]
    [InlineData("\\n\\r\\t\\.\\|\\?\\*\\+\\{\\}\\(\\)\\^", "\n\r\t.|?*+{}()^", true)]
    [InlineData("^ab$", "ab", true)]
    [InlineData("a-b,c=d", "a-b,c=d", true)]
    [InlineData("éж😀", "éж😀", true)]
    public void Match_RegularExpression_CoversTheText(string pattern, string text, bool expected) => Assert.Equal(expected, Finds("match", pattern, text));

    [Theory]
    [InlineData("b", "abc", true)]
    [InlineData("^b", "abc", false)]
    [InlineData("c$", "abc", true)]
    [InlineData("b$", "abc", false)]
    [InlineData("x*", "abc", true)]
    [InlineData("(ab)+", "xxababxx", true)]
    public void Search_RegularExpression_FindsAPart(string pattern, string text, bool expected) => Assert.Equal(expected, Finds("search", pattern, text));

    /// <summary>Each would match "a" or the like in a richer language.</summary>
    [Theory]
    [InlineData("(a")]
    [InlineData("a)")]
    [InlineData("[a")]
    [InlineData("a]")]
    [InlineData("[]a]")]
    [InlineData("[a-b-c]")]
    [InlineData("[c-a]|a")]
    [InlineData("[a[b]]")]
    [InlineData("[]")]
    [InlineData("[^]")]
    [InlineData("*a")]
    [InlineData("a**")]
    [InlineData("a{2}{1}")]
    [InlineData("a{1")]
    [InlineData("a{,1}")]
    [InlineData("a{2,1}")]
    [InlineData("{a")]
    [InlineData("a*?")]
    [InlineData("a+?")]
    [InlineData("(?:a)")]
    [InlineData("(?i)A")]
    [InlineData("(?=a)a")]
    [InlineData("(a)\\1*")]
    [InlineData("\\w")]
    [InlineData("\\d|a")]
    [InlineData("\\s|a")]
    [InlineData("\\ba")]
    [InlineData("\\x61")]
    [InlineData("\\u0061")]
    [InlineData("\\a|a")]
    [InlineData("\\/|a")]
    [InlineData("a\\")]
    [InlineData("\\pL")]
    [InlineData("\\p{L|a")]
    [InlineData("\\p{Letter}|a")]
    [InlineData("\\p{Cs}|a")]
    [InlineData("\\p{Any}")]
    [InlineData("\\p{}|a")]
    [InlineData("\\p{IsBasicLatin}|a")]
    public void Search_OtherText_FindsNothing(string pattern)
    {
        Assert.False(Finds("search", pattern, "a"));
        Assert.False(Finds("search", pattern, pattern));
    }

    [Fact]
    public void TryCompile_ConstantTooLarge_IsRefused()
    {
        JsonPathError error = Queries.Refuse("$[?match(@, '((a{1000}){1000}){1000}')]");

        Assert.Contains("too large", error.Message, StringComparison.Ordinal);
        Assert.Equal(12, error.Offset);
    }

    [Theory]
    [InlineData("((a{1000}){1000}){1000}")]
    [InlineData("a{99999999999999999999}")]
    public void Select_PatternOfTheDocumentTooLarge_IsNoAnswer(string pattern) =>
        Assert.Null(Queries.Compile("$.t[?match(@, $.p)]").Select(
            JsonElement.Parse(JsonSerializer.Serialize(new { p = pattern, t = new[] { "a" } })), Queries.Plenty()));

    private static bool Finds(string function, string pattern, string text)
    {
        JsonElement document = JsonElement.Parse(JsonSerializer.Serialize(new { p = pattern, t = new[] { text } }));
        bool dynamic = Queries.Compile($"$.t[?{function}(@, $.p)]").Select(document, Queries.Plenty())!.Count > 0;
        string quoted = pattern.Replace("\\", "\\\\", StringComparison.Ordinal);
        quoted = quoted.Replace("\n", "\\n", StringComparison.Ordinal).Replace("\r", "\\r", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal);
        bool constant = Queries.Compile($"$.t[?{function}(@, '{quoted}')]").Select(document, Queries.Plenty())!.Count > 0;

        Assert.Equal(dynamic, constant);
        return constant;
    }
}
