using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.StressTests;
using AgentFlow.Server.Features.StressTests.Results;
using AgentFlow.Server.Features.StressTests.Submissions;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.StressTests;

/// <summary>Says what became of scenarios and workflows.</summary>
internal sealed class ResultEndpoints(IStressTestStore store, StressTestRunner runner)
{
    public async Task ScenarioAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        StressScenario scenario = await store.FindScenarioAsync(StressTenant.OfReadById(context), id, cancellationToken).ConfigureAwait(false)
            ?? throw new ProblemException(ErrorCode.StressTestNotFound, "There is no such scenario. POST /api/v1/stress-test/scenario submits one; its id is the scenario's own.");
        ScenarioResultView result = scenario.EndedAt is not null
            ? JsonSerializer.Deserialize(scenario.Result.Span, StressJson.Default.ScenarioResultView)!
            : await runner.ResultAsync(scenario, isOver: false, cancellationToken).ConfigureAwait(false);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, result, ServerJson.Default.ScenarioResultView).ConfigureAwait(false);
    }

    public async Task ExecutionAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        StressWorkflow? row = Ulid.TryParse(id, out Ulid execution) ? await store.FindWorkflowAsync(StressTenant.OfReadById(context), execution, cancellationToken).ConfigureAwait(false) : null;
        if (row is null)
        {
            throw new ProblemException(ErrorCode.StressTestNotFound, "There is no such execution. POST /api/v1/stress-test/workflow answers with the id of one.");
        }

        WorkflowResultView result = row.Outcome is null && runner.Find(row.Id) is { } active
            ? (await runner.ReadAsync(active, cancellationToken).ConfigureAwait(false)).ToView(row.Id, active.Run, isOver: false)
            : runner.ToView(row);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, result, ServerJson.Default.WorkflowResultView).ConfigureAwait(false);
    }
}
