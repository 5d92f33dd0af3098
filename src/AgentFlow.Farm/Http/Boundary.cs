using System.Net;
using AgentFlow.Farm.History;
using Microsoft.AspNetCore.Http;

namespace AgentFlow.Farm.Http;

/// <summary>
/// What every request passes. A FARM for this machine alone answers to this machine's own names: a web page could
/// otherwise reach it under a name that resolves to 127.0.0.1. Whatever goes wrong becomes a problem document.
/// </summary>
internal sealed class Boundary(RequestDelegate next, bool isLocal)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (isLocal && !IsOwn(context.Request.Host.Host))
        {
            await Answers.ProblemAsync(context, FarmProblem.Of(403, "PERMISSION_DENIED", "Not permitted", "This FARM serves its own machine: call it localhost, 127.0.0.1 or [::1].")).ConfigureAwait(false);
            return;
        }

        try
        {
            await next(context).ConfigureAwait(false);
            if (context.Response is { HasStarted: false, StatusCode: 404 or 405 } response)
            {
                await Answers.ProblemAsync(context, response.StatusCode == 404
                    ? FarmProblem.Of(404, "NOT_FOUND", "Not found", "Nothing is at this path. FARM's are below /api/agents/.")
                    : FarmProblem.Of(405, "METHOD_NOT_ALLOWED", "Method not allowed", $"This path takes {response.Headers.Allow}.")).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to read an answer.
        }
        catch (BadHttpRequestException e)
        {
            await TellAsync(context, FarmProblem.Of(e.StatusCode, e.StatusCode == 413 ? "PAYLOAD_TOO_LARGE" : "REQUEST_INVALID", "Request invalid", e.Message)).ConfigureAwait(false);
        }
        catch (HistoryException e)
        {
            await TellAsync(context, FarmProblem.Of(503, "STORE_UNAVAILABLE", "History unavailable", e.Message)).ConfigureAwait(false);
        }
    }

    private static Task TellAsync(HttpContext context, FarmProblem problem) => context.Response.HasStarted ? Task.CompletedTask : Answers.ProblemAsync(context, problem);

    private static bool IsOwn(string name) =>
        name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(name.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
}
