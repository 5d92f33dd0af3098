using System.Text;
using System.Text.Json;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Expressions.Tests.JsonSchema;

/// <summary>Where an error points to, and what it says.</summary>
public sealed class MessageTests
{
    [Theory]
    [InlineData("""{"type":"integer"}""", "1.5", "", "/type", "Expected an integer, found the number 1.5.")]
    [InlineData("""{"type":["object","null"]}""", "[1]", "", "/type", "Expected an object or null, found an array of 1 item.")]
    [InlineData("""{"properties":{"a/b":{"items":{"maxLength":2}}}}""", """{"a/b":["x","abc"]}""", "/a~1b/1", "/properties/a~1b/items/maxLength", "Expected at most 2 characters, found 3.")]
    [InlineData("""{"required":["name"]}""", "{}", "", "/required", "The property 'name' is missing.")]
    [InlineData("""{"properties":{"a":{}},"additionalProperties":false}""", """{"b":1}""", "/b", "/additionalProperties", "The property 'b' is not allowed. Known are a.")]
    [InlineData("""{"enum":["a","b"]}""", "\"c\"", "", "/enum", "Expected one of \"a\", \"b\", found the string \"c\".")]
    [InlineData("""{"const":1}""", "{}", "", "/const", "Expected 1, found an empty object.")]
    [InlineData("""{"multipleOf":0.01}""", "0.001", "", "/multipleOf", "Expected a multiple of 0.01, found 0.001.")]
    [InlineData("""{"pattern":"^a$"}""", "\"b\"", "", "/pattern", "Expected a string that matches ^a$, found the string \"b\".")]
    [InlineData("""{"uniqueItems":true}""", "[2,1,2]", "", "/uniqueItems", "Expected items that differ; 0 and 2 are both the number 2.")]
    [InlineData("""{"prefixItems":[{}],"items":false}""", "[1,2,3]", "/1", "/items", "Expected at most 1 item, found 3.")]
    [InlineData("""{"contains":{"type":"null"}}""", "[1,2]", "", "/contains", "Expected at least 1 item that matches, found 0 among 2.")]
    [InlineData("""{"not":{"type":"string"}}""", "\"x\"", "", "/not", "Expected a value that the schema under 'not' refuses, found the string \"x\".")]
    [InlineData("""{"propertyNames":{"maxLength":1}}""", """{"ab":1}""", "/ab", "/propertyNames/maxLength", "Expected at most 1 character, found 2.")]
    [InlineData("""{"dependentRequired":{"a":["b"]}}""", """{"a":1}""", "", "/dependentRequired", "The property 'b' is missing; 'a' asks for it.")]
    [InlineData("""{"properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"allOf":[true,{"minimum":3}]}}}""", """{"a":1}""", "/a", "/properties/a/$ref/allOf/1/minimum", "Expected a number of at least 3, found 1.")]
    [InlineData("""{"if":true,"then":{"type":"null"}}""", "1", "", "/then/type", "Expected null, found the number 1.")]
    [InlineData("""{"items":{"unevaluatedProperties":false}}""", """[{"a":1}]""", "/0/a", "/items/unevaluatedProperties", "The property 'a' is not allowed here.")]
    public void Validate_Invalid_PointsAndExplains(string schema, string instance, string location, string keyword, string message) =>
        Assert.Equal(new SchemaFailure(location, keyword, message), Check.Failure(schema, instance));

    [Fact]
    public void Validate_NoAlternativeMatches_ReportsTheNearestOne()
    {
        SchemaResult result = Check.Compile(
            """
            {"oneOf":[
              {"properties":{"kind":{"const":"a"},"x":{"type":"string"},"y":{"type":"string"}},"required":["kind"]},
              {"properties":{"kind":{"const":"b"},"x":{"type":"integer"}},"required":["kind"]}]}
            """).Validate(Check.Json("""{"kind":"b","x":1.5}"""));
        Assert.Equal(["/oneOf", "/oneOf/1/properties/x/type"], result.Errors.Select(e => e.KeywordLocation));
    }

    [Fact]
    public void Validate_ManyFaults_AreAllReportedUpToTheLimit()
    {
        string instance = $"[{string.Join(',', Enumerable.Repeat("\"x\"", 1000))}]";
        Assert.Equal(100, Check.Compile("""{"items":{"type":"null"}}""").Validate(Check.Json(instance)).Errors.Count);
        Assert.Equal(3, Check.Compile("""{"items":{"type":"null"}}""", new JsonSchemaOptions { MaxErrors = 3 }).Validate(Check.Json(instance)).Errors.Count);
    }

    [Fact]
    public void Validate_LongValues_AreShortened()
    {
        string message = Check.Failure("""{"type":"null"}""", $"\"{new string('é', 100_000)}\"").Message;
        Assert.InRange(message.Length, 50, 200);
        Assert.Contains("…", message);
    }

    [Theory]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("{")]
    [InlineData("")]
    public void Validate_NotJson_IsInvalidAndSaysSo(string text)
    {
        SchemaResult result = Check.Compile("true").Validate(Encoding.UTF8.GetBytes(text));
        Assert.False(result.Valid);
        Assert.StartsWith("Not JSON: ", Assert.Single(result.Errors).Message);
    }

    [Fact]
    public void Validate_Undefined_Throws() => Assert.Throws<ArgumentException>(() => Check.Compile("true").Validate(default(JsonElement)));

    [Fact]
    public void Result_AsJson_IsSnakeCase() => Assert.Equal(
        """{"valid":false,"errors":[{"instance_location":"","keyword_location":"/type","message":"Expected null, found true."}]}""",
        JsonSerializer.Serialize(Check.Compile("""{"type":"null"}""").Validate(Check.Json("true"))));
}
