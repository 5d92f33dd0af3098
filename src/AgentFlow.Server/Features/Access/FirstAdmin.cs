using System.Buffers.Text;
using System.Security.Cryptography;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;

namespace AgentFlow.Server.Features.Access;

/// <summary>Lets somebody in where nobody can be: the first start that asks callers who they are makes an administrator.</summary>
internal static class FirstAdmin
{
    private const string Name = "admin";

    private static readonly TimeSpan KeyLife = TimeSpan.FromHours(24);

    /// <summary>
    /// Adds the administrator of the tenant <c>default</c> unless that has a user. The credentials are written before
    /// they are stored, so that no crash leaves a deployment whose credentials nobody saw.
    /// </summary>
    /// <param name="output">Where the operator reads; never a log.</param>
    public static async Task EnsureAsync(IAccessStore store, UlidFactory ids, TimeProvider clock, TextWriter output, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        await store.AddTenantAsync(new TenantAccount(TenantName.Default, "The first tenant", now.ToUnixTimeMilliseconds()), cancellationToken).ConfigureAwait(false);
        if ((await store.ListUsersAsync(TenantName.Default, null, 1, cancellationToken).ConfigureAwait(false)).Total > 0)
        {
            return;
        }

        string password = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(18));
        var user = new UserAccount(ids.Create(), Name, PasswordHash.Create(password), [BuiltInRoles.Admin, BuiltInRoles.Platform], now.ToUnixTimeMilliseconds());
        ApiKeyText key = ApiKeyText.Create(TenantName.Default, ids.Create(), out string text);
        DateTimeOffset expires = now + KeyLife;
        await output.WriteLineAsync($"""
            The tenant {TenantName.Default} has no users yet. An administrator is created; this is shown once:
              tenant    {TenantName.Default}
              user      {Name}
              password  {password}
              API key   {text}
                        (until {expires:yyyy-MM-dd HH:mm} UTC: export AF_TOKEN={ApiKeyText.Prefix}…, then make your own with: af keys create)
            """).ConfigureAwait(false);
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
        if (!await store.AddFirstUserAsync(TenantName.Default, user, cancellationToken).ConfigureAwait(false))
        {
            await output.WriteLineAsync("Another process was faster: these credentials are void, those that it showed hold.").ConfigureAwait(false);
            return;
        }

        await store.AddKeyAsync(
            TenantName.Default,
            new ApiKey(key.Id, "first start", key.Hash, user.Id, [], null, "system", now.ToUnixTimeMilliseconds(), expires.ToUnixTimeMilliseconds()),
            cancellationToken).ConfigureAwait(false);
    }
}
