namespace AgentFlow.Client;

/// <summary>Who the server takes this client for.</summary>
/// <param name="Actor">What journals and audits call them.</param>
/// <param name="Kind"><c>built_in</c> (the server asks nobody), <c>user</c> or <c>api_key</c>.</param>
public sealed record Identity(string Actor, string Kind, string Name, string Tenant, IReadOnlyList<string> Roles, IReadOnlyList<string> Permissions, DateTimeOffset? ExpiresAt = null);

/// <summary>A user of a tenant.</summary>
/// <param name="CanLogIn">Whether the user has a password.</param>
public sealed record User(string Id, string Name, IReadOnlyList<string> Roles, bool CanLogIn, DateTimeOffset CreatedAt, DateTimeOffset? DisabledAt = null);

/// <param name="Password">12 characters or more; <see langword="null"/> for a user who works by API keys alone.</param>
public sealed record NewUser(string Name, string? Password, IReadOnlyList<string> Roles);

/// <summary>What its holders may do.</summary>
/// <param name="AllowedTools">Tools that runs of its holders may call; <see langword="null"/>: every one.</param>
/// <param name="Workflows">Workflows whose runs may be started under it; <see langword="null"/>: every one.</param>
/// <param name="MaxRunCostDollars">Most that a run started under it may cost; <see langword="null"/>: what its workflow allows.</param>
/// <param name="BuiltIn">The same in every tenant.</param>
public sealed record Role(
    string Name,
    string Description,
    IReadOnlyList<string> Permissions,
    IReadOnlyList<string>? AllowedTools = null,
    IReadOnlyList<string>? Workflows = null,
    decimal? MaxRunCostDollars = null,
    bool BuiltIn = false);

/// <summary>An API key, without its secret.</summary>
/// <param name="Owner">Id of the user whose key it is; <see langword="null"/>: nobody's.</param>
/// <param name="Scopes">Grants that narrow it; <see langword="null"/>: everything that its owner may do.</param>
public sealed record ApiKey(
    string Id,
    string Name,
    string? Owner,
    IReadOnlyList<string> Roles,
    IReadOnlyList<string>? Scopes,
    string CreatedBy,
    DateTimeOffset CreatedAt,
    DateTimeOffset? ExpiresAt = null,
    DateTimeOffset? DisabledAt = null);

/// <param name="User">Whose key; <see langword="null"/>: the caller's.</param>
/// <param name="Roles">Only for a key that is nobody's, which a server makes that asks nobody who they are.</param>
/// <param name="Scopes">Grants that narrow it; <see langword="null"/>: everything that its owner may do.</param>
/// <param name="ExpiresInDays"><see langword="null"/>: it does not expire.</param>
public sealed record NewApiKey(string Name, string? User = null, IReadOnlyList<string>? Roles = null, IReadOnlyList<string>? Scopes = null, decimal? ExpiresInDays = null);

/// <param name="Key">The key itself, which nobody can show again.</param>
public sealed record CreatedApiKey(string Key, ApiKey About);

/// <summary>A tenant of a deployment.</summary>
public sealed record TenantInfo(string Name, string Description, DateTimeOffset CreatedAt, DateTimeOffset? DisabledAt = null);

/// <param name="Admin">Name of its first user.</param>
public sealed record NewTenant(string Name, string? Description = null, string? Admin = null);

/// <param name="Password">The first user's, which nobody can show again; <see langword="null"/> when the tenant had users before.</param>
public sealed record CreatedTenant(TenantInfo Tenant, string? Admin, string? Password);

/// <summary>What a tenant may have.</summary>
public sealed record TenantQuotas(string Tenant, IReadOnlyList<TenantQuota> Quotas);

/// <param name="Kind"><c>runs</c>, <c>workflows</c>, <c>workflow_versions</c>, <c>storage</c> (bytes) or <c>agents</c>.</param>
/// <param name="Limit"><see langword="null"/>: as much as there is.</param>
/// <param name="Source"><c>tenant</c>, <c>default</c> (the deployment's settings) or <c>none</c>.</param>
/// <param name="Used"><see langword="null"/> where nobody counts.</param>
public sealed record TenantQuota(string Kind, string Source, long? Limit = null, long? Used = null);
