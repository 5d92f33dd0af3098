using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Audit;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access;

/// <summary>The roles of a tenant: those that every tenant has, and its own.</summary>
internal sealed class RoleEndpoints(Principals principals, AuditRecorder audit)
{
    private const int MaxDescription = 1000;
    private const int MaxItems = 200;
    private const decimal NanoDollars = 1_000_000_000m;
    private const decimal MaxDollars = 1_000_000m;

    private IAccessStore Store => principals.Store;

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        query.End();
        Role[] all = [.. BuiltInRoles.All.Concat(await Store.ListRolesAsync(tenant, cancellationToken).ConfigureAwait(false)).OrderBy(r => r.Name, StringComparer.Ordinal)];
        await Reply.TaggedJsonAsync(context, PageView<RoleView>.Of(all, page, descending: false, static r => r.Name, RoleView.Of), ServerJson.Default.PageViewRoleView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        Role role = await FindAsync(Tenant.Of(context), id, cancellationToken).ConfigureAwait(false) ?? throw NotFound();
        await Reply.TaggedJsonAsync(context, RoleView.Of(role), ServerJson.Default.RoleView).ConfigureAwait(false);
    }

    public async Task SaveAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        Principal caller = Caller.Of(context);
        Role role = await ReadAsync(context, id).ConfigureAwait(false);
        await RequireOwnAsync(caller, id, cancellationToken).ConfigureAwait(false);
        if (!caller.MayDefine(role))
        {
            PermissionSet more = role.Permissions.Except(caller.Permissions);
            throw new ProblemException(
                ErrorCode.PermissionDenied,
                more.IsEmpty ? "The role would start runs without the limits of your own roles." : $"The role would allow {more}, which you may not do yourself.");
        }

        IReadOnlyList<Role> own = await Store.ListRolesAsync(caller.Tenant, cancellationToken).ConfigureAwait(false);
        if (own.Count >= IAccessStore.MaxRoles && own.All(r => r.Name != id))
        {
            throw new ProblemException(ErrorCode.ValidationFailed, $"A tenant has at most {IAccessStore.MaxRoles} roles of its own. Remove one first.");
        }

