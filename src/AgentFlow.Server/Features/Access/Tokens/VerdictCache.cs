using System.Collections.Concurrent;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>
/// Tokens that were verified, by hash. Holds at most <paramref name="capacity"/> of them: when the younger half is full it
/// becomes the older one, and what was not asked for since is forgotten. What is forgotten is verified again.
/// </summary>
internal sealed class VerdictCache(int capacity = 65_536)
{
    private readonly Lock _turn = new();
    private volatile ConcurrentDictionary<TokenHash, Entry> _younger = new();
    private volatile ConcurrentDictionary<TokenHash, Entry> _older = new();
    private int _added;

    /// <summary>How many are held now.</summary>
    public int Count => _younger.Count + _older.Count;

    public Entry? Find(TokenHash hash)
    {
        if (_younger.TryGetValue(hash, out Entry? entry))
        {
            return entry;
        }

        if (_older.TryRemove(hash, out entry))
        {
            Add(hash, entry);
        }

        return entry;
    }

    public void Add(TokenHash hash, Entry entry)
    {
        _younger[hash] = entry;
        if (Interlocked.Increment(ref _added) < capacity / 2)
        {
            return;
        }

        lock (_turn)
        {
            if (Volatile.Read(ref _added) >= capacity / 2)
            {
                _older = _younger;
                _younger = new ConcurrentDictionary<TokenHash, Entry>();
                Volatile.Write(ref _added, 0);
            }
        }
    }

    /// <param name="Key">That verified it.</param>
    public sealed record Entry(TokenVerdict.Accepted Verdict, VerificationKey Key);
}
