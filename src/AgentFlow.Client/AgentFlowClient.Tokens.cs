namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    /// <summary>Exchanges a user's name and password for tokens.</summary>
    public Task<TokenPair> LogInAsync(string tenant, string user, string password, CancellationToken cancellationToken = default) =>
        ChangeAsync(HttpMethod.Post, "auth/token", new TokenRequestBody("password", tenant, user, password), ClientJson.Default.TokenRequestBody, ClientJson.Default.TokenPair, cancellationToken);

    /// <summary>Exchanges a refresh token for the next two tokens. It is void afterwards; sending it again ends the whole login.</summary>
    public Task<TokenPair> RefreshAsync(string refreshToken, CancellationToken cancellationToken = default) =>
        ChangeAsync(HttpMethod.Post, "auth/token", new TokenRequestBody("refresh_token", RefreshToken: refreshToken), ClientJson.Default.TokenRequestBody, ClientJson.Default.TokenPair, cancellationToken);

    /// <summary>Ends a login, by its refresh token, or one access token.</summary>
    public async Task RevokeAsync(string token, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await SendAsync(HttpMethod.Post, "auth/revoke", new RevokeTokenBody(token), ClientJson.Default.RevokeTokenBody, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The keys under which access tokens of the deployment may be out, newest first.</summary>
    public Task<Page<SigningKey>> ListSigningKeysAsync(string? cursor = null, int size = 50, CancellationToken cancellationToken = default) =>
        GetAsync($"access/signing-keys?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageSigningKey, cancellationToken);

    /// <summary>Lets every process sign with a new key; tokens under the old ones are good until they expire.</summary>
    public Task<RotatedKeys> RotateSigningKeysAsync(CancellationToken cancellationToken = default) => KnockAsync("access/signing-keys/rotate", ClientJson.Default.RotatedKeys, cancellationToken);

    /// <summary>Ends a key and every token under it.</summary>
    public Task<SigningKey> RetireSigningKeyAsync(string id, CancellationToken cancellationToken = default) => KnockAsync($"access/signing-keys/{Escape(id)}/retire", ClientJson.Default.SigningKey, cancellationToken);
}

/// <summary>What a login gives.</summary>
/// <param name="ExpiresIn">Seconds that the access token is good for.</param>
/// <param name="RefreshToken">Good for one exchange.</param>
/// <param name="RefreshExpiresIn">Seconds until one has to log in again.</param>
public sealed record TokenPair(string AccessToken, long ExpiresIn, string RefreshToken, long RefreshExpiresIn)
{
    // Records print their members; a log must not.
    public override string ToString() => nameof(TokenPair);
}

/// <summary>A key that signs access tokens, or signed some that may still be out.</summary>
/// <param name="RetiresAt">After it the key verifies nothing.</param>
public sealed record SigningKey(string Id, string Algorithm, DateTimeOffset CreatedAt, DateTimeOffset? RetiresAt = null);

/// <param name="Retired">Keys that sign nothing any more.</param>
public sealed record RotatedKeys(IReadOnlyList<SigningKey> Retired);

internal sealed record TokenRequestBody(string GrantType, string? Tenant = null, string? Username = null, string? Password = null, string? RefreshToken = null)
{
    public override string ToString() => nameof(TokenRequestBody);
}

internal sealed record RevokeTokenBody(string Token)
{
    public override string ToString() => nameof(RevokeTokenBody);
}
