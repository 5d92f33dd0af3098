using System.Globalization;
using System.Text;
using System.Text.Unicode;
using AgentFlow.Expressions.Cel.Evaluation;
using AgentFlow.Expressions.Cel.Time;
using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary><c>int</c>, <c>string</c> and the other conversions, <c>type</c>, <c>dyn</c> and <c>size</c>.</summary>
internal static class Conversions
{
    private const double TwoTo63 = 9223372036854775808.0;
    private const double TwoTo64 = 18446744073709551616.0;

    public static IEnumerable<Overload> All { get; } =
    [
        new("int", CelCallStyle.Function, 1, 1, ToInt),
        new("uint", CelCallStyle.Function, 1, 1, ToUInt),
        new("double", CelCallStyle.Function, 1, 1, ToDouble),
        new("string", CelCallStyle.Function, 1, 1, ToText),
        new("bytes", CelCallStyle.Function, 1, 1, ToBytes),
        new("bool", CelCallStyle.Function, 1, 1, ToBool),
        new("timestamp", CelCallStyle.Function, 1, 1, ToTimestamp),
        new("duration", CelCallStyle.Function, 1, 1, ToDuration),
        new("dyn", CelCallStyle.Function, 1, 1, (ReadOnlySpan<CelValue> arguments, ref Frame _) => arguments[0]),
        new("type", CelCallStyle.Function, 1, 1, (ReadOnlySpan<CelValue> arguments, ref Frame _) => CelValue.Type(arguments[0].TypeName)),
        new("size", CelCallStyle.Both, 1, 1, Size),
        new("len", CelCallStyle.Both, 1, 1, Size),
    ];

