using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access.Tokens;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Primitives;

namespace AgentFlow.Server.Features.Access;

/// <summary>Believes API keys and access tokens in <c>Authorization: Bearer</c>. Their tenant is the request's.</summary>
/// <param name="tokens">Judges tokens; <see langword="null"/> where there are none.</param>
internal sealed class BearerIdentity(Principals principals, TokenValidator? tokens) : IIdentity
{
    private const string Scheme = "Bearer ";
    private const string Remedy = "Send Authorization: Bearer with an API key (af keys create) or an access token.";

    public async ValueTask<Caller> IdentifyAsync(HttpContext context)
    {
        string bearer = Bearer(context);
        Principal principal = await PrincipalAsync(bearer, context.RequestAborted).ConfigureAwait(false);
        if (Tenant.Named(context) is { } named && named != principal.Tenant)
        {
            throw new ProblemException(ErrorCode.TenantMismatch, $"{Tenant.Header} names another tenant than your credentials. Leave it out.");
        }

        return new Caller(principal, token => FindAsync(bearer, token));
    }

    private static string Bearer(HttpContext context)
    {
        StringValues values = context.Request.Headers.Authorization;
        return values.Count switch
        {
            0 => throw Unknown("The request does not say who sends it. " + Remedy),
            1 when values[0]!.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) => values[0]![Scheme.Length..].Trim(),
            1 => throw Unknown("The Authorization header has another scheme than Bearer. " + Remedy),
            _ => throw Unknown("The Authorization header stands more than once. Send it once."),
        };
    }

    private async ValueTask<Principal> PrincipalAsync(string bearer, CancellationToken cancellationToken)
    {
        if (ApiKeyText.Claims(bearer))
        {
            return await principals.FindByKeyAsync(bearer, cancellationToken).ConfigureAwait(false)
                ?? throw Unknown("The API key is not valid here: it is mistyped, has expired, or it or its owner was disabled.");
        }

        TokenVerdict verdict = tokens is null
            ? new TokenVerdict.Refused(TokenFault.IssuerUnknown)
            : await tokens.ValidateAsync(bearer, cancellationToken).ConfigureAwait(false);
        return verdict switch
        {
            TokenVerdict.Accepted accepted => await principals.FindByTokenAsync(accepted, cancellationToken).ConfigureAwait(false)
                ?? throw Unknown("The token's user or tenant does not exist any more, or was disabled."),
            // What nobody knows at the moment is not the caller's fault.
            TokenVerdict.Refused { Fault: TokenFault.RevocationsUnknown } unknown => throw new ProblemException(ErrorCode.StoreUnavailable, unknown.Detail),
            TokenVerdict.Refused { Fault: TokenFault.KeysUnavailable } unknown => throw new ProblemException(ErrorCode.UpstreamError, unknown.Detail),
            TokenVerdict.Refused refused => throw Unknown(refused.Detail),
            _ => throw new NotSupportedException($"There is no verdict {verdict}."),
        };
    }

    private async ValueTask<Principal?> FindAsync(string bearer, CancellationToken cancellationToken)
    {
        try
        {
            return await PrincipalAsync(bearer, cancellationToken).ConfigureAwait(false);
        }
        catch (ProblemException)
        {
            return null;
        }
    }

    private static ProblemException Unknown(string detail) => new(ErrorCode.Unauthenticated, detail);
}
