using System.Text.Json;
using AgentFlow.Farm.Generation;
using AgentFlow.Farm.History;
using AgentFlow.Farm.Parameters;
using AgentFlow.Farm.Platform;
using AgentFlow.Farm.StressTests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace AgentFlow.Farm.Http;

/// <summary>Starting stress tests and reading what came of them.</summary>
internal sealed class StressTestEndpoints(TestBench bench, RunHistory history, TargetRule targets)
{
    private const string List = "/api/agents/stress-test-runs";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/api/agents/run-stress-test", (RequestDelegate)RunAsync);
        routes.MapGet(List, (RequestDelegate)ListAsync);
        routes.MapGet(List + "/{run}", (RequestDelegate)FindAsync);
    }

    private async Task RunAsync(HttpContext context)
    {
        // A browser sends other types to any page's liking, this one only after asking: pages shall not start tests.
        if (!context.Request.HasJsonContentType())
        {
            await Answers.ProblemAsync(context, FarmProblem.Of(415, "UNSUPPORTED_MEDIA_TYPE", "Media type not supported", "Send the request as application/json.")).ConfigureAwait(false);
            return;
        }

        JsonDocument body;
        try
        {
            body = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted).ConfigureAwait(false);
        }
        catch (JsonException e)
        {
            await Answers.ProblemAsync(context, FarmProblem.Of(400, "JSON_INVALID", "JSON invalid", $"The body is no JSON: {e.Message}")).ConfigureAwait(false);
            return;
        }

        using (body)
        {
            if (body.RootElement.ValueKind != JsonValueKind.Object)
            {
                await Answers.ProblemAsync(context, FarmProblem.Of(400, "JSON_INVALID", "JSON invalid", "The body is no JSON object. Send {\"target_url\": \"http://127.0.0.1:8000\"}.")).ConfigureAwait(false);
                return;
            }

            RequestParameters parameters = RequestParameters.OfBody(body.RootElement);
            StressTestRequest? request = Read(parameters, out bool waits);
            if (request is null || parameters.Problem is not null)
            {
                await Answers.ProblemAsync(context, parameters.Problem!).ConfigureAwait(false);
                return;
            }

            await StartAsync(context, request, waits).ConfigureAwait(false);
        }
    }

    private StressTestRequest? Read(RequestParameters parameters, out bool waits)
    {
        waits = parameters.Read(FarmParameters.Wait);
        string? scale = parameters.Read(FarmParameters.Scale);
        long count = parameters.Read(FarmParameters.WorkflowCount);
        double chaos = parameters.Read(FarmParameters.ScenarioChaos);
        long seed = parameters.Read(FarmParameters.Seed);
        long timeout = parameters.Read(FarmParameters.Timeout);
        EventTransport events = EventTransports.Named(parameters.Read(FarmParameters.Events)!);
        if (!Target.TryParse(parameters.Text("target_url"), parameters.Text("tenant_id"), out Target? target, out string? problem))
        {
            parameters.Fault(problem.StartsWith("tenant_id", StringComparison.Ordinal) ? "tenant_id" : "target_url", problem);
            return null;
        }

        if (targets.Refuses(target) is { } refusal)
        {
            parameters.Fault("target_url", refusal);
            return null;
        }

        return new StressTestRequest(target, Scale.Named(scale!), (int)count, chaos, seed, TimeSpan.FromSeconds(timeout), events);
    }

    private async Task StartAsync(HttpContext context, StressTestRequest request, bool waits)
    {
        if (bench.TryStart(request) is not { } test)
        {
            context.Response.Headers.RetryAfter = "10";
            await Answers.ProblemAsync(context, FarmProblem.Of(429, "RATE_LIMITED", "Too many stress tests", $"{TestBench.Places} stress tests are under way; that is all this FARM runs at once. Wait until one has ended.")).ConfigureAwait(false);
            return;
        }

        if (!waits)
        {
            context.Response.Headers.Location = $"{List}/{test.Started.RunId}";
            await Answers.ObjectAsync(context, test.Started, FarmJson.Default.StressTestRun, StatusCodes.Status202Accepted).ConfigureAwait(false);
            return;
        }

        // The test outlives a caller that hangs up: its record tells the rest.
        StressTestRun ended = await test.Ended.WaitAsync(context.RequestAborted).ConfigureAwait(false);
        await Answers.ObjectAsync(context, ended, FarmJson.Default.StressTestRun).ConfigureAwait(false);
    }

    private Task ListAsync(HttpContext context)
    {
        RequestParameters parameters = RequestParameters.OfQuery(context.Request.Query);
        int limit = (int)parameters.Read(FarmParameters.Limit);
        return parameters.Problem is { } problem
            ? Answers.ProblemAsync(context, problem)
            : Answers.ObjectAsync(context, history.List(limit), FarmJson.Default.StressTestRuns);
    }

    private Task FindAsync(HttpContext context)
    {
        string id = (string)context.Request.RouteValues["run"]!;
        return history.Find(id) is { } run
            ? Answers.ObjectAsync(context, run, FarmJson.Default.StressTestRun)
            : Answers.ProblemAsync(context, FarmProblem.Of(404, "RUN_NOT_FOUND", "Stress test not found", $"No stress test has this id. {List} lists them."));
    }
}
