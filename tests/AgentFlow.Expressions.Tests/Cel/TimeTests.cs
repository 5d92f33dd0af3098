using AgentFlow.Expressions.Cel;
using FsCheck.Fluent;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class TimeTests
{
    [Theory]
    [InlineData("timestamp('2024-02-29T23:59:58.123456789Z')", "2024-02-29T23:59:58.123456789Z")]
    [InlineData("timestamp('2024-03-01T00:30:00+01:00')", "2024-02-29T23:30:00Z")]
    [InlineData("timestamp('2024-03-01T00:30:00.5-11:30')", "2024-03-01T12:00:00.5Z")]
    [InlineData("timestamp('0001-01-01T00:00:00Z')", "0001-01-01T00:00:00Z")]
    [InlineData("timestamp('9999-12-31T23:59:59.999999999Z')", "9999-12-31T23:59:59.999999999Z")]
    [InlineData("timestamp(-1)", "1969-12-31T23:59:59Z")]
    [InlineData("timestamp('1969-12-31T23:59:59.5Z') + duration('1s')", "1970-01-01T00:00:00.5Z")]
    [InlineData("duration('-1ns') + timestamp(0)", "1969-12-31T23:59:59.999999999Z")]
    [InlineData("timestamp(0) - duration('36h')", "1969-12-30T12:00:00Z")]
    public void Timestamp_ReadAndMoved_IsWrittenInUtc(string source, string expected) => Assert.Equal(expected, Evaluate($"string({source})").AsString());

    [Theory]
    [InlineData("2024-02-30T00:00:00Z")]
    [InlineData("2023-02-29T00:00:00Z")]
    [InlineData("2024-01-01 00:00:00Z")]
    [InlineData("2024-01-01T00:00:00")]
    [InlineData("2024-01-01T24:00:00Z")]
    [InlineData("2024-01-01T00:00:60Z")]
    [InlineData("2024-01-01T00:00:00.Z")]
    [InlineData("2024-01-01T00:00:00+0100")]
    [InlineData("0000-01-01T00:00:00Z")]
    [InlineData("10000-01-01T00:00:00Z")]
    [InlineData("0001-01-01T00:00:00+00:01")]
    [InlineData("9999-12-31T23:59:59-00:01")]
    [InlineData("")]
    public void Timestamp_FromOtherText_Fails(string text) => AssertFails(CelErrorCodes.InvalidArgument, $"timestamp('{text}')");

    [Theory]
    [InlineData("1h30m", 5_400_000_000_000)]
    [InlineData("-1.5h", -5_400_000_000_000)]
    [InlineData("0", 0)]
    [InlineData("-0", 0)]
    [InlineData("+5s", 5_000_000_000)]
    [InlineData("1h34us", 3_600_000_034_000)]
    [InlineData("1µs", 1_000)]
    [InlineData("1μs", 1_000)]
    [InlineData(".5ms", 500_000)]
    [InlineData("1.s", 1_000_000_000)]
    [InlineData("9223372036854775807ns", long.MaxValue)]
    [InlineData("-9223372036854775808ns", long.MinValue)]
    [InlineData("0.0000000001s", 0)]
    public void Duration_FromText_CountsNanoseconds(string text, long expected) => Assert.Equal(expected, Evaluate($"duration('{text}')").AsDurationNanoseconds());

    [Theory]
    [InlineData("1d", CelErrorCodes.InvalidArgument)]
    [InlineData("1", CelErrorCodes.InvalidArgument)]
    [InlineData("s", CelErrorCodes.InvalidArgument)]
    [InlineData("1h-5m", CelErrorCodes.InvalidArgument)]
    [InlineData("", CelErrorCodes.InvalidArgument)]
    [InlineData("-", CelErrorCodes.InvalidArgument)]
    [InlineData(".s", CelErrorCodes.InvalidArgument)]
    [InlineData("9223372036854775808ns", CelErrorCodes.Overflow)]
    [InlineData("99999999999999999999h", CelErrorCodes.Overflow)]
    public void Duration_FromOtherText_Fails(string text, string code) => AssertFails(code, $"duration('{text}')");

    [Theory]
    [InlineData("timestamp('9999-12-31T23:59:59Z') + duration('1s')")]
    [InlineData("timestamp('0001-01-01T00:00:00Z') - duration('1ns')")]
    [InlineData("timestamp('9999-12-31T00:00:00Z') - timestamp('0001-01-01T00:00:00Z')")]
    [InlineData("duration('9223372036s') + duration('9223372036s')")]
    [InlineData("duration('-9223372036s') - duration('9223372036s')")]
    [InlineData("timestamp(253402300800)")]
    [InlineData("timestamp(-62135596801)")]
    public void Time_BeyondItsRange_Fails(string source) => AssertFails(CelErrorCodes.Overflow, source);

    [Theory]
    [InlineData("getFullYear()", 2024)]
    [InlineData("getMonth()", 11)]
    [InlineData("getDate()", 31)]
    [InlineData("getDayOfMonth()", 30)]
    [InlineData("getDayOfWeek()", 2)]
    [InlineData("getDayOfYear()", 365)]
    [InlineData("getHours()", 23)]
    [InlineData("getMinutes()", 30)]
    [InlineData("getSeconds()", 15)]
    [InlineData("getMilliseconds()", 250)]
    [InlineData("getFullYear('Europe/Paris')", 2025)]
    [InlineData("getHours('Europe/Paris')", 0)]
    [InlineData("getHours('America/New_York')", 18)]
    [InlineData("getDayOfYear('+01:00')", 0)]
    [InlineData("getHours('-02:30')", 21)]
    [InlineData("getMinutes('02:15')", 45)]
    [InlineData("getHours('UTC')", 23)]
    public void Accessor_OfTimestamp_ReadsTheField(string accessor, long expected) =>
        Assert.Equal(expected, Evaluate($"timestamp('2024-12-31T23:30:15.250999Z').{accessor}").AsInt());

    [Theory]
    [InlineData("duration('3h59m').getHours()", 3)]
    [InlineData("duration('1h30m').getMinutes()", 90)]
    [InlineData("duration('1m30.9s').getSeconds()", 90)]
    [InlineData("duration('-1m30.9s').getSeconds()", -90)]
    [InlineData("duration('1.234s').getMilliseconds()", 234)]
    public void Accessor_OfDuration_Converts(string source, long expected) => Assert.Equal(expected, Evaluate(source).AsInt());

    [Theory]
    [InlineData("Nowhere/City")]
    [InlineData("../../etc/passwd")]
    [InlineData("+2")]
    [InlineData("+24:00")]
    [InlineData("")]
    public void Accessor_InUnknownZone_Fails(string zone) =>
        Assert.Contains("time zone", AssertFails(CelErrorCodes.InvalidArgument, $"timestamp(0).getHours('{zone}')").Message, StringComparison.Ordinal);

    [Fact]
    public void Accessor_AtTheEdgesOfTheRange_MayLookBeyondThem()
    {
        Assert.Equal(0, Evaluate("timestamp('0001-01-01T00:00:00Z').getFullYear('-01:00')").AsInt());
        Assert.Equal(10000, Evaluate("timestamp('9999-12-31T23:59:59Z').getFullYear('+01:00')").AsInt());
    }

    [Fact]
    public void Accessors_AgreeWithTheBaseLibrary()
    {
        var fields = CelExpression.Compile(
            "[t.getFullYear(), t.getMonth() + 1, t.getDate(), t.getDayOfYear() + 1, t.getDayOfWeek(), t.getHours(), t.getMinutes(), t.getSeconds(), t.getMilliseconds()]");
        var range = DateTimeOffset.MaxValue.UtcTicks;
        Prop.ForAll(Gen.Choose(0, int.MaxValue).Select(part => new DateTimeOffset((long)(part / (double)int.MaxValue * range), TimeSpan.Zero)).ToArbitrary(), time =>
        {
            var actual = fields.Evaluate(Bind(("t", CelValue.Timestamp(time)))).AsList();
            int[] expected = [time.Year, time.Month, time.Day, time.DayOfYear, (int)time.DayOfWeek, time.Hour, time.Minute, time.Second, time.Millisecond];
            return expected.Select((value, i) => actual[i].AsInt() == value).All(same => same)
                && CelValue.Timestamp(time).AsTimestamp() == time;
        }).Hold();
    }

    [Fact]
    public void Duration_ThroughText_ComesBack()
    {
        var expression = CelExpression.Compile("duration(string(d)) == d && timestamp(string(t)) == t");
        Prop.ForAll(Generators.Integers, nanoseconds => expression.Evaluate(Bind(
            ("d", CelValue.Duration(nanoseconds)),
            ("t", CelValue.Timestamp(nanoseconds / 1_000_000_000, (int)(Math.Abs(nanoseconds % 1_000_000_000)))))).IsTrue).Hold();
    }

    [Fact]
    public void ToTimeText_GroupsDigitsInThrees()
    {
        Assert.Equal("1970-01-01T00:00:00.500Z", CelValue.Timestamp(0, 500_000_000).ToTimeText());
        Assert.Equal("1970-01-01T00:00:00.000500Z", CelValue.Timestamp(0, 500_000).ToTimeText());
        Assert.Equal("-0.000000001s", CelValue.Duration(-1).ToTimeText());
        Assert.Equal("3s", CelValue.Duration(TimeSpan.FromSeconds(3)).ToTimeText());
        Assert.Throws<InvalidOperationException>(() => CelValue.Null.ToTimeText());
    }
}
