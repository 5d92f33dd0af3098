using System.Diagnostics;

namespace AgentFlow.Server.Http;

/// <summary>The W3C trace id of a request: the caller's <c>traceparent</c> continued, or a new one.</summary>
internal static class TraceIds
{
    /// <summary>32 lower-case hexadecimal digits; the same for the whole request.</summary>
    public static string Current(HttpContext context)
    {
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity)
        {
            return activity.TraceId.ToHexString();
        }

        // Nobody listens to activities: the id only has to be the same in the log, the answer and the run.
        if (context.Items.TryGetValue(typeof(TraceIds), out object? known))
        {
            return (string)known!;
        }

        string id = Continued(context.Request.Headers.TraceParent.ToString()) ?? ActivityTraceId.CreateRandom().ToHexString();
        context.Items[typeof(TraceIds)] = id;
        return id;
    }

    private static string? Continued(string traceParent) =>
        ActivityContext.TryParse(traceParent, null, out ActivityContext parent) ? parent.TraceId.ToHexString() : null;
}
