namespace AgentFlow.Expressions.Cel.Patterns;

/// <summary>Text that is no regular expression of RE2; never leaves the evaluator.</summary>
internal sealed class PatternException(string message) : Exception(message);
