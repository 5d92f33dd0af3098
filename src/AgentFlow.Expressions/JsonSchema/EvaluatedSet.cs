namespace AgentFlow.Expressions.JsonSchema;

/// <summary>Which members (by position) or items of one instance some subschema has already judged.</summary>
internal sealed class EvaluatedSet
{
    private ulong[] _bits = [];
    private bool _all;

    public int Count { get; private set; }

    public void Reset(int count)
    {
        int words = (count + 63) / 64;
        if (_bits.Length < words) _bits = new ulong[words];
        else Array.Clear(_bits, 0, words);
        Count = count;
        _all = false;
    }

    public bool this[int index] => _all || (_bits[index >> 6] & (1UL << index)) != 0;

    public void Add(int index) => _bits[index >> 6] |= 1UL << index;

    public void AddAll() => _all = true;

    public void Add(EvaluatedSet other)
    {
        _all |= other._all;
        for (int i = 0; i < (Count + 63) / 64; i++) _bits[i] |= other._bits[i];
    }
}
