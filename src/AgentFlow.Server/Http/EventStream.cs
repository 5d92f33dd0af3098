using System.IO.Pipelines;
using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Server.Features.Access;

namespace AgentFlow.Server.Http;

/// <summary>Server-sent events as an answer.</summary>
internal static class EventStream
{
    public const string MediaType = "text/event-stream";

    /// <summary>Begins the answer, lets <paramref name="tell"/> write, and says why it ended when the caller's credentials have.</summary>
    /// <param name="stopped">Cancelled when the client has left, the server stops, or the credentials have ended.</param>
    /// <param name="ended">The code that says that the credentials have; clients of the bridge know another one.</param>
    public static async Task ServeAsync(HttpContext context, CallerWatch watch, Func<PipeWriter, Task> tell, CancellationToken stopped, ErrorCode? ended = null)
    {
        Untimed.Mark(context);
        HttpResponse response = context.Response;
        response.ContentType = MediaType;
        response.Headers.CacheControl = "no-cache";
        // nginx would hold events back until its buffer is full.
        response.Headers["X-Accel-Buffering"] = "no";
        PipeWriter body = response.BodyWriter;
        Write(body, "retry: 1000\n\n");
        try
        {
            await body.FlushAsync(stopped).ConfigureAwait(false);
            await tell(body).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopped.IsCancellationRequested)
        {
            // The client left, or the server stops: the client resumes after the last id that it saw.
            if (watch.HasEnded)
            {
                Write(body, $"event: closed\ndata: {{\"code\":\"{ended ?? ErrorCode.Unauthenticated}\",\"reason\":\"{CallerWatch.Reason}\"}}\n\n");
                await body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
            }
        }
    }

    public static void Write(PipeWriter body, string text) => Encoding.UTF8.GetBytes(text, body);
}
