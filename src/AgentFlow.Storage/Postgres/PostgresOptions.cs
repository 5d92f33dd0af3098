namespace AgentFlow.Storage.Postgres;

/// <summary>How one process uses a PostgreSQL store.</summary>
public sealed record PostgresOptions
{
    /// <summary>Names this process in the <c>sessions</c> table, for people.</summary>
    public string Name { get; init; } = $"{Environment.MachineName}:{Environment.ProcessId}";

    /// <summary>
    /// How long the process may be silent before others take its runs over. It renews three times as often. At least 1 s;
    /// default 10 s.
    /// </summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest statement. Default 30 s. Only lists and migrations are waited for so long; everything else has a lease's time.</summary>
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The server gives up first and says why.</summary>
    internal int LongestAnswerSeconds => (int)StatementTimeout.TotalSeconds + 5;
}
