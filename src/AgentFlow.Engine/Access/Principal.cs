using AgentFlow.Contracts.Text;

namespace AgentFlow.Engine.Access;

public enum PrincipalKind
{
    /// <summary>Part of the deployment itself: the caller of an open server, or the system.</summary>
    BuiltIn,

    User,

    ApiKey,

    /// <summary>An agent outside the runs.</summary>
    Agent,

    /// <summary>A run, with what its starter and its agent both may.</summary>
    Run,
}

/// <summary>Who does something, in one tenant, with everything needed to decide whether they may. Immutable.</summary>
public sealed class Principal
{
    /// <summary>Actor of the caller whom an open server does not ask who they are.</summary>
    public const string OpenCaller = "api";

    private readonly Role[] _roles;

    /// <param name="id">Unique in the tenant and the kind; for built-in ones the whole actor.</param>
    /// <param name="name">For readers.</param>
    /// <param name="roles">Somebody with several may do what any of them allows.</param>
    /// <param name="ceiling">Narrows what the roles grant; <see langword="null"/> does not.</param>
    public Principal(PrincipalKind kind, string id, string name, string tenant, IEnumerable<Role> roles, PermissionSet? ceiling = null)
    {
        (Kind, Id, Name, Tenant) = (kind, id, name, tenant);
        _roles = [.. roles];
        PermissionSet granted = _roles.Aggregate(PermissionSet.Empty, static (all, role) => all.Union(role.Permissions));
        Permissions = ceiling is null ? granted : granted.Intersect(ceiling);
        IsNarrowed = ceiling is not null;
        Roles = [.. _roles.Select(r => r.Name)];
        Actor = ActorOf(kind, id);
    }

    public PrincipalKind Kind { get; }

    public string Id { get; }

    public string Name { get; }

    /// <summary>Where the principal acts; it can reach nothing in any other tenant.</summary>
    public string Tenant { get; }

    /// <summary>Names of the roles, in the order in which they were given.</summary>
    public IReadOnlyList<string> Roles { get; }

    public PermissionSet Permissions { get; }

    /// <summary>Whether something narrows what the roles grant.</summary>
    public bool IsNarrowed { get; }

    /// <summary>The user whose key this is, by id; <see langword="null"/> for whoever is no key, and for nobody's key.</summary>
    public string? Owner { get; init; }

    /// <summary>How journals and audits name it: <c>user:ID</c>, <c>api_key:ID</c>, <c>agent:ID</c>, <c>run:ID</c>, or the id of a built-in one.</summary>
    public string Actor { get; }

    /// <summary>The token or key that it came with, as revocations name it; empty for built-in ones.</summary>
    public string Credential { get; init; } = "";

    /// <summary>When that credential ends, Unix milliseconds; <see langword="null"/>: never.</summary>
    public long? ExpiresAt { get; init; }

    /// <summary>Whoever calls an open server: everything, in the tenant that they name.</summary>
    public static Principal Open(string tenant) => new(PrincipalKind.BuiltIn, OpenCaller, "open access", tenant, [Unrestricted]);

    public static string ActorOf(PrincipalKind kind, string id) => kind switch
    {
        PrincipalKind.User => $"user:{id}",
        PrincipalKind.ApiKey => $"api_key:{id}",
        PrincipalKind.Agent => $"agent:{id}",
        PrincipalKind.Run => $"run:{id}",
        _ => id,
    };

    public bool May(Permission permission) => Permissions.Has(permission);

    /// <summary>Says why a run of a workflow must not be started; <see langword="null"/> when it may.</summary>
    /// <param name="budgetNanoDollars">The workflow's own limit; <see langword="null"/>: none.</param>
    public string? StartProblem(string workflow, long? budgetNanoDollars)
    {
        string? problem = null;
        foreach (Role role in Starting)
        {
            if (role.Policies.Workflows?.Matches(workflow) == false)
            {
                problem ??= $"Role '{role.Name}' starts {string.Join(", ", role.Policies.Workflows.Patterns)}, not '{workflow}'.";
            }
            else if (role.Policies.MaxRunNanoDollars is { } most && !(budgetNanoDollars <= most))
            {
                problem ??= $"Role '{role.Name}' starts runs of at most {DollarText.Of(most)}; '{workflow}' {(budgetNanoDollars is { } own ? $"may cost {DollarText.Of(own)}" : "has no policies.max_budget")}.";
            }
            else
            {
                return null;
            }
        }

        return problem ?? $"Starting runs needs the permission {Permission.WorkflowsExecute}.";
    }

    /// <summary>Whether this principal may make a role of this content: nobody grants what they do not have, nor without the limits under which they have it.</summary>
    public bool MayDefine(Role role) => Permissions.Contains(role.Permissions) && (StartsFreely || !role.Permissions.Has(Permission.WorkflowsExecute));

    /// <summary>Whether this principal may give somebody a role that there is.</summary>
    public bool MayGive(Role role) => MayDefine(role) || (Permissions.Contains(role.Permissions) && Roles.Contains(role.Name));

    /// <summary>What runs that this principal starts may do: its own tool permissions, the tools of its roles, and the workflows that these start.</summary>
    public RunAuthority Authority() => new(
        Permissions.Intersect(PermissionSet.EveryTool),
        _roles.Any(r => r.AllowedTools is null) ? null : new NamePatterns(_roles.SelectMany(r => r.AllowedTools!.Patterns)))
    {
        Starts = Starting.Any(static r => r.Policies == RolePolicies.None) ? null : new StartLimits([.. Starting.Select(static r => r.Policies)]),
    };

    public override string ToString() => $"{Actor}@{Tenant}";

    /// <summary>The roles that let their holders start runs.</summary>
    private IEnumerable<Role> Starting => _roles.Where(static r => r.Permissions.Has(Permission.WorkflowsExecute));

    private bool StartsFreely => Array.Exists(_roles, static r => r.AllowedTools is null && r.Policies == RolePolicies.None && r.Permissions.Has(Permission.WorkflowsExecute));

    private static Role Unrestricted { get; } = new("open", "Everything", PermissionSet.Everything) { IsBuiltIn = true };
}
