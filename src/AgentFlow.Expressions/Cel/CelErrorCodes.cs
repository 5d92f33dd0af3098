namespace AgentFlow.Expressions.Cel;

/// <summary>The stable codes of <see cref="CelError.Code"/>.</summary>
public static class CelErrorCodes
{
    /// <summary>The source is not an expression of the language.</summary>
    public const string Syntax = "EXPRESSION_SYNTAX";

    /// <summary>The source is longer, or nested deeper, than the options allow.</summary>
    public const string TooLarge = "EXPRESSION_TOO_LARGE";

    /// <summary>A construct that the language has and this implementation does not (protocol buffer messages).</summary>
    public const string Unsupported = "EXPRESSION_UNSUPPORTED";

    /// <summary>A variable that nobody declared or bound.</summary>
    public const string UnknownVariable = "EXPRESSION_UNKNOWN_VARIABLE";

    /// <summary>A function that does not exist, or not with that many arguments.</summary>
    public const string UnknownFunction = "EXPRESSION_UNKNOWN_FUNCTION";

    /// <summary>A function or operator that does not take arguments of these types.</summary>
    public const string NoSuchOverload = "EXPRESSION_NO_SUCH_OVERLOAD";

    /// <summary>A map without the wanted key.</summary>
    public const string NoSuchKey = "EXPRESSION_NO_SUCH_KEY";

    /// <summary>A list index outside the list.</summary>
    public const string IndexOutOfRange = "EXPRESSION_INDEX_OUT_OF_RANGE";

    /// <summary>Integer division or remainder by zero.</summary>
    public const string DivideByZero = "EXPRESSION_DIVIDE_BY_ZERO";

    /// <summary>A number, timestamp or duration outside the range of its type.</summary>
    public const string Overflow = "EXPRESSION_OVERFLOW";

    /// <summary>A map literal with the same key twice.</summary>
    public const string DuplicateKey = "EXPRESSION_DUPLICATE_KEY";

    /// <summary>A value of the right type with unusable content: text that is no timestamp, a bad regular expression.</summary>
    public const string InvalidArgument = "EXPRESSION_INVALID_ARGUMENT";

    /// <summary>The evaluation used up its <see cref="CelOptions.CostLimit"/> or built a value too large to keep.</summary>
    public const string CostExceeded = "EXPRESSION_COST_EXCEEDED";

    /// <summary>The evaluation built or compared values nested too deeply.</summary>
    public const string TooDeep = "EXPRESSION_TOO_DEEP";
}
