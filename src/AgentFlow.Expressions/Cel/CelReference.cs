namespace AgentFlow.Expressions.Cel;

/// <summary>
/// A place where an expression reads a variable, with the fields it selects from it: <c>steps.classify.output</c>.
/// A constant string index counts as a selection; the path ends where a field is computed.
/// </summary>
/// <param name="Segments">The variable and the fields, outermost first.</param>
/// <param name="Offset">UTF-16 offset of the variable in the source.</param>
/// <param name="IsPresenceTest">True inside <c>has()</c>, where the last field may be absent.</param>
public sealed record CelReference(IReadOnlyList<string> Segments, int Offset, bool IsPresenceTest)
{
    /// <summary>The variable.</summary>
    public string Root => Segments[0];

    /// <summary>The segments joined by dots.</summary>
    public string Path => string.Join('.', Segments);

    public override string ToString() => Path;
}
