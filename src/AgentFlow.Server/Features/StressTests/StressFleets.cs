using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.StressTests.Live;
using AgentFlow.Server.Features.StressTests.Submissions;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.StressTests;

/// <summary>The agents of stress tests, in the registry of their tenant: one entry each, with everything that was submitted about it.</summary>
internal sealed class StressFleets(IAgentStore agents, AgentPolicies? policies, TenantQuotas quotas, StressEvents events, TimeProvider clock)
{
    /// <summary>What tells them from other agents of the kind.</summary>
    public const string Specialist = "simulated";

    private const string Kind = "custom";
    private const int PageSize = 500;
    private const int MostFleets = 1024;

    private static readonly TimeSpan BelievedFor = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, (IReadOnlyList<SubmittedAgent> Agents, long At)> _known = new(StringComparer.Ordinal);

    /// <summary>Registers agents, or renews those that are there.</summary>
    public async Task IngestAsync(string tenant, IReadOnlyList<SubmittedAgent> fleet, CancellationToken cancellationToken)
    {
        await quotas.RequireRoomAsync(tenant, QuotaKind.Agents, async token => (await agents.StatsAsync(tenant, token).ConfigureAwait(false)).Total, cancellationToken).ConfigureAwait(false);
        // Writes that come at the same time share commits.
        await Task.WhenAll(fleet.Select(agent => IngestAsync(tenant, agent, cancellationToken))).ConfigureAwait(false);
        _known.TryRemove(tenant, out _);
        policies?.Forget(tenant);
    }

    /// <summary>The agents that a tenant has registered for stress tests, as they were submitted.</summary>
    public async ValueTask<IReadOnlyList<SubmittedAgent>> OfAsync(string tenant, CancellationToken cancellationToken)
    {
        if (_known.TryGetValue(tenant, out var known) && clock.GetElapsedTime(known.At) < BelievedFor)
        {
            return known.Agents;
        }

        IReadOnlyList<RegisteredAgent> registered = await RegisteredAsync(tenant, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<SubmittedAgent> fleet = registered.Count == 0 ? [] : SubmissionReader.ReadRegistered(Whole(registered));
        if (_known.Count >= MostFleets)
        {
            _known.Clear();
        }

        _known[tenant] = (fleet, clock.GetTimestamp());
        return fleet;
    }

    public async ValueTask<IReadOnlyList<RegisteredAgent>> RegisteredAsync(string tenant, CancellationToken cancellationToken)
    {
        var all = new List<RegisteredAgent>();
        AgentPage page;
        (string Name, string Id)? after = null;
        do
        {
            page = await agents.ListAsync(tenant, new AgentFilter(Kind: Kind, Specialist: Specialist, After: after, Size: PageSize), cancellationToken).ConfigureAwait(false);
            all.AddRange(page.Agents);
            after = all.Count > 0 ? (all[^1].Name, all[^1].Id) : null;
        }
        while (page.HasMore);
        return all;
    }

    private async Task IngestAsync(string tenant, SubmittedAgent submitted, CancellationToken cancellationToken)
    {
        byte[] document = Encoding.UTF8.GetBytes(submitted.Document.GetRawText());
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var agent = new RegisteredAgent(submitted.Agent.AgentId, submitted.Agent.AgentId, Kind)
        {
            Category = submitted.Agent.Type,
            Specialist = Specialist,
            Capabilities = [.. submitted.Capabilities.Where(c => AgentName.CapabilityProblem(c) is null).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            Document = new AgentDocument { Metadata = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["display_name"] = submitted.Name }, ServerJson.Default.DictionaryStringString), Definition = document }.ToPayload(),
            Digest = Convert.ToHexStringLower(SHA256.HashData(document)),
            CreatedAt = now,
            UpdatedAt = now,
        };
        if (AgentName.Problem(agent.Name) is { } problem)
        {
            throw new ProblemException(ErrorCode.ValidationFailed, $"'{agent.Name}' cannot be registered: {problem}.");
        }

        AgentWrite written = await agents.CreateAsync(tenant, agent, cancellationToken).ConfigureAwait(false);
        while (written != AgentWrite.Done)
        {
            RegisteredAgent? there = await agents.FindAsync(tenant, agent.Id, cancellationToken).ConfigureAwait(false);
            if (there is not { Kind: Kind, Specialist: Specialist })
            {
                throw new ProblemException(ErrorCode.AgentExists, $"'{agent.Id}' is the id or name of another agent of this tenant. Submit the fleet in a tenant of its own, or rename the agent.");
            }

            if (there.Digest == agent.Digest)
            {
                break;
            }

            // Somebody may be renewing it at the same moment; the last one wins.
            written = await agents.UpdateAsync(tenant, agent with { Status = there.Status, Budget = there.Budget }, there.Version, null, cancellationToken).ConfigureAwait(false);
        }

        events.Tell(tenant, "agent.registered", w =>
        {
            w.WriteString("agent_id"u8, agent.Id);
            w.WriteString("agent_type"u8, agent.Category);
            w.WriteString("name"u8, submitted.Name);
        });
    }

    private static JsonElement Whole(IReadOnlyList<RegisteredAgent> registered)
    {
        var text = new StringBuilder("[");
        foreach (RegisteredAgent agent in registered)
        {
            text.Append(text.Length > 1 ? "," : "").Append(Encoding.UTF8.GetString(AgentDocument.Of(agent.Document).Definition.Span));
        }

        return JsonElement.Parse(text.Append(']').ToString());
    }
}
