using System.Text.Json;
using AgentFlow.Expressions.JsonPath;

namespace AgentFlow.Expressions.Tests.JsonPath;

/// <summary>Short ways to compile and to select.</summary>
internal static class Queries
{
    public static JsonPathBudget Plenty() => new(1_000_000, 100_000_000);

    public static JsonPathQuery Compile(string text)
    {
        Assert.True(JsonPathQuery.TryCompile(text, out JsonPathQuery? query, out JsonPathError? error), $"{error}");
        return query!;
    }

    public static JsonPathError Refuse(string text)
    {
        Assert.False(JsonPathQuery.TryCompile(text, out _, out JsonPathError? error), $"{text} compiles");
        return error!;
    }

    public static string Select(string query, string document) =>
        string.Join(',', Compile(query).Select(JsonElement.Parse(document), Plenty())!.Select(n => n.GetRawText()));
}
