namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary><c>[a, ?b]</c></summary>
internal sealed class ListOp(Op[] items, bool[] areOptional, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (!frame.TryCharge(1 + items.Length))
        {
            return TooExpensive();
        }

        var values = new CelValue[items.Length];
        var count = 0;
        for (var i = 0; i < items.Length; i++)
        {
            var value = items[i].Eval(ref frame);
            if (value.IsError)
            {
                return value;
            }

            if (!areOptional[i])
            {
                values[count++] = value;
            }
            else if (value.Kind != CelKind.Optional)
            {
                return Fail(CelErrorCodes.NoSuchOverload, $"no such overload: ?element takes an optional, not {value.TypeName}");
            }
            else if (value.TryAsOptional(out var present))
            {
                values[count++] = present;
            }
        }

        return Construct.List(values, count, Offset);
    }
}

/// <summary><c>{a: b, ?c: d}</c></summary>
internal sealed class MapOp(Op[] keys, Op[] values, bool[] areOptional, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (!frame.TryCharge(1 + (2 * keys.Length)))
        {
            return TooExpensive();
        }

        var names = new CelValue[keys.Length];
        var contents = new CelValue[keys.Length];
        var count = 0;
        for (var i = 0; i < keys.Length; i++)
        {
            var key = keys[i].Eval(ref frame);
            if (key.IsError)
            {
                return key;
            }

            var value = values[i].Eval(ref frame);
            if (value.IsError)
            {
                return value;
            }

            if (areOptional[i])
            {
                if (value.Kind != CelKind.Optional)
                {
                    return Fail(CelErrorCodes.NoSuchOverload, $"no such overload: ?entry takes an optional, not {value.TypeName}");
                }

                if (!value.TryAsOptional(out value))
                {
                    continue;
                }
            }

            names[count] = key;
            contents[count++] = value;
        }

        if (count < names.Length)
        {
            Array.Resize(ref names, count);
            Array.Resize(ref contents, count);
        }

        return Construct.Map(names, contents, Offset);
    }
}
