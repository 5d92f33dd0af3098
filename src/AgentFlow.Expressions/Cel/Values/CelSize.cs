namespace AgentFlow.Expressions.Cel.Values;

/// <summary>
/// How large a value is. Lists and maps know their own size, so that a value which shares one part many times
/// (<c>[x, x]</c>, again and again) is as large as it would be written out, and is refused before anyone walks it.
/// </summary>
internal static class CelSize
{
    /// <summary>The heaviest value an expression may build, in bytes of JSON, roughly.</summary>
    public const long MaxWeight = 32 * 1024 * 1024;

    /// <summary>The deepest value an expression may build; below the 1,000 levels a JSON writer takes.</summary>
    public const int MaxHeight = 512;

    public static long WeightOf(in CelValue value) => value.Kind switch
    {
        CelKind.String => value.RawString.Length + 2,
        CelKind.Bytes => value.RawBytes.Length + 2,
        CelKind.List => value.RawList.Weight,
        CelKind.Map => value.RawMap.Weight,
        CelKind.Optional => value.TryAsOptional(out var inner) ? WeightOf(inner) : 1,
        _ => 8,
    };

    public static int HeightOf(in CelValue value) => value.Kind switch
    {
        CelKind.List => value.RawList.Height,
        CelKind.Map => value.RawMap.Height,
        CelKind.Optional => value.TryAsOptional(out var inner) ? 1 + HeightOf(inner) : 0,
        _ => 0,
    };
}
