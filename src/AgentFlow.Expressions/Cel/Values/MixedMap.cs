namespace AgentFlow.Expressions.Cel.Values;

/// <summary>A map with keys of any allowed kind, in insertion order; 1, 1u and 1.0 name the same entry.</summary>
internal sealed class MixedMap : CelMap
{
    private readonly CelValue[] _keys;
    private readonly CelValue[] _values;
    private readonly Dictionary<CelValue, int> _index;

    private MixedMap(CelValue[] keys, CelValue[] values, Dictionary<CelValue, int> index)
    {
        _keys = keys;
        _values = values;
        _index = index;
        var weight = 2L;
        var height = 0;
        for (var i = 0; i < keys.Length; i++)
        {
            weight += CelSize.WeightOf(keys[i]) + 2 + CelSize.WeightOf(values[i]);
            height = Math.Max(height, CelSize.HeightOf(values[i]));
        }

        Weight = weight;
        Height = height + 1;
    }

    public override int Count => _keys.Length;

    protected internal override long Weight { get; }

    protected internal override int Height { get; }

    public static bool IsKey(CelKind kind) => kind is CelKind.Bool or CelKind.Int or CelKind.UInt or CelKind.String;

    public static MixedMap From(IEnumerable<KeyValuePair<CelValue, CelValue>> entries)
    {
        var array = entries.ToArray();
        var keys = Array.ConvertAll(array, entry => entry.Key);
        var wrong = Array.FindIndex(keys, key => !IsKey(key.Kind));
        if (wrong >= 0)
        {
            throw new ArgumentException($"A map key is bool, int, uint or string, not {keys[wrong].TypeName}.", nameof(entries));
        }

        return TryCreate(keys, Array.ConvertAll(array, entry => entry.Value), out var duplicate)
            ?? throw new ArgumentException($"The key {duplicate} occurs twice.", nameof(entries));
    }

    /// <summary>Null when a key occurs twice. The keys are of allowed kinds; the arrays become the map's own.</summary>
    public static MixedMap? TryCreate(CelValue[] keys, CelValue[] values, out CelValue duplicate)
    {
        var index = new Dictionary<CelValue, int>(keys.Length);
        for (var i = 0; i < keys.Length; i++)
        {
            if (!index.TryAdd(keys[i], i))
            {
                duplicate = keys[i];
                return null;
            }
        }

        duplicate = default;
        return new MixedMap(keys, values, index);
    }

    public override CelValue KeyAt(int index) => _keys[index];

    public override CelValue ValueAt(int index) => _values[index];

    public override bool TryGet(string key, out CelValue value) => TryGet(CelValue.String(key), out value);

    public override bool TryGet(in CelValue key, out CelValue value)
    {
        if ((IsKey(key.Kind) || key.Kind == CelKind.Double) && _index.TryGetValue(key, out var found))
        {
            value = _values[found];
            return true;
        }

        value = default;
        return false;
    }
}
