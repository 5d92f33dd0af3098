using AgentFlow.Client;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Cli;

/// <summary>What the user is told when a command cannot go on, and what the process then ends with.</summary>
internal static class Failures
{
    public const string DebugVariable = "AF_DEBUG";

    public static int Report(Exception exception, TextWriter error)
    {
        if (exception is OperationCanceledException)
        {
            return ExitCode.Interrupted;
        }

        bool debug = Environment.GetEnvironmentVariable(DebugVariable) == "1";
        var (code, message) = Describe(exception, debug);
        error.WriteLine($"af: {message}");
        if (debug)
        {
            error.WriteLine(exception);
        }

        return code;
    }

    private static (int Code, string Message) Describe(Exception exception, bool debug) => exception switch
    {
        CliException cli => (cli.ExitCode, cli.Message),
        ServerUnreachableException unreachable => (ExitCode.Unreachable, $"{unreachable.Message} Start one with: af serve"),
        AgentFlowException refused => (CodeOf(refused), Describe(refused.Problem)),
        _ => (ExitCode.Failed, $"unexpected: {exception.Message}{(debug ? "" : $" Set {DebugVariable}=1 for the details.")}"),
    };

    private static int CodeOf(AgentFlowException refused) =>
        refused.Code == ErrorCode.DatabaseLocked.Code || refused.Code == ErrorCode.StoreUnavailable.Code ? ExitCode.Unreachable : ExitCode.Failed;

    private static string Describe(Problem problem)
    {
        IEnumerable<string> entries = (problem.Errors ?? []).Select(e => $"{Environment.NewLine}  {(e.Pointer is { Length: > 0 } pointer ? pointer + ": " : "")}{e.Message} {e.Remedy}".TrimEnd());
        return $"{problem.Detail ?? problem.Title} ({problem.Code}){string.Concat(entries)}";
    }
}
