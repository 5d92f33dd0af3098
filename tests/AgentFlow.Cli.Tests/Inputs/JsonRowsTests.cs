using System.Text;
using AgentFlow.Cli.Inputs;

namespace AgentFlow.Cli.Tests.Inputs;

public sealed class JsonRowsTests
{
    [Theory]
    [InlineData("""[{"a":1},{"a":2}]""", true)]
    [InlineData("{\"a\":1}\n{\"a\":2}\n", true)]
    [InlineData("{\"a\":1}\r\n\r\n{\n  \"a\": 2\n}", true)]
    public void Read_Lists_GiveEachRow(string json, bool isList)
    {
        var (rows, list) = Read(json);
        Assert.Equal(isList, list);
        Assert.Equal(["{\"a\":1}", "{\"a\":2}"], rows.Select(r => r.Value.ToJsonString()));
    }

    [Fact]
    public void Read_OneObject_IsNoList() => Assert.False(Read("""{"a":1}""").IsList);

    [Fact]
    public void Read_Texts_BecomeRows() => Assert.Equal(["{\"text\":\"x\"}", "{\"text\":\"y\"}"], Read("""["x","y"]""").Rows.Select(r => r.Value.ToJsonString()));

    [Fact]
    public void Read_Lines_AreWhereRowsStart() => Assert.Equal([2, 5], Read("[\n{\n\"a\":1},\n\n{}]").Rows.Select(r => r.Line));

    [Theory]
    [InlineData("{\"a\":1}\n3\n", "f:2: row 2 is a number.")]
    [InlineData("[[1]]", "f:1: row 1 is an array inside the array.")]
    [InlineData("{\"a\":1}\n{\"a\":}\n", "f:2:6: not JSON:")]
    [InlineData("[{\"a\":1}", "f:1:9: not JSON:")]
    [InlineData("{\"a\":1}\n{\"a\":1,\n\"a\":2}", "f:2: row 2: Duplicate property")]
    public void Read_Broken_NamesThePlace(string json, string message) =>
        Assert.StartsWith(message, Assert.Throws<InputException>(() => Read(json)).Message, StringComparison.Ordinal);

    private static (IReadOnlyList<InputRow> Rows, bool IsList) Read(string json) => JsonRows.Read("f", Encoding.UTF8.GetBytes(json));
}
