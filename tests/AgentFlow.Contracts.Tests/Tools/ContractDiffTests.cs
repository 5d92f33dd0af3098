using System.Text;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Contracts.Tests.Tools;

public sealed class ContractDiffTests
{
    /// <summary>Every row of the compatibility table, and what follows from it.</summary>
    [Theory]
    // Fields
    [InlineData("input_schema", """{"properties":{"a":{},"b":{}}}""", """{"properties":{"a":{}}}""", "MAJOR", "/input_schema/properties/b", "was removed")]
    [InlineData("output_schema", """{"properties":{"a":{},"b":{}}}""", """{"properties":{"a":{}}}""", "MAJOR", "/output_schema/properties/b", "was removed")]
    [InlineData("input_schema", """{"properties":{"a":{"type":"string"}}}""", """{"properties":{"a":{"type":"integer"}}}""", "MAJOR", "/input_schema/properties/a/type", "\"string\" to \"integer\"")]
    [InlineData("output_schema", """{"properties":{"a":{"type":"string"}}}""", """{"properties":{"a":{"type":"integer"}}}""", "MAJOR", "/output_schema/properties/a/type", "\"string\" to \"integer\"")]
    [InlineData("input_schema", "{}", """{"properties":{"a":{}},"required":["a"]}""", "MAJOR", "/input_schema/properties/a", "required and has no default")]
    [InlineData("input_schema", "{}", """{"properties":{"a":{"default":1}},"required":["a"]}""", "MINOR", "/input_schema/properties/a", "with a default")]
    [InlineData("input_schema", "{}", """{"properties":{"a":{"default":1}}}""", "MINOR", "/input_schema/properties/a", "optional input field 'a' was added with a default")]
    [InlineData("input_schema", "{}", """{"properties":{"a":{}}}""", "MINOR", "/input_schema/properties/a", "optional input field 'a' was added")]
    [InlineData("output_schema", "{}", """{"properties":{"a":{}},"required":["a"]}""", "MINOR", "/output_schema/properties/a", "output field 'a' was added")]
    [InlineData("input_schema", """{"properties":{"a":{}}}""", """{"properties":{"a":{}},"required":["a"]}""", "MAJOR", "/input_schema/required", "no default")]
    [InlineData("input_schema", """{"properties":{"a":{"default":1}}}""", """{"properties":{"a":{"default":1}},"required":["a"]}""", "MINOR", "/input_schema/required", "has a default")]
    [InlineData("input_schema", """{"properties":{"a":{}},"required":["a"]}""", """{"properties":{"a":{}}}""", "MINOR", "/input_schema/required", "no longer required")]
    [InlineData("output_schema", """{"properties":{"a":{}},"required":["a"]}""", """{"properties":{"a":{}}}""", "MAJOR", "/output_schema/required", "no longer required")]
    [InlineData("output_schema", """{"properties":{"a":{}}}""", """{"properties":{"a":{}},"required":["a"]}""", "MINOR", "/output_schema/required", "is required now")]
    [InlineData("input_schema", "{}", """{"required":["z"]}""", "MAJOR", "/input_schema/required", "'z'")]
    // Validation, input: less breaks callers
    [InlineData("input_schema", """{"maxLength":80}""", """{"maxLength":40}""", "MAJOR", "/input_schema/maxLength", "80 to 40")]
    [InlineData("input_schema", """{"maxLength":40}""", """{"maxLength":80}""", "MINOR", "/input_schema/maxLength", "40 to 80")]
    [InlineData("input_schema", """{"minimum":1}""", """{"minimum":2}""", "MAJOR", "/input_schema/minimum", "1 to 2")]
    [InlineData("input_schema", """{"minimum":2}""", """{"minimum":1.5}""", "MINOR", "/input_schema/minimum", "2 to 1.5")]
    [InlineData("input_schema", "{}", """{"pattern":"^a"}""", "MAJOR", "/input_schema/pattern", "was added")]
    [InlineData("input_schema", """{"pattern":"^a"}""", "{}", "MINOR", "/input_schema/pattern", "taken away")]
    [InlineData("input_schema", """{"pattern":"^a"}""", """{"pattern":"^b"}""", "MAJOR", "/input_schema/pattern", "went from")]
    [InlineData("input_schema", """{"enum":["a","b"]}""", """{"enum":["a"]}""", "MAJOR", "/input_schema/enum", "\"b\" is no longer allowed")]
    [InlineData("input_schema", """{"enum":["a"]}""", """{"enum":["b","a"]}""", "MINOR", "/input_schema/enum", "\"b\" is allowed now")]
    [InlineData("input_schema", """{"const":1}""", """{"enum":[1.0,2]}""", "MINOR", "/input_schema/enum", "2 is allowed now")]
    [InlineData("input_schema", "{}", """{"enum":[1]}""", "MAJOR", "/input_schema/enum", "Only 1")]
    [InlineData("input_schema", """{"type":"string"}""", """{"type":["string","null"]}""", "MINOR", "/input_schema/type", "went from")]
    [InlineData("input_schema", """{"type":"integer"}""", """{"type":"number"}""", "MINOR", "/input_schema/type", "went from")]
    [InlineData("input_schema", """{"type":"number"}""", """{"type":"integer"}""", "MAJOR", "/input_schema/type", "went from")]
    [InlineData("input_schema", "{}", """{"type":"object"}""", "MAJOR", "/input_schema/type", "from any to \"object\"")]
    [InlineData("input_schema", "{}", """{"additionalProperties":false}""", "MAJOR", "/input_schema/additionalProperties", "Nothing is allowed")]
    [InlineData("input_schema", """{"additionalProperties":false}""", "{}", "MINOR", "/input_schema/additionalProperties", "Something is allowed")]
    [InlineData("input_schema", """{"items":{"minLength":1}}""", """{"items":{"minLength":2}}""", "MAJOR", "/input_schema/items/minLength", "1 to 2")]
    [InlineData("input_schema", """{"uniqueItems":false}""", """{"uniqueItems":true}""", "MAJOR", "/input_schema/uniqueItems", "have to differ now")]
    [InlineData("input_schema", """{"anyOf":[{"type":"null"}]}""", """{"anyOf":[{"type":"null"},{"type":"string"}]}""", "MINOR", "/input_schema/anyOf", "alternative was added")]
    [InlineData("input_schema", """{"anyOf":[{"type":"null"},{"type":"string"}]}""", """{"anyOf":[{"type":"null"}]}""", "MAJOR", "/input_schema/anyOf", "alternative was taken away")]
    [InlineData("input_schema", """{"oneOf":[{"type":"null"},{"maxLength":5}]}""", """{"oneOf":[{"maxLength":4},{"type":"null"}]}""", "MAJOR", "/input_schema/oneOf/0/maxLength", "5 to 4")]
    [InlineData("input_schema", """{"allOf":[{"minLength":1}]}""", """{"allOf":[{"minLength":1},{"maxLength":9}]}""", "MAJOR", "/input_schema/allOf", "condition was added")]
    [InlineData("input_schema", """{"allOf":[{"minLength":1}]}""", "{}", "MINOR", "/input_schema/allOf", "condition was taken away")]
    [InlineData("input_schema", """{"not":{"const":1}}""", """{"not":{"const":2}}""", "MAJOR", "/input_schema/not", "went from")]
    [InlineData("input_schema", """{"prefixItems":[{"type":"string"}]}""", """{"prefixItems":[{"type":"string"},{"type":"null"}]}""", "MAJOR", "/input_schema/prefixItems/1/type", "any to \"null\"")]
    [InlineData("input_schema", """{"patternProperties":{"^x":{"maximum":2}}}""", """{"patternProperties":{"^x":{"maximum":3}}}""", "MINOR", "/input_schema/patternProperties/^x/maximum", "2 to 3")]
    [InlineData("input_schema", """{"patternProperties":{"^x":{}},"additionalProperties":false}""", """{"additionalProperties":false}""", "MAJOR", "/input_schema/patternProperties/^x", "Nothing is allowed")]
    [InlineData("output_schema", """{"contains":{}}""", """{"contains":{},"minContains":0}""", "MAJOR", "/output_schema/minContains", "1 to 0")]
    [InlineData("input_schema", """{"contains":{"minLength":1},"maxContains":2}""", """{"contains":{},"maxContains":2}""", "MAJOR", "/input_schema/contains", "went from")]
    [InlineData("input_schema", "null", """{"type":"object"}""", "MAJOR", "/input_schema/type", "any")]
    [InlineData("input_schema", "true", "false", "MAJOR", "/input_schema", "Nothing is allowed")]
    // Validation, output: promising less breaks readers
    [InlineData("output_schema", """{"enum":["a"]}""", """{"enum":["a","b"]}""", "MAJOR", "/output_schema/enum", "is allowed now")]
    [InlineData("output_schema", """{"enum":["a","b"]}""", """{"enum":["a"]}""", "MINOR", "/output_schema/enum", "no longer allowed")]
    [InlineData("output_schema", """{"type":"string"}""", """{"type":["string","null"]}""", "MAJOR", "/output_schema/type", "went from")]
    [InlineData("output_schema", """{"additionalProperties":false}""", "{}", "MINOR", "/output_schema/additionalProperties", "Other fields")]
    [InlineData("output_schema", """{"type":"object"}""", "null", "MAJOR", "/output_schema/type", "to any")]
    // Defaults
    [InlineData("input_schema", """{"properties":{"a":{"default":1}}}""", """{"properties":{"a":{"default":2}}}""", "MAJOR", "/input_schema/properties/a/default", "1 became 2")]
    [InlineData("input_schema", """{"properties":{"a":{"default":1}}}""", """{"properties":{"a":{}}}""", "MAJOR", "/input_schema/properties/a/default", "taken away")]
    [InlineData("input_schema", """{"properties":{"a":{}}}""", """{"properties":{"a":{"default":1}}}""", "MINOR", "/input_schema/properties/a/default", "was added")]
    // Docs
    [InlineData("input_schema", """{"properties":{"a":{"description":"x"}}}""", """{"properties":{"a":{"description":"y"}}}""", "PATCH", "/input_schema/properties/a/description", "changed")]
    [InlineData("input_schema", """{"properties":{"a/b":{}}}""", """{"properties":{"a/b":{"x-order":1}}}""", "PATCH", "/input_schema/properties/a~1b/x-order", "changed")]
    // The surroundings
    [InlineData("description", "\"a\"", "\"b\"", "PATCH", "/description", "changed")]
    [InlineData("determinism", "\"FULL\"", "\"STRUCTURAL\"", "MAJOR", "/determinism", "FULL to STRUCTURAL")]
    [InlineData("determinism", "\"STRUCTURAL\"", "\"NONE\"", "MAJOR", "/determinism", "STRUCTURAL to NONE")]
    [InlineData("determinism", "\"NONE\"", "\"full\"", "MINOR", "/determinism", "NONE to FULL")]
    [InlineData("idempotency", "\"key\"", "\"none\"", "MAJOR", "/idempotency", "key to none")]
    [InlineData("idempotency", "\"natural\"", "\"key\"", "MAJOR", "/idempotency", "natural to key")]
    [InlineData("idempotency", "null", "\"key\"", "MINOR", "/idempotency", "unknown to key")]
    [InlineData("idempotency", "\"unknown\"", "\"none\"", "PATCH", "/idempotency", "unknown to none")]
    [InlineData("error_codes", """{"A":"x"}""", """{"A":"y"}""", "MAJOR", "/error_codes/A", "meaning")]
    [InlineData("error_codes", """{"A":"x"}""", """{"A":"x","B":"y"}""", "MINOR", "/error_codes/B", "was added")]
    [InlineData("error_codes", """{"A":"x"}""", "{}", "MAJOR", "/error_codes/A", "was removed")]
    [InlineData("permissions", """["none"]""", """["network.http"]""", "MAJOR", "/permissions", "'network.http' is needed")]
    [InlineData("permissions", """["network.http","x"]""", """["x"]""", "MINOR", "/permissions", "no longer needed")]
    [InlineData("effects", "\"none\"", "\"external\"", "MAJOR", "/effects", "now has effects")]
    [InlineData("effects", "\"external\"", "\"none\"", "MINOR", "/effects", "no longer")]
    [InlineData("max_cost_dollars", "0.01", "0.02", "MINOR", "/max_cost_dollars", "more")]
    [InlineData("max_cost_dollars", "0.02", "0.01", "PATCH", "/max_cost_dollars", "less")]
    [InlineData("timeout_ms", "30000", "60000", "PATCH", "/timeout_ms", "30000 to 60000")]
    public void Compare_OneChange_HasItsLevelPathAndSentence(string member, string before, string after, string level, string path, string words)
    {
        ContractChange change = Assert.Single(Changes(member, before, after));
        Assert.Equal((level, path), (change.Level.Word(), change.Path));
        Assert.Contains(words, change.Message);
        Assert.EndsWith(".", change.Message);
    }

