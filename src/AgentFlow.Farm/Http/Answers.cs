using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace AgentFlow.Farm.Http;

/// <summary>Writes answers.</summary>
internal static class Answers
{
    private const string Json = "application/json; charset=utf-8";

    public static Task BytesAsync(HttpContext context, byte[] json)
    {
        context.Response.ContentType = Json;
        context.Response.ContentLength = json.Length;
        return context.Response.BodyWriter.WriteAsync(json, context.RequestAborted).AsTask();
    }

    public static Task ObjectAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
    {
        context.Response.StatusCode = status;
        return BytesAsync(context, JsonSerializer.SerializeToUtf8Bytes(value, type));
    }

    public static async Task ProblemAsync(HttpContext context, FarmProblem problem)
    {
        context.Response.StatusCode = problem.Status;
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(problem, FarmJson.Default.FarmProblem);
        context.Response.ContentType = FarmProblem.MediaType;
        context.Response.ContentLength = json.Length;
        await context.Response.BodyWriter.WriteAsync(json, context.RequestAborted).ConfigureAwait(false);
    }
}
