using System.Security.Cryptography;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.StressTests;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.StressTests.Live;
using AgentFlow.Server.Features.StressTests.Results;
using AgentFlow.Server.Features.StressTests.Submissions;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.StressTests;

/// <summary>Takes fleets, scenarios and workflows. What was answered with 2xx is on disk, and will be run and accounted for.</summary>
internal sealed class SubmissionEndpoints(IStressTestStore store, StressTestRunner runner, StressFleets fleets, RunHost host, TenantQuotas quotas, StressEvents events, AuditRecorder audit, UlidFactory ids, TimeProvider clock)
{
    public async Task FleetAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = StressTenant.OfWrite(context);
        (JsonElement body, _) = await ReadAsync(context).ConfigureAwait(false);
        SubmittedFleet fleet = SubmissionReader.ReadFleet(body);
        await audit.AllowAsync(context, tenant, "stress_test.fleet", "stress_test", d => d.Number("agents"u8, fleet.Agents.Count)).ConfigureAwait(false);
        await fleets.IngestAsync(tenant, fleet.Agents, cancellationToken).ConfigureAwait(false);
        var byType = new SortedDictionary<string, int>(fleet.Agents.GroupBy(a => a.Agent.Type, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal), StringComparer.Ordinal);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, new FleetView("success", fleet.Agents.Count, byType, $"{fleet.Agents.Count} agents are in the registry of tenant {tenant}."), ServerJson.Default.FleetView).ConfigureAwait(false);
    }

    public async Task ScenarioAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = StressTenant.OfWrite(context);
        (JsonElement body, string hash) = await ReadAsync(context).ConfigureAwait(false);
        SubmittedScenario scenario = SubmissionReader.ReadScenario(body, SubmissionReader.HasAgents(body) ? [] : await fleets.OfAsync(tenant, cancellationToken).ConfigureAwait(false));
        await RequireRoomAsync(tenant, scenario.Workflows.Count, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(context, tenant, "stress_test.scenario", $"stress_test:{scenario.Id}", d => d.Number("workflows"u8, scenario.Workflows.Count)).ConfigureAwait(false);
        if (SubmissionReader.HasAgents(body))
        {
            await fleets.IngestAsync(tenant, scenario.Agents, cancellationToken).ConfigureAwait(false);
        }

        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var row = new StressScenario(tenant, scenario.Id, ids.Create(), hash, JsonSerializer.SerializeToUtf8Bytes(scenario.Plan, StressJson.Default.ScenarioPlan), scenario.Workflows.Count, now);
        StressWorkflow[] workflows = [.. scenario.Workflows.Select((w, i) => new StressWorkflow(ids.Create(), tenant, w.WorkflowId, w.ToJson(), now) { Round = row.Round, Position = i })];
        StressScenario underWay = await store.AddScenarioAsync(row, workflows, cancellationToken).ConfigureAwait(false);
        if (underWay.RequestHash != hash)
        {
            throw new ProblemException(ErrorCode.ScenarioUnderWay, $"Another scenario '{scenario.Id}' is under way. Wait for its result, or give this one another scenario_id.");
        }

        if (underWay.Round == row.Round)
        {
            events.Tell(tenant, "scenario.started", w =>
            {
                w.WriteString("scenario_id"u8, scenario.Id);
                w.WriteNumber("workflows"u8, workflows.Length);
                w.WriteNumber("tasks"u8, scenario.Plan.Tasks);
            });
            runner.Accepted(workflows.Length);
        }

        context.Response.Headers.Location = $"{AgentFlowApp.ApiBase}/stress-test/scenario/{Uri.EscapeDataString(scenario.Id)}";
        await Reply.JsonAsync(context, StatusCodes.Status200OK, new ScenarioQueuedView("queued", scenario.Id, underWay.Workflows, $"{underWay.Workflows} workflows are queued in tenant {tenant}."), ServerJson.Default.ScenarioQueuedView).ConfigureAwait(false);
    }

    public async Task WorkflowAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = StressTenant.OfWrite(context);
        // Refused before it is read: a busy server has no time for what it will not take.
        await RequireRoomAsync(tenant, 1, cancellationToken).ConfigureAwait(false);
        string? key = IdempotencyKeys.Of(context);
        (JsonElement body, _) = await ReadAsync(context).ConfigureAwait(false);
        WorkflowPlan plan = SubmissionReader.ReadWorkflow(body, await fleets.OfAsync(tenant, cancellationToken).ConfigureAwait(false));
        await audit.AllowAsync(context, tenant, "stress_test.workflow", $"stress_test:{plan.WorkflowId}").ConfigureAwait(false);
        var row = new StressWorkflow(ids.Create(), tenant, plan.WorkflowId, plan.ToJson(), clock.GetUtcNow().ToUnixTimeMilliseconds());
        StressWorkflow stored = await store.AddWorkflowAsync(row, key, cancellationToken).ConfigureAwait(false);
        if (stored.Workflow != plan.WorkflowId)
        {
            throw new ProblemException(ErrorCode.IdempotencyKeyReused, $"The {IdempotencyKeys.Header} was used for the workflow '{stored.Workflow}'. Use a new key for a new workflow.");
        }

        if (stored.Id == row.Id)
        {
            runner.Accepted(1);
        }
        else
        {
            context.Response.Headers[IdempotencyKeys.ReplayedHeader] = "true";
        }

        string execution = stored.Id.ToString();
        context.Response.Headers.Location = $"{AgentFlowApp.ApiBase}/stress-test/execution/{execution}";
        await Reply.JsonAsync(context, StatusCodes.Status200OK, new WorkflowQueuedView("queued", plan.WorkflowId, execution, $"The workflow is queued in tenant {tenant}."), ServerJson.Default.WorkflowQueuedView).ConfigureAwait(false);
    }

    private async ValueTask RequireRoomAsync(string tenant, int workflows, CancellationToken cancellationToken)
    {
        if (host.IsStopping)
        {
            throw new EngineStoppingException();
        }

        if (host.StoreFailure is { } failure)
        {
            throw failure;
        }

        if (host.IsSaturated || runner.Pending + workflows > runner.MostPending)
        {
            throw new EngineSaturatedException();
        }

        await quotas.RequireStorageAsync(tenant, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The body, and a hash of its bytes.</summary>
    private static async ValueTask<(JsonElement Body, string Hash)> ReadAsync(HttpContext context)
    {
        string type = RequestBody.MediaType(context);
        // Clients of the protocol do not all say what they send; those who say something else mean it.
        if (type.Length > 0 && !RequestBody.IsJson(type))
        {
            throw RequestBody.Unsupported(type, RequestBody.Json);
        }

        ReadOnlyMemory<byte> utf8 = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        utf8 = utf8.Span.StartsWith("\uFEFF"u8) ? utf8[3..] : utf8;
        StrictJson.Check(utf8);
        using JsonDocument document = JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = StrictJson.MaxDepth });
        if (document.RootElement.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array))
        {
            throw new ProblemException(ErrorCode.ValidationFailed, "The body must be a JSON object.");
        }

        return (document.RootElement.Clone(), Convert.ToHexStringLower(SHA256.HashData(utf8.Span)));
    }
}
