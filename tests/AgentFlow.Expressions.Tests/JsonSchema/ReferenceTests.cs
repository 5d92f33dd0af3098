using System.Text.Json;
using AgentFlow.Expressions.JsonSchema;
using Schema = AgentFlow.Expressions.JsonSchema.JsonSchema;

namespace AgentFlow.Expressions.Tests.JsonSchema;

public sealed class ReferenceTests
{
    private static readonly JsonSchemaOptions WithDocuments = new()
    {
        Documents = new Dictionary<string, JsonElement>
        {
            ["https://example.com/address"] = Check.Json("""{"$defs":{"zip":{"$anchor":"zip","type":"string","minLength":5}},"properties":{"zip":{"$ref":"#zip"},"next":{"$ref":"geo/point"}}}"""),
            ["https://example.com/geo/point"] = Check.Json("""{"$id":"urn:example:point","type":"array","items":{"$ref":"#/$defs/n"},"$defs":{"n":{"type":"number"}}}"""),
            ["https://example.com/no-validation"] = Check.Json("""{"$vocabulary":{"https://json-schema.org/draft/2020-12/vocab/core":true,"https://json-schema.org/draft/2020-12/vocab/applicator":true}}"""),
            ["https://example.com/strange"] = Check.Json("""{"$vocabulary":{"https://example.com/vocab":true}}"""),
            ["https://example.com/optional"] = Check.Json("""{"$vocabulary":{"https://example.com/vocab":false,"https://json-schema.org/draft/2020-12/vocab/validation":true}}"""),
            ["https://example.com/asserting"] = Check.Json("""{"$vocabulary":{"https://json-schema.org/draft/2020-12/vocab/format-assertion":true}}"""),
        },
    };

    [Theory]
    [InlineData("""{"$ref":"#/$defs/a~1b%25~0","$defs":{"a/b%~":{"type":"null"}}}""", "null", true)]
    [InlineData("""{"$ref":"#/$defs/a~1b%25~0","$defs":{"a/b%~":{"type":"null"}}}""", "1", false)]
    [InlineData("""{"properties":{"next":{"$ref":"#"}},"additionalProperties":false}""", """{"next":{"next":{}}}""", true)]
    [InlineData("""{"properties":{"next":{"$ref":"#"}},"additionalProperties":false}""", """{"next":{"next":{"x":1}}}""", false)]
    [InlineData("""{"$ref":"#a","minimum":1,"$defs":{"x":{"$anchor":"a","maximum":3}}}""", "0", false)]
    [InlineData("""{"$id":"https://example.com/root","$ref":"item","$defs":{"i":{"$id":"item","$ref":"#/$defs/t","$defs":{"t":{"type":"null"}}},"t":false}}""", "null", true)]
    [InlineData("""{"$ref":"https://json-schema.org/draft/2020-12/schema"}""", """{"type":"nul"}""", false)]
    [InlineData("""{"$ref":"https://json-schema.org/draft/2020-12/schema"}""", """{"items":{"properties":{"a":{"minLength":1}}}}""", true)]
    [InlineData("""{"$ref":"https://json-schema.org/draft/2020-12/schema"}""", """{"items":{"properties":{"a":{"minLength":-1}}}}""", false)]
    [InlineData("""{"$schema":"https://json-schema.org/draft/2020-12/schema#","type":"null"}""", "null", true)]
    [InlineData("""{"const":{"$ref":"#/nowhere"}}""", """{"$ref":"#/nowhere"}""", true)]
    [InlineData("""{"x-shared":{"type":"null"},"$ref":"#/x-shared"}""", "1", false)]
    public void Validate_Ref_AppliesItsTarget(string schema, string instance, bool valid) => Assert.Equal(valid, Check.Valid(schema, instance));

    [Theory]
    [InlineData("""{"$ref":"https://example.com/address"}""", """{"zip":"12345","next":[1,2]}""", true)]
    [InlineData("""{"$ref":"https://example.com/address"}""", """{"zip":"1234"}""", false)]
    [InlineData("""{"$ref":"https://example.com/address"}""", """{"next":["x"]}""", false)]
    [InlineData("""{"$ref":"https://example.com/address#zip"}""", "\"1\"", false)]
    [InlineData("""{"$schema":"https://example.com/no-validation","minimum":5,"properties":{"a":false}}""", "1", true)]
    [InlineData("""{"$schema":"https://example.com/no-validation","minimum":5,"properties":{"a":false}}""", """{"a":1}""", false)]
    [InlineData("""{"$schema":"https://example.com/optional","minimum":5}""", "1", false)]
    [InlineData("""{"$schema":"https://example.com/asserting","format":"ipv4"}""", "\"1.2.3\"", false)]
    public void Validate_RegisteredDocuments_AreUsed(string schema, string instance, bool valid) => Assert.Equal(valid, Check.Valid(schema, instance, WithDocuments));

