namespace AgentFlow.Expressions.Cel;

/// <summary>
/// An immutable list of values. Derive to show a host's own data to expressions without copying it; the indexer and
/// <see cref="Count"/> must then be cheap, constant and safe to call from several threads.
/// </summary>
public abstract class CelList
{
    public abstract int Count { get; }

    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public abstract CelValue this[int index] { get; }

    /// <summary>About how many bytes the list would take as JSON; what the evaluator checks against its largest value.</summary>
    protected internal virtual long Weight => 2 + (16L * Count);

    /// <summary>Levels of lists and maps, this one included. A host's list counts its elements as flat unless it says otherwise.</summary>
    protected internal virtual int Height => 2;
}
