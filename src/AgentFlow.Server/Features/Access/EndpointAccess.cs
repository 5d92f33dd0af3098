using System.Globalization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Docs;

namespace AgentFlow.Server.Features.Access;

/// <summary>
/// Who may call an endpoint. Every one says so where it is mapped; a server with one that does not say it does not start.
/// </summary>
internal static class EndpointAccess
{
    private static readonly ErrorCode[] Refusals = [ErrorCode.Unauthenticated, ErrorCode.PermissionDenied, ErrorCode.TenantMismatch];

    /// <summary>Callers need a permission.</summary>
    public static RouteHandlerBuilder Needs(this RouteHandlerBuilder endpoint, Permission permission) => endpoint.Guarded(new AccessRule(permission));

    /// <summary>Whoever is known may call; what they see depends on who they are.</summary>
    public static RouteHandlerBuilder NeedsAnyCaller(this RouteHandlerBuilder endpoint) => endpoint.Guarded(new AccessRule(null));

    /// <summary>Nobody is asked who they are.</summary>
    /// <param name="because">Why that is safe.</param>
    public static TBuilder IsOpenToAnyone<TBuilder>(this TBuilder endpoint, string because)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(AccessRule.Open(because));

    /// <summary>Holds every endpoint to have said who may call it.</summary>
    /// <exception cref="InvalidOperationException">One has not, or has said it twice; the message names it.</exception>
    public static void RequireRules(this IEndpointRouteBuilder root)
    {
        string[] wrong =
        [
            .. from endpoint in root.DataSources.SelectMany(s => s.Endpoints)
               let rules = endpoint.Metadata.GetOrderedMetadata<AccessRule>().Count
               where rules != 1
               select $"{endpoint.DisplayName} has {(rules == 0 ? "no rule" : string.Create(CultureInfo.InvariantCulture, $"{rules} rules"))}",
        ];
        if (wrong.Length > 0)
        {
            throw new InvalidOperationException($"Every endpoint declares once who may call it, with Needs, NeedsAnyCaller or IsOpenToAnyone where it is mapped: {string.Join("; ", wrong)}.");
        }
    }

    private static RouteHandlerBuilder Guarded(this RouteHandlerBuilder endpoint, AccessRule rule)
    {
        endpoint.WithMetadata(rule);
        foreach (IGrouping<int, ErrorCode> status in Refusals.GroupBy(c => c.Status))
        {
            endpoint.Produces<Problem>(status.Key, Problem.MediaType);
            endpoint.WithMetadata(new AnswerNote(status.Key, string.Join("; ", status.Select(c => $"`{c.Code}`: {c.Title}"))));
        }

        return endpoint;
    }
}

/// <summary>An endpoint's answer to who may call it.</summary>
internal sealed class AccessRule
{
    private AccessRule(Permission? permission, string? because) => (Permission, OpenBecause) = (permission, because);

    /// <param name="permission"><see langword="null"/>: any caller who is known.</param>
    public AccessRule(Permission? permission)
        : this(permission, null)
    {
    }

    public Permission? Permission { get; }

    /// <summary>Why anyone may call, known or not; <see langword="null"/> where that is not so.</summary>
    public string? OpenBecause { get; }

    public static AccessRule Open(string because) => new(null, because);
}
