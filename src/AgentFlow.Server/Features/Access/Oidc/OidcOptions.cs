using AgentFlow.Engine.Access;

namespace AgentFlow.Server.Features.Access.Oidc;

/// <summary>The OpenID provider whose access tokens are believed, and what its claims mean here.</summary>
public sealed record OidcOptions
{
    /// <summary>
    /// The provider's <c>issuer</c>, exactly as its tokens and its discovery document spell it: https, or http on this machine.
    /// <c>AF_OIDC_ISSUER</c>.
    /// </summary>
    public required string Issuer { get; init; }

    /// <summary>What must be among the <c>aud</c> of its tokens. Default <c>agentflow</c>. <c>AF_OIDC_AUDIENCE</c>.</summary>
    public string Audience { get; init; } = "agentflow";

    /// <summary>
    /// The claim that names the tenant, or a JSON pointer to it. A token without it is refused. Default: none, and then everybody
    /// is in <see cref="Tenant"/>. <c>AF_OIDC_TENANT_CLAIM</c>.
    /// </summary>
    public string? TenantClaim { get; init; }

    /// <summary>The tenant of everybody when no claim names one. Default <c>default</c>. <c>AF_OIDC_TENANT</c>.</summary>
    public string Tenant { get; init; } = TenantName.Default;

    /// <summary>The claim that lists roles, or a JSON pointer such as <c>/realm_access/roles</c>. Default <c>roles</c>. <c>AF_OIDC_ROLES_CLAIM</c>.</summary>
    public string RolesClaim { get; init; } = "roles";

    /// <summary>
    /// What the provider's roles are called here; others than these mean nothing then. Default: none, and roles are called alike.
    /// <c>AF_OIDC_ROLE_MAP</c>, as <c>staff=operator,admins=admin</c>.
    /// </summary>
    public IReadOnlyDictionary<string, string> RoleMap { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Says what is wrong with an address that keys or documents come from; <see langword="null"/> when nothing is.</summary>
    internal static string? AddressProblem(string address) =>
        !Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) || uri.UserInfo.Length > 0 || uri.Fragment.Length > 0
            ? "is no absolute address"
            : uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback)
                ? null
                : "is neither https nor http on this machine: whoever can change it on its way can sign tokens";
}
