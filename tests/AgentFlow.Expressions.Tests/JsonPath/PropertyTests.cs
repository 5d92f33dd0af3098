using System.Text.Json;
using AgentFlow.Expressions.Cel;
using AgentFlow.Expressions.JsonPath;
using AgentFlow.Expressions.Tests.Cel;
using FsCheck;
using FsCheck.Fluent;

namespace AgentFlow.Expressions.Tests.JsonPath;

/// <summary>What holds for every document.</summary>
public sealed class PropertyTests
{
    /// <summary>Paths, filters and the like, put together at random; all of them are queries.</summary>
    private static readonly Gen<string> Query = Gen.Elements(
            ".*", "..*", "[*]", "[0]", "[-1]", "[1:]", "[::-1]", "..['a']", ".a", "['k\\\"']", "[?@.a]", "[?@ > 1]", "[?@ == @]", "[?length(@) >= 1]",
            "[?match(@, '[ab].*')]", "[?count(@.*) < 2]", "[0, *]", "..[?@ != null]", "[?$.a == @]", "[?value(@..a) == 1]")
        .ArrayOf().Select(parts => "$" + string.Concat(parts.Take(3)).Replace("\\\"", "", StringComparison.Ordinal));

    [Fact]
    public void Locate_EveryNode_IsFoundByItsPath() => Prop.ForAll(
        Generators.JsonValues, Query.ToArbitrary(), (value, query) =>
        {
            JsonElement document = JsonElement.Parse(value.ToJson());
            foreach (JsonPathNode node in Queries.Compile(query).Locate(document, Queries.Plenty())!)
            {
                JsonPathQuery path = Queries.Compile(node.Path);
                Assert.True(path.IsSingular);
                Assert.Equal(node.Value.GetRawText(), path.Select(document, Queries.Plenty())!.Single().GetRawText());
                Assert.Equal(node.Path, path.Locate(document, Queries.Plenty())!.Single().Path);
            }
        }).Hold();

    [Fact]
    public void Select_Query_GivesWhatLocateAndExpressionsGive() => Prop.ForAll(
        Generators.JsonValues, Query.ToArbitrary(), (value, query) =>
        {
            JsonElement document = JsonElement.Parse(value.ToJson());
            List<JsonElement> nodes = Queries.Compile(query).Select(document, Queries.Plenty())!;
            Assert.Equal(nodes.Select(n => n.GetRawText()), Queries.Compile(query).Locate(document, Queries.Plenty())!.Select(n => n.Value.GetRawText()));
            CelValue list = CelExpression.Compile("jsonpath(d, q)").Evaluate(Cel.Expressions.Bind(
                ("d", CelValue.FromJson(value.ToJson())), ("q", CelValue.String(query))));
            Assert.Equal(CelValue.List([.. nodes.Select(n => CelValue.FromJson(System.Text.Encoding.UTF8.GetBytes(n.GetRawText())))]), list);
        }).Hold();

    [Fact]
    public void Select_Descendants_AreAllValuesBelow() => Prop.ForAll(Generators.JsonValues, value =>
    {
        JsonElement document = JsonElement.Parse(value.ToJson());
        Assert.Equal(Below(document), Queries.Compile("$..*").Select(document, Queries.Plenty())!.Count);
    }).Hold();

    [Fact]
    public void Select_FilterAndItsNegation_ShareTheChildren() => Prop.ForAll(
        Generators.JsonValues, Gen.Elements("@.a", "@ > 1", "@ == $.a", "length(@) == 2", "match(@, 'a.*')", "@ < 'b' || @ == true").ToArbitrary(), (value, condition) =>
        {
            JsonElement document = JsonElement.Parse(value.ToJson());
            int Count(string query) => Queries.Compile(query).Select(document, Queries.Plenty())!.Count;
            Assert.Equal(Count("$.*"), Count($"$[?{condition}]") + Count($"$[?!({condition})]"));
        }).Hold();

    /// <summary>RFC 9535 §2.3.4.2.2, against a walk over all indices.</summary>
    [Fact]
    public void Select_Slice_TakesWhatALoopWouldTake()
    {
        Gen<int?> bound = Gen.Choose(-8, 8).Select(i => i == -8 ? (int?)null : i);
        Prop.ForAll(Gen.Zip(Gen.Choose(0, 6), bound.ArrayOf(3)).ToArbitrary(), parts =>
        {
            (int length, int? start, int? end, int? step) = (parts.Item1, parts.Item2[0], parts.Item2[1], parts.Item2[2]);
            string document = $"[{string.Join(',', Enumerable.Range(0, length))}]";
            int by = step ?? 1;
            int from = At(start ?? (by >= 0 ? 0 : length - 1));
            int to = end is { } e ? At(e) : by >= 0 ? length : -1;
            int At(int index) => index >= 0 ? index : length + index;

            List<int> expected = [];
            for (int i = from; by != 0 && (by > 0 ? i < to : i > to) && expected.Count < 100; i += by)
            {
                if (i >= 0 && i < length)
                {
                    expected.Add(i);
                }
                else if (by > 0 ? i >= length : i < 0)
                {
                    break;
                }
                else
                {
                    // Bounds outside are moved to the ends, so that steps begin there.
                    i = (by > 0 ? 0 : length - 1) - by;
                }
            }

            Assert.Equal(string.Join(',', expected), Queries.Select($"$[{start}:{end}:{step}]", document));
        }).Hold();
    }

    private static int Below(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.EnumerateArray().Sum(v => 1 + Below(v)),
        JsonValueKind.Object => value.EnumerateObject().Sum(p => 1 + Below(p.Value)),
        _ => 0,
    };
}
