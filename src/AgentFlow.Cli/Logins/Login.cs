using AgentFlow.Client;

namespace AgentFlow.Cli.Logins;

/// <summary>A login as it is kept in this user's files.</summary>
/// <param name="Server">As <see cref="ServerAddress.ToString"/> writes it.</param>
/// <param name="User">The name that was logged in with.</param>
/// <param name="RenewAt">When the access token is exchanged, a little before it expires.</param>
/// <param name="EndsAt">When one has to log in again.</param>
internal sealed record Login(string Server, string Tenant, string User, string AccessToken, DateTimeOffset ReceivedAt, DateTimeOffset RenewAt, string RefreshToken, DateTimeOffset EndsAt)
{
    private const int Early = 30;

    public static Login Of(string server, string tenant, string user, TokenPair tokens, DateTimeOffset now) => new(
        server, tenant, user, tokens.AccessToken, now, now.AddSeconds(Math.Max(tokens.ExpiresIn - Early, tokens.ExpiresIn / 2)), tokens.RefreshToken, now.AddSeconds(tokens.RefreshExpiresIn));

    /// <summary>Whether the access token can be shown at this time. Of a clock that was set back nothing is known.</summary>
    public bool IsFresh(DateTimeOffset now) => now >= ReceivedAt && now < RenewAt;

    // Records print their members; no message must.
    public override string ToString() => $"{User} at {Server}";
}