    [Theory]
    [InlineData("{}", "true")]
    [InlineData("null", "{}")]
    [InlineData("{}", """{"minLength":0,"minItems":0}""")]
    [InlineData("""{"type":["a","b"],"required":["x","y"]}""", """{"required":["y","x"],"type":["b","a"]}""")]
    [InlineData("""{"enum":[1,2]}""", """{"enum":[2.0,1]}""")]
    [InlineData("""{"type":["integer","number"]}""", """{"type":"number"}""")]
    [InlineData("""{"properties":{"a":{"maxLength":5}}}""", """{"properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"maxLength":5}}}""")]
    [InlineData("""{"anyOf":[{"const":1},{"const":2}]}""", """{"anyOf":[{"const":2},{"const":1}]}""")]
    [InlineData("""{"$ref":"#n","$defs":{"n":{"$anchor":"n","items":{"$ref":"#n"}}}}""", """{"$ref":"#/$defs/m","$defs":{"m":{"items":{"$ref":"#/$defs/m"}}}}""")]
    public void Compare_SameMeaning_IsNoChange(string before, string after)
    {
        Assert.Empty(Changes("input_schema", before, after));
        Assert.Empty(Changes("output_schema", before, after));
    }

    [Theory]
    [InlineData("""{"$ref":"#/$defs/n","$defs":{"n":{"maxLength":5,"items":{"$ref":"#/$defs/n"}}}}""", """{"$ref":"#/$defs/n","$defs":{"n":{"maxLength":4,"items":{"$ref":"#/$defs/n"}}}}""")]
    [InlineData("""{"default":1,"$ref":"#/$defs/n","$defs":{"n":{"maxLength":5}}}""", """{"default":1,"$ref":"#/$defs/n","$defs":{"n":{"maxLength":4}}}""")]
    [InlineData("""{"$dynamicRef":"#n","$defs":{"n":{"$dynamicAnchor":"n","maxLength":5}}}""", """{"$dynamicRef":"#n","$defs":{"n":{"$dynamicAnchor":"n","maxLength":4}}}""")]
    public void Compare_ChangeBehindAReference_IsFound(string before, string after) =>
        Assert.Equal(ChangeLevel.Major, Assert.Single(Changes("input_schema", before, after)).Level);

