namespace AgentFlow.Expressions.Cel.Json;

/// <summary>A JSON array; its elements are decoded together when the first is wanted, their own contents later.</summary>
internal sealed class JsonList(JsonSource source, int token) : CelList
{
    private CelValue[]? _items;

    public JsonSource Source => source;

    public int Token => token;

    public override int Count => source[token].Count;

    public override CelValue this[int index] => Items[index];

    protected internal override long Weight => source[token].Length;

    protected internal override int Height => source.Height;

    // Two threads may both decode; either result will do.
    private CelValue[] Items => _items ??= Decode();

    private CelValue[] Decode()
    {
        var items = new CelValue[source[token].Count];
        var item = token + 1;
        for (var i = 0; i < items.Length; i++)
        {
            items[i] = source.ValueAt(item);
            item = source[item].Next;
        }

        return items;
    }
}
