using AgentFlow.Contracts.Errors;

namespace AgentFlow.Server.Http;

/// <summary>Ends a request with problem details. The only exception whose text reaches a caller.</summary>
internal class ProblemException(Problem problem) : Exception(problem.Detail ?? problem.Title)
{
    public ProblemException(ErrorCode code, string detail, params IReadOnlyList<ProblemEntry> errors)
        : this(Problem.Of(code, detail, errors))
    {
    }

    public Problem Problem { get; } = problem;

    /// <summary>A query parameter or header with an impossible value.</summary>
    public static ProblemException Parameter(string name, string message, string? remedy = null) =>
        new(ErrorCode.ParameterInvalid, $"'{name}' {message}.", new ProblemEntry($"'{name}' {message}", Remedy: remedy));
}