    [Theory]
    [InlineData("1.0.0", "1.0.1", "PATCH", true)]
    [InlineData("1.0.0", "1.0.0", "PATCH", false)]
    [InlineData("1.0.0", "1.1.0", "MINOR", true)]
    [InlineData("1.0.0", "1.0.9", "MINOR", false)]
    [InlineData("1.9.0", "2.0.0", "MAJOR", true)]
    [InlineData("1.0.0", "1.9.0", "MAJOR", false)]
    [InlineData("0.1.0", "0.2.0", "MAJOR", false)]
    [InlineData("2.0.0-rc.1", "2.0.0", "MAJOR", true)]
    [InlineData("1.0.0", "2.0.0-rc.1", "MAJOR", true)]
    [InlineData("1.1.0", "1.0.0", "PATCH", false)]
    public void Compare_DeclaredBump_CoversTheChangesOrNot(string from, string to, string change, bool sufficient)
    {
        (string member, string before, string after) = change switch
        {
            "PATCH" => ("description", "\"a\"", "\"b\""),
            "MINOR" => ("error_codes", "{}", """{"A":"x"}"""),
            _ => ("determinism", "\"FULL\"", "\"NONE\""),
        };
        ContractDiff diff = Diff($$"""{"id":"t","version":"{{from}}","{{member}}":{{before}}}""", $$"""{"id":"t","version":"{{to}}","{{member}}":{{after}}}""");
        ContractComparison comparison = Assert.Single(diff.Contracts);
        Assert.Equal(change, comparison.Required.Word());
        Assert.Equal((sufficient, sufficient), (comparison.Sufficient, diff.Sufficient));
    }

