namespace AgentFlow.Expressions.JsonPath.Syntax;

/// <summary>What a filter asks of each value: the standard's LogicalType.</summary>
internal abstract record Condition
{
    public sealed record And(IReadOnlyList<Condition> Terms) : Condition;

    public sealed record Or(IReadOnlyList<Condition> Terms) : Condition;

    public sealed record Not(Condition Inner) : Condition;

    /// <summary>The query selects something.</summary>
    public sealed record Exists(Query Query) : Condition;

    public sealed record Compare(Comparison Operator, Operand Left, Operand Right) : Condition;

    /// <summary><c>match(text, pattern)</c>, or <c>search(text, pattern)</c>.</summary>
    /// <param name="IsWhole">The pattern has to cover the text, as <c>match</c> wants.</param>
    /// <param name="Constant">What is known of the pattern beforehand; <see langword="null"/> when it comes from the document.</param>
    public sealed record Matches(Operand Text, Operand Pattern, bool IsWhole, IRegexp? Constant) : Condition;
}

internal enum Comparison : byte
{
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// <summary>What can be compared: the standard's ValueType, a value or nothing.</summary>
internal abstract record Operand
{
    public sealed record Constant(Literal Value) : Operand;

    /// <summary>What a singular query selects.</summary>
    public sealed record Selected(Query Query) : Operand;

    /// <summary><c>length(value)</c></summary>
    public sealed record Length(Operand Value) : Operand;

    /// <summary><c>count(query)</c></summary>
    public sealed record Count(Query Query) : Operand;

    /// <summary><c>value(query)</c></summary>
    public sealed record Only(Query Query) : Operand;
}
