using System.Text.Json;
using AgentFlow.Tools.BuiltIn.Transform;

namespace AgentFlow.Tools.Tests.BuiltIn.Transform;

public class JsonPathTests
{
    private const string Document = """
        {
          "shop": { "name": "corner", "items": [ { "id": 1, "tags": ["a", "b"] }, { "id": 2 }, { "id": 3, "tags": [] } ] },
          "id": 0, "odd 'name\"": true, "": null, "snow☃": "man", "n": [0, 1, 2, 3, 4, 5, 6]
        }
        """;

    [Theory]
    [InlineData("$.id", "[0]")]
    [InlineData("$['id']", "[0]")]
    [InlineData("$ ['id']", "[0]")]
    [InlineData("$.shop.items[0].id", "[1]")]
    [InlineData("$.shop.items[-1].id", "[3]")]
    [InlineData("$.shop.items[3]", "[]")]
    [InlineData("$.shop.items[-4]", "[]")]
    [InlineData("$.id[0]", "[]")]
    [InlineData("$.shop[0]", "[]")]
    [InlineData("$.n.id", "[]")]
    [InlineData("$.shop.items[*].id", "[1, 2, 3]")]
    [InlineData("$.shop.items.*.id", "[1, 2, 3]")]
    [InlineData("$..id", "[0, 1, 2, 3]")]
    [InlineData("$..tags[0]", "[\"a\"]")]
    [InlineData("$..[0]", "[{\"id\":1,\"tags\":[\"a\",\"b\"]}, \"a\", 0]")]
    [InlineData("$.shop.items[0,-1]['id']", "[1, 3]")]
    [InlineData("$['id', \"shop\" , 'id'].name", "[\"corner\"]")]
    [InlineData("$['odd \\'name\\\"']", null)]
    [InlineData("$['odd \\'name\"']", "[true]")]
    [InlineData("$[\"odd 'name\\\"\"]", "[true]")]
    [InlineData("$['']", "[null]")]
    [InlineData("$.snow☃", "[\"man\"]")]
    [InlineData("$['snow\\u2603']", "[\"man\"]")]
    [InlineData("$.n[1:3]", "[1, 2]")]
    [InlineData("$.n[:2]", "[0, 1]")]
    [InlineData("$.n[5:]", "[5, 6]")]
    [InlineData("$.n[-2:]", "[5, 6]")]
    [InlineData("$.n[::3]", "[0, 3, 6]")]
    [InlineData("$.n[::-2]", "[6, 4, 2, 0]")]
    [InlineData("$.n[4:1:-1]", "[4, 3, 2]")]
    [InlineData("$.n[ 1 : 6 : 2 ]", "[1, 3, 5]")]
    [InlineData("$.n[::0]", "[]")]
    [InlineData("$.n[100:-100:-1]", "[6, 5, 4, 3, 2, 1, 0]")]
    [InlineData("", null)]
    [InlineData("id", null)]
    [InlineData(" $.id", null)]
    [InlineData("$.id ", null)]
    [InlineData("$.", null)]
    [InlineData("$..", null)]
    [InlineData("$. id", null)]
    [InlineData("$.2a", null)]
    [InlineData("$.a-b", null)]
    [InlineData("$[]", null)]
    [InlineData("$[1,]", null)]
    [InlineData("$[01]", null)]
    [InlineData("$[-0]", null)]
    [InlineData("$[1.0]", null)]
    [InlineData("$[9007199254740992]", null)]
    [InlineData("$['a]", null)]
    [InlineData("$['\\x']", null)]
    [InlineData("$['\\ud800']", null)]
    [InlineData("$[?@.id == 1]", null)]
    [InlineData("$[1:2:3:4]", null)]
    [InlineData("$[", null)]
    [InlineData("$['", null)]
    [InlineData("$['\\", null)]
    [InlineData("$['\\u12", null)]
    public void Select_Query_SelectsAsSpecified(string query, string? expected)
    {
        JsonPath? path = JsonPath.Parse(query, out string? problem);

        if (expected is null)
        {
            Assert.Null(path);
            Assert.StartsWith("position ", problem, StringComparison.Ordinal);
            return;
        }

        Assert.Null(problem);
        List<JsonElement> nodes = path!.Select(JsonElement.Parse(Document), new PathLimit(100, 1_000, CancellationToken.None))!;
        Assert.True(
            JsonElement.DeepEquals(JsonElement.Parse(expected), JsonSerializer.SerializeToElement(nodes)),
            $"{query} gave {JsonSerializer.Serialize(nodes)}");
    }

    [Theory]
    [InlineData("$", true)]
    [InlineData("$.a['b'][0][-1]", true)]
    [InlineData("$.*", false)]
    [InlineData("$..a", false)]
    [InlineData("$[0,1]", false)]
    [InlineData("$[0:1]", false)]
    public void IsSingular_Query_SaysWhetherOneNodeAtMost(string query, bool expected) =>
        Assert.Equal(expected, JsonPath.Parse(query, out _)!.IsSingular);

    [Fact]
    public void Parse_Problem_NamesThePlace()
    {
        JsonPath.Parse("$.shop.items[01]", out string? problem);

        Assert.Equal("position 14 of '$.shop.items[01]': an index is an integer without leading zeros, within ±(2^53 - 1)", problem);
    }

    [Fact]
    public void Select_DescendantsOfDescendants_StopsAtTheLimit()
    {
        JsonElement deep = JsonElement.Parse(string.Concat(Enumerable.Repeat("[[],", 50)) + "1" + new string(']', 50));
        JsonPath path = JsonPath.Parse("$..*..*..*..*..*", out _)!;

        Assert.Null(path.Select(deep, new PathLimit(int.MaxValue, 10_000, CancellationToken.None)));
        Assert.Null(path.Select(deep, new PathLimit(10_000, long.MaxValue, CancellationToken.None)));
    }

    [Fact]
    public void Select_Cancelled_Ends() =>
        Assert.Throws<OperationCanceledException>(() =>
            JsonPath.Parse("$.a", out _)!.Select(JsonElement.Parse("{}"), new PathLimit(10, 10, new CancellationToken(canceled: true))));
}
