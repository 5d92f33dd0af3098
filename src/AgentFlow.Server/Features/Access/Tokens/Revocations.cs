using System.Collections.Concurrent;
using AgentFlow.Engine.Access;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>
/// What was revoked before its time, in memory: each process reads all of it from the store every few seconds, so that a check
/// costs no access to the store. A process that cannot read it any more believes no token. Safe for concurrent calls.
/// </summary>
internal sealed class Revocations(ITokenStore store, TimeProvider clock)
{
    /// <summary>How often the store is asked.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>How old the answer may become. With the time of one question it stays under the promised 30 s.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(25);

    // What this process revoked counts at once, and must not be lost to a reading that began before.
    private readonly ConcurrentDictionary<(string Tenant, string Key), Revocation> _own = new();
    private volatile Reading _known = new(new Dictionary<(string, string), long>(), long.MinValue);

    /// <summary>How a single token is named; its issuer gives it the id.</summary>
    public static string TokenKey(string tokenId) => "token:" + tokenId;

    /// <summary>How all tokens of one login are named.</summary>
    public static string SessionKey(string session) => "session:" + session;

    /// <summary>Whether a token that is otherwise in order is void; why.</summary>
    public TokenFault? Refuses(TokenVerdict.Accepted token)
    {
        Reading known = _known;
        if (clock.GetUtcNow().ToUnixTimeMilliseconds() - known.At > (long)MaxAge.TotalMilliseconds)
        {
            return TokenFault.RevocationsUnknown;
        }

        if (known.Voids.Count == 0 && _own.IsEmpty)
        {
            return null;
        }

        return IsVoid(known, token, Principal.ActorOf(PrincipalKind.User, token.Subject))
            || IsVoid(known, token, TokenKey(token.TokenId))
            || (token.Session is { } session && IsVoid(known, token, SessionKey(session)))
            ? TokenFault.Revoked
            : null;
    }

    /// <summary>Revokes durably; in this process at once, in others when they look next.</summary>
    public async ValueTask AddAsync(string tenant, Revocation revocation, CancellationToken cancellationToken)
    {
        await store.RevokeAsync(tenant, revocation, cancellationToken).ConfigureAwait(false);
        _own[(tenant, revocation.Key)] = revocation;
    }

    /// <summary>Asks the store.</summary>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        // What is revoked while the store answers may not be in its answer: the answer is as old as the question.
        long at = clock.GetUtcNow().ToUnixTimeMilliseconds();
        IReadOnlyList<(string Tenant, Revocation Revocation)> all = await store.RevocationsAsync(at, cancellationToken).ConfigureAwait(false);
        var voids = new Dictionary<(string, string), long>(all.Count);
        foreach ((string tenant, Revocation revocation) in all)
        {
            voids[(tenant, revocation.Key)] = revocation.At;
        }

        _known = new Reading(voids, at);
        foreach (((string, string) key, Revocation revocation) in _own)
        {
            if (revocation.Until < at)
            {
                _own.TryRemove(key, out _);
            }
        }
    }

    private bool IsVoid(Reading known, TokenVerdict.Accepted token, string key)
    {
        long issued = token.IssuedAt.ToUnixTimeMilliseconds();
        return (known.Voids.TryGetValue((token.Tenant, key), out long at) && issued <= at)
            || (_own.TryGetValue((token.Tenant, key), out Revocation? own) && issued <= own.At);
    }

    /// <param name="Voids">What was issued at or before this time is void, by tenant and key.</param>
    /// <param name="At">When the store was asked, Unix milliseconds.</param>
    private sealed record Reading(Dictionary<(string Tenant, string Key), long> Voids, long At);
}
