using System.Runtime.CompilerServices;
using System.Text.Json;
using AgentFlow.Expressions.Cel;
using AgentFlow.Expressions.JsonPath;

namespace AgentFlow.Expressions.Tests.JsonPath;

/// <summary>The tables and examples of RFC 9535 and what follows from them: <c>cases.json</c>.</summary>
public sealed class CaseTests
{
    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach ((string about, JsonElement _, JsonElement query) in All())
        {
            cases.Add(about, query.GetProperty("query").GetString()!);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Select_Case_GivesItsNodes(string about, string query)
    {
        (_, JsonElement document, JsonElement expected) = All().First(c => c.About == about && c.Query.GetProperty("query").GetString() == query);

        List<JsonPathNode> nodes = Queries.Compile(query).Locate(document, Queries.Plenty())!;

        string found = JsonSerializer.Serialize(nodes.Select(n => n.Value));
        if (expected.TryGetProperty("nodes", out JsonElement values))
        {
            Assert.True(JsonElement.DeepEquals(values, JsonElement.Parse(found)), $"{query} gives {found}");
            Assert.Equal(values.GetArrayLength(), Queries.Compile(query).Select(document, Queries.Plenty())!.Count);
        }

        if (expected.TryGetProperty("paths", out JsonElement paths))
        {
            Assert.Equal(paths.EnumerateArray().Select(p => p.GetString()), nodes.Select(n => n.Path));
        }
    }

    /// <summary>The same in expressions, whose numbers are 64-bit integers and doubles.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Jsonpath_Case_GivesItsNodes(string about, string query)
    {
        (_, JsonElement document, JsonElement expected) = All().First(c => c.About == about && c.Query.GetProperty("query").GetString() == query);
        if (!expected.TryGetProperty("nodes", out JsonElement values))
        {
            return;
        }

        CelValue nodes = CelExpression.Compile("jsonpath(d, q)").Evaluate(Cel.Expressions.Bind(
            ("d", Cel.Expressions.Json(document.GetRawText())), ("q", CelValue.String(query))));

        Assert.Equal(Cel.Expressions.Json(values.GetRawText()), nodes);
    }

    private static IEnumerable<(string About, JsonElement Document, JsonElement Query)> All([CallerFilePath] string here = "") =>
        from about in JsonElement.Parse(File.ReadAllText(Path.Combine(Path.GetDirectoryName(here)!, "cases.json"))).EnumerateArray()
        from query in about.GetProperty("queries").EnumerateArray()
        select (about.GetProperty("about").GetString()!, about.GetProperty("document"), query);
}
