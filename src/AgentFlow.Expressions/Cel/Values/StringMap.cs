namespace AgentFlow.Expressions.Cel.Values;

/// <summary>A map whose keys are all strings, in insertion order.</summary>
internal sealed class StringMap : CelMap
{
    public static readonly StringMap Empty = new([], [], null);

    // Comparing up to this many keys one by one beats hashing the wanted one.
    private const int IndexFrom = 9;

    private readonly string[] _keys;
    private readonly CelValue[] _values;
    private readonly Dictionary<string, int>? _index;

    private StringMap(string[] keys, CelValue[] values, Dictionary<string, int>? index)
    {
        _keys = keys;
        _values = values;
        _index = index;
        var weight = 2L;
        var height = 0;
        for (var i = 0; i < keys.Length; i++)
        {
            weight += keys[i].Length + 4 + CelSize.WeightOf(values[i]);
            height = Math.Max(height, CelSize.HeightOf(values[i]));
        }

        Weight = weight;
        Height = height + 1;
    }

    public override int Count => _keys.Length;

    protected internal override long Weight { get; }

    protected internal override int Height { get; }

    public static StringMap From(IEnumerable<KeyValuePair<string, CelValue>> entries)
    {
        var array = entries.ToArray();
        var keys = Array.ConvertAll(array, entry => entry.Key);
        return TryCreate(keys, Array.ConvertAll(array, entry => entry.Value), out var duplicate)
            ?? throw new ArgumentException($"The key '{duplicate}' occurs twice.", nameof(entries));
    }

    /// <summary>Null when a key occurs twice. The arrays become the map's own.</summary>
    public static StringMap? TryCreate(string[] keys, CelValue[] values, out string? duplicate)
    {
        duplicate = null;
        Dictionary<string, int>? index = null;
        if (keys.Length >= IndexFrom)
        {
            index = new Dictionary<string, int>(keys.Length, StringComparer.Ordinal);
            for (var i = 0; i < keys.Length; i++)
            {
                if (!index.TryAdd(keys[i], i))
                {
                    duplicate = keys[i];
                    return null;
                }
            }
        }
        else
        {
            for (var i = 1; i < keys.Length; i++)
            {
                if (keys.AsSpan(0, i).Contains(keys[i]))
                {
                    duplicate = keys[i];
                    return null;
                }
            }
        }

        return new StringMap(keys, values, index);
    }

    public override CelValue KeyAt(int index) => CelValue.String(_keys[index]);

    public override CelValue ValueAt(int index) => _values[index];

    public override bool TryGet(string key, out CelValue value)
    {
        if (_index is not null)
        {
            if (_index.TryGetValue(key, out var found))
            {
                value = _values[found];
                return true;
            }
        }
        else
        {
            var keys = _keys;
            for (var i = 0; i < keys.Length; i++)
            {
                if (string.Equals(keys[i], key))
                {
                    value = _values[i];
                    return true;
                }
            }
        }

        value = default;
        return false;
    }
}
