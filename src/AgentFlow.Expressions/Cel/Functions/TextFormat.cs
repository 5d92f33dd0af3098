using System.Globalization;
using System.Text;
using AgentFlow.Expressions.Cel.Evaluation;
using AgentFlow.Expressions.Cel.Time;
using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary><c>'%s is %.2f'.format([name, value])</c>, with the clauses <c>%s %d %f %e %b %o %x %X %%</c>.</summary>
internal static class TextFormat
{
    private const int DefaultPrecision = 6;
    private const int MostDigits = 100;

    public static CelValue Format(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var template = arguments[0].RawString;
        var values = arguments[1].RawList;
        var result = new StringBuilder();
        var next = 0;
        for (var i = 0; i < template.Length; i++)
        {
            if (template[i] != '%')
            {
                result.Append(template[i]);
                continue;
            }

            if (i + 1 < template.Length && template[i + 1] == '%')
            {
                result.Append('%');
                i++;
                continue;
            }

            if (!TryClause(template, ref i, out var precision, out var problem))
            {
                return Overload.Invalid($"could not parse formatting clause: {problem}");
            }

            if (next >= values.Count)
            {
                return Overload.Invalid($"index {next} out of range: the format has more clauses than the list has values");
            }

            var value = values[next++];
            if (result.Length > CelSize.MaxWeight || !frame.TryCharge(2 + (CelSize.WeightOf(value) >> 2)))
            {
                return Overload.TooExpensive();
            }

            if (Append(result, template[i], precision, value) is { } complaint)
            {
                return Overload.Invalid($"error during formatting: {complaint}");
            }
        }

        return CelValue.String(result.ToString());
    }

    // Leaves the position at the clause's letter.
    private static bool TryClause(string template, ref int position, out int precision, out string? problem)
    {
        precision = DefaultPrecision;
        problem = null;
        position++;
        if (position < template.Length && template[position] == '.')
        {
            var start = ++position;
            while (position < template.Length && char.IsAsciiDigit(template[position]))
            {
                position++;
            }

            if (!int.TryParse(template.AsSpan(start, position - start), NumberStyles.None, CultureInfo.InvariantCulture, out precision) || precision > MostDigits)
            {
                problem = $"the precision goes from 0 to {MostDigits}";
                return false;
            }
        }

        if (position >= template.Length)
        {
            problem = "the format ends after '%'; write '%%' for a percent sign";
        }
        else if (!"sdfebxXo".Contains(template[position], StringComparison.Ordinal))
        {
            problem = $"unrecognized formatting clause \"{template[position]}\"";
        }

        return problem is null;
    }

    /// <summary>Null, or why the clause does not take the value.</summary>
    private static string? Append(StringBuilder result, char clause, int precision, in CelValue value)
    {
        switch (clause)
        {
            case 's':
                return AppendText(result, value);
            case 'd':
                return AppendInteger(result, value);
            case 'f' or 'e':
                return AppendReal(result, clause, precision, value);
            case 'b' when value.Kind == CelKind.Bool:
                result.Append(value.IsTrue ? '1' : '0');
                return null;
            case 'b':
                return AppendDigits(result, value, 1, false) ? null : $"only integers and bools can be formatted as binary, was given {value.TypeName}";
            case 'o':
                return AppendDigits(result, value, 3, false) ? null : $"octal clause can only be used on integers, was given {value.TypeName}";
            default:
                return AppendHexadecimal(result, value, clause == 'X');
        }
    }

    private static string? AppendInteger(StringBuilder result, in CelValue value)
    {
        switch (value.Kind)
        {
            case CelKind.Int:
                result.Append(value.RawBits);
                return null;
            case CelKind.UInt:
                result.Append(value.RawUInt);
                return null;
            case CelKind.Double when !double.IsFinite(value.RawDouble):
                result.Append(CelText.Format(value.RawDouble));
                return null;
            default:
                return $"decimal clause can only be used on integers, was given {value.TypeName}";
        }
    }

