using System.Text;
using System.Text.Json;
using AgentFlow.Expressions.JsonSchema;
using Schema = AgentFlow.Expressions.JsonSchema.JsonSchema;

namespace AgentFlow.Expressions.Tests.JsonSchema;

/// <summary>Input made to crash, hang or eat memory gets an answer.</summary>
public sealed class HostileTests
{
    // More would only show that JsonDocument takes quadratic time for nesting.
    private const int Levels = 20_000;

    [Fact]
    public void Validate_ExponentialReferences_AreCutOff()
    {
        var schema = new StringBuilder("""{"$ref":"#/$defs/d0","$defs":{""");
        for (int i = 0; i < 40; i++) schema.Append($$"""{{(i > 0 ? "," : "")}}"d{{i}}":{"allOf":[{"$ref":"#/$defs/d{{i + 1}}"},{"$ref":"#/$defs/d{{i + 1}}"}]}""");
        schema.Append(""","d40":{"type":"null"}}}""");
        Assert.Contains("too many steps", Check.Failure(schema.ToString(), "null").Message);
    }

    [Fact]
    public void Validate_DynamicLoop_IsCutOff()
    {
        SchemaFailure failure = Check.Failure("""{"$id":"https://example.com/a","$dynamicAnchor":"x","$dynamicRef":"#x"}""", "1");
        Assert.Contains("nested too deeply", failure.Message);
    }

    [Fact]
    public void Validate_RecursiveSchemaOverADeepInstance_IsCutOff()
    {
        string deep = string.Concat(Enumerable.Repeat("[", Levels)) + string.Concat(Enumerable.Repeat("]", Levels));
        Schema schema = Check.Compile("""{"items":{"$ref":"#"}}""");
        Assert.Contains("nested too deeply", Assert.Single(schema.Validate(Check.Json(deep)).Errors).Message);
        Assert.Contains("Not JSON", Assert.Single(schema.Validate(Encoding.UTF8.GetBytes(deep)).Errors).Message);
        Assert.True(schema.Validate(Encoding.UTF8.GetBytes(deep[(Levels - 900)..^(Levels - 900)])).Valid);
    }

    [Theory]
    [InlineData("""{"uniqueItems":true}""")]
    [InlineData("""{"const":[1]}""")]
    [InlineData("""{"enum":[[1],[2]]}""")]
    public void Validate_DeepValuesCompared_AreCutOff(string schema)
    {
        string deep = string.Concat(Enumerable.Repeat("[", Levels)) + "1" + string.Concat(Enumerable.Repeat("]", Levels));
        SchemaResult result = Check.Compile(schema).Validate(Check.Json($"[{deep},{deep}]"));
        Assert.False(result.Valid);
        Assert.NotEmpty(result.Errors);
    }

    [Fact]
    public void TryCompile_DeepSchema_IsRefused()
    {
        string deep = string.Concat(Enumerable.Repeat("{\"not\":", Levels)) + "true" + new string('}', Levels);
        Assert.Contains("nested", Check.Refused(deep).Message);
    }

    [Theory]
    [InlineData("^(a+)+$")]
    [InlineData("^(a|a)*$")]
    [InlineData("^([a-zA-Z0-9]+\\\\s?)*$")]
    [InlineData("(x+x+)+y")]
    public void Validate_CatastrophicPattern_IsDecidedInLinearTime(string pattern)
    {
        string text = new string('a', 50_000) + "!" + new string('x', 50_000);
        Assert.False(Check.Valid($$"""{"pattern":"{{pattern}}"}""", $"\"{text}\""));
    }

    [Fact]
    public void Validate_BacktrackingPattern_RunsIntoItsLimitEvenUnderNot()
    {
        SchemaFailure failure = Check.Failure("""{"not":{"pattern":"^(a+)+\\1$"}}""", $"\"{new string('a', 60)}!\"");
        Assert.Contains("takes longer", failure.Message);
    }

    [Fact]
    public void Validate_ManyItems_StaysProportional()
    {
        string items = string.Join(',', Enumerable.Range(0, 100_000).Select(i => $$"""{"id":{{i}},"tags":["a","b"]}"""));
        Schema schema = Check.Compile(
            """{"type":"array","uniqueItems":true,"items":{"type":"object","properties":{"id":{"type":"integer"},"tags":{"items":{"type":"string"}}},"required":["id"],"additionalProperties":false}}""");
        Assert.True(schema.Validate(Encoding.UTF8.GetBytes($"[{items}]")).Valid);
        Assert.False(schema.Validate(Encoding.UTF8.GetBytes($"[{items},{{\"tags\":[\"a\",\"b\"],\"id\":5e4}}]")).Valid);
    }

    [Fact]
    public void Validate_HugeNumbers_AreCompared()
    {
        string digits = new('7', 1_000_000);
        Assert.True(Check.Valid("""{"minimum":1e999998,"maximum":1e1000000,"type":"integer"}""", digits));
        Assert.False(Check.Valid("""{"multipleOf":13}""", digits + "1"));
        Assert.True(Check.Valid("""{"multipleOf":7}""", digits));
        Assert.False(Check.Valid("""{"maximum":1e308}""", "1e99999999999999999999"));
        Assert.True(Check.Valid("""{"maximum":1e-308}""", "1e-99999999999999999999"));
    }

    [Theory]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"\\udc00\\ud800\"")]
    [InlineData("{\"\\ud800\":\"\\udfff\"}")]
    public void Validate_LoneSurrogates_AreJustCharacters(string instance)
    {
        const string schema = """
            {"minLength":1,"pattern":"x","properties":{"a":{}},"patternProperties":{"y":{}},"propertyNames":{"maxLength":5},
             "required":["z"],"enum":[1],"uniqueItems":true,"unevaluatedProperties":false}
            """;
        Assert.False(Check.Valid(schema, instance));
        Assert.True(Check.Valid($$"""{"const":{{instance}}}""", instance));

        // From bytes, names are compared for duplicates first, which a lone surrogate does not allow.
        SchemaResult result = Check.Compile("true").Validate(Encoding.UTF8.GetBytes(instance));
        Assert.Equal(!instance.StartsWith('{'), result.Valid);
    }

    [Fact]
    public void Validate_BytesThatAreNotUtf8_AreJustCharacters()
    {
        byte[] instance = [(byte)'"', 0xFF, 0xC0, 0x80, (byte)'"'];
        Assert.False(Check.Compile("""{"maxLength":0,"pattern":"^a$"}""").Validate(instance).Valid);
    }

    [Fact]
    public void Validate_ManyThreads_AgreeOnEveryInstance()
    {
        Schema schema = Check.Compile("""{"type":"object","properties":{"n":{"pattern":"^[a-z]+$","$ref":"#/$defs/s"}},"unevaluatedProperties":false,"$defs":{"s":{"minLength":2}}}""");
        JsonElement good = Check.Json("""{"n":"abc"}"""), bad = Check.Json("""{"n":"a","m":1}""");
        Parallel.For(0, 10_000, i =>
        {
            Assert.True(schema.Validate(good).Valid);
            Assert.Equal(2, schema.Validate(bad).Errors.Count);
        });
    }
}
