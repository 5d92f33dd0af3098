using AgentFlow.Contracts.Errors;

namespace AgentFlow.Client;

/// <summary>The server refused a request, or failed at it.</summary>
public sealed class AgentFlowException : Exception
{
    public AgentFlowException(Problem problem)
        : base((problem ?? throw new ArgumentNullException(nameof(problem))).Detail ?? problem.Title) => Problem = problem;

    /// <summary>What the server answered; made from the status line when the answer was no problem document.</summary>
    public Problem Problem { get; }

    /// <summary>Stable SCREAMING_SNAKE code, for example <c>RUN_NOT_FOUND</c>.</summary>
    public string Code => Problem.Code;
}

/// <summary>No answer came from the server, in as many tries as the options allow.</summary>
public sealed class ServerUnreachableException(ServerAddress server, Exception cause)
    : Exception($"No AgentFlow server answers at {server}: {cause?.Message}", cause)
{
    public ServerAddress Server { get; } = server;
}