    private static CelValue ToInt(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var value = arguments[0];
        switch (value.Kind)
        {
            case CelKind.Int:
                return value;
            case CelKind.UInt:
                return value.RawUInt <= long.MaxValue ? CelValue.Int((long)value.RawUInt) : Range(value, "int");
            case CelKind.Double:
                // Both ends excluded: whether they survive a round trip would depend on the machine.
                return value.RawDouble is > -TwoTo63 and < TwoTo63 ? CelValue.Int((long)value.RawDouble) : Range(value, "int");
            case CelKind.String:
                return long.TryParse(value.RawString, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
                    ? CelValue.Int(number)
                    : NotA("int", value);
            case CelKind.Timestamp:
                return CelValue.Int(value.RawBits);
            default:
                return Overload.None;
        }
    }

    private static CelValue ToUInt(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var value = arguments[0];
        switch (value.Kind)
        {
            case CelKind.UInt:
                return value;
            case CelKind.Int:
                return value.RawBits >= 0 ? CelValue.UInt((ulong)value.RawBits) : Range(value, "uint");
            case CelKind.Double:
                return value.RawDouble is >= 0 and < TwoTo64 ? CelValue.UInt((ulong)value.RawDouble) : Range(value, "uint");
            case CelKind.String:
                return ulong.TryParse(value.RawString, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                    ? CelValue.UInt(number)
                    : NotA("uint", value);
            default:
                return Overload.None;
        }
    }

    private static CelValue ToDouble(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var value = arguments[0];
        switch (value.Kind)
        {
            case CelKind.Double:
                return value;
            case CelKind.Int:
                return CelValue.Double(value.RawBits);
            case CelKind.UInt:
                return CelValue.Double(value.RawUInt);
            case CelKind.String:
                return frame.TryCharge(value.RawString.Length >> 4) ? ToDouble(value) : Overload.TooExpensive();
            default:
                return Overload.None;
        }
    }

    private static CelValue ToDouble(in CelValue text)
    {
        const NumberStyles style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        var trimmed = text.RawString.AsSpan();
        var sign = 1;
        if (trimmed.Length > 0 && trimmed[0] is '+' or '-')
        {
            sign = trimmed[0] == '-' ? -1 : 1;
            trimmed = trimmed[1..];
        }

        if (trimmed.Equals("nan", StringComparison.OrdinalIgnoreCase))
        {
            return CelValue.Double(double.NaN);
        }

        if (trimmed.Equals("inf", StringComparison.OrdinalIgnoreCase) || trimmed.Equals("infinity", StringComparison.OrdinalIgnoreCase))
        {
            return CelValue.Double(sign * double.PositiveInfinity);
        }

        if (!double.TryParse(text.RawString, style, CultureInfo.InvariantCulture, out var number))
        {
            return NotA("double", text);
        }

        return double.IsFinite(number) ? CelValue.Double(number) : Range(text, "double");
    }

    private static CelValue ToText(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var value = arguments[0];
        switch (value.Kind)
        {
            case CelKind.String:
                return value;
            case CelKind.Bool:
                return CelValue.String(value.IsTrue ? "true" : "false");
            case CelKind.Int:
                return CelValue.String(value.RawBits.ToString(CultureInfo.InvariantCulture));
            case CelKind.UInt:
                return CelValue.String(value.RawUInt.ToString(CultureInfo.InvariantCulture));
            case CelKind.Double:
                return CelValue.String(CelText.Format(value.RawDouble));
            case CelKind.Timestamp:
                return CelValue.String(CelTime.Format(value.RawBits, value.RawNanos));
            case CelKind.Duration:
                return CelValue.String(CelDuration.Format(value.RawBits));
            case CelKind.Bytes:
                if (!frame.TryCharge(value.RawBytes.Length >> 4))
                {
                    return Overload.TooExpensive();
                }

                return Utf8.IsValid(value.RawBytes)
                    ? CelValue.String(Encoding.UTF8.GetString(value.RawBytes))
                    : Overload.Invalid("invalid UTF-8 in bytes, cannot convert to string");
            default:
                return Overload.None;
        }
    }

    private static CelValue ToBytes(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var value = arguments[0];
        return value.Kind switch
        {
            CelKind.Bytes => value,
            CelKind.String => frame.TryCharge(value.RawString.Length >> 4) ? CelValue.Bytes(Encoding.UTF8.GetBytes(value.RawString)) : Overload.TooExpensive(),
            _ => Overload.None,
        };
    }

    private static CelValue ToBool(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var value = arguments[0];
        return value.Kind switch
        {
            CelKind.Bool => value,
            CelKind.String => value.RawString switch
            {
                "true" or "True" or "TRUE" or "t" or "T" or "1" => CelValue.True,
                "false" or "False" or "FALSE" or "f" or "F" or "0" => CelValue.False,
                _ => NotA("bool", value),
            },
            _ => Overload.None,
        };
    }

    private static CelValue ToTimestamp(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var value = arguments[0];
        switch (value.Kind)
        {
            case CelKind.Timestamp:
                return value;
            case CelKind.Int:
                return CelTime.TryCreate(value.RawBits, 0, out var fromSeconds) ? fromSeconds : Range(value, "timestamp");
            case CelKind.String:
                return CelTime.TryParse(value.RawString, out var parsed)
                    ? parsed
                    : Overload.Invalid($"'{CelText.Cut(value.RawString)}' is no RFC 3339 timestamp in the range of years 0001 to 9999, such as 2026-01-31T12:00:00Z");
            default:
                return Overload.None;
        }
    }

    private static CelValue ToDuration(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var value = arguments[0];
        switch (value.Kind)
        {
            case CelKind.Duration:
                return value;
            case CelKind.String when !frame.TryCharge(value.RawString.Length >> 2):
                return Overload.TooExpensive();
            case CelKind.String:
                if (CelDuration.TryParse(value.RawString, out var nanoseconds, out var overflow))
                {
                    return CelValue.Duration(nanoseconds);
                }

                return overflow ? Range(value, "duration") : Overload.Invalid($"'{CelText.Cut(value.RawString)}' is no duration such as 1h30m, 1.5s or 250ms");
            default:
                return Overload.None;
        }
    }

    private static CelValue Size(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var value = arguments[0];
        return value.Kind switch
        {
            CelKind.String => frame.TryCharge(value.RawString.Length >> 4) ? CelValue.Int(CelText.CountCodePoints(value.RawString)) : Overload.TooExpensive(),
            CelKind.Bytes => CelValue.Int(value.RawBytes.Length),
            CelKind.List => CelValue.Int(value.RawList.Count),
            CelKind.Map => CelValue.Int(value.RawMap.Count),
            _ => Overload.None,
        };
    }

    private static CelValue NotA(string type, in CelValue value) =>
        Overload.Invalid($"Type conversion error: '{CelText.Cut(value.RawString)}' is no {type}");

    private static CelValue Range(in CelValue value, string type) => Overload.OutOfRange($"range error: {value} is out of range for {type}");
}
