namespace AgentFlow.Expressions.Cel.Values;

/// <summary>A list over an array, or over the first part of one.</summary>
internal sealed class CelArray : CelList
{
    public static readonly CelArray Empty = new([]);

    private readonly CelValue[] _items;

    public CelArray(CelValue[] items)
        : this(items, items.Length)
    {
    }

    public CelArray(CelValue[] items, int count)
    {
        _items = items;
        Count = count;
        var weight = 2L;
        var height = 0;
        foreach (ref readonly var item in items.AsSpan(0, count))
        {
            weight += CelSize.WeightOf(item) + 1;
            height = Math.Max(height, CelSize.HeightOf(item));
        }

        Weight = weight;
        Height = height + 1;
    }

    public override int Count { get; }

    public override CelValue this[int index] => AsSpan()[index];

    protected internal override long Weight { get; }

    protected internal override int Height { get; }

    public ReadOnlySpan<CelValue> AsSpan() => _items.AsSpan(0, Count);
}
