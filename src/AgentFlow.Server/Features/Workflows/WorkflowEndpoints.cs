using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.Triggers;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Workflows;

/// <summary>Storing workflow versions and reading them.</summary>
internal sealed class WorkflowEndpoints(PublishedWorkflows workflows, DefinitionCache definitions, TenantQuotas quotas, AuditRecorder audit, TriggerBook triggers)
{
    private const string Yaml = "application/yaml";

    public async Task SaveAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        bool dryRun = query.Flag("dry_run");
        query.End();
        WorkflowSource source = await WorkflowUpload.ReadAsync(context).ConfigureAwait(false);
        LoadResult loaded = await workflows.CheckAsync(tenant, source, cancellationToken).ConfigureAwait(false);
        if (loaded.Definition is not { } definition)
        {
            throw Invalid(loaded.Diagnostics);
        }

        if (dryRun)
        {
            await Reply.JsonAsync(context, StatusCodes.Status200OK, WorkflowView.Of(definition, null, loaded.Diagnostics), ServerJson.Default.WorkflowView).ConfigureAwait(false);
            return;
        }

        await quotas.RequireStorageAsync(tenant, cancellationToken).ConfigureAwait(false);
        CatalogueLimits limits = await quotas.CatalogueAsync(tenant, cancellationToken).ConfigureAwait(false);
        await triggers.AnnounceAsync(context, tenant, definition, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(context, tenant, "workflow.save", $"workflow:{definition.Name}", d => d.Text("definition"u8, definition.Hash).Text("version"u8, definition.Version)).ConfigureAwait(false);
        (SaveOutcome outcome, StoredWorkflow stored) = await workflows.SaveAsync(tenant, definition, limits, cancellationToken).ConfigureAwait(false);
        if (outcome is SaveOutcome.TooManyNames or SaveOutcome.TooManyVersions)
        {
            CatalogueCount has = await workflows.Catalogue.CountAsync(tenant, cancellationToken).ConfigureAwait(false);
            throw outcome == SaveOutcome.TooManyNames
                ? TenantQuotas.Exceeded(QuotaKind.Workflows, limits.Names!.Value, has.Names)
                : TenantQuotas.Exceeded(QuotaKind.WorkflowVersions, limits.Versions!.Value, has.Versions);
        }

        if (outcome == SaveOutcome.Conflict)
        {
            throw new ProblemException(
                ErrorCode.WorkflowVersionExists,
                $"Version {definition.Version} of '{definition.Name}' is stored with other content. Raise 'version' in the file; a stored version never changes.");
        }

        await triggers.FollowAsync(context, tenant, definition, cancellationToken).ConfigureAwait(false);
        bool isNew = outcome == SaveOutcome.Created;
        context.Response.Headers.Location = $"{AgentFlowApp.ApiBase}/workflows/{Uri.EscapeDataString(definition.Name)}?version={Uri.EscapeDataString(definition.Version)}";
        await Reply.JsonAsync(
            context,
            isNew ? StatusCodes.Status201Created : StatusCodes.Status200OK,
            WorkflowView.Of(definition, stored.CreatedAt, loaded.Diagnostics),
            ServerJson.Default.WorkflowView).ConfigureAwait(false);
    }

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        string sort = query.Word("sort", "name", "-name");
        string? planner = query.Text("filter[planner]");
        query.End();
        IEnumerable<StoredWorkflow> all = await workflows.Catalogue.ListAsync(tenant, cancellationToken).ConfigureAwait(false);
        bool descending = sort == "-name";
        all = all.Where(w => planner is null || w.Planner == planner);
        StoredWorkflow[] ordered = [.. descending ? all.OrderByDescending(w => w.Name, StringComparer.Ordinal) : all.OrderBy(w => w.Name, StringComparer.Ordinal)];
        PageView<StoredWorkflow> stored = PageView<StoredWorkflow>.Of(ordered, page, descending, static w => w.Name, static w => w);
        await ReplyAsync(context, tenant, stored, cancellationToken).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        (string tenant, StoredWorkflow stored) = await FindAsync(context, id, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, await ViewAsync(tenant, stored, cancellationToken).ConfigureAwait(false), ServerJson.Default.WorkflowView).ConfigureAwait(false);
    }

    public async Task VersionsAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        query.Word("sort", "-version");
        query.End();
        IReadOnlyList<StoredWorkflow> versions = await workflows.Catalogue.VersionsAsync(tenant, id, cancellationToken).ConfigureAwait(false);
        if (versions.Count == 0)
        {
            throw NotFound();
        }

        int start = 0;
        if (page.Cursor is { } cursor)
        {
            start = versions.ToList().FindIndex(v => v.Version == cursor) + 1;
            if (start == 0)
            {
                throw ProblemException.Parameter("page[cursor]", "is no cursor of this list", "Pass the next_cursor of the page before.");
            }
        }

        StoredWorkflow[] items = [.. versions.Skip(start).Take(page.Size)];
        string? next = start + items.Length < versions.Count ? items[^1].Version : null;
        await ReplyAsync(context, tenant, new PageView<StoredWorkflow>(items, next, versions.Count), cancellationToken).ConfigureAwait(false);
    }

    public async Task SourceAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        (_, StoredWorkflow stored) = await FindAsync(context, id, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedAsync(context, $"{Yaml}; charset=utf-8", Encoding.UTF8.GetBytes(stored.Source.Yaml)).ConfigureAwait(false);
    }

    public static ProblemException NotFound() =>
        new(ErrorCode.WorkflowNotFound, "There is no such workflow or version. GET /api/v1/workflows lists the workflows of this tenant.");

    private static ProblemException Invalid(IReadOnlyList<Diagnostic> diagnostics)
    {
        int errors = diagnostics.Count(d => d.IsError);
        return new ProblemException(
            ErrorCode.WorkflowInvalid,
            errors == 1 ? $"The file has an error: {diagnostics.First(d => d.IsError)}" : $"The file has {errors} errors.",
            [.. diagnostics.Where(d => d.IsError).Select(d => new ProblemEntry(d.Message, d.File, null, d.Line, d.Column, d.Code, d.Remedy))]);
    }

    private async ValueTask<(string Tenant, StoredWorkflow Stored)> FindAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        string? version = query.Text("version");
        query.End();
        return (tenant, await workflows.Catalogue.FindAsync(tenant, id, version, cancellationToken).ConfigureAwait(false) ?? throw NotFound());
    }

    private async Task ReplyAsync(HttpContext context, string tenant, PageView<StoredWorkflow> page, CancellationToken cancellationToken)
    {
        var views = new List<WorkflowView>(page.Items.Count);
        foreach (StoredWorkflow stored in page.Items)
        {
            views.Add(await ViewAsync(tenant, stored, cancellationToken).ConfigureAwait(false));
        }

        await Reply.TaggedJsonAsync(context, new PageView<WorkflowView>(views, page.NextCursor, page.TotalCount), ServerJson.Default.PageViewWorkflowView).ConfigureAwait(false);
    }

    private async ValueTask<WorkflowView> ViewAsync(string tenant, StoredWorkflow stored, CancellationToken cancellationToken)
    {
        try
        {
            return WorkflowView.Of(await definitions.GetAsync(tenant, stored.Hash, cancellationToken).ConfigureAwait(false), stored.CreatedAt, []);
        }
        catch (RunUnreadableException e)
        {
            return WorkflowView.Broken(stored, e.Message);
        }
    }
}
