using System.Text;
using System.Text.Json;
using AgentFlow.Expressions.Cel;
using AgentFlow.Expressions.JsonPath;

namespace AgentFlow.Expressions.Tests.JsonPath;

/// <summary>Queries and documents made to hang or to crash whoever reads them.</summary>
public sealed class HostileTests
{
    [Theory]
    [InlineData("$..a")]
    [InlineData("$..*")]
    [InlineData("$..[?@.a]")]
    [InlineData("$[?count(@..*) > 5]")]
    public void Select_DocumentOfAnyDepth_Ends(string query)
    {
        const int depth = 5_000;
        JsonElement document = JsonDocument.Parse(
            string.Concat(Enumerable.Repeat("{\"a\":[", depth)) + string.Concat(Enumerable.Repeat("]}", depth)),
            new JsonDocumentOptions { MaxDepth = 2 * depth }).RootElement;

        Assert.NotEmpty(Queries.Compile(query).Select(document, Queries.Plenty())!);
    }

    [Fact]
    public void Select_ComparisonOfDeepValues_Ends()
    {
        const int depth = 5_000;
        string deep = new string('[', depth) + new string(']', depth);
        JsonElement document = JsonDocument.Parse($"[{deep},{deep},1]", new JsonDocumentOptions { MaxDepth = 2 * depth }).RootElement;

        Assert.Equal(2, Queries.Compile("$[?@ == $[0]]").Select(document, Queries.Plenty())!.Count);
    }

    [Theory]
    [InlineData("$..*..*..*..*..*")]
    [InlineData("$..[?count(@..*..*) > 0]..*..*")]
    [InlineData("$..[?count(@..*..*..*) == 1]")]
    [InlineData("$[*,*,*,*,*,*][*,*,*,*,*,*][*,*,*,*,*,*][*,*,*,*,*,*][*,*,*,*,*,*][*,*,*,*,*,*]")]
    public void Select_QueryThatExplodes_IsGivenUp(string query)
    {
        JsonElement document = JsonElement.Parse(string.Concat(Enumerable.Repeat("[[],", 50)) + "1" + new string(']', 50));

        var steps = new JsonPathBudget(int.MaxValue, 100_000);
        Assert.Null(Queries.Compile(query).Select(document, steps));
        Assert.True(steps.IsExhausted);
    }

    [Fact]
    public void Select_MoreNodesThanAllowed_IsGivenUp()
    {
        JsonElement document = JsonElement.Parse("[1,2,3]");

        Assert.Equal(3, Queries.Compile("$[*]").Select(document, new JsonPathBudget(3, 1000))!.Count);
        Assert.Null(Queries.Compile("$[*]").Select(document, new JsonPathBudget(2, 1000)));
    }

    [Fact]
    public void Select_OneBudgetForSeveralQueries_IsShared()
    {
        JsonElement document = JsonElement.Parse("[1,2,3]");
        var budget = new JsonPathBudget(10, 9);

        Assert.NotNull(Queries.Compile("$[*]").Select(document, budget));
        Assert.NotNull(Queries.Compile("$[*]").Select(document, budget));
        Assert.Null(Queries.Compile("$[*]").Select(document, budget));
    }

    [Fact]
    public void Select_Cancelled_Ends() =>
        Assert.Throws<OperationCanceledException>(() =>
            Queries.Compile("$.a").Select(JsonElement.Parse("{}"), new JsonPathBudget(10, 10, new CancellationToken(canceled: true))));

    [Fact]
    public void Select_AbsoluteQueryInAFilter_IsAskedOnce()
    {
        JsonElement document = JsonElement.Parse($"[{string.Join(',', Enumerable.Range(0, 10_000))}]");

        // Asked for each element it would be 10^8 steps.
        Assert.Equal(10_000, Queries.Compile("$[?count($[*]) == 10000]").Select(document, new JsonPathBudget(10_000, 200_000))!.Count);
    }

    [Theory]
    [InlineData("(", ")", "1 == 1")]
    [InlineData("@[?", "]", "@")]
    [InlineData("length(", ")", "@")]
    public void TryCompile_DeepNesting_IsRefused(string open, string close, string inner)
    {
        string Nested(int depth) => $"$[?{string.Concat(Enumerable.Repeat(open, depth))}{inner}{string.Concat(Enumerable.Repeat(close, depth))}{(open == "length(" ? " == 1" : "")}]";

        Queries.Compile(Nested(60));
        Assert.Contains("nested deeper than 64", Queries.Refuse(Nested(4000)).Message, StringComparison.Ordinal);
        Assert.Contains("at most 65536 characters", Queries.Refuse(Nested(40_000)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Select_HalvesOfSurrogatePairsInTheDocument_AreTexts()
    {
        JsonElement document = JsonElement.Parse("""{"\ud800": ["\udc00", "a\u0062"], "\u0061": 1}""");

        Assert.Equal("1", Queries.Compile("$.a").Select(document, Queries.Plenty())![0].GetRawText());
        Assert.Equal(["$['\\ud800']", "$['a']", "$['\\ud800'][0]", "$['\\ud800'][1]"], Queries.Compile("$..*").Locate(document, Queries.Plenty())!.Select(n => n.Path));
        Assert.Equal(2, Queries.Compile("$..[?length(@) > 0 && @ >= 'a']").Select(document, Queries.Plenty())!.Count);
        Assert.Single(Queries.Compile("$..[?@ == 'ab']").Select(document, Queries.Plenty())!);
    }

    [Fact]
    public void Select_NameThatOccursTwice_IsTheLast()
    {
        JsonElement document = JsonElement.Parse("""{"a": 1, "a": 2}""");

        Assert.Equal("2", Queries.Compile("$.a").Select(document, Queries.Plenty())!.Single().GetRawText());
        Assert.Equal(2, Queries.Compile("$.*").Select(document, Queries.Plenty())!.Count);
    }

    [Fact]
    public void TryCompile_RandomText_NeverThrows()
    {
        string[] parts = ["$", "@", ".", "..", "[", "]", "?", "*", "'a'", "a", "0", "-1", ":", ",", "(", ")", "==", "<", "!", "&&", "||", " ", "length(", "match(", "\\", "'", "\"", "1e5", "\ud800", "é", "count("];
        int good = 0;
        for (int seed = 1; seed <= 20_000; seed++)
        {
            var random = new Random(seed);
            var text = new StringBuilder("$");
            for (int i = random.Next(10); i >= 0; i--)
            {
                text.Append(parts[random.Next(parts.Length)]);
            }

            if (JsonPathQuery.TryCompile(text.ToString(), out JsonPathQuery? query, out JsonPathError? error))
            {
                good++;
                Assert.NotNull(query.Select(JsonElement.Parse("""{"a":[0,{"a":1}]}"""), Queries.Plenty()));
            }
            else
            {
                Assert.InRange(error.Offset, 0, text.Length);
            }
        }

        Assert.True(good > 10, $"{good} are queries");
    }

    [Fact]
    public void Jsonpath_QueryThatExplodes_ExceedsTheCostLimit()
    {
        CelValue document = CelValue.FromJson(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("[[],", 50)) + "1" + new string(']', 50)));

        CelValue result = CelExpression.Compile("jsonpath(d, '$..*..*..*..*..*') == []").Evaluate(Cel.Expressions.Bind(("d", document)));

        Assert.Equal(CelErrorCodes.CostExceeded, result.AsError().Code);
    }
}
