using AgentFlow.Client;

namespace AgentFlow.Cli.Execution;

internal static class RunExit
{
    /// <summary>The exit code of a command that was about one run, which has ended.</summary>
    public static int CodeOf(Run run) => run.Status switch
    {
        "completed" => ExitCode.Ok,
        "cancelled" => ExitCode.Cancelled,
        _ => ExitCode.Failed,
    };
}
