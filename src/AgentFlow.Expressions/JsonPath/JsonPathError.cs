using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.JsonPath;

/// <summary>Why a text is no JSONPath query.</summary>
/// <param name="Message">What is wrong and, where it is known, what to write instead.</param>
/// <param name="Offset">UTF-16 offset into the query.</param>
/// <param name="Query">The text.</param>
public sealed record JsonPathError(string Message, int Offset, string Query)
{
    public override string ToString() => $"position {Offset + 1} of '{CelText.Cut(Query)}': {Message}";
}
