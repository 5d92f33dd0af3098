using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Features.Workflows;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Costs;

/// <summary>What runs will use, asked before or while they run.</summary>
internal sealed class EstimateEndpoints(CostKeeping costs, PublishedWorkflows workflows, RunReader reader)
{
    public async Task OfPlanAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        (string tenant, var row) = await reader.LocateAsync(context, id, cancellationToken).ConfigureAwait(false);
        RunFold run = await reader.FoldAsync(tenant, row, cancellationToken).ConfigureAwait(false);
        WorkflowDefinition definition = run.Visits.Definition
            ?? throw new ProblemException(ErrorCode.WorkflowInvalid, "The run's workflow version does not compile any more; nothing can be said of its plan.");
        await ReplyAsync(context, tenant, definition, run.Input, cancellationToken).ConfigureAwait(false);
    }

    public async Task OfWorkflowAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        var query = new QueryReader(context);
        string? version = query.Text("version");
        query.End();
        string tenant = Tenant.Of(context);
        WorkflowDefinition definition;
        try
        {
            definition = await workflows.FindAsync(tenant, id, version, cancellationToken).ConfigureAwait(false) ?? throw WorkflowEndpoints.NotFound();
        }
        catch (RunUnreadableException e)
        {
            throw new ProblemException(ErrorCode.WorkflowInvalid, e.Message);
        }

        await ReplyAsync(context, tenant, definition, null, cancellationToken).ConfigureAwait(false);
    }

    private async Task ReplyAsync(HttpContext context, string tenant, WorkflowDefinition definition, Payload? input, CancellationToken cancellationToken)
    {
        CostEstimate estimate = await costs.EstimateAsync(tenant, definition, input, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, EstimateView.Of(definition, estimate), ServerJson.Default.EstimateView).ConfigureAwait(false);
    }
}

/// <summary>The addresses of estimates.</summary>
internal static class CostsFeature
{
    private const string Tag = "Costs";

    public static void MapCosts(this IEndpointRouteBuilder api, EstimateEndpoints estimates)
    {
        api.MapGet("/workflows/{id}/estimate", estimates.OfWorkflowAsync)
            .AuditsRead("workflow.read", "workflow")
            .Says("estimateWorkflow", Tag, "Estimate what a run will use", "Tokens, dollars and seconds, from price tables and from what earlier runs of this tenant used.")
            .Needs(Permission.WorkflowsRead)
            .Takes(new ParameterNote("version", "string", "A version; the newest when absent."))
            .Gives<EstimateView>(200, "The estimate.").Gives(304, "Unchanged since the ETag in `If-None-Match`.")
            .Fails(ErrorCode.WorkflowNotFound, ErrorCode.WorkflowInvalid);
        api.MapGet("/plans/{id}/estimate", estimates.OfPlanAsync)
            .AuditsRead("run.read", "run")
            .Says("estimatePlan", Tag, "Estimate what a run's plan uses", "A plan's id is its run's id. The plan is the run's own, with what it or a model changed of it, and lists are as long as its input makes them.")
            .Needs(Permission.RunsRead)
            .Gives<EstimateView>(200, "The estimate.").Gives(304, "Unchanged since the ETag in `If-None-Match`.")
            .Fails(ErrorCode.RunNotFound, ErrorCode.WorkflowInvalid);
    }
}
