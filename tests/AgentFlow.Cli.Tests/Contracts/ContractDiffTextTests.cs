using System.Text;
using System.Text.Json;
using AgentFlow.Cli.Contracts;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Cli.Tests.Contracts;

public sealed class ContractDiffTextTests
{
    private const string Old =
        """[{"id":"a","version":"1.0.0","input_schema":{"properties":{"x":{"type":"string"}}}},{"id":"b","version":"1.0.0"},{"id":"c","version":"1.1.0"},{"id":"d","version":"1.0.0","effects":"none"}]""";

    private const string New =
        """[{"id":"a","version":"1.0.1","description":"é","input_schema":{}},{"id":"c","version":"1.0.0"},{"id":"d","version":"1.0.0"},{"id":"e","version":"1.0.0"}]""";

    [Fact]
    public void ToText_Changes_AreListedUnderTheirContracts() => Assert.Equal(
        """
        a 1.0.0 -> 1.0.1: MAJOR, but the version declares only PATCH
          MAJOR /input_schema/properties/x: The input field 'x' was removed.
          PATCH /description: The description changed.
        b 1.0.0 -> gone: MAJOR, which no version of the manifest declares
          MAJOR The skill 'b' was removed.
        c 1.1.0 -> 1.0.0: the version goes backwards
        d 1.0.0 -> 1.0.0: MAJOR, but the version is the same
          MAJOR /effects: The skill now has effects outside the run.
        e new 1.0.0: MINOR, ok
          MINOR The skill 'e' was added.

        """.ReplaceLineEndings("\n"),
        ContractDiffText.ToText(Diff(Old, New)));

    [Fact]
    public void ToText_NothingChanged_SaysSo()
    {
        Assert.Equal("The contracts are equal.\n", ContractDiffText.ToText(Diff(Old, Old)));
        Assert.Contains("only the version changed", ContractDiffText.ToText(Diff("""{"id":"a","version":"1.0.0"}""", """{"id":"a","version":"1.0.1"}""")));
    }

    [Fact]
    public void ToJson_Changes_HaveTheirFields()
    {
        JsonElement json = JsonElement.Parse(ContractDiffText.ToJson(Diff(Old, New)));
        Assert.Equal((false, "MAJOR"), (json.GetProperty("sufficient").GetBoolean(), json.GetProperty("required").GetString()));
        JsonElement a = json.GetProperty("contracts")[0], b = json.GetProperty("contracts")[1];
        Assert.Equal(
            """{"id":"a","old_version":"1.0.0","new_version":"1.0.1","required":"MAJOR","declared":"PATCH","sufficient":false,"changes":[{"level":"MAJOR","path":"/input_schema/properties/x","message":"The input field 'x' was removed."},{"level":"PATCH","path":"/description","message":"The description changed."}]}""",
            a.GetRawText());
        Assert.Equal(JsonValueKind.Null, b.GetProperty("new_version").ValueKind);
        Assert.Equal(JsonValueKind.Null, b.GetProperty("declared").ValueKind);
    }

    private static ContractDiff Diff(string old, string @new) => ContractDiff.Compare(Manifest(old), Manifest(@new));

    private static ToolManifest Manifest(string json)
    {
        Assert.True(ToolManifest.TryParse(Encoding.UTF8.GetBytes(json), out ToolManifest? manifest, out _));
        return manifest;
    }
}