        await audit.AllowAsync(context, caller.Tenant, "role.save", $"role:{id}", d => Describe(d, role)).ConfigureAwait(false);
        bool isNew = await Store.SaveRoleAsync(caller.Tenant, role, cancellationToken).ConfigureAwait(false);
        principals.Forget();
        await Reply.JsonAsync(context, isNew ? StatusCodes.Status201Created : StatusCodes.Status200OK, RoleView.Of(role), ServerJson.Default.RoleView).ConfigureAwait(false);
    }

    public async Task RemoveAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        Principal caller = Caller.Of(context);
        await RequireOwnAsync(caller, id, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(context, caller.Tenant, "role.remove", $"role:{id}").ConfigureAwait(false);
        if (!await Store.RemoveRoleAsync(caller.Tenant, id, cancellationToken).ConfigureAwait(false))
        {
            throw NotFound();
        }

        principals.Forget();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static ProblemException NotFound() => new(ErrorCode.RoleNotFound, "There is no such role. GET /api/v1/access/roles lists the roles of this tenant.");

    private static void Describe(CanonicalObject details, Role role)
    {
        if (role.AllowedTools is { } tools)
        {
            details.Text("allowed_tools"u8, string.Join(' ', tools.Patterns));
        }

        if (role.Policies.MaxRunNanoDollars is { } most)
        {
            details.Number("max_run_nanodollars"u8, most);
        }

        details.Text("permissions"u8, string.Join(' ', role.Permissions.Names));
        if (role.Policies.Workflows is { } workflows)
        {
            details.Text("workflows"u8, string.Join(' ', workflows.Patterns));
        }
    }

    private static async ValueTask<Role> ReadAsync(HttpContext context, string name)
    {
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string description = body.Text("description", MaxDescription) ?? "";
        List<string>? permissions = body.TextList("permissions", MaxItems, Grant.Problem);
        List<string>? tools = body.TextList("allowed_tools", MaxItems, NamePatterns.Problem);
        List<string>? workflows = body.TextList("workflows", MaxItems, NamePatterns.Problem);
        decimal? cost = body.Number("max_run_cost_dollars");
        if (!Role.IsName(name))
        {
            body.Fault("", $"a role's name must match {Role.NamePattern}");
        }

        if (permissions is null)
        {
            body.Fault("permissions", "'permissions' is missing", "List what the role grants, such as [\"runs.read\", \"workflows.execute\"].");
        }

        if (cost is < 0 or > MaxDollars)
        {
            body.Fault("max_run_cost_dollars", $"'max_run_cost_dollars' must be from 0 to {MaxDollars}");
        }

        body.End();
        return new Role(name, description, PermissionSet.Parse(permissions!))
        {
            AllowedTools = tools is null ? null : new NamePatterns(tools),
            Policies = new RolePolicies { Workflows = workflows is null ? null : new NamePatterns(workflows), MaxRunNanoDollars = cost is { } dollars ? (long)(dollars * NanoDollars) : null },
        };
    }

    private async ValueTask<Role?> FindAsync(string tenant, string name, CancellationToken cancellationToken) =>
        BuiltInRoles.Find(name) ?? (await Store.ListRolesAsync(tenant, cancellationToken).ConfigureAwait(false)).FirstOrDefault(r => r.Name == name);

    /// <summary>Holds a role to be one that the caller may change, where there is one.</summary>
    private async ValueTask RequireOwnAsync(Principal caller, string name, CancellationToken cancellationToken)
    {
        if (BuiltInRoles.Find(name) is not null)
        {
            throw new ProblemException(ErrorCode.RoleBuiltIn, $"'{name}' is the same in every tenant. Use another name.");
        }

        if (await FindAsync(caller.Tenant, name, cancellationToken).ConfigureAwait(false) is { } before && !caller.Permissions.Contains(before.Permissions))
        {
            throw new ProblemException(ErrorCode.PermissionDenied, $"'{name}' allows {before.Permissions.Except(caller.Permissions)}, which you may not do yourself; you cannot change it.");
        }
    }
}

/// <summary>What its holders may do.</summary>
/// <param name="Permissions">Grants.</param>
/// <param name="AllowedTools">Tools that runs of its holders may call: ids, or beginnings such as <c>skill.*</c>; <see langword="null"/>: every one.</param>
/// <param name="Workflows">Workflows whose runs may be started under the role: names, or beginnings; <see langword="null"/>: every one.</param>
/// <param name="MaxRunCostDollars">Most that a run started under the role may cost; <see langword="null"/>: what its workflow allows.</param>
/// <param name="BuiltIn">The same in every tenant.</param>
public sealed record RoleView(
    string Name,
    string Description,
    IReadOnlyList<string> Permissions,
    IReadOnlyList<string>? AllowedTools,
    IReadOnlyList<string>? Workflows,
    decimal? MaxRunCostDollars,
    bool BuiltIn)
{
    internal static RoleView Of(Role role) => new(
        role.Name,
        role.Description,
        role.Permissions.Names,
        role.AllowedTools?.Patterns,
        role.Policies.Workflows?.Patterns,
        role.Policies.MaxRunNanoDollars is { } cost ? Money.Dollars(cost) : null,
        role.IsBuiltIn);
}

internal sealed record RoleBody
{
    public string? Description { get; init; }

    /// <summary>Grants: <c>runs.read</c>, <c>network.*</c>, <c>*</c>.</summary>
    public required IReadOnlyList<string> Permissions { get; init; }

    /// <summary>Tools that runs of its holders may call: ids, or beginnings such as <c>skill.*</c>. Default: every one.</summary>
    public IReadOnlyList<string>? AllowedTools { get; init; }

    /// <summary>Workflows whose runs may be started under the role: names, or beginnings. Default: every one.</summary>
    public IReadOnlyList<string>? Workflows { get; init; }

    /// <summary>Most that a run started under the role may cost. Default: what its workflow allows.</summary>
    public decimal? MaxRunCostDollars { get; init; }
}