    [Fact]
    public void Compare_Manifests_FindsAddedAndRemovedSkills()
    {
        ContractDiff diff = Diff(
            """[{"id":"a","version":"1.0.0"},{"id":"b","version":"1.0.0"}]""",
            """[{"id":"b","version":"1.0.0"},{"id":"c","version":"0.1.0"}]""");
        Assert.Equal(["a", "c"], diff.Contracts.Select(c => c.Id));
        Assert.Equal([ChangeLevel.Major, ChangeLevel.Minor], diff.Contracts.Select(c => c.Required));
        Assert.Equal([false, true], diff.Contracts.Select(c => c.Sufficient));
        Assert.Equal(ChangeLevel.Major, diff.Required);
    }

    [Theory]
    [InlineData("1.0.0", "2.0.0", true, true)]
    [InlineData("1.0.0", "1.1.0", false, true)]
    [InlineData("1.0.0", "1.0.1", false, false)]
    public void Compare_ManifestsWithVersions_AreCoveredByThem(string from, string to, bool removal, bool addition)
    {
        ContractDiff diff = Diff(
            $$"""{"version":"{{from}}","skills":[{"id":"a","version":"1.0.0"}]}""",
            $$"""{"version":"{{to}}","skills":[{"id":"b","version":"1.0.0"}]}""");
        Assert.Equal([removal, addition], diff.Contracts.Select(c => c.Sufficient));
    }

