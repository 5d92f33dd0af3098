using System.Globalization;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>
/// How errors look under <c>/orchestrator</c>: <c>{success: false, error: {code, message, details?}}</c>, with the codes that agents
/// know, whoever refuses the request.
/// </summary>
internal static class BridgeErrors
{
    /// <summary>Where the bridge's addresses begin.</summary>
    public const string Base = "/orchestrator";

    public static bool Owns(HttpContext context) => context.Request.Path.StartsWithSegments(Base, StringComparison.Ordinal);

    /// <summary>Writes a problem in the bridge's shape.</summary>
    public static Task WriteAsync(HttpContext context, Problem problem)
    {
        ErrorCode code = CodeOf(context, problem);
        int status = problem.Status == StatusCodes.Status413PayloadTooLarge ? problem.Status : code.Status;
        ReadOnlyMemory<byte> body = BridgeJson.Write(w =>
        {
            w.WriteBoolean("success"u8, false);
            w.WriteStartObject("error"u8);
            w.WriteString("code"u8, code.Code);
            w.WriteString("message"u8, problem.Detail ?? code.Title);
            w.WriteStartObject("details"u8);
            w.WriteString("trace_id"u8, TraceIds.Current(context));
            if (code.Code != problem.Code)
            {
                w.WriteString("reason"u8, problem.Code);
            }

            WriteFaults(w, problem);
            w.WriteEndObject();
            w.WriteEndObject();
        });
        HttpResponse response = context.Response;
        response.StatusCode = status;
        response.ContentType = RequestBody.Json;
        response.ContentLength = body.Length;
        if (status == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = "Bearer";
        }

        if (problem.Retryable && response.Headers.RetryAfter.Count == 0)
        {
            response.Headers.RetryAfter = "1";
        }

        return response.BodyWriter.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private static void WriteFaults(Utf8JsonWriter writer, Problem problem)
    {
        if (problem.Errors is not { Count: > 0 } faults)
        {
            return;
        }

        writer.WriteStartArray("errors"u8);
        foreach (ProblemEntry fault in faults)
        {
            writer.WriteStartObject();
            writer.WriteString("message"u8, fault.Message);
            if (fault.Pointer is not null)
            {
                writer.WriteString("pointer"u8, fault.Pointer);
            }

            if (fault.Line is { } line)
            {
                writer.WriteString("at"u8, string.Create(CultureInfo.InvariantCulture, $"{line}:{fault.Column}"));
            }

            if (fault.Remedy is not null)
            {
                writer.WriteString("remedy"u8, fault.Remedy);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static ErrorCode CodeOf(HttpContext context, Problem problem) => problem.Code switch
    {
        "UNAUTHENTICATED" => context.Request.Headers.Authorization.Count == 1 ? ErrorCode.InvalidToken : ErrorCode.MissingToken,
        "JSON_INVALID" or "TEXT_INVALID" or "VALIDATION_FAILED" or "REQUEST_INVALID" or "PARAMETER_INVALID" or "UNSUPPORTED_MEDIA_TYPE" or "PAYLOAD_TOO_LARGE" => ErrorCode.InvalidPayload,
        "INTERNAL_ERROR" or "STORE_UNAVAILABLE" or "AUDIT_UNAVAILABLE" or "FRAME_CORRUPT" or "SERVER_STOPPING" => FailureOf(context),
        _ => ErrorCode.Find(problem.Code) ?? ErrorCode.InternalError,
    };

    /// <summary>What an endpoint calls a fault that is not the sender's.</summary>
    private static ErrorCode FailureOf(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "";
        return path switch
        {
            "/orchestrator/register" => ErrorCode.RegistrationFailed,
            "/orchestrator/heartbeat" => ErrorCode.HeartbeatFailed,
            "/orchestrator/events" => ErrorCode.EventFailed,
            _ when path.EndsWith("/callback", StringComparison.Ordinal) => ErrorCode.CallbackFailed,
            _ when HttpMethods.IsGet(context.Request.Method) => ErrorCode.ListFailed,
            _ => ErrorCode.InternalError,
        };
    }
}
