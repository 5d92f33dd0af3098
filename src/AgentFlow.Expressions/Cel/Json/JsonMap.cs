using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.Cel.Json;

/// <summary>A JSON object; its members are decoded together when the first is wanted, their own contents later.</summary>
internal sealed class JsonMap(JsonSource source, int token) : CelMap
{
    private StringMap? _members;

    public JsonSource Source => source;

    public int Token => token;

    public override int Count => Members.Count;

    protected internal override long Weight => source[token].Length;

    protected internal override int Height => source.Height;

    // Two threads may both decode; either result will do.
    private StringMap Members => _members ??= Decode();

    public override CelValue KeyAt(int index) => Members.KeyAt(index);

    public override CelValue ValueAt(int index) => Members.ValueAt(index);

    public override bool TryGet(string key, out CelValue value) => Members.TryGet(key, out value);

    private StringMap Decode()
    {
        var count = source[token].Count;
        var keys = new string[count];
        var values = new CelValue[count];
        var name = token + 1;
        for (var i = 0; i < count; i++)
        {
            keys[i] = source.StringAt(name);
            values[i] = source.ValueAt(name + 1);
            name = source[name + 1].Next;
        }

        return StringMap.TryCreate(keys, values, out _) ?? LastOfEach(keys, values);
    }

    private static StringMap LastOfEach(string[] keys, CelValue[] values)
    {
        var members = new OrderedDictionary<string, CelValue>(StringComparer.Ordinal);
        for (var i = 0; i < keys.Length; i++)
        {
            members[keys[i]] = values[i];
        }

        return StringMap.From(members);
    }
}
