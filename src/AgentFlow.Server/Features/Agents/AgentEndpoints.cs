using System.Security.Cryptography;
using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Agents;

/// <summary>The agents of a tenant: all kinds to read, identities to add, change, activate and remove.</summary>
internal sealed class AgentEndpoints(IAgentStore store, IMetricStore metrics, AuditRecorder audit, AgentActivity activity, TimeProvider clock, TenantQuotas quotas)
{
    private const int MaxText = 200;
    private const int Attempts = 10;

    public async Task CreateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        string? key = IdempotencyKeys.Of(context);
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string? id = body.Text("agent_id", MaxText);
        if (id is not null && !Guid.TryParseExact(id, "D", out _))
        {
            body.Fault("agent_id", "'agent_id' is no UUID", "Give one, or leave it out.");
        }

        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        id = id?.ToLowerInvariant() ?? (key is null ? Guid.NewGuid() : OfKey(tenant, key)).ToString("D");
        RegisteredAgent agent = AgentBody.Read(body, new RegisteredAgent(id, "", AgentKinds.Llm) { CreatedAt = now, UpdatedAt = now }, isNew: true, out AgentSpend? use);
        body.End();
        agent = agent with { Budget = agent.Budget with { Use = use ?? default } };
        RegisteredAgent? before = await store.FindAsync(tenant, id, cancellationToken).ConfigureAwait(false);
        if (before is not null && key is not null)
        {
            await ReplayAsync(context, before, agent).ConfigureAwait(false);
            return;
        }

        // Looked up before the note, so that the audit does not say what could be known not to happen.
        if (before is not null || await store.FindByNameAsync(tenant, agent.Name, cancellationToken).ConfigureAwait(false) is { Kind: not AgentKinds.Remote })
        {
            throw Exists(before is null ? AgentWrite.NameTaken : AgentWrite.IdTaken, agent);
        }

        await quotas.RequireAgentAsync(tenant, store, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(context, tenant, "agent.create", $"agent:{id}", d => d.Text("name"u8, agent.Name).Text("role"u8, agent.Role)).ConfigureAwait(false);
        AgentWrite written = await store.CreateAsync(tenant, agent, cancellationToken).ConfigureAwait(false);
        if (written != AgentWrite.Done)
        {
            throw Exists(written, agent);
        }

        RegisteredAgentView view = RegisteredAgentView.Of(agent, []);
        Tell(tenant, AgentActivity.Created, agent, view);
        context.Response.Headers.Location = $"{AgentFlowApp.ApiBase}/agents/{id}";
        await Reply.JsonAsync(context, StatusCodes.Status201Created, view, ServerJson.Default.RegisteredAgentView).ConfigureAwait(false);
    }

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        var filter = new AgentFilter(
            query.Text("kind"), query.Text("role"), query.Text("category"), query.Text("specialist"), query.Text("status"), query.Text("capability"), AgentCursor.Read(page.Cursor), page.Size);
        query.Word("sort", "name");
        query.End();
        AgentPage found = await store.ListAsync(tenant, filter, cancellationToken).ConfigureAwait(false);
        var view = new PageView<RegisteredAgentView>([.. found.Agents.Select(a => RegisteredAgentView.Of(a))], found.HasMore ? AgentCursor.Of(found.Agents[^1]) : null, found.Total);
        await Reply.TaggedJsonAsync(context, view, ServerJson.Default.PageViewRegisteredAgentView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        RegisteredAgent agent = await FindAsync(tenant, id, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, await WholeAsync(tenant, agent, cancellationToken).ConfigureAwait(false), ServerJson.Default.RegisteredAgentView).ConfigureAwait(false);
    }

    public async Task GetByNameAsync(HttpContext context, string name, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        RegisteredAgent agent = await store.FindByNameAsync(tenant, name, cancellationToken).ConfigureAwait(false) ?? throw NotFound();
        await Reply.TaggedJsonAsync(context, await WholeAsync(tenant, agent, cancellationToken).ConfigureAwait(false), ServerJson.Default.RegisteredAgentView).ConfigureAwait(false);
    }

