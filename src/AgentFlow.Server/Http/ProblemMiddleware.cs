using System.Globalization;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Json;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Server.Features.Access.Limits;
using AgentFlow.Server.Features.Bridge;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Sqlite;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Http;

/// <summary>
/// Turns whatever goes wrong into problem details: problems that handlers throw, what the framework refuses (404, 405, 415,
/// a broken body), a store that does not answer, and faults of this server, whose text stays in the log.
/// </summary>
internal sealed partial class ProblemMiddleware(RequestDelegate next, ILogger log)
{
    private const string RetryAfterSeconds = "1";

    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            await AnswerAsync(context, e).ConfigureAwait(false);
            return;
        }

        HttpResponse response = context.Response;
        if (response.StatusCode >= 400 && !response.HasStarted && response.ContentType is null && response.ContentLength is null or 0)
        {
            await WriteAsync(context, OfStatus(context)).ConfigureAwait(false);
        }
    }

    /// <summary>Writes problem details as the answer.</summary>
    public static Task WriteAsync(HttpContext context, Problem problem)
    {
        if (BridgeErrors.Owns(context))
        {
            return BridgeErrors.WriteAsync(context, problem);
        }

        HttpResponse response = context.Response;
        response.StatusCode = problem.Status;
        response.ContentType = Problem.MediaType;
        if (problem.Status is StatusCodes.Status503ServiceUnavailable or StatusCodes.Status429TooManyRequests && response.Headers.RetryAfter.Count == 0)
        {
            response.Headers.RetryAfter = RetryAfterSeconds;
        }

        if (problem.Status == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = "Bearer";
        }

        byte[] body = JsonSerializer.SerializeToUtf8Bytes(
            problem with { Instance = context.Request.Path.Value, TraceId = TraceIds.Current(context) },
            RelaxedProblem);
        response.ContentLength = body.Length;
        return response.BodyWriter.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private static System.Text.Json.Serialization.Metadata.JsonTypeInfo<Problem> RelaxedProblem { get; } =
        new WireJson(new JsonSerializerOptions(WireJson.Default.Options) { Encoder = Reply.WriterOptions.Encoder }).Problem;

    private async Task AnswerAsync(HttpContext context, Exception exception)
    {
        if (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to read an answer.
            context.Abort();
            return;
        }

        Problem problem = Describe(context, exception);
        if (context.Response.HasStarted)
        {
            // Half an answer must not look like a whole one.
            context.Abort();
            return;
        }

        string? allow = context.Response.Headers.Allow;
        context.Response.Clear();
        if (allow is not null)
        {
            context.Response.Headers.Allow = allow;
        }

        if (exception is RateLimitedException { Answer: var answer })
        {
            RateLimitMiddleware.Show(context, answer);
            context.Response.Headers.RetryAfter = RateLimitedException.Seconds(answer.RetryAfter).ToString(CultureInfo.InvariantCulture);
        }

        await WriteAsync(context, problem).ConfigureAwait(false);
    }

    private Problem Describe(HttpContext context, Exception exception)
    {
        switch (exception)
        {
            case ProblemException { Problem: var problem }:
                return problem;
            case BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge }:
                return Problem.Of(ErrorCode.PayloadTooLarge, $"The body is larger than {RequestBody.MaxBytes / (1024 * 1024)} MiB.");
            case BadHttpRequestException bad:
                return Problem.Of(ErrorCode.RequestInvalid, bad.Message) with { Status = bad.StatusCode };
            case EngineStoppingException:
                return Problem.Of(ErrorCode.ServerStopping, "The server is shutting down; send the request again after the restart.");
            case EngineSaturatedException:
                return Problem.Of(ErrorCode.RateLimited, "More work is waiting than this deployment takes on. Nothing was accepted; send it again after the given time.");
            case RunQuotaException full:
                return Problem.Of(ErrorCode.RunQuotaExceeded, $"{full.Most} runs of this tenant may be going at once, and are. No run was started; send it again when one has ended.");
            case AuditRefusedException:
                RequestFailed(log, context.Request.Method, context.Request.Path, TraceIds.Current(context), exception);
                return Problem.Of(ErrorCode.AuditUnavailable, exception.Message);
            case FrameCorruptException:
                RequestFailed(log, context.Request.Method, context.Request.Path, TraceIds.Current(context), exception);
                return Problem.Of(ErrorCode.FrameCorrupt, exception.Message);
            case SqliteException or StoreUnavailableException or ObjectDisposedException { ObjectName: not null }:
                StoreFailed(log, context.Request.Method, context.Request.Path, TraceIds.Current(context), exception);
                return Problem.Of(ErrorCode.StoreUnavailable, "The store did not answer; try again.");
            default:
                RequestFailed(log, context.Request.Method, context.Request.Path, TraceIds.Current(context), exception);
                return Problem.Of(ErrorCode.InternalError, "The request failed for a reason that is in the server's log, under the trace id.");
        }
    }

    /// <summary>What the framework answered with a bare status.</summary>
    private static Problem OfStatus(HttpContext context)
    {
        HttpRequest request = context.Request;
        return context.Response.StatusCode switch
        {
            404 => Problem.Of(ErrorCode.NotFound, $"Nothing answers at {request.Path}. The addresses are listed at /docs."),
            405 => Problem.Of(ErrorCode.MethodNotAllowed, $"{request.Path} takes {context.Response.Headers.Allow}, not {request.Method}."),
            413 => Problem.Of(ErrorCode.PayloadTooLarge, $"The body is larger than {RequestBody.MaxBytes / (1024 * 1024)} MiB."),
            415 => Problem.Of(ErrorCode.UnsupportedMediaType, $"'{request.ContentType}' is not read at {request.Path}."),
            >= 500 and var status => Problem.Of(ErrorCode.InternalError) with { Status = status },
            var status => Problem.Of(ErrorCode.RequestInvalid) with { Status = status },
        };
    }

    [LoggerMessage(1, LogLevel.Error, "{Method} {Path} failed (trace {TraceId})")]
    private static partial void RequestFailed(ILogger logger, string method, PathString path, string traceId, Exception exception);

    [LoggerMessage(2, LogLevel.Error, "{Method} {Path} could not reach the store (trace {TraceId})")]
    private static partial void StoreFailed(ILogger logger, string method, PathString path, string traceId, Exception exception);
}
