namespace AgentFlow.Cli.Terminals;

/// <summary>What stdout is for.</summary>
internal enum OutputFormat
{
    /// <summary>A reader.</summary>
    Table,

    /// <summary>A program: nothing but JSON.</summary>
    Json,
}
