using AgentFlow.Engine.Access;

namespace AgentFlow.Server.Http;

/// <summary>Who sends a request, once that is known; a feature of the request.</summary>
/// <param name="again">Asks anew; <see langword="null"/> for one that is never void.</param>
internal sealed class Caller(Principal principal, Func<CancellationToken, ValueTask<Principal?>>? again = null)
{
    /// <summary>Actor of a request whose sender is not known.</summary>
    public const string Anonymous = "anonymous";

    public Principal Principal => principal;

    /// <summary>
    /// The principal as it is now; <see langword="null"/> once its credential has expired, was revoked, or its user was disabled.
    /// For whoever answers one request for longer than a moment.
    /// </summary>
    public ValueTask<Principal?> AgainAsync(CancellationToken cancellationToken) => again is null ? new(principal) : again(cancellationToken);

    /// <summary>The sender of a request to an endpoint that needs a permission.</summary>
    /// <exception cref="InvalidOperationException">The endpoint is open to anyone.</exception>
    public static Principal Of(HttpContext context) =>
        context.Features.Get<Caller>()?.Principal ?? throw new InvalidOperationException($"{context.Request.Path} is open to anyone: nobody was asked who they are.");

    /// <summary>How journals and audits name the sender.</summary>
    public static string ActorOf(HttpContext context) => context.Features.Get<Caller>()?.Principal.Actor ?? Anonymous;
}
