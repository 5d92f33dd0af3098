using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access.Quotas;

/// <summary>
/// What tenants may have. Whoever operates the deployment gives it; a tenant sees its own and cannot change it.
/// </summary>
internal sealed class QuotaEndpoints(TenantQuotas quotas, IAccessStore access, ICatalogue catalogue, AuditRecorder audit)
{
    private const string Unlimited = "unlimited";
    private const string Default = "default";

    public async Task OwnAsync(HttpContext context, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        await Reply.TaggedJsonAsync(context, await ViewAsync(Tenant.Of(context), cancellationToken).ConfigureAwait(false), ServerJson.Default.QuotasView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        await RequireTenantAsync(context, id, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, await ViewAsync(id, cancellationToken).ConfigureAwait(false), ServerJson.Default.QuotasView).ConfigureAwait(false);
    }

    public async Task SetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        var grants = new Dictionary<QuotaKind, QuotaGrant?>();
        foreach (QuotaKind kind in QuotaKinds.All)
        {
            Read(body, kind, grants);
        }

        body.End();
        await RequireTenantAsync(context, id, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(
            context,
            Tenant.Of(context),
            "tenant.quota",
            $"tenant:{id}",
            d => d.Text("quotas"u8, string.Join("; ", grants.Select(g => $"{g.Key.Word()}: {Said(g.Value)}")))).ConfigureAwait(false);
        await quotas.SetAsync(id, grants, cancellationToken).ConfigureAwait(false);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, await ViewAsync(id, cancellationToken).ConfigureAwait(false), ServerJson.Default.QuotasView).ConfigureAwait(false);
    }

    private static void Read(JsonBody body, QuotaKind kind, Dictionary<QuotaKind, QuotaGrant?> grants)
    {
        string name = kind.Word();
        if (body.Value(name) is not { } raw)
        {
            return;
        }

        var reader = new Utf8JsonReader(raw.Span);
        reader.Read();
        string text = reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString()!,
            JsonTokenType.Number => System.Text.Encoding.UTF8.GetString(raw.Span),
            _ => "",
        };
        switch (text)
        {
            case Default:
                grants[kind] = null;
                break;
            case Unlimited:
                grants[kind] = QuotaGrant.Unlimited;
                break;
            case var _ when QuotaSettings.Parse(kind, text) is { } most:
                grants[kind] = new QuotaGrant(most);
                break;
            default:
                body.Fault(name, $"'{name}' is no quota", $"Give a whole number{(kind == QuotaKind.Storage ? " of bytes, a size such as \"20GiB\"" : "")}, \"{Unlimited}\" or \"{Default}\".");
                break;
        }
    }

    private static string Said(QuotaGrant? grant) => grant is not { } given ? Default : given.Most?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? Unlimited;

    private async ValueTask RequireTenantAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        // Where nobody is asked who they are, a tenant need not be registered to be worked in.
        if (!TenantName.IsValid(id) || (Caller.Of(context).Kind != PrincipalKind.BuiltIn && await access.FindTenantAsync(id, cancellationToken).ConfigureAwait(false) is null))
        {
            throw new ProblemException(ErrorCode.TenantNotFound, "There is no such tenant. GET /api/v1/access/tenants lists the tenants.");
        }
    }

    private async Task<QuotasView> ViewAsync(string tenant, CancellationToken cancellationToken)
    {
        CatalogueCount workflows = await catalogue.CountAsync(tenant, cancellationToken).ConfigureAwait(false);
        var views = new List<QuotaView>();
        foreach (QuotaKind kind in QuotaKinds.All)
        {
            Quota quota = await quotas.OfAsync(tenant, kind, cancellationToken).ConfigureAwait(false);
            long? used = kind switch
            {
                QuotaKind.Runs => await quotas.Store.RunsAsync(tenant, cancellationToken).ConfigureAwait(false),
                QuotaKind.Workflows => workflows.Names,
                QuotaKind.WorkflowVersions => workflows.Versions,
                QuotaKind.Storage when quota.Most is not null => await quotas.StorageAsync(tenant, cancellationToken).ConfigureAwait(false),
                _ => null,
            };
            views.Add(new QuotaView(kind.Word(), quota.Most, quota.Source.ToString().ToLowerInvariant(), used));
        }

        return new QuotasView(tenant, views);
    }
}

/// <summary>What a tenant may have.</summary>
public sealed record QuotasView(string Tenant, IReadOnlyList<QuotaView> Quotas);

/// <param name="Kind"><c>runs</c>, <c>workflows</c>, <c>workflow_versions</c>, <c>storage</c> (bytes) or <c>agents</c>.</param>
/// <param name="Limit">Absent: as much as there is.</param>
/// <param name="Source"><c>tenant</c>: it was given that; <c>default</c>: the deployment's settings; <c>none</c>.</param>
/// <param name="Used">Absent where nobody counts, because there was never a limit.</param>
public sealed record QuotaView(string Kind, long? Limit, string Source, long? Used);

/// <summary>Quotas to give; what is left out stays. Each is a number, <c>unlimited</c>, or <c>default</c> for what the settings say.</summary>
internal sealed record QuotasBody
{
    /// <summary>Runs that may be going at once.</summary>
    public JsonElement? Runs { get; init; }

    /// <summary>Names of workflows.</summary>
    public JsonElement? Workflows { get; init; }

    /// <summary>Versions of workflows.</summary>
    public JsonElement? WorkflowVersions { get; init; }

    /// <summary>Bytes, or a size such as <c>20GiB</c>.</summary>
    public JsonElement? Storage { get; init; }

    /// <summary>Registered agents.</summary>
    public JsonElement? Agents { get; init; }
}
