using AgentFlow.Expressions.Cel;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class AccessTests
{
    private static readonly CelValue Document = Json("""{"a": {"b": [10, 20], "in-put": true, "if": 1}, "n": 1}""");

    [Theory]
    [InlineData("d.a.b[1]", "20")]
    [InlineData("d['a'].b[0]", "10")]
    [InlineData("d.a.b[1.0]", "20")]
    [InlineData("d.a.b[1u]", "20")]
    [InlineData("d.a.`in-put`", "true")]
    [InlineData("d.a['in-put']", "true")]
    [InlineData("d.a.if", "1")]
    [InlineData("{1: 'a'}[1.0]", "'a'")]
    [InlineData("{1u: 'a', 2: 'b'}[2u]", "'b'")]
    [InlineData("{true: 'a'}[true]", "'a'")]
    public void Access_ToWhatIsThere_FindsIt(string source, string expected) => AssertSame(expected, source, ("d", Document));

    [Theory]
    [InlineData("d.missing", CelErrorCodes.NoSuchKey, "no such key: 'missing'")]
    [InlineData("d['missing']", CelErrorCodes.NoSuchKey, "no such key")]
    [InlineData("d[1]", CelErrorCodes.NoSuchKey, "no such key: 1")]
    [InlineData("{1: 2}[1.5]", CelErrorCodes.NoSuchKey, "no such key: 1.5")]
    [InlineData("{1: 2}[b'x']", CelErrorCodes.NoSuchKey, "no such key")]
    [InlineData("d.n.x", CelErrorCodes.NoSuchOverload, "does not support field selection")]
    [InlineData("d.a.b.x", CelErrorCodes.NoSuchOverload, "type 'list'")]
    [InlineData("d.a.b[2]", CelErrorCodes.IndexOutOfRange, "out of range for a list of 2")]
    [InlineData("d.a.b[-1]", CelErrorCodes.IndexOutOfRange, "-1")]
    [InlineData("d.a.b[0.5]", CelErrorCodes.InvalidArgument, "0.5")]
    [InlineData("d.a.b['0']", CelErrorCodes.NoSuchOverload, "list[string]")]
    [InlineData("d.a.b[18446744073709551615u]", CelErrorCodes.IndexOutOfRange, "out of range")]
    [InlineData("d.a.b[1e300]", CelErrorCodes.IndexOutOfRange, "out of range")]
    [InlineData("1[0]", CelErrorCodes.NoSuchOverload, "int[int]")]
    public void Access_ToWhatIsNotThere_Fails(string source, string code, string message) =>
        Assert.Contains(message, AssertFails(code, source, ("d", Document)).Message, StringComparison.Ordinal);

    [Fact]
    public void MessageLiteral_IsRejectedWithAWayOut()
    {
        var error = AssertRejected(CelErrorCodes.Unsupported, "a.Point{x: 1}");
        Assert.Contains("build a map", error.Message, StringComparison.Ordinal);
        Assert.Equal(8, error.Column);
    }

    [Fact]
    public void LargeMap_LookUps_FindEveryKey()
    {
        var entries = Enumerable.Range(0, 100).Select(i => KeyValuePair.Create($"k{i}", CelValue.Int(i))).ToArray();
        var map = CelValue.Map(entries);
        Assert.All(entries, entry => AssertSame(entry.Value, Evaluate($"m.{entry.Key}", ("m", map))));
        AssertFails(CelErrorCodes.NoSuchKey, "m.k100", ("m", map));
    }
}
