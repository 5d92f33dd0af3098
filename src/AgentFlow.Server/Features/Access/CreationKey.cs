using System.Security.Cryptography;
using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access;

/// <summary>
/// The <c>Idempotency-Key</c> of a request that creates a user, a key or a tenant: sent again, it answers for what it created
/// the first time. What was shown once is not shown again.
/// </summary>
/// <param name="Hash">Of who asks and for what, without any secret: a hash of a password that is quick to make must not be stored.</param>
internal sealed record CreationKey(string Key, string Hash)
{
    // No name, list or number holds it.
    private const char Between = '\u001f';

    /// <summary>The request's key; <see langword="null"/> without one.</summary>
    /// <param name="asked">What is asked for, each part in its own place; nothing secret.</param>
    public static CreationKey? Of(HttpContext context, string action, params IEnumerable<string?> asked)
    {
        if (IdempotencyKeys.Of(context) is not { } key)
        {
            return null;
        }

        string text = string.Join(Between, (string?[])[action, Caller.Of(context).Actor, .. asked.Select(a => a is null ? "-" : "+" + a.Replace(Between, ' '))]);
        return new CreationKey(key, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))));
    }

    public AccessRequest Creates(string resource, long at) => new(Key, Hash, resource, at);

    /// <summary>What an earlier request with this key has created; <see langword="null"/> when none came.</summary>
    /// <exception cref="ProblemException"><c>IDEMPOTENCY_KEY_REUSED</c>.</exception>
    public async ValueTask<string?> CreatedAsync(HttpContext context, IAccessStore store, CancellationToken cancellationToken)
    {
        if (await store.FindRequestAsync(Tenant.Of(context), Key, cancellationToken).ConfigureAwait(false) is not { } known)
        {
            return null;
        }

        if (known.Hash != Hash)
        {
            throw new ProblemException(ErrorCode.IdempotencyKeyReused, $"The {IdempotencyKeys.Header} was used for another request, or by somebody else. Use a new key for something new.");
        }

        context.Response.Headers[IdempotencyKeys.ReplayedHeader] = "true";
        return known.Resource;
    }
}
