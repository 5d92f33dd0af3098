namespace AgentFlow.Expressions.Cel.Syntax;

/// <summary>Ends parsing at the first place where the source stops making sense; never leaves the compiler.</summary>
internal sealed class SyntaxException(string code, string message, int offset) : Exception(message)
{
    public string Code => code;

    public int Offset => offset;
}
