using System.Text.RegularExpressions;
using AgentFlow.Expressions.Cel;
using AgentFlow.Expressions.Cel.Patterns;
using FsCheck;
using FsCheck.Fluent;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class PatternTests
{
    [Theory]
    [InlineData("abc", "b")]
    [InlineData("abc", "^abc$")]
    [InlineData("", "^$")]
    [InlineData("abc", "")]
    [InlineData("grey", "gr(a|e)y")]
    [InlineData("aaa", "^a{3}$")]
    [InlineData("aaa", "^a{2,}$")]
    [InlineData("aaa", "^a{1,3}?$")]
    [InlineData("a{,3}", "^a{,3}$")]
    [InlineData("a{x", "a{x")]
    [InlineData("x-y", "^[\\w-]+$")]
    [InlineData("]", "^[]a]$")]
    [InlineData("b", "^[^]a]$")]
    [InlineData("aB3_", "^[[:alnum:]_]+$")]
    [InlineData("é", "^[[:^ascii:]]$")]
    [InlineData("ABC", "(?i)abc")]
    [InlineData("aBC", "a(?i:bc)")]
    [InlineData("STRASSE", "(?i)straße|strasse")]
    [InlineData("Ω", "(?i)ω")]
    [InlineData("a\nb", "(?s)a.b")]
    [InlineData("a\nb", "(?m)^b$")]
    [InlineData("a\nb", "(?m)a$")]
    [InlineData("cat dog", "\\bdog\\b")]
    [InlineData("concat", "\\Bcat")]
    [InlineData("a.b", "^\\Qa.b\\E$")]
    [InlineData("a+", "^a\\+$")]
    [InlineData("\u0001", "^\\x01$")]
    [InlineData("😀", "^\\x{1F600}$")]
    [InlineData("!", "^\\041$")]
    [InlineData("😀", "^.$")]
    [InlineData("😀", "^[^a]$")]
    [InlineData("a😀b", "^a[😀-😂]b$")]
    [InlineData("😀", "^\\p{So}$")]
    [InlineData("Éa", "^\\p{Lu}\\p{Ll}$")]
    [InlineData("é1", "^\\pL\\pN$")]
    [InlineData("1", "^\\P{L}$")]
    [InlineData("1", "^\\p{^L}$")]
    [InlineData("2026-01-31", "^(?P<year>\\d{4})-(?<month>\\d\\d)-\\d\\d$")]
    [InlineData("ab", "^(?:)(a||b)+$")]
    [InlineData("/api/v1", "^/api/v\\d+$")]
    public void Matches_PatternOfRe2_IsFound(string text, string pattern) =>
        Assert.Equal(CelValue.True, Evaluate("t.matches(p)", ("t", CelValue.String(text)), ("p", CelValue.String(pattern))));

    [Theory]
    [InlineData("abc", "^b")]
    [InlineData("abc\n", "abc$")]
    [InlineData("a\nb", "a.b")]
    [InlineData("a\nb", "^b")]
    [InlineData("١", "\\d")]
    [InlineData("é", "\\w")]
    [InlineData("\u00a0", "\\s")]
    [InlineData("éa", "^.\\Ba")]
    [InlineData("aaaa", "^a{1,3}$")]
    [InlineData("ABC", "a(?i)bc")]
    [InlineData("abC", "(?i:ab)c")]
    [InlineData("", ".")]
    [InlineData("", "a+")]
    [InlineData("ab", "\\Ab|a\\z")]
    public void Matches_PatternOfRe2_IsNotFound(string text, string pattern) =>
        Assert.Equal(CelValue.False, Evaluate("matches(t, p)", ("t", CelValue.String(text)), ("p", CelValue.String(pattern))));

    [Theory]
    [InlineData("a(?=b)", "lookahead")]
    [InlineData("(?<!a)b", "lookbehind")]
    [InlineData("(a)\\1", "backreferences")]
    [InlineData("(a", "'(' without ')'")]
    [InlineData("a)", "')' without '('")]
    [InlineData("[a", "'[' without ']'")]
    [InlineData("*a", "nothing to repeat")]
    [InlineData("a**", "repetition of a repetition")]
    [InlineData("a{2}{3}", "repetition of a repetition")]
    [InlineData("a{1001}", "from 0 to 1000")]
    [InlineData("a{3,2}", "from 0 to 1000")]
    [InlineData("[b-a]", "upside down")]
    [InlineData("\\", "backslash at the end")]
    [InlineData("\\y", "no escape sequence")]
    [InlineData("\\p{Greek}", "script names")]
    [InlineData("[[:nope:]]", "no class")]
    [InlineData("(?x)a", "flags out of")]
    [InlineData("\\x{110000}", "\\x")]
    [InlineData("((a{100}){100}){100}", "too large")]
    public void Matches_OtherThanRe2_FailsWithTheReason(string pattern, string reason)
    {
        Assert.Contains(reason, AssertFails(CelErrorCodes.InvalidArgument, "'a'.matches(p)", ("p", CelValue.String(pattern))).Message, StringComparison.Ordinal);
        Assert.Equal(CelValue.True, Evaluate($"'a'.matches(r'''{pattern}''') || true"));
    }

    [Fact]
    public void Matches_ComputedPattern_IsLimitedInLength() =>
        AssertFails(CelErrorCodes.InvalidArgument, "'a'.matches(p)", ("p", CelValue.String(new string('a', Pattern.LongestDynamic + 1))));

    [Fact]
    public void Matches_PatternThatBacktracksBadly_TakesLinearTime()
    {
        var text = CelValue.String(new string('a', 100_000));
        Assert.Equal(CelValue.False, Evaluate("t.matches('^(a+)+$b|(a|aa)*c$')", ("t", text)));
    }

    [Fact]
    public void Matches_TextTimesPatternBeyondTheBudget_IsRefusedBeforeMatching() => Assert.Equal(
        CelErrorCodes.CostExceeded,
        Evaluate("t.matches('(a{70}){70}')", new CelOptions { CostLimit = 100_000 }, ("t", CelValue.String(new string('a', 100_000)))).AsError().Code);

    [Fact]
    public void IsMatch_MoreStatesThanAreKept_StaysRight()
    {
        // Remembering the eleventh letter from the end needs 2^11 states.
        var pattern = Pattern.TryCompile("^[ab]*a[ab]{10}$", out _)!;
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var text = string.Concat(Enumerable.Range(0, 60).Select(_ => random.Next(2) == 0 ? 'a' : 'b'));
            Assert.Equal(text[^11] == 'a', pattern.IsMatch(text));
        }
    }

    [Fact]
    public async Task IsMatch_FromManyThreads_StaysRight()
    {
        var pattern = Pattern.TryCompile("(ab|ba)+c", out _)!;
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(() =>
            Enumerable.Range(0, 500).All(i => pattern.IsMatch(string.Concat(Enumerable.Repeat(worker % 2 == 0 ? "ab" : "ba", i % 7)) + "c") == (i % 7 > 0)), TestContext.Current.CancellationToken)));
        Assert.All(answers, Assert.True);
    }

    [Fact]
    public void IsMatch_AsciiPatterns_AgreesWithTheBaseLibrary() => Prop.ForAll(Patterns.ToArbitrary(), Texts.ToArbitrary(), (source, text) =>
    {
        var expected = new Regex(source.Replace("$", "\\z", StringComparison.Ordinal), RegexOptions.NonBacktracking | RegexOptions.CultureInvariant).IsMatch(text);
        var pattern = Pattern.TryCompile(source, out var problem);
        return pattern is null ? throw new InvalidOperationException($"{source}: {problem}")
            : pattern.IsMatch(text) == expected && pattern.IsMatch(text) == expected;
    }).Hold(1000);

    private static Gen<string> Texts => Gen.ArrayOf(Gen.Elements('a', 'b', 'c', 'A', ' ', '\n', '1')).Select(letters => new string(letters.Take(12).ToArray()));

    private static Gen<string> Patterns => Gen.Choose(0, 4).SelectMany(Source);

    private static Gen<string> Source(int depth)
    {
        var atom = Gen.Elements("a", "b", "c", ".", "[ab]", "[^a]", "[a-c1]", "\\d", "\\w", "\\s", "\\b", "\\B", "^", "$", "(?i:a)", "(?s:.)", "");
        if (depth == 0)
        {
            return atom;
        }

        var part = Source(depth - 1);
        return Gen.OneOf(
            atom,
            Gen.Zip(part, part).Select(pair => pair.Item1 + pair.Item2),
            Gen.Zip(part, part).Select(pair => $"(?:{pair.Item1}|{pair.Item2})"),
            Gen.Zip(part, Gen.Elements("*", "+", "?", "{2}", "{1,2}", "{0,}", "*?")).Select(pair => $"({pair.Item1}){pair.Item2}"));
    }
}
