namespace AgentFlow.Engine.Access;

/// <summary>
/// What a run may do outside, whatever its workflow grants: it acts as <c>run:ID</c>, with what its starter could do when it
/// started and what its agents may, whichever is less.
/// </summary>
/// <param name="Permissions">Those that its tools and agents may use.</param>
/// <param name="AllowedTools">
/// Tools that it may call, by id; an agent is <c>agent.ID</c>, one that only passes its input on to a tool is that tool.
/// <see langword="null"/>: every one.
/// </param>
public sealed record RunAuthority(PermissionSet Permissions, NamePatterns? AllowedTools)
{
    /// <summary>What its steps may start; <see langword="null"/>: runs of every workflow.</summary>
    public StartLimits? Starts { get; init; }

    public bool IsUnrestricted => AllowedTools is null && Starts is null && Permissions.Contains(PermissionSet.EveryTool);

    /// <summary>Says what a call lacks; <see langword="null"/> when it may be made.</summary>
    /// <param name="id">The id of what is called.</param>
    /// <param name="needed">Permissions that its contract asks for.</param>
    public string? Problem(string id, IReadOnlyList<string> needed)
    {
        if (AllowedTools?.Matches(id) == false)
        {
            return $"'{id}' is none of the tools that its starter's roles allow ({string.Join(", ", AllowedTools.Patterns)})";
        }

        foreach (string permission in needed)
        {
            if (!Permissions.HasTool(permission))
            {
                return $"its starter's roles do not grant '{permission}'";
            }
        }

        return null;
    }

    /// <summary>Records compare what they hold; so does this one, by content.</summary>
    public bool Equals(RunAuthority? other) =>
        other is not null
        && Permissions.Equals(other.Permissions)
        && (AllowedTools, other.AllowedTools) switch
        {
            (null, null) => true,
            ({ } mine, { } theirs) => mine.Patterns.SequenceEqual(theirs.Patterns, StringComparer.Ordinal),
            _ => false,
        }
        && Equals(Starts, other.Starts);

    public override int GetHashCode() => HashCode.Combine(Permissions, AllowedTools?.Patterns.Count, Starts);
}
