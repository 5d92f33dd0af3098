namespace AgentFlow.Engine.Planning;

/// <summary>
/// Plans that worked, by everything that made them. In memory, of this process alone: a plan that is not here is asked for again, so
/// losing it costs one call. Holds the most recently used entries. Safe for concurrent use.
/// </summary>
/// <param name="toggles">What of the host's settings a plan may depend on; part of every key.</param>
/// <param name="capacity">Most entries, from 1.</param>
public sealed class PlanCache(string toggles, int capacity = 1000)
{
    // Bounds the memory of a full cache; a plan as a person would write it has a few hundred characters.
    private const int LongestAnswer = 32 * 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<(string Key, string Answer)>> _entries = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Key, string Answer)> _recent = new();

    public string Toggles => toggles;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>The answer that once led to a plan which succeeded.</summary>
    public string? Find(string key)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(key, out LinkedListNode<(string Key, string Answer)>? entry))
            {
                return null;
            }

            _recent.Remove(entry);
            _recent.AddFirst(entry);
            return entry.Value.Answer;
        }
    }

    /// <summary>Keeps an answer of at most 32,768 characters; longer ones are asked for again.</summary>
    public void Put(string key, string answer)
    {
        if (answer.Length > LongestAnswer)
        {
            return;
        }

        lock (_gate)
        {
            if (_entries.Remove(key, out LinkedListNode<(string Key, string Answer)>? old))
            {
                _recent.Remove(old);
            }

            _entries[key] = _recent.AddFirst((key, answer));
            if (_entries.Count > capacity)
            {
                _entries.Remove(_recent.Last!.Value.Key);
                _recent.RemoveLast();
            }
        }
    }

    public void Remove(string key)
    {
        lock (_gate)
        {
            if (_entries.Remove(key, out LinkedListNode<(string Key, string Answer)>? old))
            {
                _recent.Remove(old);
            }
        }
    }
}
