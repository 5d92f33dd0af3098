using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Tests.Definitions.Loading.Yaml;

public class ScalarPositionsTests
{
    [Theory]
    [InlineData("a: some plain text\n")]
    [InlineData("a: plain\n  over\n  lines\n\n  and paragraphs\n")]
    [InlineData("a: 'single ''quoted'' text'\n")]
    [InlineData("a: 'single\n  over\n\n  lines'\n")]
    [InlineData("a: \"double \\\"quoted\\\" t\\tab \\u00e9 \\U0001F600 \\x41 end\"\n")]
    [InlineData("a: \"double\n  over \\\n  lines\n\n\n  end\"\n")]
    [InlineData("a: |\n  literal\n    more\n\n  text\n")]
    [InlineData("a: |-\n\n\n  late\n  start\n")]
    [InlineData("a: |2\n    indented\n   text\n")]
    [InlineData("a: >\n  folded\n  text\n\n  paragraph\n    more\n    lines\n  less\n")]
    [InlineData("a: >-\n  one\n  two\n")]
    [InlineData("a: &anchor plain text\n")]
    [InlineData("a: !!str 'quoted text'\n")]
    [InlineData("a: &x !!str\n  on the next line\n")]
    [InlineData("😀: 😀 emoji 😀 text\n")]
    [InlineData("- nested:\n    - deeper: |\n        lit 1\n         lit 2\n")]
    public void Locate_EveryLetter_IsFoundInTheFile(string yaml)
    {
        YamlText text = YamlText.From(yaml);
        YamlScalar scalar = Deepest(YamlReader.Read(text, new Findings("f", text))!);
        var positions = new ScalarPositions(text.Text, scalar);
        for (int i = 0; i < scalar.Text.Length; i++)
        {
            int at = positions.Locate(i);
            Assert.InRange(at, scalar.Offset, scalar.End - 1);
            if (char.IsAsciiLetterOrDigit(scalar.Text[i]) && text.Text[at] != '\\')
            {
                Assert.Equal(scalar.Text[i], text.Text[at]);
            }

            if (i > 0)
            {
                Assert.True(at >= positions.Locate(i - 1), $"Index {i} of \"{scalar.Text}\" lies before index {i - 1}.");
            }
        }

        // Each letter of the text stands in the file once, escapes aside: walking the text must walk the file.
        Assert.Equal(
            scalar.Text.Length - 1,
            Enumerable.Range(0, scalar.Text.Length).Select(i => positions.Locate(i)).Distinct().Count() - 1 + Repeated(positions, scalar));
    }

    [Theory]
    [InlineData("c: \"output.x < «»nope\"\n")]
    [InlineData("c: output.x < «»nope\n")]
    [InlineData("c: 'output.y == ''a'' && «»nope'\n")]
    [InlineData("c: \"output.y == \\\"a\\\" && «»nope\"\n")]
    [InlineData("c: |\n  output.x &&\n    «»nope\n")]
    [InlineData("c: >-\n  output.x &&\n  «»nope\n")]
    [InlineData("c: output.x &&\n   «»nope\n")]
    [InlineData("c: \"ü.😀 && «»nope\"\n")]
    public void Locate_WordBehindQuotesAndFolds_IsExact(string marked)
    {
        int expected = marked.IndexOf("«»", StringComparison.Ordinal);
        YamlText text = YamlText.From(marked.Replace("«»", "", StringComparison.Ordinal));
        YamlScalar scalar = Deepest(YamlReader.Read(text, new Findings("f", text))!);
        Assert.Equal(expected, new ScalarPositions(text.Text, scalar).Locate(scalar.Text.IndexOf("nope", StringComparison.Ordinal)));
    }

    private static YamlScalar Deepest(YamlNode node) => node switch
    {
        YamlMapping mapping => Deepest(mapping.Entries[^1].Value),
        YamlSequence sequence => Deepest(sequence.Items[^1]),
        _ => (YamlScalar)node,
    };

    /// <summary>Characters of the text that share their place with the one before: second halves of an escape, and line breaks that were folded together.</summary>
    private static int Repeated(ScalarPositions positions, YamlScalar scalar)
    {
        int repeated = 0;
        for (int i = 1; i < scalar.Text.Length; i++)
        {
            bool same = positions.Locate(i) == positions.Locate(i - 1);
            Assert.True(!same || scalar.Text[i] == '\n' || char.IsLowSurrogate(scalar.Text[i]), $"Index {i} of \"{scalar.Text}\" has no place of its own.");
            repeated += same ? 1 : 0;
        }

        return repeated;
    }
}
