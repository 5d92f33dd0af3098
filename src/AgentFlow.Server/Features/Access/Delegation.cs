using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access;

/// <summary>Nobody gives what they do not have, and nobody decides about somebody who may do more.</summary>
internal static class Delegation
{
    private const int MaxRolesOfOne = 50;

    /// <summary>The names of a body's list of roles.</summary>
    public static List<string>? RoleNames(JsonBody body, string member) =>
        body.TextList(member, MaxRolesOfOne, static n => Role.IsName(n) ? null : $"'{(n.Length <= 60 ? n : n[..60] + "…")}' is no name of a role");

    /// <summary>The roles of these names, which the caller may give.</summary>
    /// <exception cref="ProblemException"><c>ROLE_NOT_FOUND</c> or <c>PERMISSION_DENIED</c>.</exception>
    public static async ValueTask<IReadOnlyList<Role>> GivenAsync(Principals principals, Principal caller, IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        IReadOnlyList<Role> roles = await principals.RolesAsync(caller.Tenant, names, cancellationToken).ConfigureAwait(false);
        if (names.FirstOrDefault(n => roles.All(r => r.Name != n)) is { } missing)
        {
            throw new ProblemException(ErrorCode.RoleNotFound, $"There is no role '{missing}'. GET /api/v1/access/roles lists the roles of this tenant.");
        }

        if (roles.FirstOrDefault(r => !caller.MayGive(r)) is { } denied)
        {
            PermissionSet more = denied.Permissions.Except(caller.Permissions);
            throw new ProblemException(
                ErrorCode.PermissionDenied,
                more.IsEmpty ? $"Role '{denied.Name}' starts runs without the limits of your own roles; you cannot give it." : $"Role '{denied.Name}' allows {more}, which you may not do yourself; you cannot give it.");
        }

        return roles;
    }

    /// <exception cref="ProblemException"><c>PERMISSION_DENIED</c>: the user may do something that the caller may not.</exception>
    public static async ValueTask RequireOverAsync(Principals principals, Principal caller, UserAccount user, CancellationToken cancellationToken)
    {
        foreach (Role role in await principals.RolesAsync(caller.Tenant, user.Roles, cancellationToken).ConfigureAwait(false))
        {
            if (!caller.Permissions.Contains(role.Permissions))
            {
                throw new ProblemException(ErrorCode.PermissionDenied, $"'{user.Name}' has the role '{role.Name}', which allows more than you may do yourself; you cannot change them.");
            }
        }
    }
}
