using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary>Lists and maps that an expression builds, kept within the limits of size and depth.</summary>
internal static class Construct
{
    /// <summary>The array becomes the list's own.</summary>
    public static CelValue List(CelValue[] items, int count, int offset)
    {
        if (count == 0)
        {
            return CelValue.List(CelArray.Empty);
        }

        var list = new CelArray(items, count);
        return Limit(list.Weight, list.Height, offset) ?? CelValue.List(list);
    }

    /// <summary>The arrays become the map's own. A key of a wrong kind, or one that occurs twice, makes an error.</summary>
    public static CelValue Map(CelValue[] keys, CelValue[] values, int offset)
    {
        if (keys.Length == 0)
        {
            return CelValue.Map(StringMap.Empty);
        }

        var allStrings = true;
        foreach (ref readonly var key in keys.AsSpan())
        {
            if (!MixedMap.IsKey(key.Kind))
            {
                return CelValue.Error(new CelError(CelErrorCodes.NoSuchOverload, $"unsupported key type: {key.TypeName}", offset));
            }

            allStrings &= key.Kind == CelKind.String;
        }

        CelMap? map;
        string? duplicate;
        if (allStrings)
        {
            map = StringMap.TryCreate(Array.ConvertAll(keys, key => key.RawString), values, out duplicate);
        }
        else
        {
            map = MixedMap.TryCreate(keys, values, out var twice);
            duplicate = twice.ToString();
        }

        return map is null
            ? CelValue.Error(new CelError(CelErrorCodes.DuplicateKey, $"Failed with repeated key: '{duplicate}'", offset))
            : Limit(map.Weight, map.Height, offset) ?? CelValue.Map(map);
    }

    public static void Copy(CelList list, CelValue[] target, int start)
    {
        if (list is CelArray array)
        {
            array.AsSpan().CopyTo(target.AsSpan(start));
            return;
        }

        for (var i = 0; i < list.Count; i++)
        {
            target[start + i] = list[i];
        }
    }

    private static CelValue? Limit(long weight, int height, int offset)
    {
        if (weight > CelSize.MaxWeight)
        {
            return CelValue.Error(new CelError(CelErrorCodes.CostExceeded, $"the evaluation builds a value larger than {CelSize.MaxWeight >> 20} MiB", offset));
        }

        return height > CelSize.MaxHeight
            ? CelValue.Error(new CelError(CelErrorCodes.TooDeep, $"the evaluation builds a value nested deeper than {CelSize.MaxHeight} levels", offset))
            : null;
    }
}
