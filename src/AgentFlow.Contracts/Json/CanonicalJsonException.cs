namespace AgentFlow.Contracts.Json;

/// <summary>The input has no canonical form. The message says where, what is wrong and what to do.</summary>
public sealed class CanonicalJsonException : FormatException
{
    internal CanonicalJsonException(string problem, long offset, int line, int column)
        : base($"Line {line}, column {column}: {problem}") => (Problem, Offset, Line, Column) = (problem, offset, line, column);

    internal CanonicalJsonException(string problem, Exception inner)
        : base(problem, inner) => Problem = problem;

    /// <summary>The message without the place.</summary>
    public string Problem { get; }

    /// <summary>Bytes before the fault in the UTF-8 input; 0 when the input was a .NET object.</summary>
    public long Offset { get; }

    /// <summary>From 1; 0 when the input was a .NET object.</summary>
    public int Line { get; }

    /// <summary>In UTF-16 code units, from 1; 0 when the input was a .NET object.</summary>
    public int Column { get; }
}
