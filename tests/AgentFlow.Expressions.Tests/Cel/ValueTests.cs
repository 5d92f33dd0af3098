using AgentFlow.Expressions.Cel;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class ValueTests
{
    [Fact]
    public void Default_IsNull() => Assert.Equal(CelValue.Null, default);

    [Fact]
    public void Accessor_OfAnotherKind_Throws()
    {
        Assert.Throws<InvalidOperationException>(() => CelValue.Int(1).AsString());
        Assert.Throws<InvalidOperationException>(() => CelValue.Null.AsBool());
        Assert.Throws<InvalidOperationException>(() => CelValue.Int(1).TryAsOptional(out _));
    }

    [Fact]
    public void Timestamp_FromDateTimeOffset_KeepsTheInstant()
    {
        var time = new DateTimeOffset(1969, 12, 31, 23, 59, 59, 900, TimeSpan.FromHours(2));
        Assert.Equal((-7201, 900_000_000), CelValue.Timestamp(time).AsTimestampParts());
        Assert.Equal(time, CelValue.Timestamp(time).AsTimestamp());
        Assert.Throws<ArgumentOutOfRangeException>(() => CelValue.Timestamp(0, 1_000_000_000));
        Assert.Throws<ArgumentOutOfRangeException>(() => CelValue.Timestamp(253_402_300_800));
        Assert.Throws<OverflowException>(() => CelValue.Duration(TimeSpan.MaxValue));
    }

    [Fact]
    public void Map_WithBadKeys_Throws()
    {
        Assert.Throws<ArgumentException>(() => CelValue.Map([KeyValuePair.Create(CelValue.Double(1), CelValue.Null)]));
        Assert.Throws<ArgumentException>(() => CelValue.Map([KeyValuePair.Create(CelValue.Int(1), CelValue.Null), KeyValuePair.Create(CelValue.UInt(1), CelValue.Null)]));
        Assert.Throws<ArgumentException>(() => CelValue.Map([KeyValuePair.Create("a", CelValue.Null), KeyValuePair.Create("a", CelValue.Null)]));
    }

    [Fact]
    public void ToString_OfLongValues_IsCut()
    {
        Assert.Equal("'" + new string('x', 80) + "…'", CelValue.String(new string('x', 1000)).ToString());
        Assert.EndsWith(", …]", Evaluate("[1,2,3,4,5,6,7,8,9,10]").ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Expression_KeepsItsSource() => Assert.Equal("1 + 1", CelExpression.Compile("1 + 1").ToString());
}
