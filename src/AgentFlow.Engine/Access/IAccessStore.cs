using AgentFlow.Contracts.Ids;

namespace AgentFlow.Engine.Access;

/// <summary>
/// Who there is: tenants, users, roles and API keys. What is added is on disk when the call returns. Every method but those about
/// tenants themselves takes a tenant and sees nothing of any other. Times are Unix milliseconds. Safe for concurrent calls.
/// </summary>
public interface IAccessStore
{
    /// <summary>Most roles that a tenant adds.</summary>
    const int MaxRoles = 500;

    /// <returns>False when there is one with this name; nothing is written then.</returns>
    ValueTask<bool> AddTenantAsync(TenantAccount tenant, CancellationToken cancellationToken);

    /// <summary>
    /// Adds a tenant with its first user, and remembers the request; all of it or nothing. A tenant that has users already gets none.
    /// </summary>
    /// <param name="tenant">The caller's, in which the request's key is unique.</param>
    ValueTask<AddOutcome> AddTenantOnceAsync(string tenant, TenantAccount account, UserAccount admin, AccessRequest request, CancellationToken cancellationToken);

    /// <summary>What a request of this key has created; <see langword="null"/> when none came, or it is forgotten.</summary>
    ValueTask<AccessRequest?> FindRequestAsync(string tenant, string key, CancellationToken cancellationToken);

    ValueTask<TenantAccount?> FindTenantAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>By name; <paramref name="after"/> is the last name of the page before.</summary>
    ValueTask<AccessPage<TenantAccount>> ListTenantsAsync(string? after, int size, CancellationToken cancellationToken);

    /// <param name="at">Since when; <see langword="null"/> enables it again.</param>
    /// <returns>False when there is no such tenant.</returns>
    ValueTask<bool> DisableTenantAsync(string tenant, long? at, CancellationToken cancellationToken);

    /// <summary>Adds a user with their roles.</summary>
    /// <returns>False when the tenant has one with this name; nothing is written then.</returns>
    ValueTask<bool> AddUserAsync(string tenant, UserAccount user, CancellationToken cancellationToken);

    /// <summary><see cref="AddUserAsync"/>, and remembers the request; both or neither.</summary>
    ValueTask<AddOutcome> AddUserOnceAsync(string tenant, UserAccount user, AccessRequest request, CancellationToken cancellationToken);

    /// <summary>Adds a user unless the tenant has any: of several processes that start at once, one succeeds.</summary>
    ValueTask<bool> AddFirstUserAsync(string tenant, UserAccount user, CancellationToken cancellationToken);

    ValueTask<UserAccount?> FindUserAsync(string tenant, Ulid id, CancellationToken cancellationToken);

    ValueTask<UserAccount?> FindUserAsync(string tenant, string name, CancellationToken cancellationToken);

    /// <summary>By name; <paramref name="after"/> is the last name of the page before.</summary>
    ValueTask<AccessPage<UserAccount>> ListUsersAsync(string tenant, string? after, int size, CancellationToken cancellationToken);

    /// <param name="expected">The hash that must stand there; <see langword="null"/> replaces whatever does.</param>
    /// <returns>False when there is no such user, or another hash.</returns>
    ValueTask<bool> SetPasswordAsync(string tenant, Ulid user, string hash, string? expected, CancellationToken cancellationToken);

    /// <inheritdoc cref="DisableTenantAsync"/>
    ValueTask<bool> DisableUserAsync(string tenant, Ulid user, long? at, CancellationToken cancellationToken);

    /// <summary>Replaces a user's roles.</summary>
    /// <returns>False when there is no such user.</returns>
    ValueTask<bool> SetUserRolesAsync(string tenant, Ulid user, IReadOnlyList<string> roles, CancellationToken cancellationToken);

    /// <summary>Adds or replaces a role of the tenant's own.</summary>
    /// <returns>Whether it is new.</returns>
    ValueTask<bool> SaveRoleAsync(string tenant, Role role, CancellationToken cancellationToken);

