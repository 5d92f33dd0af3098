using AgentFlow.Expressions.Cel.Syntax;

namespace AgentFlow.Expressions.Cel;

/// <summary>How an expression is compiled and how much it may cost.</summary>
public sealed record CelOptions
{
    public static CelOptions Default { get; } = new();

    /// <summary>The dotted scope in which names resolve: with <c>a.b</c>, <c>x</c> is <c>a.b.x</c>, else <c>a.x</c>, else <c>x</c>.</summary>
    public string Container { get; init; } = "";

    /// <summary>Treats <c>has</c>, <c>all</c>, <c>map</c> and the other macros as ordinary functions (which do not exist).</summary>
    public bool DisableMacros { get; init; }

    /// <summary>
    /// Units one evaluation may use. An operation costs one, plus one for every 16 bytes of text or every list element
    /// or map entry it touches; matching a regular expression costs text length times pattern size over 32.
    /// A unit is a few to some tens of nanoseconds.
    /// </summary>
    public long CostLimit { get; init; } = 1_000_000;

    /// <summary>Longest source accepted, in UTF-16 units.</summary>
    public int MaxSourceLength { get; init; } = 64 * 1024;

    /// <summary>Deepest nesting accepted: parentheses, calls, literals, conditionals and macros within each other. At most 250.</summary>
    public int MaxDepth { get; init; } = Parser.MaxDepth;

    /// <summary>
    /// When set, every free root name has to be one of these (or a dotted name that starts with one); any other is a
    /// compile error that suggests the closest one. Also lets names resolve at compile time.
    /// </summary>
    public IReadOnlyCollection<string>? KnownVariables { get; init; }

    /// <summary>Functions beyond the standard ones, by name. A name here hides the standard function of that name.</summary>
    public IReadOnlyDictionary<string, CelFunction>? Functions { get; init; }
}
