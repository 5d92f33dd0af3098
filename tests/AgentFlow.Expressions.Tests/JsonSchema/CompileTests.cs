using AgentFlow.Expressions.JsonSchema;
using Schema = AgentFlow.Expressions.JsonSchema.JsonSchema;

namespace AgentFlow.Expressions.Tests.JsonSchema;

public sealed class CompileTests
{
    [Theory]
    [InlineData("""{"type":"strin"}""", "/type")]
    [InlineData("""{"type":[]}""", "/type")]
    [InlineData("""{"properties":{"a":{"minLength":-1}}}""", "/properties/a/minLength")]
    [InlineData("""{"properties":{"a":{"minLength":1.5}}}""", "/properties/a/minLength")]
    [InlineData("""{"properties":[]}""", "/properties")]
    [InlineData("""{"multipleOf":0}""", "/multipleOf")]
    [InlineData("""{"items":[{}]}""", "/items")]
    [InlineData("""{"allOf":[]}""", "/allOf")]
    [InlineData("""{"required":"a"}""", "/required")]
    [InlineData("""{"required":["a","a"]}""", "/required")]
    [InlineData("""{"dependentRequired":{"a":[1]}}""", "/dependentRequired/a/0")]
    [InlineData("""{"$ref":1}""", "/$ref")]
    [InlineData("""{"if":null}""", "/if")]
    [InlineData("""{"$anchor":"1x"}""", "/$anchor")]
    [InlineData("""{"pattern":"("}""", "/pattern")]
    [InlineData("""{"patternProperties":{"[":{}}}""", "/patternProperties/[")]
    [InlineData("""{"$defs":{"a":{"not":{"format":1}}}}""", "/$defs/a/not/format")]
    [InlineData("""{"x":{"minimum":"1"},"$ref":"#/x"}""", "/x/minimum")]
    public void TryCompile_BadKeyword_NamesThePlace(string schema, string location) => Assert.Equal(location, Check.Refused(schema).Location);

    [Theory]
    [InlineData("1")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"x\"")]
    public void TryCompile_NoSchema_SaysWhatOneIs(string schema) => Assert.Contains("object, true or false", Check.Refused(schema).Message);

    [Fact]
    public void TryCompile_Undefined_IsRefused()
    {
        Assert.False(Schema.TryCompile(default, out _, out IReadOnlyList<SchemaError> errors));
        Assert.Contains("nothing", errors[0].Message);
    }

    [Fact]
    public void TryCompile_SeveralFaults_AreAllReported()
    {
        Schema.TryCompile(Check.Json("""{"type":"x","minLength":-1,"properties":{"a":{"pattern":1}}}"""), out _, out IReadOnlyList<SchemaError> errors);
        Assert.Superset(new HashSet<string> { "/type", "/minLength", "/properties/a/pattern" }, errors.Select(e => e.Location).ToHashSet());
    }

    [Fact]
    public void TryCompile_Metaschemas_AreValidSchemas()
    {
        foreach (string name in (string[])["schema", "meta/core", "meta/applicator", "meta/unevaluated", "meta/validation", "meta/meta-data", "meta/format-annotation", "meta/format-assertion", "meta/content"])
        {
            Assert.True(Check.Valid($$"""{"$ref":"https://json-schema.org/draft/2020-12/{{name}}"}""", """{"title":"x"}"""));
            Assert.False(Check.Valid($$"""{"$ref":"https://json-schema.org/draft/2020-12/{{name}}"}""", "1"));
        }
    }

    [Theory]
    [InlineData("""{"type":"a"}""", "\"array\", \"boolean\", \"integer\", \"null\", \"number\", \"object\", \"string\"")]
    [InlineData("""{"minLength":-1}""", "at least 0")]
    [InlineData("""{"pattern":"a**"}""", "nothing to repeat")]
    public void TryCompile_BadKeyword_SaysWhatIsRight(string schema, string words)
    {
        Schema.TryCompile(Check.Json(schema), out _, out IReadOnlyList<SchemaError> errors);
        Assert.Contains(errors, e => e.Message.Contains(words));
    }
}
