using System.Text;
using System.Text.Json;
using AgentFlow.Expressions.JsonSchema;
using Schema = AgentFlow.Expressions.JsonSchema.JsonSchema;

namespace AgentFlow.Expressions.Tests.JsonSchema;

/// <summary>Random schemas over random instances: always an answer, the same with and without errors wanted.</summary>
public sealed class FuzzTests
{
    private static readonly string[] Names = ["a", "b", "c", "\\u0061d"];

    [Fact]
    public void Validate_RandomSchemas_AnswerConsistently()
    {
        int valid = 0, invalid = 0;
        for (int seed = 1; seed <= 1_000; seed++)
        {
            var random = new Random(seed);
            string text = SchemaText(random, 3);
            bool good = Schema.TryCompile(JsonElement.Parse(text), out Schema? schema, out IReadOnlyList<SchemaError> errors);
            Assert.True(good != errors.Any(), $"seed {seed}: {text}");
            if (!good)
            {
                Assert.All(errors, e => Assert.Contains("leads back to itself", e.Message));
                continue;
            }

            Schema negation = Around("""{"not":?}""", text), choice = Around("""{"anyOf":[false,?]}""", text);
            for (int i = 0; i < 5; i++)
            {
                string instance = Instance(random, 3);
                JsonElement element = JsonElement.Parse(instance);
                SchemaResult result = schema!.Validate(element);
                Assert.True(result.Valid == (result.Errors.Count == 0), $"seed {seed}: {text} over {instance}");
                Assert.True(result.Valid != negation.Validate(element).Valid, $"seed {seed}: 'not' of {text} over {instance}");
                Assert.True(result.Valid == choice.Validate(element).Valid, $"seed {seed}: 'anyOf' of {text} over {instance}");
                if (result.Valid) valid++;
                else invalid++;
            }
        }

        Assert.True(valid > 300 && invalid > 300, $"{valid} valid, {invalid} invalid");
    }

    [Fact]
    public void TryCompile_RandomJson_NeverThrows()
    {
        string[] keywords =
        [
            "type", "enum", "const", "minimum", "multipleOf", "maxLength", "pattern", "required", "properties", "patternProperties", "items", "prefixItems",
            "contains", "minContains", "allOf", "oneOf", "not", "if", "then", "dependentSchemas", "dependencies", "$ref", "$dynamicRef", "$id", "$anchor",
            "$dynamicAnchor", "$schema", "$defs", "format", "unevaluatedItems", "uniqueItems",
        ];
        for (int seed = 1; seed <= 2_000; seed++)
        {
            var random = new Random(seed);
            string text = Anything(random, keywords, 4);
            bool good = Schema.TryCompile(JsonElement.Parse(text), new JsonSchemaOptions { AssertFormat = true }, out Schema? schema, out IReadOnlyList<SchemaError> errors);
            Assert.True(good ? errors.Count == 0 : errors.Count is > 0 and <= 100, $"seed {seed}: {text}");
            schema?.Validate(JsonElement.Parse(Instance(random, 3)));
        }
    }

    /// <summary>A schema with another one in the place of the question mark, registered as a document so that its references still hold.</summary>
    private static Schema Around(string outer, string schema) => Check.Compile(
        outer.Replace("?", """{"$ref":"https://example.com/fuzz"}""", StringComparison.Ordinal),
        new JsonSchemaOptions { Documents = new Dictionary<string, JsonElement> { ["https://example.com/fuzz"] = JsonElement.Parse(schema) } });

    private static string SchemaText(Random random, int depth)
    {
        if (random.Next(12) == 0) return random.Next(3) == 0 ? "false" : "true";
        var members = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            (string name, string value) = Keyword(random, depth);
            members[name] = value;
        }

