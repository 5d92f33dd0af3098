using System.Text.Json.Serialization.Metadata;

namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    public Task<Identity> WhoAmIAsync(CancellationToken cancellationToken = default) => GetAsync("auth/whoami", ClientJson.Default.Identity, cancellationToken);

    public Task<User> CreateUserAsync(NewUser user, CancellationToken cancellationToken = default) =>
        ChangeAsync(HttpMethod.Post, "access/users", user, ClientJson.Default.NewUser, ClientJson.Default.User, cancellationToken);

    /// <summary>Users by name.</summary>
    public Task<Page<User>> ListUsersAsync(string? cursor = null, int size = 50, CancellationToken cancellationToken = default) =>
        GetAsync($"access/users?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageUser, cancellationToken);

    /// <summary>Replaces a user's roles.</summary>
    public Task<User> SetUserRolesAsync(string name, IReadOnlyList<string> roles, CancellationToken cancellationToken = default) =>
        ChangeAsync(HttpMethod.Put, $"access/users/{Escape(name)}/roles", new UserRolesBody(roles), ClientJson.Default.UserRolesBody, ClientJson.Default.User, cancellationToken);

    public async Task SetUserPasswordAsync(string name, string password, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await SendAsync(HttpMethod.Put, $"access/users/{Escape(name)}/password", new UserPasswordBody(password), ClientJson.Default.UserPasswordBody, cancellationToken).ConfigureAwait(false);
    }

    public Task<User> DisableUserAsync(string name, CancellationToken cancellationToken = default) => KnockAsync($"access/users/{Escape(name)}/disable", ClientJson.Default.User, cancellationToken);

    public Task<User> EnableUserAsync(string name, CancellationToken cancellationToken = default) => KnockAsync($"access/users/{Escape(name)}/enable", ClientJson.Default.User, cancellationToken);

    /// <summary>Roles by name, those that every tenant has included.</summary>
    public Task<Page<Role>> ListRolesAsync(string? cursor = null, int size = 50, CancellationToken cancellationToken = default) =>
        GetAsync($"access/roles?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageRole, cancellationToken);

    /// <summary>Adds or replaces a role of the tenant's own.</summary>
    public Task<Role> SaveRoleAsync(Role role, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(role);
        var body = new SaveRoleBody(role.Description, role.Permissions, role.AllowedTools, role.Workflows, role.MaxRunCostDollars);
        return ChangeAsync(HttpMethod.Put, $"access/roles/{Escape(role.Name)}", body, ClientJson.Default.SaveRoleBody, ClientJson.Default.Role, cancellationToken);
    }

    public async Task RemoveRoleAsync(string name, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, $"access/roles/{Escape(name)}"), repeatable: false, HttpCompletionOption.ResponseContentRead, cancellationToken).ConfigureAwait(false);
    }

    public Task<CreatedApiKey> CreateApiKeyAsync(NewApiKey key, CancellationToken cancellationToken = default) =>
        ChangeAsync(HttpMethod.Post, "access/keys", key, ClientJson.Default.NewApiKey, ClientJson.Default.CreatedApiKey, cancellationToken);

    /// <summary>The keys that the caller may see, newest first.</summary>
    public Task<Page<ApiKey>> ListApiKeysAsync(string? cursor = null, int size = 50, CancellationToken cancellationToken = default) =>
        GetAsync($"access/keys?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageApiKey, cancellationToken);

    /// <summary>Ends a key for good.</summary>
    public Task<ApiKey> DisableApiKeyAsync(string id, CancellationToken cancellationToken = default) => KnockAsync($"access/keys/{Escape(id)}/disable", ClientJson.Default.ApiKey, cancellationToken);

    public Task<CreatedTenant> CreateTenantAsync(NewTenant tenant, CancellationToken cancellationToken = default) =>
        ChangeAsync(HttpMethod.Post, "access/tenants", tenant, ClientJson.Default.NewTenant, ClientJson.Default.CreatedTenant, cancellationToken);

    /// <summary>Tenants by name.</summary>
    public Task<Page<TenantInfo>> ListTenantsAsync(string? cursor = null, int size = 50, CancellationToken cancellationToken = default) =>
        GetAsync($"access/tenants?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageTenantInfo, cancellationToken);

    public Task<TenantInfo> DisableTenantAsync(string name, CancellationToken cancellationToken = default) => KnockAsync($"access/tenants/{Escape(name)}/disable", ClientJson.Default.TenantInfo, cancellationToken);

    public Task<TenantInfo> EnableTenantAsync(string name, CancellationToken cancellationToken = default) => KnockAsync($"access/tenants/{Escape(name)}/enable", ClientJson.Default.TenantInfo, cancellationToken);

    public Task<TenantQuotas> GetTenantQuotasAsync(string name, CancellationToken cancellationToken = default) =>
        GetAsync($"access/tenants/{Escape(name)}/quotas", ClientJson.Default.TenantQuotas, cancellationToken);

    /// <summary>Gives a tenant quotas.</summary>
    /// <param name="limits">By kind: a number, a size, <c>unlimited</c> or <c>default</c>. Kinds that are left out stay.</param>
    public Task<TenantQuotas> SetTenantQuotasAsync(string name, IReadOnlyDictionary<string, string> limits, CancellationToken cancellationToken = default) =>
        ChangeAsync(HttpMethod.Put, $"access/tenants/{Escape(name)}/quotas", limits, ClientJson.Default.IReadOnlyDictionaryStringString, ClientJson.Default.TenantQuotas, cancellationToken);

    private Task<T> KnockAsync<T>(string address, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        ChangeAsync(HttpMethod.Post, address, new EmptyBody(), ClientJson.Default.EmptyBody, type, cancellationToken);

    private async Task<TAnswer> ChangeAsync<TBody, TAnswer>(HttpMethod method, string address, TBody body, JsonTypeInfo<TBody> type, JsonTypeInfo<TAnswer> answer, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(method, address, body, type, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, answer, cancellationToken).ConfigureAwait(false);
    }
}
