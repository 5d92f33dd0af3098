namespace AgentFlow.Expressions.Cel;

/// <summary>What an evaluation sees of the world: values by name.</summary>
public interface ICelVariables
{
    /// <summary>
    /// True when some names contain dots (<c>a.b</c> bound as one variable). Only then are dotted prefixes of a selection
    /// tried before its root, as name resolution demands; otherwise <c>a.b</c> costs a single look-up of <c>a</c>.
    /// </summary>
    bool HasQualifiedNames => false;

    /// <summary>
    /// Looks a variable up. Called on the evaluating thread, possibly several times for one name; must be cheap and must
    /// answer the same within one evaluation. A value of kind <see cref="CelKind.Error"/> is a bound error.
    /// </summary>
    bool TryGet(string name, out CelValue value);
}

/// <summary>Variables held in a dictionary; for tests, tools and callers without a better store.</summary>
public sealed class CelVariables : ICelVariables
{
    private readonly IReadOnlyDictionary<string, CelValue> _values;

    public CelVariables(IReadOnlyDictionary<string, CelValue> values)
    {
        _values = values;
        HasQualifiedNames = values.Keys.Any(name => name.Contains('.', StringComparison.Ordinal));
    }

    /// <summary>No variables at all.</summary>
    public static CelVariables Empty { get; } = new(new Dictionary<string, CelValue>());

    public bool HasQualifiedNames { get; }

    public bool TryGet(string name, out CelValue value) => _values.TryGetValue(name, out value);
}
