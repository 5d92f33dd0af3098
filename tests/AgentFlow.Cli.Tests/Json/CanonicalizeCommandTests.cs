using System.Text;
using AgentFlow.Cli.Json;

namespace AgentFlow.Cli.Tests.Json;

public sealed class CanonicalizeCommandTests
{
    [Fact]
    public void Run_Json_WritesTheExactBytes() =>
        Assert.Equal((0, """{"a":[1.5,"é"],"b":1}""", ""), Run(""" { "b": 1, "a": [1.50, "\u00e9"] } """ + "\n", hash: false));

    [Fact]
    public void Run_Hash_WritesOneLine() => Assert.Equal(
        (0, "78acba4311beff9d27866a1a49fb00d0eefff078c66c6f7599cdc0274aabd1c7\n", ""), Run("""{"b":1,"a":1.50}""", hash: true));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_BadJson_SaysWhereAndWritesNothing(bool hash)
    {
        (int code, string output, string error) = Run("{\"a\":1,\n\"a\":2}", hash);
        Assert.Equal((1, ""), (code, output));
        Assert.Equal("af json canonicalize: Line 2, column 1: The object has the member \"a\" twice. Remove one.", error.TrimEnd());
    }

    private static (int Code, string Output, string Error) Run(string input, bool hash)
    {
        using var stdin = new MemoryStream(Encoding.UTF8.GetBytes(input));
        using var stdout = new MemoryStream();
        using var stderr = new StringWriter();
        int code = CanonicalizeCommand.Run(stdin, stdout, stderr, hash);
        return (code, Encoding.UTF8.GetString(stdout.ToArray()), stderr.ToString());
    }
}