    private static string? AppendReal(StringBuilder result, char clause, int precision, in CelValue value)
    {
        double number;
        switch (value.Kind)
        {
            case CelKind.Double:
                number = value.RawDouble;
                break;
            case CelKind.Int:
                number = value.RawBits;
                break;
            case CelKind.UInt:
                number = value.RawUInt;
                break;
            default:
                return $"{(clause == 'f' ? "fixed-point" : "scientific")} clause can only be used on doubles, was given {value.TypeName}";
        }

        if (!double.IsFinite(number))
        {
            result.Append(CelText.Format(number));
            return null;
        }

        result.Append(double.IsNegative(number) ? "-" : "");
        result.Append(clause == 'f' ? DecimalText.Fixed(Math.Abs(number), precision) : DecimalText.Scientific(Math.Abs(number), precision));
        return null;
    }

    private static string? AppendHexadecimal(StringBuilder result, in CelValue value, bool isUpper)
    {
        byte[] bytes;
        switch (value.Kind)
        {
            case CelKind.String:
                bytes = Encoding.UTF8.GetBytes(value.RawString);
                break;
            case CelKind.Bytes:
                bytes = value.RawBytes;
                break;
            default:
                return AppendDigits(result, value, 4, isUpper)
                    ? null
                    : $"only integers, byte buffers, and strings can be formatted as hex, was given {value.TypeName}";
        }

        result.Append(isUpper ? Convert.ToHexString(bytes) : Convert.ToHexStringLower(bytes));
        return null;
    }

    private static bool AppendDigits(StringBuilder result, in CelValue value, int bitsPerDigit, bool isUpper)
    {
        if (value.Kind is not (CelKind.Int or CelKind.UInt))
        {
            return false;
        }

        var isNegative = value.Kind == CelKind.Int && value.RawBits < 0;
        var magnitude = isNegative ? unchecked((ulong)-value.RawBits) : value.RawUInt;
        var digits = isUpper ? "0123456789ABCDEF" : "0123456789abcdef";
        var text = new StringBuilder();
        do
        {
            text.Insert(0, digits[(int)(magnitude & ((1UL << bitsPerDigit) - 1))]);
            magnitude >>= bitsPerDigit;
        }
        while (magnitude != 0);
        result.Append(isNegative ? "-" : "").Append(text);
        return true;
    }

    private static string? AppendText(StringBuilder result, in CelValue value)
    {
        switch (value.Kind)
        {
            case CelKind.Null:
                result.Append("null");
                return null;
            case CelKind.Bool:
                result.Append(value.IsTrue ? "true" : "false");
                return null;
            case CelKind.Int or CelKind.UInt:
                return AppendInteger(result, value);
            case CelKind.Double:
                result.Append(CelText.Format(value.RawDouble));
                return null;
            case CelKind.String:
                result.Append(value.RawString);
                return null;
            case CelKind.Bytes:
                result.Append(Encoding.UTF8.GetString(value.RawBytes));
                return null;
            case CelKind.Timestamp:
                result.Append(CelTime.Format(value.RawBits, value.RawNanos));
                return null;
            case CelKind.Duration:
                result.Append(CelDuration.Format(value.RawBits));
                return null;
            case CelKind.Type:
                result.Append(value.AsType());
                return null;
            case CelKind.List:
                return AppendList(result, value.RawList);
            case CelKind.Map:
                return AppendMap(result, value.RawMap);
            default:
                return "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, "
                    + $"was given {value.TypeName}";
        }
    }

    private static string? AppendList(StringBuilder result, CelList list)
    {
        result.Append('[');
        for (var i = 0; i < list.Count; i++)
        {
            result.Append(i > 0 ? ", " : "");
            if (AppendText(result, list[i]) is { } complaint)
            {
                return complaint;
            }
        }

        result.Append(']');
        return null;
    }

    // In the order of the keys' text, so that equal maps read alike.
    private static string? AppendMap(StringBuilder result, CelMap map)
    {
        var entries = new List<(string Key, CelValue Value)>(map.Count);
        for (var i = 0; i < map.Count; i++)
        {
            var key = new StringBuilder();
            AppendText(key, map.KeyAt(i));
            entries.Add((key.ToString(), map.ValueAt(i)));
        }

        entries.Sort((left, right) => CelText.Compare(left.Key, right.Key));
        result.Append('{');
        for (var i = 0; i < entries.Count; i++)
        {
            result.Append(i > 0 ? ", " : "").Append(entries[i].Key).Append(": ");
            if (AppendText(result, entries[i].Value) is { } complaint)
            {
                return complaint;
            }
        }

        result.Append('}');
        return null;
    }
}
