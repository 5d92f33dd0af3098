namespace AgentFlow.Expressions.Cel.Analysis;

/// <summary>What is wrong with an expression, given the shapes of its variables.</summary>
public enum CelFindingKind
{
    /// <summary>A field that its object never has.</summary>
    UnknownField,

    /// <summary>A field that its object's schema does not name, although it could be there.</summary>
    UndeclaredField,

    /// <summary>An operator or function on values that it never takes.</summary>
    TypeMismatch,

    /// <summary>A part that always comes to the same.</summary>
    Constant,
}

/// <param name="Message">What is wrong, without a full stop.</param>
/// <param name="Offset">UTF-16 offset into the source.</param>
/// <param name="Field">The field, for the kinds about fields.</param>
/// <param name="Known">The fields that are known instead.</param>
public sealed record CelFinding(CelFindingKind Kind, string Message, int Offset, string? Field = null, IReadOnlyCollection<string>? Known = null);