    [Fact]
    public void Compare_EqualManifests_IsEmptyAndSufficient()
    {
        const string manifest = """{"id":"a","version":"1.0.0","input_schema":{"type":"object","properties":{"x":{"enum":[1]}}}}""";
        ContractDiff diff = Diff(manifest, $"[{manifest}]");
        Assert.Empty(diff.Contracts);
        Assert.True(diff.Sufficient);
        Assert.Equal(ChangeLevel.None, diff.Required);
    }

    [Fact]
    public void Compare_HugeAlternatives_EndsWithAnAnswer()
    {
        static string Schema(int limit)
        {
            var definitions = Enumerable.Range(0, 60).Select(i =>
                $"\"d{i}\":{{\"prefixItems\":[{{\"$ref\":\"#/$defs/d{i + 1}\",\"default\":{limit}}},{{\"$ref\":\"#/$defs/d{i + 1}\",\"default\":2}}]}}");
            return $"{{\"$ref\":\"#/$defs/d0\",\"$defs\":{{{string.Join(',', definitions)},\"d60\":{{\"maxLength\":{limit}}}}}}}";
        }

        Assert.Contains(Changes("input_schema", Schema(5), Schema(4)), c => c.Level == ChangeLevel.Major);
    }

    private static IReadOnlyList<ContractChange> Changes(string member, string before, string after)
    {
        ContractDiff diff = Diff($$"""{"id":"t","version":"1.0.0","{{member}}":{{before}}}""", $$"""{"id":"t","version":"1.0.0","{{member}}":{{after}}}""");
        return diff.Contracts.SingleOrDefault()?.Changes ?? [];
    }

    private static ContractDiff Diff(string before, string after) => ContractDiff.Compare(Manifest(before), Manifest(after));

    private static ToolManifest Manifest(string json)
    {
        Assert.True(ToolManifest.TryParse(Encoding.UTF8.GetBytes(json), out ToolManifest? manifest, out IReadOnlyList<ManifestProblem> problems), string.Join("; ", problems));
        return manifest;
    }
}
