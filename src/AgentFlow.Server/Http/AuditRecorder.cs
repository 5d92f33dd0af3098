using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Secrets;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Sqlite;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Http;

/// <summary>
/// Writes down what callers do, before it is done: a note that cannot be written ends the request, and nothing has happened.
/// </summary>
/// <param name="isOn">False writes nothing.</param>
/// <param name="noted">Sees each note once it is durable.</param>
internal sealed partial class AuditRecorder(RunHost host, SecretMask mask, TimeProvider clock, ILogger log, bool isOn, Action<AuditNote> noted)
{
    /// <summary>Notes that something is allowed and about to be done. Call it after the last check and before the effect.</summary>
    /// <param name="describe">Writes the details, in ordinal order of their names.</param>
    /// <exception cref="ProblemException"><c>AUDIT_UNAVAILABLE</c>.</exception>
    public Task AllowAsync(HttpContext context, string tenant, string action, string resource, Action<CanonicalObject>? describe = null) =>
        NoteAsync(context, tenant, action, resource, AuditDecision.Allowed, describe);

    /// <summary>Notes that something was not done.</summary>
    /// <exception cref="ProblemException"><c>AUDIT_UNAVAILABLE</c>.</exception>
    /// <param name="source">Where it came from, of somebody unknown.</param>
    public Task RefuseAsync(HttpContext context, string tenant, string action, string resource, Problem problem, string? source = null) => NoteAsync(
        context,
        tenant,
        action,
        resource,
        problem.Status is StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden ? AuditDecision.Denied : AuditDecision.Refused,
        d =>
        {
            d.Text("code"u8, problem.Code);
            if (source is not null)
            {
                d.Text("source"u8, source);
            }
        });

    /// <summary>Notes how often something was refused since a time (Unix milliseconds), beside the first one, which has a note of its own.</summary>
    public Task SummarizeAsync(string tenant, string action, string resource, string codes, long times, long since, CancellationToken cancellationToken) => isOn
        ? host.NoteAnywayAsync(
            new AuditNote(
                tenant,
                clock.GetUtcNow().ToUnixTimeMilliseconds(),
                Caller.Anonymous,
                action,
                resource,
                AuditDecision.Denied,
                new Payload(new CanonicalObject().Text("codes"u8, codes).Number("further"u8, times).Number("since"u8, since).End().ToArray()),
                ""),
            cancellationToken)
        : Task.CompletedTask;

    /// <summary>Notes what somebody else says that they have decided.</summary>
    /// <exception cref="ProblemException"><c>AUDIT_UNAVAILABLE</c>.</exception>
    public Task RecordAsync(AuditNote note, CancellationToken cancellationToken) =>
        WriteAsync(note with { Resource = mask.Text(note.Resource), Details = new Payload(mask.Json(note.Details.Utf8)) }, cancellationToken);

    private async Task NoteAsync(HttpContext context, string tenant, string action, string resource, string decision, Action<CanonicalObject>? describe)
    {
        if (!isOn)
        {
            return;
        }

        var details = new CanonicalObject();
        describe?.Invoke(details);
        var note = new AuditNote(
            tenant,
            clock.GetUtcNow().ToUnixTimeMilliseconds(),
            Caller.ActorOf(context),
            action,
            mask.Text(resource),
            decision,
            new Payload(mask.Json(details.End().ToArray())),
            TraceIds.Current(context));
        await WriteAsync(note, context.RequestAborted).ConfigureAwait(false);
    }

    private async Task WriteAsync(AuditNote note, CancellationToken cancellationToken)
    {
        try
        {
            await host.NoteAsync(note, cancellationToken).ConfigureAwait(false);
            noted(note);
        }
        catch (Exception e) when (e is not (OperationCanceledException or EngineStoppingException or EngineSaturatedException) && !IsOfTheStore(e))
        {
            NotWritten(log, note.Action, note.Resource, note.Trace, e);
            throw new ProblemException(ErrorCode.AuditUnavailable, "What you asked for must be audited, and the audit could not be written. Nothing was done; send it again.");
        }
    }

    /// <summary>Nothing can be written at all. That has an answer of its own (STORE_UNAVAILABLE), which refuses as well.</summary>
    private static bool IsOfTheStore(Exception failure) => failure is StoreUnavailableException or SqliteException { IsIoError: true } or SqliteException { IsFull: true };

    [LoggerMessage(1, LogLevel.Error, "The audit note of {Action} on {Resource} could not be written; the request is refused (trace {TraceId})")]
    private static partial void NotWritten(ILogger logger, string action, string resource, string traceId, Exception exception);
}

/// <summary>What the audit calls an endpoint.</summary>
/// <param name="Action">For example <c>run.cancel</c>.</param>
/// <param name="Resource">Kind of the resource whose name is the route's <c>id</c>; alone when the route has none.</param>
/// <param name="IsRead">Nothing changes; noted only when it is refused, or when reads are audited.</param>
internal sealed record AuditedAction(string Action, string Resource, bool IsRead)
{
    public string ResourceOf(HttpContext context)
    {
        string? id = context.Request.RouteValues["id"] as string ?? context.Request.RouteValues["plan"] as string;
        return id is null ? Resource : $"{Resource}:{(id.Length <= 200 ? id : id[..200])}";
    }
}

internal static class AuditedEndpoints
{
    /// <summary>A command: its handler notes that it is allowed (<see cref="AuditRecorder.AllowAsync"/>); a refusal is noted for it.</summary>
    public static RouteHandlerBuilder Audits(this RouteHandlerBuilder endpoint, string action, string resource) => endpoint.WithMetadata(new AuditedAction(action, resource, IsRead: false));

    /// <summary>A read.</summary>
    public static RouteHandlerBuilder AuditsRead(this RouteHandlerBuilder endpoint, string action, string resource) => endpoint.WithMetadata(new AuditedAction(action, resource, IsRead: true));
}
