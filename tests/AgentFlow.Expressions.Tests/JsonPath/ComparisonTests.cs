namespace AgentFlow.Expressions.Tests.JsonPath;

/// <summary>RFC 9535 §2.3.5.3, table 11, in both directions.</summary>
public sealed class ComparisonTests
{
    private const string Document = """{"obj": {"x": "y"}, "arr": [2, 3]}""";

    [Theory]
    [InlineData("$.absent1 == $.absent2", true)]
    [InlineData("$.absent1 <= $.absent2", true)]
    [InlineData("$.absent1 == 'g'", false)]
    [InlineData("$.absent1 != $.absent2", false)]
    [InlineData("$.absent1 != 'g'", true)]
    [InlineData("1 <= 2", true)]
    [InlineData("1 > 2", false)]
    [InlineData("13 == '13'", false)]
    [InlineData("'a' <= 'b'", true)]
    [InlineData("'a' > 'b'", false)]
    [InlineData("$.obj == $.arr", false)]
    [InlineData("$.obj != $.arr", true)]
    [InlineData("$.obj == $.obj", true)]
    [InlineData("$.obj != $.obj", false)]
    [InlineData("$.arr == $.arr", true)]
    [InlineData("$.arr != $.arr", false)]
    [InlineData("$.obj == 17", false)]
    [InlineData("$.obj != 17", true)]
    [InlineData("$.obj <= $.arr", false)]
    [InlineData("$.obj < $.arr", false)]
    [InlineData("$.obj <= $.obj", true)]
    [InlineData("$.arr <= $.arr", true)]
    [InlineData("1 <= $.arr", false)]
    [InlineData("1 >= $.arr", false)]
    [InlineData("1 > $.arr", false)]
    [InlineData("1 < $.arr", false)]
    [InlineData("true <= true", true)]
    [InlineData("true > true", false)]
    [InlineData("true == false", false)]
    [InlineData("null == null", true)]
    [InlineData("null == $.absent", false)]
    [InlineData("$.obj.x == 'y'", true)]
    [InlineData("$.obj.x < 'z'", true)]
    [InlineData("length($.arr) == 2", true)]
    [InlineData("length($.arr) == count($.arr[*])", true)]
    [InlineData("length($.obj) < $.arr[0]", true)]
    [InlineData("length(null) == $.absent", true)]
    [InlineData("length('ab') == 2", true)]
    public void Compare_Pair_IsAsSpecified(string comparison, bool expected)
    {
        string[] sides = comparison.Split(' ');
        string turned = $"{sides[2]} {sides[1].Replace('<', '\u0001').Replace('>', '<').Replace('\u0001', '>')} {sides[0]}";

        // The filter sees one element, so one node is true and none is false.
        Assert.Equal(expected, Queries.Select($"$[?{comparison}]", Document).Length > 0);
        Assert.Equal(expected, Queries.Select($"$[?{turned}]", Document).Length > 0);
    }
}
