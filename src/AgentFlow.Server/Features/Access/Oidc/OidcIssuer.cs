using System.Text.Json;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access.Tokens;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Access.Oidc;

/// <summary>
/// An OpenID provider whose access tokens are believed. Its keys are read when the first token comes, every hour, and when a
/// token names an unknown one, then at most every ten seconds. A provider that does not answer is believed by the keys that it
/// had, for a day. Safe for concurrent calls.
/// </summary>
internal sealed partial class OidcIssuer(OidcOptions options, OidcDocuments documents, TimeProvider clock, ILogger log) : ITrustedIssuer, IDisposable
{
    internal static readonly TimeSpan Fresh = TimeSpan.FromHours(1);
    internal static readonly TimeSpan Stale = TimeSpan.FromHours(24);
    internal static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private volatile KeySet _keys = new([], null);
    private long _asked;

    public string Issuer => options.Issuer;

    public string Audience => options.Audience;

    public async ValueTask<(VerificationKey? Key, TokenFault Fault)> FindKeyAsync(string keyId, CancellationToken cancellationToken)
    {
        KeySet keys = _keys;
        if (keys.Keys.TryGetValue(keyId, out VerificationKey? known) && Age(keys) < Fresh)
        {
            return (known, default);
        }

        // Whoever has no key waits for the answer that is under way, if one is; whoever has one that is only old does not.
        if (await _gate.WaitAsync(known is null ? Timeout.InfiniteTimeSpan : TimeSpan.Zero, cancellationToken).ConfigureAwait(false))
        {
            try
            {
                if (MayAsk() && !(_keys.Keys.ContainsKey(keyId) && Age(_keys) < Fresh))
                {
                    // To its end, whoever leaves: callers who come and go must not make this server ask again and again.
                    await ReadAsync().ConfigureAwait(false);
                }
            }
            finally
            {
                _gate.Release();
            }
        }

        keys = _keys;
        return Age(keys) >= Stale ? (null, TokenFault.KeysUnavailable)
            : keys.Keys.TryGetValue(keyId, out known) ? (known, default)
            : (null, TokenFault.KeyUnknown);
    }

    public TokenIdentity? Identify(JsonElement claims)
    {
        if (Claims.Text(claims, "sub") is not { } subject || Tenant(claims) is not { } tenant)
        {
            return null;
        }

        // Whoever has no roles may do nothing, and is told so.
        IReadOnlyList<string>? named = Claims.At(claims, options.RolesClaim) is { } list ? Claims.Texts(list) : [];
        if (named is null)
        {
            return null;
        }

        string[] roles = options.RoleMap.Count == 0
            ? [.. named.Distinct(StringComparer.Ordinal)]
            : [.. named.Select(options.RoleMap.GetValueOrDefault).OfType<string>().Distinct(StringComparer.Ordinal)];
        return new TokenIdentity($"oidc:{subject}", tenant, roles);
    }

    public void Dispose() => _gate.Dispose();

    private string? Tenant(JsonElement claims)
    {
        if (options.TenantClaim is not { } path)
        {
            return options.Tenant;
        }

        return Claims.At(claims, path) is { } value && Claims.Text(value) is { } tenant && TenantName.IsValid(tenant) ? tenant : null;
    }

    private TimeSpan Age(KeySet keys) => keys.ReadAt is { } at ? clock.GetElapsedTime(at) : TimeSpan.MaxValue;

    private bool MayAsk() => _asked == 0 || clock.GetElapsedTime(_asked) >= LookAgain;

    private async Task ReadAsync()
    {
        long at = clock.GetTimestamp();
        _asked = at;
        Dictionary<string, VerificationKey> read;
        try
        {
            read = await documents.KeysAsync(options.Issuer, CancellationToken.None).ConfigureAwait(false);
        }
        catch (OidcException e)
        {
            KeysNotRead(log, options.Issuer, e.Message);
            return;
        }
        foreach ((string id, VerificationKey old) in _keys.Keys)
        {
            if (read.TryGetValue(id, out VerificationKey? same) && same.IsSame(old))
            {
                read[id] = old;
            }
            else
            {
                old.Withdraw();
            }
        }

        _keys = new KeySet(read, at);
        KeysRead(log, read.Count, options.Issuer);
    }

    [LoggerMessage(1, LogLevel.Warning, "The keys of {Issuer} cannot be read: {Reason}")]
    private static partial void KeysNotRead(ILogger logger, string issuer, string reason);

    [LoggerMessage(2, LogLevel.Debug, "Read {Count} keys of {Issuer}")]
    private static partial void KeysRead(ILogger logger, int count, string issuer);

    private sealed record KeySet(Dictionary<string, VerificationKey> Keys, long? ReadAt);
}
