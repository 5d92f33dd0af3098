namespace AgentFlow.Engine.Access;

/// <summary>
/// What its holders may do. Somebody with several roles may do what any of them allows. Built-in ones (<see cref="BuiltInRoles"/>)
/// are the same in every tenant and never change within a release; tenants add their own.
/// </summary>
/// <param name="Name">Matches <see cref="NamePattern"/>; unique in the tenant.</param>
/// <param name="Permissions">The grants.</param>
public sealed record Role(string Name, string Description, PermissionSet Permissions)
{
    /// <summary>What a role's name looks like, as a regular expression.</summary>
    public const string NamePattern = "^[a-z][a-z0-9_-]{0,62}$";

    private const int MaxName = 63;

    /// <summary>The tools that runs of its holders may call; <see langword="null"/>: every one whose permissions are granted.</summary>
    public NamePatterns? AllowedTools { get; init; }

    public RolePolicies Policies { get; init; } = RolePolicies.None;

    public bool IsBuiltIn { get; init; }

    public static bool IsName(string name) =>
        name.Length is > 0 and <= MaxName && name[0] is >= 'a' and <= 'z' && name.All(static c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '-');
}

/// <summary>Limits of what a role grants.</summary>
public sealed record RolePolicies
{
    public static RolePolicies None { get; } = new();

    /// <summary>The workflows whose runs may be started under the role; <see langword="null"/>: every one.</summary>
    public NamePatterns? Workflows { get; init; }

    /// <summary>Most that a run started under the role may cost, in 10⁻⁹ dollars; <see langword="null"/>: what the workflow allows.</summary>
    public long? MaxRunNanoDollars { get; init; }
}
