using AgentFlow.Cli.Templates;

namespace AgentFlow.Cli.Tests.Templates;

public sealed class YamlEditTests
{
    private const string Yaml = """
        # top
        vars:
          low: 0.55          # kept
          "odd/key": 'x'
        agents:
          a: { model: { provider: local, name: "few shot" } }   # and this
        list: [ 1, { n: 2 } ]
        text: |
          block
        last: end
        """;

    [Theory]
    [InlineData("/vars/low", "low: 0.55          # kept", "low: NEW          # kept")]
    [InlineData("/vars/odd~1key", "'x'", "NEW")]
    [InlineData("/agents/a/model/provider", "provider: local,", "provider: NEW,")]
    [InlineData("/agents/a/model/name", "\"few shot\" }", "NEW }")]
    [InlineData("/list/1/n", "n: 2", "n: NEW")]
    [InlineData("/last", "last: end", "last: NEW")]
    public void Replace_Scalar_ChangesNothingElse(string pointer, string old, string changed) =>
        Assert.Equal(Yaml.Replace(old, changed, StringComparison.Ordinal), YamlEdit.Replace(Yaml, pointer, "NEW"));

    [Theory]
    [InlineData("/vars")]
    [InlineData("/none")]
    [InlineData("/list/7")]
    [InlineData("/text")]
    [InlineData("/vars/low/deeper")]
    public void Replace_NoScalarOnOneLine_GivesNothing(string pointer) => Assert.Null(YamlEdit.Replace(Yaml, pointer, "NEW"));

    [Theory]
    [InlineData("gpt-4o-mini")]
    [InlineData("a: b # c")]
    [InlineData("true")]
    [InlineData("No")]
    [InlineData("1.0.0")]
    [InlineData("7")]
    [InlineData("")]
    [InlineData("say \"hi\"\n\\ é \u0007")]
    [InlineData("org/model")]
    public void Text_AnyValue_ReadsBackAsTheSameText(string value) =>
        Assert.Equal(value, YamlEdit.Read(YamlEdit.Replace(Yaml, "/vars/low", YamlEdit.Text(value))!, "/vars/low"));
}