    /// <summary>The tenant's own roles, by name. They are few: whoever adds them keeps to <see cref="MaxRoles"/>.</summary>
    ValueTask<IReadOnlyList<Role>> ListRolesAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Removes a role; whoever had it may no longer do what it alone allowed.</summary>
    /// <returns>False when there is no such role.</returns>
    ValueTask<bool> RemoveRoleAsync(string tenant, string role, CancellationToken cancellationToken);

    ValueTask AddKeyAsync(string tenant, ApiKey key, CancellationToken cancellationToken);

    /// <summary><see cref="AddKeyAsync"/>, and remembers the request; both or neither.</summary>
    ValueTask<AddOutcome> AddKeyOnceAsync(string tenant, ApiKey key, AccessRequest request, CancellationToken cancellationToken);

    ValueTask<ApiKey?> FindKeyAsync(string tenant, Ulid id, CancellationToken cancellationToken);

    /// <summary>Newest first; <paramref name="before"/> is the last id of the page before.</summary>
    /// <param name="owner">Only keys of this user.</param>
    ValueTask<AccessPage<ApiKey>> ListKeysAsync(string tenant, Ulid? owner, Ulid? before, int size, CancellationToken cancellationToken);

    /// <summary>Ends a key for good.</summary>
    /// <returns>False when there is no such key, or it was disabled before.</returns>
    ValueTask<bool> DisableKeyAsync(string tenant, Ulid id, long at, CancellationToken cancellationToken);
}

/// <summary>A request that creates something once, however often it is sent.</summary>
/// <param name="Key">The caller's, unique in the tenant.</param>
/// <param name="Hash">What the key stands for; another request under the same key is refused. Of nothing secret.</param>
/// <param name="Resource">What it creates; unlike that of any other try.</param>
/// <param name="At">Unix milliseconds. The key is remembered for <see cref="RememberedFor"/>.</param>
public sealed record AccessRequest(string Key, string Hash, string Resource, long At)
{
    public static readonly TimeSpan RememberedFor = TimeSpan.FromDays(7);
}

public enum AddOutcome
{
    Added,

    /// <summary>There is one of this name: nothing was written.</summary>
    Exists,

    /// <summary>A request of this key came before: nothing was written.</summary>
    Repeated,
}

/// <param name="Name">The id.</param>
public sealed record TenantAccount(string Name, string Description, long CreatedAt, long? DisabledAt = null);

/// <param name="Name">Unique in the tenant (<see cref="UserName"/>).</param>
/// <param name="PasswordHash">As <see cref="Access.PasswordHash"/> writes it; empty for one who cannot log in, and works by keys alone.</param>
/// <param name="Roles">Names; one that no role has any more allows nothing.</param>
public sealed record UserAccount(Ulid Id, string Name, string PasswordHash, IReadOnlyList<string> Roles, long CreatedAt, long? DisabledAt = null);

/// <param name="SecretHash">SHA-256 of the secret.</param>
/// <param name="Owner">The user whose key it is: it never allows more than the owner may at that time. <see langword="null"/>: nobody's, when an open server made it.</param>
/// <param name="Roles">For one without an owner.</param>
/// <param name="Scopes">Grants that narrow the key; <see langword="null"/>: everything that the owner or the roles allow.</param>
public sealed record ApiKey(
    Ulid Id,
    string Name,
    ReadOnlyMemory<byte> SecretHash,
    Ulid? Owner,
    IReadOnlyList<string> Roles,
    IReadOnlyList<string>? Scopes,
    string CreatedBy,
    long CreatedAt,
    long? ExpiresAt = null,
    long? DisabledAt = null)
{
    public bool IsUsable(long now) => DisabledAt is null && !(ExpiresAt <= now);
}

/// <param name="Total">All that match, on whatever page.</param>
public sealed record AccessPage<T>(IReadOnlyList<T> Items, long Total, bool HasMore);
