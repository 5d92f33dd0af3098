using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Parameters;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace AgentFlow.Farm.Http;

/// <summary>What FARM generates: <c>GET /api/agents/…</c>.</summary>
internal static class GeneratorEndpoints
{
    public static void MapGenerators(this IEndpointRouteBuilder routes, TimeProvider clock)
    {
        Map("fleet", p => (p.Read(FarmParameters.Scale), p.Read(FarmParameters.Seed)), static p => FarmJson.Canonical(FleetGenerator.Fleet(Scale.Named(p.Item1!), p.Item2)));
        Map("team", p => (p.Read(FarmParameters.TeamSize), p.Read(FarmParameters.Seed)), static p => FarmJson.Canonical(FleetGenerator.Team((int)p.Item1, p.Item2)));
        Map(
            "workflow",
            p => (p.Read(FarmParameters.WorkflowType), p.Read(FarmParameters.Tasks), p.Read(FarmParameters.WorkflowChaos), p.Read(FarmParameters.Seed)),
            static p => FarmJson.Canonical(WorkflowGenerator.Single(p.Item1, (int)p.Item2, p.Item3, p.Item4)));
        Map(
            "workflow-batch",
            p => (p.Read(FarmParameters.BatchCount), p.Read(FarmParameters.BatchChaos), p.Read(FarmParameters.Seed)),
            static p => FarmJson.Canonical(WorkflowGenerator.Batch((int)p.Item1, p.Item2, p.Item3)));
        Map(
            "stress-scenario",
            p => (p.Read(FarmParameters.Scale), p.Read(FarmParameters.WorkflowCount), p.Read(FarmParameters.ScenarioChaos), p.Read(FarmParameters.Seed)),
            static p => FarmJson.Canonical(ScenarioGenerator.Generate(Scale.Named(p.Item1!), (int)p.Item2, p.Item3, p.Item4)));
        Map("chaos-catalog", static _ => 0, static _ => FarmJson.Chaos());
        routes.MapGet("/api/agents/stream", (RequestDelegate)(context => StreamAsync(context, clock)));

        void Map<T>(string name, Func<RequestParameters, T> read, Func<T, byte[]> generate) => routes.MapGet($"/api/agents/{name}", (RequestDelegate)(context =>
        {
            RequestParameters parameters = RequestParameters.OfQuery(context.Request.Query);
            T values = read(parameters);
            return parameters.Problem is { } problem ? Answers.ProblemAsync(context, problem) : Answers.BytesAsync(context, generate(values));
        }));
    }

    /// <summary>
    /// Workflows without end, one a line. Each line waits until the one before has gone out, so a slow reader gets fewer
    /// and costs no memory; time that it lost is not made up for, because it asked for a rate.
    /// </summary>
    internal static async Task StreamAsync(HttpContext context, TimeProvider clock)
    {
        RequestParameters parameters = RequestParameters.OfQuery(context.Request.Query);
        long rate = parameters.Read(FarmParameters.StreamRate);
        double chaos = parameters.Read(FarmParameters.BatchChaos);
        long seed = parameters.Read(FarmParameters.Seed);
        if (parameters.Problem is { } problem)
        {
            await Answers.ProblemAsync(context, problem).ConfigureAwait(false);
            return;
        }

        CancellationToken left = context.RequestAborted;
        context.Response.ContentType = "application/x-ndjson";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        // A reader may be as slow as it likes.
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } slowness)
        {
            slowness.MinDataRate = null;
        }

        TimeSpan every = TimeSpan.FromSeconds(1) / rate;
        long due = clock.GetTimestamp();
        try
        {
            for (long sequence = 0; ; sequence++)
            {
                byte[] line = [.. FarmJson.Canonical(WorkflowGenerator.InStream(sequence, chaos, seed)), (byte)'\n'];
                await context.Response.BodyWriter.WriteAsync(line, left).ConfigureAwait(false);
                due += (long)(every.TotalSeconds * clock.TimestampFrequency);
                TimeSpan wait = clock.GetElapsedTime(clock.GetTimestamp(), due);
                if (wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait, clock, left).ConfigureAwait(false);
                }
                else
                {
                    left.ThrowIfCancellationRequested();
                    due = clock.GetTimestamp();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The reader has left: that is how a stream ends.
        }
    }
}
