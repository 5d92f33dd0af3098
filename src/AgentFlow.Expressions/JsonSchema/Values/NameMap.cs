using System.Text;

namespace AgentFlow.Expressions.JsonSchema.Values;

/// <summary>A fixed map from UTF-8 names to values: open addressing, never more than half full.</summary>
internal sealed class NameMap<T>
    where T : class
{
    private readonly (byte[] Name, T Value)?[] _slots;
    private readonly int _mask;

    public NameMap(IReadOnlyCollection<KeyValuePair<string, T>> entries)
    {
        int size = 2;
        while (size < entries.Count * 2) size *= 2;
        _mask = size - 1;
        _slots = new (byte[], T)?[size];
        foreach ((string name, T value) in entries)
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(name);
            int slot = Hash(utf8) & _mask;
            while (_slots[slot] is not null) slot = (slot + 1) & _mask;
            _slots[slot] = (utf8, value);
        }
    }

    public T? Find(ReadOnlySpan<byte> name)
    {
        for (int slot = Hash(name) & _mask; _slots[slot] is { } entry; slot = (slot + 1) & _mask)
        {
            if (name.SequenceEqual(entry.Name)) return entry.Value;
        }

        return null;
    }

    // The names come from the schema, not from the instance: a plain FNV-1a cannot be attacked by an instance, whose
    // names are looked up but never stored.
    private static int Hash(ReadOnlySpan<byte> name)
    {
        uint hash = 2166136261;
        foreach (byte b in name) hash = (hash ^ b) * 16777619;
        return (int)(hash ^ (hash >> 15));
    }
}