    [Theory]
    [InlineData("\"text\"", false)]
    [InlineData("1", true)]
    public void DynamicRef_OutermostAnchorInScope_IsTaken(string item, bool valid)
    {
        const string schema = """
            {"$id":"https://example.com/numbers","$ref":"list","$defs":{
              "item":{"$dynamicAnchor":"item","type":"number"},
              "list":{"$id":"list","type":"array","items":{"$dynamicRef":"#item"},"$defs":{"any":{"$dynamicAnchor":"item"}}}}}
            """;
        Assert.Equal(valid, Check.Valid(schema, $"[{item}]"));
    }

    [Fact]
    public void DynamicRef_WithoutDynamicAnchorThere_IsStatic() => Assert.True(Check.Valid(
        """
        {"$id":"https://example.com/numbers","$ref":"list","$defs":{
          "item":{"$dynamicAnchor":"item","type":"number"},
          "list":{"$id":"list","items":{"$dynamicRef":"#item"},"$defs":{"any":{"$anchor":"item"}}}}}
        """,
        "[\"text\"]"));

    [Fact]
    public void Compile_DocumentDisposedAfterwards_StillWorks()
    {
        Schema? schema;
        using (JsonDocument document = JsonDocument.Parse("""{"enum":[[1,2]],"pattern":"x"}"""))
        {
            Schema.TryCompile(document.RootElement, out schema, out _);
        }

        Assert.True(schema!.Validate("[1,2.0]"u8.ToArray()).Valid);
        Assert.False(schema.Validate("[1]"u8.ToArray()).Valid);
    }

    [Theory]
    [InlineData("""{"$ref":"other.json"}""", "/$ref", "not registered")]
    [InlineData("""{"$ref":"#/$defs/x"}""", "/$ref", "leads to nothing")]
    [InlineData("""{"$ref":"#/$defs/x","$defs":{"x":{"enum":[1]},"y":1}}""", "/$defs/y", "Expected an object or true or false")]
    [InlineData("""{"allOf":[{"$ref":"#/required"}],"required":["a"]}""", "/allOf/0/$ref", "no schema")]
    [InlineData("""{"$ref":"#/required/00","required":["a"]}""", "/$ref", "leads to nothing")]
    [InlineData("""{"$ref":"#nope"}""", "/$ref", "anchor 'nope'")]
    [InlineData("""{"$dynamicRef":"#nope"}""", "/$dynamicRef", "anchor 'nope'")]
    [InlineData("""{"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}}""", "/$defs/", "defined twice")]
    [InlineData("""{"$defs":{"a":{"$id":"x"},"b":{"$id":"x"}}}""", "/$defs/", "too")]
    [InlineData("""{"$id":"https://example.com/a#frag"}""", "/$id", "fragment")]
    [InlineData("""{"$ref":"#"}""", "", "leads back to itself")]
    [InlineData("""{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}},"$ref":"#/$defs/a"}""", "", "leads back to itself")]
    [InlineData("""{"$schema":"http://json-schema.org/draft-07/schema#"}""", "/$schema", "2020-12")]
    [InlineData("""{"$defs":{"x":{"$id":"y","$schema":"https://example.com/unknown"}}}""", "/$defs/x/$schema", "not a dialect")]
    public void Compile_BadReference_NamesThePlace(string schema, string location, string message)
    {
        SchemaError error = Check.Refused(schema);
        Assert.Contains(message, error.Message);
        Assert.StartsWith(location, error.Location);
    }

    [Fact]
    public void Compile_RequiredVocabularyUnknown_IsRefused() =>
        Assert.Contains("https://example.com/vocab", Check.Refused("""{"$schema":"https://example.com/strange"}""", WithDocuments).Message);

    [Fact]
    public void Compile_FaultInARegisteredDocument_NamesItsUri()
    {
        var options = new JsonSchemaOptions { Documents = new Dictionary<string, JsonElement> { ["https://example.com/bad"] = Check.Json("""{"properties":{"a":{"type":"nul"}}}""") } };
        Assert.Equal("https://example.com/bad#/properties/a/type", Check.Refused("""{"$ref":"https://example.com/bad"}""", options).Location);
    }
}
