using System.Buffers;

namespace AgentFlow.Contracts.Json;

/// <summary>A list over a pooled array, for the duration of one call. Copies share the array: pass it by reference.</summary>
internal struct PooledArray<T>
    where T : unmanaged
{
    private T[] _items;

    public PooledArray(int capacity) => _items = ArrayPool<T>.Shared.Rent(capacity);

    public int Count { get; private set; }

    public readonly Span<T> Items => _items.AsSpan(0, Count);

    public readonly T[] Array => _items;

    public readonly ref T this[int index] => ref _items[index];

    public readonly ref T Last => ref _items[Count - 1];

    public void Add(T item)
    {
        if (Count == _items.Length) Grow(1);
        _items[Count++] = item;
    }

    public void Add(ReadOnlySpan<T> items)
    {
        items.CopyTo(Reserve(items.Length));
        Count += items.Length;
    }

    /// <summary>Room for at least so many items behind the last one; <see cref="Advance"/> makes what was written there count.</summary>
    public Span<T> Reserve(int length)
    {
        if (_items.Length - Count < length) Grow(length);
        return _items.AsSpan(Count);
    }

    public void Advance(int length) => Count += length;

    public void Truncate(int count) => Count = count;

    public void Return()
    {
        // A default value never rented anything.
        if (_items is not null) ArrayPool<T>.Shared.Return(_items);
        this = default;
    }

    private void Grow(int more)
    {
        long needed = (long)Count + more;
        if (needed > System.Array.MaxLength) throw new InsufficientMemoryException("The JSON text is too large to be put into canonical form.");
        T[] larger = ArrayPool<T>.Shared.Rent((int)Math.Min(System.Array.MaxLength, Math.Max(needed, _items.Length * 2L)));
        Items.CopyTo(larger);
        ArrayPool<T>.Shared.Return(_items);
        _items = larger;
    }
}
