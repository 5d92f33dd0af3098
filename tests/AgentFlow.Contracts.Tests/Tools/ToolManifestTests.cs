using System.Text;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Contracts.Tests.Tools;

public sealed class ToolManifestTests
{
    [Fact]
    public void TryParse_FullContract_ReadsEveryMember()
    {
        ToolContract contract = Assert.Single(Parse(
            """
            {"id":"skill.x","version":"1.2.3","description":"d","input_schema":{"type":"object"},"output_schema":true,"permissions":["network.http"],
             "max_cost_dollars":0.0025,"timeout_ms":1500,"effects":"none","determinism":"STRUCTURAL","idempotency":"key","error_codes":{"A":"a"},"unknown":1}
            """).Contracts);
        Assert.Equal(("skill.x", "1.2.3", "d"), (contract.Id, contract.Version, contract.Description));
        Assert.Equal("""{"type":"object"}""", contract.InputSchema!.Value.GetRawText());
        Assert.Equal(["network.http"], contract.Permissions);
        Assert.Equal((2_500_000, TimeSpan.FromSeconds(1.5)), (contract.MaxCostNanoDollars, contract.Timeout));
        Assert.Equal((Effects.None, Determinism.Structural, Idempotency.Key), (contract.Effects, contract.Determinism, contract.Idempotency));
        Assert.Equal("a", contract.ErrorCodes["A"]);
    }

    [Fact]
    public void TryParse_SmallestContract_HasTheDefaults()
    {
        ToolContract contract = Assert.Single(Parse("""{"id":"x","version":"1.0.0","input_schema":null}""").Contracts);
        var defaults = new ToolContract { Id = "x", Version = "1.0.0" };
        Assert.Equal(defaults.Permissions, contract.Permissions);
        Assert.Equal(defaults with { Permissions = [], ErrorCodes = null! }, contract with { Permissions = [], ErrorCodes = null! });
    }

    [Theory]
    [InlineData("""[{"id":"a","version":"1.0.0"},{"id":"b","version":"1.0.0"}]""")]
    [InlineData("""{"tools":[{"id":"a","version":"1.0.0"},{"id":"b","version":"1.0.0"}]}""")]
    [InlineData("""{"items":[{"id":"a","version":"1.0.0"},{"id":"b","version":"1.0.0"}],"next_cursor":null}""")]
    public void TryParse_Lists_AreRead(string json) => Assert.Equal(["a", "b"], Parse(json).Contracts.Select(c => c.Id));

    [Theory]
    [InlineData("", "", "Not JSON")]
    [InlineData("[", "", "Not JSON")]
    [InlineData("1", "", "contract")]
    [InlineData("[1]", "/0", "object")]
    [InlineData("""[{"id":"a"}]""", "/0/version", "missing")]
    [InlineData("""{"version":"1.0.0"}""", "/id", "missing")]
    [InlineData("""{"id":"","version":"1.0.0"}""", "/id", "non-empty")]
    [InlineData("""{"id":1,"version":"1.0.0"}""", "/id", "string")]
    [InlineData("""{"id":"a","version":"1.0"}""", "/version", "MAJOR.MINOR.PATCH")]
    [InlineData("""{"id":"a","version":"1.0.0","input_schema":[]}""", "/input_schema", "JSON Schema")]
    [InlineData("""{"id":"a","version":"1.0.0","permissions":"x"}""", "/permissions", "array")]
    [InlineData("""{"id":"a","version":"1.0.0","permissions":[1]}""", "/permissions", "array")]
    [InlineData("""{"id":"a","version":"1.0.0","error_codes":["A"]}""", "/error_codes", "object")]
    [InlineData("""{"id":"a","version":"1.0.0","timeout_ms":-1}""", "/timeout_ms", "number from 0")]
    [InlineData("""{"id":"a","version":"1.0.0","timeout_ms":1e300}""", "/timeout_ms", "number from 0")]
    [InlineData("""{"id":"a","version":"1.0.0","max_cost_dollars":"1"}""", "/max_cost_dollars", "number from 0")]
    [InlineData("""{"id":"a","version":"1.0.0","determinism":"TOTAL"}""", "/determinism", "NONE, STRUCTURAL, FULL")]
    [InlineData("""{"id":"a","version":"1.0.0","idempotency":true}""", "/idempotency", "unknown, none, key, natural")]
    [InlineData("""{"id":"a","version":"1.0.0","effects":1}""", "/effects", "none, external")]
    [InlineData("""[{"id":"a","version":"1.0.0"},{"id":"a","version":"1.0.0"}]""", "/1/id", "twice")]
    [InlineData("""{"skills":[{"id":"a","version":"1"}]}""", "/skills/0/version", "MAJOR.MINOR.PATCH")]
    [InlineData("""{"version":"1","skills":[]}""", "/version", "MAJOR.MINOR.PATCH")]
    [InlineData("""{"id":"a","id":"b","version":"1.0.0"}""", "", "Not JSON")]
    [InlineData("""{"id":"a","version":"1.0.0","x":"\ud800"}""", "", "lone surrogate")]
    [InlineData("""{"id":"a","version":"1.0.0","\ud800":1}""", "", "Not JSON")]
    [InlineData("""{"id":"a","version":"1.0.0","x":1e999}""", "", "range")]
    public void TryParse_Malformed_NamesThePlace(string json, string pointer, string words)
    {
        Assert.False(ToolManifest.TryParse(Encoding.UTF8.GetBytes(json), out ToolManifest? manifest, out IReadOnlyList<ManifestProblem> problems));
        Assert.Null(manifest);
        Assert.Equal(pointer, problems[0].Pointer);
        Assert.Contains(words, problems[0].Message);
    }

    [Fact]
    public void TryParse_SeveralFaults_AreAllReported()
    {
        ToolManifest.TryParse("""[{"id":1,"version":2,"effects":3},5]"""u8.ToArray(), out _, out IReadOnlyList<ManifestProblem> problems);
        Assert.Equal(["/0/id", "/0/version", "/0/effects", "/1"], problems.Select(p => p.Pointer));
    }

    [Fact]
    public void TryParse_DeepText_IsRefused()
    {
        byte[] deep = Encoding.UTF8.GetBytes($$"""{"id":"a","version":"1.0.0","input_schema":{{string.Concat(Enumerable.Repeat("{\"not\":", 100_000))}}""");
        Assert.False(ToolManifest.TryParse(deep, out _, out IReadOnlyList<ManifestProblem> problems));
        Assert.Contains("Not JSON", problems[0].Message);
    }

    private static ToolManifest Parse(string json)
    {
        Assert.True(ToolManifest.TryParse(Encoding.UTF8.GetBytes(json), out ToolManifest? manifest, out IReadOnlyList<ManifestProblem> problems), string.Join("; ", problems));
        return manifest;
    }
}
