namespace AgentFlow.Expressions.Cel;

/// <summary>The runtime type of a <see cref="CelValue"/>.</summary>
public enum CelKind : byte
{
    Null,
    Bool,
    Int,
    UInt,
    Double,
    String,
    Bytes,
    List,
    Map,
    Timestamp,
    Duration,
    Type,
    Optional,

    /// <summary>An evaluation error; carries a <see cref="CelError"/> and absorbs everything it touches except <c>&amp;&amp;</c> and <c>||</c>.</summary>
    Error,
}
