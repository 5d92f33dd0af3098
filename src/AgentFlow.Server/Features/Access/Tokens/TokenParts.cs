using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Access.Oidc;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>Everything about tokens in one process, put together.</summary>
internal sealed class TokenParts : IDisposable
{
    private readonly OidcDocuments? _documents;
    private readonly OidcIssuer? _provider;

    public TokenParts(ServerOptions options, ITokenStore store, UlidFactory ids, TimeProvider clock, ILogger log)
    {
        Revocations = new Revocations(store, clock);
        Keys = new SigningKeys(store, ids, clock, options.Tokens.KeyRotation);
        Issuer = new OwnIssuer(Keys, ids, clock, options.Tokens.Lifetime);
        if (options.Oidc is { } oidc)
        {
            _documents = new OidcDocuments();
            _provider = new OidcIssuer(oidc, _documents, clock, log);
        }

        Validator = new TokenValidator(_provider is null ? [Issuer] : [Issuer, _provider], Revocations, clock);
        Upkeep = new TokenUpkeep(Revocations, Keys, store, clock, log);
    }

    public Revocations Revocations { get; }

    public SigningKeys Keys { get; }

    public OwnIssuer Issuer { get; }

    public TokenValidator Validator { get; }

    /// <summary>To be run where tokens are judged.</summary>
    public TokenUpkeep Upkeep { get; }

    public void Dispose()
    {
        Keys.Dispose();
        _provider?.Dispose();
        _documents?.Dispose();
        Upkeep.Dispose();
    }
}
