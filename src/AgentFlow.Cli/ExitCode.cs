namespace AgentFlow.Cli;

/// <summary>What the process ends with. Documented in docs/reference/cli.md.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The thing itself failed: a run, a validation, an input.</summary>
    public const int Failed = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>No server answers, or another process holds the database.</summary>
    public const int Unreachable = 3;

    /// <summary>The run was cancelled.</summary>
    public const int Cancelled = 4;

    /// <summary>A stress test passed in part.</summary>
    public const int Degraded = 5;

    /// <summary>Ctrl-C or a termination signal: 128 + SIGINT.</summary>
    public const int Interrupted = 130;
}
