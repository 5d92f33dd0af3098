namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary>
/// A macro over the elements of a list or the keys of a map. With two variables, the first is the index or key and the
/// second the element or value. Each step costs one unit besides what its expressions cost.
/// </summary>
/// <param name="source">What is walked.</param>
/// <param name="slot">The first variable; the second, if there is one, has the next slot.</param>
internal abstract class ComprehensionOp(Op source, int slot, bool hasTwoVariables, int offset) : Op(offset)
{
    public sealed override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var range = source.Eval(ref frame);
        return range.Kind switch
        {
            CelKind.List or CelKind.Map => Walk(range, range.Kind == CelKind.List ? range.RawList.Count : range.RawMap.Count, ref frame),
            CelKind.Error => range,
            _ => Fail(CelErrorCodes.NoSuchOverload, $"no such overload: a macro walks a list or a map, not {range.TypeName}"),
        };
    }

    protected abstract CelValue Walk(in CelValue range, int count, ref Frame frame);

    /// <summary>Binds the variables to a position; false when the budget is used up.</summary>
    protected bool Bind(in CelValue range, int position, ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return false;
        }

        var isList = range.Kind == CelKind.List;
        if (hasTwoVariables)
        {
            frame.Locals[slot] = isList ? CelValue.Int(position) : range.RawMap.KeyAt(position);
            frame.Locals[slot + 1] = isList ? range.RawList[position] : range.RawMap.ValueAt(position);
        }
        else
        {
            frame.Locals[slot] = isList ? range.RawList[position] : range.RawMap.KeyAt(position);
        }

        return true;
    }

    protected static CelValue NotBool(in CelValue value, Op predicate) => value.IsError
        ? value
        : CelValue.Error(new CelError(CelErrorCodes.NoSuchOverload, $"no such overload: a macro's predicate gives bool, not {value.TypeName}", predicate.Offset));
}

/// <summary><c>all</c> and <c>exists</c>: one decisive element makes errors of the others irrelevant.</summary>
internal sealed class QuantifierOp(bool isAll, Op source, Op predicate, int slot, bool hasTwoVariables, int offset)
    : ComprehensionOp(source, slot, hasTwoVariables, offset)
{
    protected override CelValue Walk(in CelValue range, int count, ref Frame frame)
    {
        var failure = default(CelValue);
        for (var i = 0; i < count; i++)
        {
            if (!Bind(range, i, ref frame))
            {
                return TooExpensive();
            }

            var value = predicate.Eval(ref frame);
            if (value.Kind != CelKind.Bool)
            {
                value = NotBool(value, predicate);
                if (value.RawError.IsFatal)
                {
                    return value;
                }

                failure = failure.IsError ? failure : value;
            }
            else if (value.IsTrue != isAll)
            {
                return value;
            }
        }

        return failure.IsError ? failure : CelValue.Bool(isAll);
    }
}

/// <summary><c>exists_one</c></summary>
internal sealed class ExistsOneOp(Op source, Op predicate, int slot, bool hasTwoVariables, int offset)
    : ComprehensionOp(source, slot, hasTwoVariables, offset)
{
    protected override CelValue Walk(in CelValue range, int count, ref Frame frame)
    {
        var found = 0;
        for (var i = 0; i < count; i++)
        {
            if (!Bind(range, i, ref frame))
            {
                return TooExpensive();
            }

            var value = predicate.Eval(ref frame);
            if (value.Kind != CelKind.Bool)
            {
                return NotBool(value, predicate);
            }

            found += value.IsTrue ? 1 : 0;
        }

        return CelValue.Bool(found == 1);
    }
}

/// <summary><c>map</c>, <c>filter</c> and <c>transformList</c>: keeps what the predicate admits, transformed.</summary>
/// <param name="predicate">Null to keep everything.</param>
/// <param name="transform">Null to keep elements, or keys, as they are.</param>
internal sealed class TransformListOp(Op source, Op? predicate, Op? transform, int slot, bool hasTwoVariables, int offset)
    : ComprehensionOp(source, slot, hasTwoVariables, offset)
{
    private readonly int _slot = slot;

    protected override CelValue Walk(in CelValue range, int count, ref Frame frame)
    {
        var items = new CelValue[predicate is null ? Math.Min(count, 1024) : Math.Min(count, 16)];
        var kept = 0;
        for (var i = 0; i < count; i++)
        {
            if (!Bind(range, i, ref frame))
            {
                return TooExpensive();
            }

            if (predicate is not null)
            {
                var admitted = predicate.Eval(ref frame);
                if (admitted.Kind != CelKind.Bool)
                {
                    return NotBool(admitted, predicate);
                }

                if (!admitted.IsTrue)
                {
                    continue;
                }
            }

            var item = transform is null ? frame.Locals[_slot] : transform.Eval(ref frame);
            if (item.IsError)
            {
                return item;
            }

            if (kept == items.Length)
            {
                Array.Resize(ref items, Math.Min(count, kept * 2));
            }

            items[kept++] = item;
        }

        return Construct.List(items, kept, Offset);
    }
}

/// <summary><c>transformMap</c>, which keeps keys, and <c>transformMapEntry</c>, whose transform gives a map of the new entries.</summary>
internal sealed class TransformMapOp(Op source, Op? predicate, Op transform, bool givesEntries, int slot, int offset)
    : ComprehensionOp(source, slot, hasTwoVariables: true, offset)
{
    private readonly int _slot = slot;

    protected override CelValue Walk(in CelValue range, int count, ref Frame frame)
    {
        var keys = new List<CelValue>(Math.Min(count, 16));
        var values = new List<CelValue>(Math.Min(count, 16));
        for (var i = 0; i < count; i++)
        {
            if (!Bind(range, i, ref frame))
            {
                return TooExpensive();
            }

            if (predicate is not null)
            {
                var admitted = predicate.Eval(ref frame);
                if (admitted.Kind != CelKind.Bool)
                {
                    return NotBool(admitted, predicate);
                }

                if (!admitted.IsTrue)
                {
                    continue;
                }
            }

            var key = frame.Locals[_slot];
            var value = transform.Eval(ref frame);
            if (value.IsError)
            {
                return value;
            }

            if (!givesEntries)
            {
                keys.Add(key);
                values.Add(value);
            }
            else if (value.Kind != CelKind.Map)
            {
                return Fail(CelErrorCodes.NoSuchOverload, $"no such overload: transformMapEntry builds entries as a map, not {value.TypeName}");
            }
            else if (!frame.TryCharge(value.RawMap.Count))
            {
                return TooExpensive();
            }
            else
            {
                for (var entry = 0; entry < value.RawMap.Count; entry++)
                {
                    keys.Add(value.RawMap.KeyAt(entry));
                    values.Add(value.RawMap.ValueAt(entry));
                }
            }
        }

        return Construct.Map([.. keys], [.. values], Offset);
    }
}

/// <summary><c>cel.bind(name, value, result)</c>, and <c>cel.block([values…], result)</c>. A value that fails fails where it is used.</summary>
internal sealed class BindOp(Op[] values, Op result, int slot, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        for (var i = 0; i < values.Length; i++)
        {
            var value = values[i].Eval(ref frame);
            if (value.IsError && value.RawError.IsFatal)
            {
                return value;
            }

            frame.Locals[slot + i] = value;
        }

        return result.Eval(ref frame);
    }
}
