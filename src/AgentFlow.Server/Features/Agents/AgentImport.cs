using System.Text.Json;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Agents;

/// <summary>
/// Takes many identities at once, by name: those that are new are added, those whose source has changed since are renewed, and
/// the rest is left alone, whatever was changed in the registry meanwhile.
/// </summary>
internal sealed class AgentImport(IAgentStore store, AuditRecorder audit, AgentActivity activity, TimeProvider clock, TenantQuotas quotas)
{
    public const int MaxAgents = 500;
    private const int MaxDigest = 64;

    // Enough to share a commit, and few enough to hold nobody up.
    private const int AtOnce = 64;

    public async Task ImportAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        if (body.Objects("agents", MaxAgents) is not { } items)
        {
            body.Fault("agents", "'agents' is missing", "Give a list of identities.");
            items = [];
        }

        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var names = new HashSet<string>(StringComparer.Ordinal);
        RegisteredAgent[] given = [.. items.Select(item => Read(item, now, names))];
        body.End();
        await quotas.RequireAgentAsync(tenant, store, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(context, tenant, "agent.import", "agents", d => d.Number("agents"u8, given.Length)).ConfigureAwait(false);
        var outcomes = new List<ImportedAgentView>(given.Length);
        foreach (RegisteredAgent[] some in given.Chunk(AtOnce))
        {
            outcomes.AddRange(await Task.WhenAll(some.Select(a => ImportAsync(tenant, a, cancellationToken))).ConfigureAwait(false));
        }

        int Count(string outcome) => outcomes.Count(o => o.Outcome == outcome);
        var view = new ImportView(Count(ImportedAgentView.Imported), Count(ImportedAgentView.Updated), Count(ImportedAgentView.Unchanged), Count(ImportedAgentView.Rejected), outcomes);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, view, ServerJson.Default.ImportView).ConfigureAwait(false);
    }

    private static RegisteredAgent Read(JsonBody item, long now, HashSet<string> names)
    {
        string id = item.Text("agent_id", MaxDigest) ?? "";
        if (id.Length > 0 && !Guid.TryParseExact(id, "D", out _))
        {
            item.Fault("agent_id", "'agent_id' is no UUID", "Give one, or leave it out.");
        }

        string digest = item.Text("digest", MaxDigest) ?? "";
        if (digest.Length == 0)
        {
            item.Fault("digest", "'digest' is missing", "Give a hash of the source, by which it is known again.");
        }

        RegisteredAgent agent = AgentBody.Read(item, new RegisteredAgent(id.ToLowerInvariant(), "", AgentKinds.Llm) { CreatedAt = now, UpdatedAt = now, Digest = digest }, isNew: true, out AgentSpend? use);
        if (use is not null)
        {
            item.Fault("budget/use", "what was spent is not imported");
        }

        if (!names.Add(agent.Name))
        {
            item.Fault("name", $"'{agent.Name}' stands twice in this import");
        }

        item.Close();
        return agent;
    }

    private async Task<ImportedAgentView> ImportAsync(string tenant, RegisteredAgent given, CancellationToken cancellationToken)
    {
        // A race with another import is decided by the store; whoever lost it looks again.
        for (int attempt = 0; attempt < 3; attempt++)
        {
            RegisteredAgent? there = await store.FindByNameAsync(tenant, given.Name, cancellationToken).ConfigureAwait(false);
            there = there is { Kind: AgentKinds.Remote } ? null : there;
            if (there is not null && there.Digest == given.Digest)
            {
                return new ImportedAgentView(given.Name, there.Id, ImportedAgentView.Unchanged, null);
            }

            if (there is not null && given.Id.Length > 0 && there.Id != given.Id)
            {
                return new ImportedAgentView(given.Name, there.Id, ImportedAgentView.Rejected, $"the tenant has an agent '{given.Name}' with the id {there.Id}");
            }

            RegisteredAgent wanted = there is null
                ? given.Id.Length > 0 ? given : given with { Id = Guid.NewGuid().ToString("D") }
                : given with { Id = there.Id, Kind = there.Kind, Status = there.Status, CreatedAt = there.CreatedAt, Version = there.Version + 1 };
            AgentWrite written = there is null
                ? await store.CreateAsync(tenant, wanted, cancellationToken).ConfigureAwait(false)
                : await store.UpdateAsync(tenant, wanted, there.Version, null, cancellationToken).ConfigureAwait(false);
            switch (written)
            {
                case AgentWrite.Done:
                    activity.Tell(tenant, there is null ? AgentActivity.Created : AgentActivity.Updated, wanted, RegisteredAgentView.Of(wanted), ServerJson.Default.RegisteredAgentView);
                    return new ImportedAgentView(wanted.Name, wanted.Id, there is null ? ImportedAgentView.Imported : ImportedAgentView.Updated, null);
                case AgentWrite.IdTaken:
                    return new ImportedAgentView(given.Name, null, ImportedAgentView.Rejected, $"another agent has the id {given.Id}");
            }
        }

        return new ImportedAgentView(given.Name, null, ImportedAgentView.Rejected, "others change it at the same moment; import it again");
    }
}

/// <summary>What became of an import.</summary>
/// <param name="Unchanged">Those whose source is the one that was imported before.</param>
public sealed record ImportView(int Imported, int Updated, int Unchanged, int Rejected, IReadOnlyList<ImportedAgentView> Agents);

/// <param name="Outcome"><c>imported</c>, <c>updated</c>, <c>unchanged</c> or <c>rejected</c>.</param>
/// <param name="Reason">Why it was rejected.</param>
public sealed record ImportedAgentView(string Name, string? AgentId, string Outcome, string? Reason)
{
    internal const string Imported = "imported";
    internal const string Updated = "updated";
    internal const string Unchanged = "unchanged";
    internal const string Rejected = "rejected";
}

/// <summary>What the API's description says of an import's body.</summary>
/// <param name="Agents">At most 500.</param>
public sealed record ImportBodyNote(IReadOnlyList<ImportItemNote> Agents);

/// <summary>An identity, as it is added one by one.</summary>
/// <param name="Digest">Hash of its source, by which it is known again.</param>
public sealed record ImportItemNote(
    string Name,
    string Digest,
    string? AgentId,
    string? Kind,
    string? Role,
    string? Category,
    string? Specialist,
    IReadOnlyList<string>? Capabilities,
    JsonElement? Permissions,
    AgentBudgetBodyNote? Budget,
    JsonElement? Metadata,
    JsonElement? Definition,
    string? Instructions,
    string? Source);