        if (depth == 3) members["$defs"] = $$"""{"x":{{SchemaText(random, 1)}},"y":{{SchemaText(random, 1)}}}""";
        return "{" + string.Join(",", members.Select(m => $"\"{m.Key}\":{m.Value}")) + "}";
    }

    private static (string Name, string Value) Keyword(Random random, int depth)
    {
        string Sub() => SchemaText(random, Math.Max(0, depth - 1));
        string Named() => $$"""{"{{Names[random.Next(3)]}}":{{Sub()}}}""";
        string name = Names[random.Next(3)];
        return random.Next(depth > 0 ? 26 : 10) switch
        {
            0 => ("type", new[] { "\"integer\"", "\"string\"", "\"object\"", "\"array\"", "[\"null\",\"number\"]" }[random.Next(5)]),
            1 => ("minimum", random.Next(5).ToString()),
            2 => ("maxLength", random.Next(3).ToString()),
            3 => ("enum", $"[{Instance(random, 1)},{Instance(random, 1)}]"),
            4 => ("required", $"[\"{name}\"]"),
            5 => ("maxItems", random.Next(3).ToString()),
            6 => ("uniqueItems", "true"),
            7 => ("pattern", "\"^a|1$\""),
            8 => ("$ref", random.Next(2) == 0 ? "\"#/$defs/x\"" : "\"#/$defs/y\""),
            9 => ("multipleOf", "0.5"),
            10 => ("properties", Named()),
            11 => ("patternProperties", Named()),
            12 => ("additionalProperties", Sub()),
            13 => ("items", Sub()),
            14 => ("prefixItems", $"[{Sub()},{Sub()}]"),
            15 => ("contains", Sub()),
            16 => ("allOf", $"[{Sub()},{Sub()}]"),
            17 => ("anyOf", $"[{Sub()},{Sub()}]"),
            18 => ("oneOf", $"[{Sub()},{Sub()}]"),
            19 => ("not", Sub()),
            20 => ("if", Sub()),
            21 => ("then", Sub()),
            22 => ("unevaluatedProperties", Sub()),
            23 => ("unevaluatedItems", Sub()),
            24 => ("dependentSchemas", Named()),
            _ => ("propertyNames", Sub()),
        };
    }

    private static string Instance(Random random, int depth) => random.Next(depth > 0 ? 8 : 5) switch
    {
        0 => "null",
        1 => random.Next(6).ToString(),
        2 => "1.5",
        3 => new[] { "\"\"", "\"a\"", "\"ab1\"" }[random.Next(3)],
        4 => "true",
        5 => "[" + string.Join(",", Enumerable.Range(0, random.Next(4)).Select(_ => Instance(random, depth - 1))) + "]",
        _ => "{" + string.Join(",", Names.Where(_ => random.Next(2) == 0).Select(n => $"\"{n}\":{Instance(random, depth - 1)}")) + "}",
    };

    private static string Anything(Random random, string[] keywords, int depth)
    {
        var text = new StringBuilder();
        switch (random.Next(depth > 0 ? 12 : 7))
        {
            case 0: return "true";
            case 1: return random.Next(-2, 5).ToString();
            case 2: return "1.5e400";
            case 3: return "null";
            case 4: return new[] { "\"string\"", "\"#\"", "\"#/$defs/a\"", "\"a\"", "\"(\"", "\"\\ud800\"", "\"urn:x\"", "\"//[\"", "\"%zz#%\"" }[random.Next(9)];
            case 5: return "[]";
            case 6: return "{}";
            case 7: return "[" + string.Join(",", Enumerable.Range(0, random.Next(3)).Select(_ => Anything(random, keywords, depth - 1))) + "]";
            default:
                for (int i = random.Next(5); i >= 0; i--)
                {
                    string name = random.Next(5) == 0 ? "a" : keywords[random.Next(keywords.Length)];
                    text.Append(text.Length == 0 ? "" : ",").Append('"').Append(name).Append("\":").Append(Anything(random, keywords, depth - 1));
                }

                return $"{{{text}}}";
        }
    }
}
