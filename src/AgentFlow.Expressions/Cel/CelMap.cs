namespace AgentFlow.Expressions.Cel;

/// <summary>
/// An immutable map. Keys are bool, int, uint or string, unique across the numeric kinds. Derive to show a host's own
/// data to expressions without copying it; members must then be cheap, constant and safe to call from several threads.
/// </summary>
public abstract class CelMap
{
    public abstract int Count { get; }

    /// <summary>The key at a position; positions are stable and give the order of iteration.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public abstract CelValue KeyAt(int index);

    public abstract CelValue ValueAt(int index);

    public abstract bool TryGet(string key, out CelValue value);

    /// <summary>Looks up a key of any kind; numbers are found across their kinds, an unusable key is simply not there.</summary>
    public virtual bool TryGet(in CelValue key, out CelValue value)
    {
        if (key.Kind == CelKind.String)
        {
            return TryGet(key.RawString, out value);
        }

        value = default;
        return false;
    }

    /// <summary>About how many bytes the map would take as JSON; what the evaluator checks against its largest value.</summary>
    protected internal virtual long Weight => 2 + (32L * Count);

    /// <summary>Levels of lists and maps, this one included. A host's map counts its values as flat unless it says otherwise.</summary>
    protected internal virtual int Height => 2;
}
