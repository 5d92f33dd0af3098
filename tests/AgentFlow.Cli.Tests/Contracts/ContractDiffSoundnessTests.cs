using System.Text.Json;
using AgentFlow.Contracts.Tools;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Cli.Tests.Contracts;

/// <summary>
/// The comparison of schemas against the validator itself: when it says that nothing breaks, every input that was valid
/// stays valid, and every output that is valid now was valid before. Random pairs, random values.
/// </summary>
public sealed class ContractDiffSoundnessTests
{
    [Fact]
    public void Compare_SaysCompatible_TheValidatorAgrees()
    {
        int compatible = 0, breaking = 0;
        for (int seed = 1; seed <= 3_000; seed++)
        {
            var random = new Random(seed);
            string old = SchemaText(random, 2), @new = random.Next(3) == 0 ? SchemaText(random, 2) : Mutate(random, old);
            (ChangeLevel input, ChangeLevel output) = (Level(old, @new, asInput: true), Level(old, @new, asInput: false));
            JsonSchema before = Compile(old), after = Compile(@new);
            for (int i = 0; i < 20; i++)
            {
                string text = Instance(random, 2);
                JsonElement instance = JsonElement.Parse(text);
                bool was = before.Validate(instance).Valid, stays = after.Validate(instance).Valid;
                Assert.False(input < ChangeLevel.Major && was && !stays, $"seed {seed}: {old} -> {@new} is {input} for an input, but {text} is refused now");
                Assert.False(output < ChangeLevel.Major && stays && !was, $"seed {seed}: {old} -> {@new} is {output} for an output, but {text} is new");
                if (was != stays) breaking++;
            }

            if (input < ChangeLevel.Major || output < ChangeLevel.Major) compatible++;
        }

        Assert.True(compatible > 500 && breaking > 500, $"{compatible} compatible pairs, {breaking} differing answers");
    }

    private static ChangeLevel Level(string old, string @new, bool asInput)
    {
        ToolContract Contract(string schema) => asInput
            ? new() { Id = "t", Version = "1.0.0", InputSchema = JsonElement.Parse(schema) }
            : new() { Id = "t", Version = "1.0.0", OutputSchema = JsonElement.Parse(schema) };
        ContractComparison comparison = ContractDiff.Compare(Contract(old), Contract(@new));

        // By the rules a new field is MINOR, although it may refuse what went unnoticed before.
        bool added = comparison.Changes.Any(c => c.Message.Contains("field", StringComparison.Ordinal) && c.Message.Contains("was added", StringComparison.Ordinal));
        return added ? ChangeLevel.Major : comparison.Required;
    }

    private static JsonSchema Compile(string schema)
    {
        Assert.True(JsonSchema.TryCompile(JsonElement.Parse(schema), out JsonSchema? compiled, out IReadOnlyList<SchemaError> errors), string.Join("; ", errors));
        return compiled;
    }

    /// <summary>Takes keywords out, puts others in.</summary>
    private static string Mutate(Random random, string schema)
    {
        if (!schema.StartsWith('{')) return SchemaText(random, 2);
        Dictionary<string, string> members = JsonElement.Parse(schema).EnumerateObject().ToDictionary(m => m.Name, m => m.Value.GetRawText());
        if (members.Count > 0 && random.Next(2) == 0) members.Remove(members.Keys.ElementAt(random.Next(members.Count)));
        if (random.Next(2) == 0)
        {
            (string name, string value) = Keyword(random, 2);
            members[name] = value;
        }

        return Text(members);
    }

    private static string SchemaText(Random random, int depth)
    {
        if (random.Next(20) == 0) return "false";
        var members = new Dictionary<string, string>();
        for (int i = random.Next(4); i > 0; i--)
        {
            (string name, string value) = Keyword(random, depth);
            members[name] = value;
        }

        return Text(members);
    }

    /// <summary>Both properties are mostly declared, so that few pairs add one.</summary>
    private static string Text(Dictionary<string, string> members)
    {
        if (!members.ContainsKey("properties")) members["properties"] = """{"a":true,"b":true}""";
        return "{" + string.Join(",", members.Select(m => $"\"{m.Key}\":{m.Value}")) + "}";
    }

    private static (string Name, string Value) Keyword(Random random, int depth)
    {
        string Sub() => depth == 0 ? Leaf(random) : SchemaText(random, depth - 1);
        return random.Next(22) switch
        {
            0 => ("type", new[] { "\"integer\"", "\"number\"", "\"string\"", "\"object\"", "[\"null\",\"array\",\"object\"]", "[\"integer\",\"string\"]" }[random.Next(6)]),
            1 => ("minimum", random.Next(4).ToString()),
            2 => ("exclusiveMaximum", random.Next(4).ToString()),
            3 => ("maxLength", random.Next(3).ToString()),
            4 => ("minLength", random.Next(3).ToString()),
            5 => ("enum", $"[{Instance(random, 1)},{Instance(random, 0)},{Instance(random, 0)}]"),
            6 => ("const", Instance(random, 0)),
            7 => ("required", new[] { "[]", "[\"a\"]", "[\"a\",\"b\"]" }[random.Next(3)]),
            8 => ("maxItems", random.Next(3).ToString()),
            9 => ("uniqueItems", random.Next(2) == 0 ? "true" : "false"),
            10 => ("pattern", random.Next(2) == 0 ? "\"^a\"" : "\"b\""),
            11 => ("properties", $$"""{"a":{{Sub()}},"b":{{Sub()}}}"""),
            12 => ("patternProperties", $$"""{"{{new[] { "c", "^d" }[random.Next(2)]}}":{{Sub()}}}"""),
            13 => ("items", Sub()),
            14 => ("prefixItems", random.Next(2) == 0 ? $"[{Sub()}]" : $"[{Sub()},{Sub()}]"),
            15 => ("contains", Sub()),
            16 => ("minContains", random.Next(3).ToString()),
            17 => ("maxContains", random.Next(3).ToString()),
            18 => ("anyOf", random.Next(2) == 0 ? $"[{Sub()}]" : $"[{Sub()},{Sub()}]"),
            19 => ("allOf", random.Next(2) == 0 ? $"[{Sub()}]" : $"[{Sub()},{Sub()}]"),
            20 => ("not", Sub()),
            _ => ("propertyNames", Sub()),
        };
    }

    private static string Leaf(Random random)
    {
        var members = new Dictionary<string, string>();
        string[] leaves = ["type", "maxLength", "minimum", "const", "description"];
        string name = leaves[random.Next(leaves.Length)];
        members[name] = name switch { "type" => "\"integer\"", "description" => "\"d\"", _ => "1" };
        return Text(members);
    }

    private static string Instance(Random random, int depth) => random.Next(depth > 0 ? 9 : 5) switch
    {
        0 => "null",
        1 => random.Next(5).ToString(),
        2 => "1.5",
        3 => new[] { "\"\"", "\"a\"", "\"ab\"", "\"b\"" }[random.Next(4)],
        4 => "true",
        5 or 6 => "[" + string.Join(",", Enumerable.Range(0, random.Next(4)).Select(_ => Instance(random, depth - 1))) + "]",
        _ => "{" + string.Join(",", new[] { "a", "b", "c", "d" }.Where(_ => random.Next(2) == 0).Select(n => $"\"{n}\":{Instance(random, depth - 1)}")) + "}",
    };
}
