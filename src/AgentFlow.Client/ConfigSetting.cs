namespace AgentFlow.Client;

/// <summary>One setting and the value that holds.</summary>
public sealed record ConfigSetting
{
    /// <summary>As <c>agentflow.yml</c> has it.</summary>
    public required string Key { get; init; }

    /// <summary>As the environment has it.</summary>
    public string? Variable { get; init; }

    public string? Value { get; init; }

    /// <summary><c>default</c>, <c>file</c>, <c>environment</c>, <c>tenant</c> or <c>workflow</c>.</summary>
    public string? Source { get; init; }

    /// <summary>How far down it can be set: <c>deployment</c>, <c>tenant</c> or <c>workflow</c>.</summary>
    public string? Scope { get; init; }

    /// <summary>Whether a change takes effect without a restart.</summary>
    public bool Live { get; init; }

    /// <summary>What a restart will take over.</summary>
    public string? Pending { get; init; }

    public string? Default { get; init; }

    public string? Takes { get; init; }

    public string? Group { get; init; }

    public string? Summary { get; init; }
}

/// <summary>One change of what a tenant has set.</summary>
/// <param name="RollbackTo">The version whose values hold again, for a rollback.</param>
public sealed record ConfigVersion(long Version, DateTimeOffset At, string By, long? RollbackTo, IReadOnlyList<ConfigChange> Changes);

/// <param name="Workflow"><see langword="null"/>: for all.</param>
/// <param name="From"><see langword="null"/>: it was not set.</param>
/// <param name="To"><see langword="null"/>: it is not set any more.</param>
public sealed record ConfigChange(string Key, string? Workflow, string? From, string? To);
