namespace AgentFlow.Expressions.JsonPath.Syntax;

/// <summary>Text that is no query; never leaves the parser.</summary>
internal sealed class QuerySyntaxException(string message, int offset) : Exception(message)
{
    public int Offset => offset;
}
