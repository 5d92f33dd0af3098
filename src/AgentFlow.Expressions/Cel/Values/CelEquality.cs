namespace AgentFlow.Expressions.Cel.Values;

/// <summary>The language's equality and a hash that agrees with it.</summary>
internal static class CelEquality
{
    public static bool Equal(in CelValue left, in CelValue right)
    {
        var unlimited = long.MaxValue;
        return Equal(left, right, ref unlimited);
    }

    /// <summary>Compares, charging what it touches. When <paramref name="budget"/> falls below zero the answer means nothing.</summary>
    public static bool Equal(in CelValue left, in CelValue right, ref long budget)
    {
        if (left.Kind != right.Kind)
        {
            return CelNumbers.IsNumber(left.Kind) && CelNumbers.IsNumber(right.Kind) && CelNumbers.Compare(left, right) == 0;
        }

        switch (left.Kind)
        {
            case CelKind.Null:
                return true;
            case CelKind.Double:
                return left.RawDouble == right.RawDouble;
            case CelKind.String:
                budget -= left.RawString.Length >> 4;
                return string.Equals(left.RawString, right.RawString);
            case CelKind.Bytes:
                budget -= left.RawBytes.Length >> 4;
                return left.RawBytes.AsSpan().SequenceEqual(right.RawBytes);
            case CelKind.Timestamp:
                return left.RawBits == right.RawBits && left.RawNanos == right.RawNanos;
            case CelKind.Type:
                return string.Equals(left.AsType(), right.AsType());
            case CelKind.List:
                return Equal(left.RawList, right.RawList, ref budget);
            case CelKind.Map:
                return Equal(left.RawMap, right.RawMap, ref budget);
            case CelKind.Optional:
                var some = left.TryAsOptional(out var a);
                return some == right.TryAsOptional(out var b) && (!some || Equal(a, b, ref budget));
            case CelKind.Error:
                return left.RawError.Equals(right.RawError);
            default:
                return left.RawBits == right.RawBits;
        }
    }

    private static bool Equal(CelList left, CelList right, ref long budget)
    {
        var count = left.Count;
        if (count != right.Count)
        {
            return false;
        }

        for (var i = 0; i < count; i++)
        {
            if (--budget < 0 || !Equal(left[i], right[i], ref budget))
            {
                return false;
            }
        }

        return true;
    }

    private static bool Equal(CelMap left, CelMap right, ref long budget)
    {
        var count = left.Count;
        if (count != right.Count)
        {
            return false;
        }

        for (var i = 0; i < count; i++)
        {
            if (--budget < 0 || !right.TryGet(left.KeyAt(i), out var other) || !Equal(left.ValueAt(i), other, ref budget))
            {
                return false;
            }
        }

        return true;
    }

    public static int Hash(in CelValue value)
    {
        switch (value.Kind)
        {
            case CelKind.Int or CelKind.UInt:
                return CelNumbers.HashOf(value.RawBits);
            case CelKind.Double:
                return CelNumbers.HashOf(value.RawDouble);
            case CelKind.String or CelKind.Type:
                return value.Kind == CelKind.String ? value.RawString.GetHashCode(StringComparison.Ordinal) : value.AsType().GetHashCode(StringComparison.Ordinal);
            case CelKind.Bytes:
                var bytes = default(HashCode);
                bytes.AddBytes(value.RawBytes);
                return bytes.ToHashCode();
            case CelKind.List:
                return HashCode.Combine(CelKind.List, value.RawList.Count, value.RawList.Count > 0 ? Hash(value.RawList[0]) : 0);
            case CelKind.Map:
                return HashCode.Combine(CelKind.Map, value.RawMap.Count);
            case CelKind.Optional:
                return value.TryAsOptional(out var inner) ? HashCode.Combine(CelKind.Optional, Hash(inner)) : (int)CelKind.Optional;
            case CelKind.Error:
                return value.RawError.GetHashCode();
            default:
                return HashCode.Combine(value.Kind, value.RawBits, value.RawNanos);
        }
    }
}
