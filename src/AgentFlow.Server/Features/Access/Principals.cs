using System.Collections.Concurrent;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access.Tokens;

namespace AgentFlow.Server.Features.Access;

/// <summary>
/// Makes principals of users and keys, as the store has them: at most <see cref="MaxAge"/> late where another process changed
/// something, at once where this one did. Safe for concurrent calls.
/// </summary>
internal sealed class Principals(IAccessStore store, TimeProvider clock)
{
    /// <summary>How long what was read is believed. With everything else it stays far under the promised 30 s.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(5);

    // Beyond this what is known is forgotten at once: memory does not grow with the number of users.
    private const int MaxKnown = 10_000;

    private readonly ConcurrentDictionary<(string Tenant, Ulid Id), Known<UserAccount>> _users = new();
    private readonly ConcurrentDictionary<(string Tenant, Ulid Id), Known<ApiKey>> _keys = new();
    private readonly ConcurrentDictionary<string, Known<TenantRoles>> _tenants = new(StringComparer.Ordinal);
    private long _generation;

    public IAccessStore Store => store;

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Forgets what was read: somebody changed something.</summary>
    public void Forget()
    {
        Interlocked.Increment(ref _generation);
        _users.Clear();
        _keys.Clear();
        _tenants.Clear();
    }

    /// <summary>The holder of a key; <see langword="null"/> when the text is no key that is valid now.</summary>
    public async ValueTask<Principal?> FindByKeyAsync(string text, CancellationToken cancellationToken)
    {
        if (!ApiKeyText.TryParse(text, out ApiKeyText? presented)
            || await ReadAsync(_keys, (presented.Tenant, presented.Id), token => store.FindKeyAsync(presented.Tenant, presented.Id, token), cancellationToken).ConfigureAwait(false) is not { } key
            || !presented.Matches(key.SecretHash)
            || !key.IsUsable(Now))
        {
            return null;
        }

        return await PrincipalAsync(presented.Tenant, key, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whose token it is; <see langword="null"/> when they are nobody now.</summary>
    public async ValueTask<Principal?> FindByTokenAsync(TokenVerdict.Accepted token, CancellationToken cancellationToken)
    {
        if (await TenantAsync(token.Tenant, cancellationToken).ConfigureAwait(false) is not { } tenant)
        {
            return null;
        }

        if (!Ulid.TryParse(token.Subject, out Ulid id))
        {
            // A user of a foreign issuer, who vouches for the roles.
            return new Principal(PrincipalKind.User, token.Subject, token.Subject, token.Tenant, tenant.Find(token.Roles)) { Credential = token.Credential, ExpiresAt = token.Expires.ToUnixTimeMilliseconds() };
        }

        // The roles of an own user are those of now, whatever they were when the token was issued.
        return await UserAsync(token.Tenant, id, cancellationToken).ConfigureAwait(false) is { } user
            ? new Principal(PrincipalKind.User, id.ToString(), user.Name, token.Tenant, tenant.Find(user.Roles)) { Credential = token.Credential, ExpiresAt = token.Expires.ToUnixTimeMilliseconds() }
            : null;
    }

    /// <summary>A user as a principal; <see langword="null"/> when there is none, or they or the tenant are disabled.</summary>
    public async ValueTask<Principal?> FindUserAsync(string tenant, Ulid id, CancellationToken cancellationToken) =>
        await TenantAsync(tenant, cancellationToken).ConfigureAwait(false) is { } roles && await UserAsync(tenant, id, cancellationToken).ConfigureAwait(false) is { } user
            ? new Principal(PrincipalKind.User, id.ToString(), user.Name, tenant, roles.Find(user.Roles))
            : null;

    /// <summary>The roles of that name, built-in or the tenant's own; names that stand for none are left out.</summary>
    public async ValueTask<IReadOnlyList<Role>> RolesAsync(string tenant, IEnumerable<string> names, CancellationToken cancellationToken) =>
        new TenantRoles(await store.ListRolesAsync(tenant, cancellationToken).ConfigureAwait(false)).Find(names);

    private async ValueTask<Principal?> PrincipalAsync(string tenant, ApiKey key, CancellationToken cancellationToken)
    {
        if (await TenantAsync(tenant, cancellationToken).ConfigureAwait(false) is not { } roles)
        {
            return null;
        }

        IReadOnlyList<string> names = key.Roles;
        if (key.Owner is { } owner)
        {
            if (await UserAsync(tenant, owner, cancellationToken).ConfigureAwait(false) is not { } user)
            {
                return null;
            }

            names = user.Roles;
        }

        return new Principal(PrincipalKind.ApiKey, key.Id.ToString(), key.Name, tenant, roles.Find(names), key.Scopes is { } scopes ? PermissionSet.Parse(scopes) : null)
        {
            Credential = Principal.ActorOf(PrincipalKind.ApiKey, key.Id.ToString()),
            Owner = key.Owner?.ToString(),
            ExpiresAt = key.ExpiresAt,
        };
    }

    private async ValueTask<UserAccount?> UserAsync(string tenant, Ulid id, CancellationToken cancellationToken) =>
        await ReadAsync(_users, (tenant, id), token => store.FindUserAsync(tenant, id, token), cancellationToken).ConfigureAwait(false) is { DisabledAt: null } user ? user : null;

    /// <summary>The roles of a tenant's own; <see langword="null"/> when there is no such tenant, or it is disabled.</summary>
    private ValueTask<TenantRoles?> TenantAsync(string tenant, CancellationToken cancellationToken) => ReadAsync(
        _tenants,
        tenant,
        async token => await store.FindTenantAsync(tenant, token).ConfigureAwait(false) is { DisabledAt: null }
            ? new TenantRoles(await store.ListRolesAsync(tenant, token).ConfigureAwait(false))
            : null,
        cancellationToken);

    private async ValueTask<T?> ReadAsync<TKey, T>(ConcurrentDictionary<TKey, Known<T>> known, TKey key, Func<CancellationToken, ValueTask<T?>> read, CancellationToken cancellationToken)
        where TKey : notnull
        where T : class
    {
        long now = Now;
        if (known.TryGetValue(key, out Known<T>? found) && now - found.At < (long)MaxAge.TotalMilliseconds)
        {
            return found.Value;
        }

        long generation = Interlocked.Read(ref _generation);
        T? value = await read(cancellationToken).ConfigureAwait(false);
        if (value is null)
        {
            known.TryRemove(key, out _);
            return null;
        }

        if (known.Count >= MaxKnown)
        {
            known.Clear();
        }

        known[key] = new Known<T>(value, now);
        if (generation != Interlocked.Read(ref _generation))
        {
            // What was read before a change must not be believed after it.
            known.TryRemove(key, out _);
        }

        return value;
    }

    private sealed record Known<T>(T Value, long At);

    private sealed class TenantRoles(IReadOnlyList<Role> own)
    {
        public IReadOnlyList<Role> Find(IEnumerable<string> names) =>
            [.. names.Select(n => BuiltInRoles.Find(n) ?? own.FirstOrDefault(r => r.Name == n)).OfType<Role>()];
    }
}
