namespace AgentFlow.Expressions.Cel;

/// <summary>One problem found in an expression, while compiling or while evaluating it.</summary>
/// <param name="Code">A stable code from <see cref="CelErrorCodes"/>.</param>
/// <param name="Message">What was wrong and, where it is known, what to write instead.</param>
/// <param name="Offset">UTF-16 offset into the source, or -1 when the error did not come from a place in the source.</param>
/// <param name="Line">Line in the source, from 1; 0 when unknown.</param>
/// <param name="Column">Column in code points, from 1; 0 when unknown.</param>
public sealed record CelError(string Code, string Message, int Offset = -1, int Line = 0, int Column = 0)
{
    /// <summary>True for errors that <c>&amp;&amp;</c>, <c>||</c> and the macros may not absorb, because the evaluation ran out of a budget.</summary>
    internal bool IsFatal => Code is CelErrorCodes.CostExceeded or CelErrorCodes.TooDeep;

    public override string ToString() => Line > 0 ? $"{Line}:{Column}: {Message}" : Message;
}
