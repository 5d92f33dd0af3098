using AgentFlow.Expressions.Cel.Evaluation;
using AgentFlow.Expressions.Cel.Time;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary>Fields of timestamps, in UTC or a named zone, and durations in whole units.</summary>
internal static class TimeFunctions
{
    // The zone database is searched on disk for a name it has not; names that it has are remembered.
    private const int UnknownZoneCost = 1000;

    public static IEnumerable<Overload> All { get; } =
    [
        Accessor("getFullYear", time => time.Year),
        Accessor("getMonth", time => time.Month - 1),
        Accessor("getDate", time => time.Day),
        Accessor("getDayOfMonth", time => time.Day - 1),
        Accessor("getDayOfWeek", time => time.DayOfWeek),
        Accessor("getDayOfYear", time => time.DayOfYear),
        Accessor("getHours", time => time.Hour, nanoseconds => nanoseconds / 3_600_000_000_000),
        Accessor("getMinutes", time => time.Minute, nanoseconds => nanoseconds / 60_000_000_000),
        Accessor("getSeconds", time => time.Second, nanoseconds => nanoseconds / 1_000_000_000),
        Accessor("getMilliseconds", time => time.Nanos / 1_000_000, nanoseconds => nanoseconds / 1_000_000 % 1000),
    ];

    // Not pure: the rules of a zone come from the machine's zone database.
    private static Overload Accessor(string name, Func<CivilTime, long> ofTimestamp, Func<long, long>? ofDuration = null) =>
        new(name, CelCallStyle.Method, 1, 2, (ReadOnlySpan<CelValue> arguments, ref Frame frame) =>
        {
            var value = arguments[0];
            if (value.Kind == CelKind.Duration && arguments.Length == 1 && ofDuration is not null)
            {
                return CelValue.Int(ofDuration(value.RawBits));
            }

            if (value.Kind != CelKind.Timestamp || (arguments.Length == 2 && arguments[1].Kind != CelKind.String))
            {
                return Overload.None;
            }

            var offset = 0L;
            if (arguments.Length == 2 && CelZone.OffsetAt(arguments[1].RawString, value.RawBits, out offset) is { } problem)
            {
                return frame.TryCharge(UnknownZoneCost) ? Overload.Invalid(problem) : Overload.TooExpensive();
            }

            return CelValue.Int(ofTimestamp(CelTime.ToCivil(value.RawBits, value.RawNanos, offset)));
        }, IsPure: false);
}