    public async Task UpdateAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        JsonBody first = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        for (int attempt = 1; ; attempt++)
        {
            RegisteredAgent before = await FindAsync(tenant, id, cancellationToken).ConfigureAwait(false);
            JsonBody body = first.Again();
            bool isHeld = HoldVersion(body, before);
            RegisteredAgent agent = AgentBody.Read(body, before, isNew: false, out AgentSpend? use) with { UpdatedAt = Math.Max(before.UpdatedAt, clock.GetUtcNow().ToUnixTimeMilliseconds()) };
            body.End();
            isHeld |= await HoldTagAsync(context, tenant, before, cancellationToken).ConfigureAwait(false);
            await audit.AllowAsync(context, tenant, "agent.update", $"agent:{before.Id}", d => d.Text("name"u8, agent.Name).Text("role"u8, agent.Role).Text("status"u8, agent.Status).Number("version"u8, before.Version + 1)).ConfigureAwait(false);
            switch (await store.UpdateAsync(tenant, agent, before.Version, use, cancellationToken).ConfigureAwait(false))
            {
                case AgentWrite.Done:
                    RegisteredAgent after = await FindAsync(tenant, before.Id, cancellationToken).ConfigureAwait(false);
                    RegisteredAgentView view = await WholeAsync(tenant, after, cancellationToken).ConfigureAwait(false);
                    Tell(tenant, AgentActivity.Updated, after, view);
                    if (after.Budget != before.Budget)
                    {
                        activity.BudgetUpdated(tenant, after);
                    }

                    await Reply.TaggedJsonAsync(context, view, ServerJson.Default.RegisteredAgentView).ConfigureAwait(false);
                    return;
                case AgentWrite.NameTaken:
                    throw Exists(AgentWrite.NameTaken, agent);
                case AgentWrite.Missing:
                    throw NotFound();
                default:
                    // Somebody else was faster. Unless the caller holds to what they know, what they want still holds.
                    if (isHeld || attempt == Attempts)
                    {
                        throw Outdated();
                    }

                    break;
            }
        }
    }

    public async Task DeleteAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        RegisteredAgent agent = await FindAsync(tenant, id, cancellationToken).ConfigureAwait(false);
        bool isHeld = await HoldTagAsync(context, tenant, agent, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(context, tenant, "agent.delete", $"agent:{agent.Id}", d => d.Text("name"u8, agent.Name)).ConfigureAwait(false);
        switch (await store.DeleteAsync(tenant, agent.Id, isHeld ? agent.Version : null, cancellationToken).ConfigureAwait(false))
        {
            case AgentWrite.Missing:
                throw NotFound();
            case AgentWrite.Stale:
                throw Outdated();
        }

        Tell(tenant, AgentActivity.Deleted, agent, RegisteredAgentView.Of(agent));
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    public async Task ActivateAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string task = body.Text("task_id", MaxText) ?? "";
        body.End();
        RegisteredAgent agent = await FindAsync(tenant, id, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(context, tenant, "agent.activate", $"agent:{agent.Id}", d => d.Text("name"u8, agent.Name).Text("task"u8, task)).ConfigureAwait(false);
        if (!await store.SetStatusAsync(tenant, agent.Id, [AgentStatus.Idle, AgentStatus.Active], AgentStatus.Active, clock.GetUtcNow().ToUnixTimeMilliseconds(), cancellationToken).ConfigureAwait(false))
        {
            agent = await FindAsync(tenant, id, cancellationToken).ConfigureAwait(false);
            throw new ProblemException(ErrorCode.AgentNotReady, agent.Kind == AgentKinds.Remote
                ? $"'{agent.Name}' is a remote agent: it says itself how it is, at /orchestrator/heartbeat."
                : $"'{agent.Name}' is {agent.Status}. Set its status to idle before it is activated.");
        }

        agent = await FindAsync(tenant, id, cancellationToken).ConfigureAwait(false);
        RegisteredAgentView view = RegisteredAgentView.Of(agent);
        Tell(tenant, AgentActivity.Activated, agent, view);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, view, ServerJson.Default.RegisteredAgentView).ConfigureAwait(false);
    }

    public async Task StatsAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        AgentStats stats = await store.StatsAsync(tenant, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, AgentStatsView.Of(stats), ServerJson.Default.AgentStatsView).ConfigureAwait(false);
    }

    internal static ProblemException NotFound() => new(ErrorCode.AgentNotFound, "There is no such agent. GET /api/v1/agents lists those that there are.");

    private static ProblemException Outdated() => new(ErrorCode.PreconditionFailed, "The agent has changed since you read it. Read it again, and send your change over what it is now.");

    private static ProblemException Exists(AgentWrite written, RegisteredAgent agent) => new(ErrorCode.AgentExists, written == AgentWrite.NameTaken
        ? $"The tenant has an agent called '{agent.Name}'. Give another name, or change that one with PUT /api/v1/agents/{{agent_id}}."
        : $"The tenant has an agent with the id {agent.Id}. Leave the id out, or change that agent with PUT /api/v1/agents/{agent.Id}.");

    /// <summary>The same key stands for the same agent.</summary>
    private static Guid OfKey(string tenant, string key) => new(SHA256.HashData(Encoding.UTF8.GetBytes($"agent\n{tenant}\n{key}")).AsSpan(0, 16), bigEndian: true);

    private static Task ReplayAsync(HttpContext context, RegisteredAgent there, RegisteredAgent wanted)
    {
        if (there.Name != wanted.Name)
        {
            throw new ProblemException(ErrorCode.IdempotencyKeyReused, $"The Idempotency-Key stands for the agent '{there.Name}'. Use another key for another agent.");
        }

        context.Response.Headers[IdempotencyKeys.ReplayedHeader] = "true";
        context.Response.Headers.Location = $"{AgentFlowApp.ApiBase}/agents/{there.Id}";
        return Reply.JsonAsync(context, StatusCodes.Status201Created, RegisteredAgentView.Of(there, []), ServerJson.Default.RegisteredAgentView);
    }

    private static bool HoldVersion(JsonBody body, RegisteredAgent agent)
    {
        if (body.Number("version") is not { } version)
        {
            return false;
        }

        return version == agent.Version ? true : throw Outdated();
    }

    private async Task<bool> HoldTagAsync(HttpContext context, string tenant, RegisteredAgent agent, CancellationToken cancellationToken)
    {
        if (context.Request.Headers.IfMatch.Count == 0)
        {
            return false;
        }

        RegisteredAgentView known = await WholeAsync(tenant, agent, cancellationToken).ConfigureAwait(false);
        return Reply.IsOutdated(context, known, ServerJson.Default.RegisteredAgentView) ? throw Outdated() : true;
    }

    private async Task<RegisteredAgent> FindAsync(string tenant, string id, CancellationToken cancellationToken) =>
        await store.FindAsync(tenant, id, cancellationToken).ConfigureAwait(false) ?? throw NotFound();

    private async Task<RegisteredAgentView> WholeAsync(string tenant, RegisteredAgent agent, CancellationToken cancellationToken) => RegisteredAgentView.Of(
        agent, await metrics.AggregateAsync(tenant, new MetricFilter(agent.Id), MetricWindow.None, MetricGrouping.None, cancellationToken).ConfigureAwait(false) ?? []);

    private void Tell(string tenant, string type, RegisteredAgent agent, RegisteredAgentView view) =>
        activity.Tell(tenant, type, agent, view with { Definition = null, Instructions = null }, ServerJson.Default.RegisteredAgentView);
}

/// <summary>A place in a list by name and id.</summary>
internal static class AgentCursor
{
    public static string Of(RegisteredAgent last) => Convert.ToBase64String(Encoding.UTF8.GetBytes($"{last.Name}\n{last.Id}")).Replace('+', '-').Replace('/', '_');

    public static (string Name, string Id)? Read(string? cursor)
    {
        if (cursor is null)
        {
            return null;
        }

        try
        {
            string text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Convert.FromBase64String(cursor.Replace('-', '+').Replace('_', '/')));
            int end = text.IndexOf('\n', StringComparison.Ordinal);
            if (end >= 0 && !text.Contains('\0', StringComparison.Ordinal))
            {
                return (text[..end], text[(end + 1)..]);
            }
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            // Not one of ours; said below.
        }

        throw ProblemException.Parameter("page[cursor]", "is no cursor of this list", "Pass the next_cursor of the page before.");
    }
}
