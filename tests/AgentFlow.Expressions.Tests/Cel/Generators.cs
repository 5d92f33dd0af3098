using AgentFlow.Expressions.Cel;
using FsCheck;
using FsCheck.Fluent;

namespace AgentFlow.Expressions.Tests.Cel;

/// <summary>Random values that often sit where things break: at the ends of ranges and where doubles stop being exact.</summary>
internal static class Generators
{
    private static readonly long[] Corners =
    [
        0, 1, -1, 2, 10, int.MaxValue, int.MinValue, 1L << 32, 1L << 53, (1L << 53) + 1, (1L << 53) - 1, -(1L << 53) - 1,
        1L << 62, long.MaxValue, long.MaxValue - 1, long.MinValue, long.MinValue + 1,
    ];

    private static readonly double[] DoubleCorners =
    [
        0, -0.0, 0.5, -0.5, 1, 1.5, 9007199254740992, 9007199254740994, 9223372036854774784.0, 9223372036854775808.0, -9223372036854775808.0,
        18446744073709549568.0, 18446744073709551616.0, double.MaxValue, double.Epsilon, double.PositiveInfinity, double.NegativeInfinity, double.NaN,
    ];

    public static Arbitrary<long> Integers => Gen.OneOf(
        Gen.Elements(Corners),
        Gen.Choose(-100, 100).Select(number => (long)number),
        ArbMap.Default.GeneratorFor<long>(),
        Gen.Choose(0, 63).SelectMany(shift => ArbMap.Default.GeneratorFor<long>().Select(number => number >> shift))).ToArbitrary();

    public static Arbitrary<CelValue> Numbers => NumberGen.ToArbitrary();

    public static Arbitrary<CelValue> Values => Gen.Sized(size => Value(Math.Min(size, 6))).ToArbitrary();

    /// <summary>Values that plain JSON can carry: no bytes, times or types, string keys only.</summary>
    public static Arbitrary<CelValue> JsonValues => Gen.Sized(size => JsonValue(Math.Min(size, 6))).ToArbitrary();

    private static Gen<CelValue> NumberGen => Gen.OneOf(
        Integers.Generator.Select(CelValue.Int),
        Integers.Generator.Select(number => CelValue.UInt(unchecked((ulong)number))),
        Gen.OneOf(Gen.Elements(DoubleCorners), Integers.Generator.Select(number => (double)number), ArbMap.Default.GeneratorFor<double>()).Select(CelValue.Double));

    private static Gen<string> Text => Gen.ArrayOf(Gen.Elements("a", "b", "é", "😀", "\uE000", "\uFFFD", "\n", "\"", "\\", "'", "\0", " "))
        .Select(parts => string.Concat(parts.Take(6)));

    private static Gen<CelValue> Scalar => Gen.OneOf(
        Gen.Constant(CelValue.Null),
        Gen.Elements(CelValue.True, CelValue.False),
        NumberGen,
        Text.Select(CelValue.String),
        Text.Select(text => CelValue.Bytes(System.Text.Encoding.UTF8.GetBytes(text))),
        Gen.Choose(-5, 5).Select(seconds => CelValue.Timestamp(seconds, 7)),
        Integers.Generator.Select(CelValue.Duration),
        Gen.Elements("int", "string").Select(CelValue.Type));

    private static Gen<CelValue> Value(int size) => size == 0
        ? Scalar
        : Gen.Frequency(
            (4, Scalar),
            (1, Value(size / 2).ArrayOf(3).Select(items => CelValue.List(items))),
            (1, Gen.Zip(Gen.Elements(CelValue.Int(1), CelValue.UInt(2), CelValue.String("k"), CelValue.True), Value(size / 2)).ArrayOf(3).Select(pairs =>
                CelValue.Map(pairs.DistinctBy(pair => pair.Item1).Select(pair => KeyValuePair.Create(pair.Item1, pair.Item2))))));

    private static Gen<CelValue> JsonValue(int size)
    {
        var scalar = Gen.OneOf(
            Gen.Constant(CelValue.Null),
            Gen.Elements(CelValue.True, CelValue.False),
            Integers.Generator.Select(CelValue.Int),
            ArbMap.Default.GeneratorFor<double>().Where(double.IsFinite).Select(CelValue.Double),
            Text.Select(CelValue.String));
        return size == 0
            ? scalar
            : Gen.Frequency(
                (4, scalar),
                (1, JsonValue(size / 2).ArrayOf(3).Select(items => CelValue.List(items))),
                (1, Gen.Zip(Text, JsonValue(size / 2)).ArrayOf(12).Select(pairs =>
                    CelValue.Map(pairs.DistinctBy(pair => pair.Item1).Select(pair => KeyValuePair.Create(pair.Item1, pair.Item2))))));
    }
}
