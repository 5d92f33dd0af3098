namespace AgentFlow.Expressions.JsonPath.Evaluation;

/// <summary>What a value is to a query.</summary>
internal enum NodeKind : byte
{
    /// <summary>A value that JSON does not have (a timestamp, bytes): selected like a text, equal to itself only.</summary>
    Other,

    Null,
    True,
    False,
    Number,
    String,
    Array,
    Object,
}
