namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary><c>a.b</c></summary>
internal sealed class SelectOp(Op operand, string field, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var value = operand.Eval(ref frame);
        return value.Kind == CelKind.Map && value.RawMap.TryGet(field, out var found) ? found : Select(value, field, Offset);
    }

    public static CelValue Select(in CelValue value, string field, int offset)
    {
        switch (value.Kind)
        {
            case CelKind.Map:
                return value.RawMap.TryGet(field, out var found)
                    ? found
                    : CelValue.Error(new CelError(CelErrorCodes.NoSuchKey, $"no such key: '{field}'", offset));
            case CelKind.Error:
                return value;
            case CelKind.Optional:
                return SelectOptional(value, field, offset);
            default:
                return CelValue.Error(new CelError(
                    CelErrorCodes.NoSuchOverload, $"no such overload: type '{value.TypeName}' does not support field selection ('.{field}')", offset));
        }
    }

    /// <summary>Selects through an optional or a plain value: an absent field gives an empty optional.</summary>
    public static CelValue SelectOptional(in CelValue value, string field, int offset)
    {
        var inner = value;
        if (value.Kind == CelKind.Optional && !value.TryAsOptional(out inner))
        {
            return CelValue.OptionalNone;
        }

        return inner.Kind switch
        {
            CelKind.Map => inner.RawMap.TryGet(field, out var found) ? CelValue.OptionalOf(found) : CelValue.OptionalNone,
            CelKind.Optional => SelectOptional(inner, field, offset),
            _ => Select(inner, field, offset),
        };
    }
}

/// <summary><c>a.?b</c></summary>
internal sealed class OptionalSelectOp(Op operand, string field, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame) =>
        --frame.Budget < 0 ? TooExpensive() : SelectOp.SelectOptional(operand.Eval(ref frame), field, Offset);
}

/// <summary><c>has(a.b)</c></summary>
internal sealed class HasOp(Op operand, string field, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var value = operand.Eval(ref frame);
        while (value.Kind == CelKind.Optional)
        {
            if (!value.TryAsOptional(out value))
            {
                return CelValue.False;
            }
        }

        return value.Kind switch
        {
            CelKind.Map => CelValue.Bool(value.RawMap.TryGet(field, out _)),
            CelKind.Error => value,
            _ => SelectOp.Select(value, field, Offset),
        };
    }
}

/// <summary><c>a[b]</c>, <c>a[?b]</c></summary>
internal sealed class IndexOp(Op operand, Op key, bool isOptional, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var container = operand.Eval(ref frame);
        if (container.IsError)
        {
            return container;
        }

        var index = key.Eval(ref frame);
        if (index.IsError)
        {
            return index;
        }

        var wantsOptional = isOptional;
        while (container.Kind == CelKind.Optional)
        {
            wantsOptional = true;
            if (!container.TryAsOptional(out container))
            {
                return CelValue.OptionalNone;
            }
        }

        if (container.Kind == CelKind.Map)
        {
            return Find(container.RawMap, index, wantsOptional);
        }

        return container.Kind == CelKind.List
            ? Find(container.RawList, index, wantsOptional)
            : Fail(CelErrorCodes.NoSuchOverload, $"no such overload: {container.TypeName}[{index.TypeName}]");
    }

    private CelValue Find(CelMap map, in CelValue index, bool wantsOptional)
    {
        if (map.TryGet(index, out var found))
        {
            return wantsOptional ? CelValue.OptionalOf(found) : found;
        }

        return wantsOptional ? CelValue.OptionalNone : Fail(CelErrorCodes.NoSuchKey, $"no such key: {index}");
    }

    private CelValue Find(CelList list, in CelValue index, bool wantsOptional)
    {
        if (!TryPosition(index, out var position))
        {
            return index.Kind == CelKind.Double
                ? Fail(CelErrorCodes.InvalidArgument, $"invalid_argument: {index} is no list index")
                : Fail(CelErrorCodes.NoSuchOverload, $"invalid_argument: no such overload: list[{index.TypeName}]");
        }

        if (position >= 0 && position < list.Count)
        {
            var found = list[(int)position];
            return wantsOptional ? CelValue.OptionalOf(found) : found;
        }

        return wantsOptional
            ? CelValue.OptionalNone
            : Fail(CelErrorCodes.IndexOutOfRange, $"invalid_argument: index {index} is out of range for a list of {list.Count}");
    }

    // 1, 1u and 1.0 name the same element, as they name the same map entry.
    private static bool TryPosition(in CelValue index, out long position)
    {
        position = -1;
        switch (index.Kind)
        {
            case CelKind.Int:
                position = index.RawBits;
                return true;
            case CelKind.UInt:
                position = index.RawUInt > int.MaxValue ? -1 : (long)index.RawUInt;
                return true;
            case CelKind.Double when Math.Truncate(index.RawDouble) == index.RawDouble:
                position = Math.Abs(index.RawDouble) > int.MaxValue ? -1 : (long)index.RawDouble;
                return true;
            default:
                return false;
        }
    }
}
