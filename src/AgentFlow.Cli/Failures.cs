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

    private static int CodeOf(AgentFlowException refused) => ErrorCode.Find(refused.Code) switch
    {
        var code when code == ErrorCode.DatabaseLocked || code == ErrorCode.StoreUnavailable => ExitCode.Unreachable,
        var code when code == ErrorCode.ParameterInvalid => ExitCode.Usage,
        _ => ExitCode.Failed,
    };

    private static string Describe(Problem problem)
    {
        string summary = problem.Detail ?? problem.Title;
        return $"{summary} ({problem.Code}){string.Concat((problem.Errors ?? []).Select(Line))}";

        // A single fault is often the summary as well.
        string Line(ProblemEntry entry)
        {
            string message = summary.StartsWith(entry.Message, StringComparison.Ordinal) ? "" : entry.Message + " ";
            string line = $"{(entry.Pointer is { Length: > 0 } pointer ? pointer + ": " : "")}{message}{entry.Remedy}".TrimEnd();
            return line.Length == 0 ? "" : Environment.NewLine + "  " + line;
        }
    }
}
