namespace AgentFlow.Client;

/// <summary>What a server tells about a secret: never its value.</summary>
public sealed record Secret
{
    public required string Name { get; init; }

    /// <summary>As a step's input names it: <c>secret://NAME</c>.</summary>
    public string? Reference { get; init; }

    /// <summary><c>file</c>, <c>env</c>, <c>vault</c> or <c>azure</c>.</summary>
    public string? Provider { get; init; }

    public IReadOnlyList<string> Fields { get => field ?? []; init; }

    public string? Version { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    public DateTimeOffset? RotatedAt { get; init; }

    public double? RotateEveryDays { get; init; }

    public DateTimeOffset? DueAt { get; init; }

    /// <summary><c>ok</c>, <c>due_soon</c>, <c>overdue</c> or <c>unscheduled</c>.</summary>
    public string? Status { get; init; }
}

/// <summary>New values of a secret: a text, or fields.</summary>
/// <param name="RotateEvery">For example <c>90d</c>, or <c>never</c>; <see langword="null"/> leaves the schedule.</param>
public sealed record SecretValues(string? Value, IReadOnlyDictionary<string, string>? Fields = null, string? RotateEvery = null)
{
    /// <summary>Shows no value.</summary>
    public override string ToString() => nameof(SecretValues);
}
