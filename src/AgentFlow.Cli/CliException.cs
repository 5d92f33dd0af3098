namespace AgentFlow.Cli;

/// <summary>Ends the command with one message that says what is wrong and what to do.</summary>
internal sealed class CliException(int exitCode, string message) : Exception(message)
{
    /// <summary>One of <see cref="AgentFlow.Cli.ExitCode"/>.</summary>
    public int ExitCode { get; } = exitCode;

    public static CliException Usage(string message) => new(AgentFlow.Cli.ExitCode.Usage, message);

    public static CliException Failed(string message) => new(AgentFlow.Cli.ExitCode.Failed, message);

    public static CliException Unreachable(string message) => new(AgentFlow.Cli.ExitCode.Unreachable, message);
}
