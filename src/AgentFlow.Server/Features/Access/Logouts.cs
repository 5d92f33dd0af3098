using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access.Tokens;

namespace AgentFlow.Server.Features.Access;

/// <summary>Ends what was issued to somebody: refresh tokens at once, access tokens as soon as every process has heard of it.</summary>
internal sealed class Logouts(ITokenStore tokens, Revocations revocations, TimeProvider clock)
{
    /// <param name="subject">A <see cref="Principal.Actor"/>.</param>
    public async ValueTask EndAsync(string tenant, string subject, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        long at = now.ToUnixTimeMilliseconds();
        // First the tokens that make others.
        await tokens.RevokeFamiliesAsync(tenant, subject, at, cancellationToken).ConfigureAwait(false);
        await revocations.AddAsync(tenant, new Revocation(subject, at, (now + TokenValidator.MaxLifetime + TokenValidator.Leeway).ToUnixTimeMilliseconds()), cancellationToken).ConfigureAwait(false);
    }
}
