using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Triggers;

/// <summary>The addresses under <c>/schedules</c> and <c>/hooks</c>.</summary>
internal static class TriggersFeature
{
    private const string Tag = "Triggers";
    private const string Unchanged = "Unchanged since the ETag in `If-None-Match`.";

    public static void MapTriggers(this IEndpointRouteBuilder api, ScheduleEndpoints schedules, WebhookEndpoint webhooks)
    {
        ErrorCode[] changing = [ErrorCode.ScheduleNotFound, ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType, ErrorCode.AuditUnavailable];
        api.MapGet("/schedules", schedules.ListAsync)
            .AuditsRead("schedule.read", "schedule")
            .Says("listSchedules", Tag, "List the schedules of workflows")
            .Needs(Permission.WorkflowsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor).Gives<PageView<ScheduleView>>(200, "Schedules by id.").Gives(304, Unchanged).Fails();
        api.MapGet("/schedules/{id}", schedules.GetAsync)
            .AuditsRead("schedule.read", "schedule")
            .Says("getSchedule", Tag, "Read a schedule and when it fires next", "`id` is the workflow, a dot, and the schedule's name.")
            .Needs(Permission.WorkflowsRead)
            .Takes(new ParameterNote("times", "integer", "How many times to give.") { Least = 1, Most = 100, Default = "5" })
            .Gives<ScheduleView>(200, "The schedule.").Gives(304, Unchanged).Fails(ErrorCode.ScheduleNotFound);
        api.MapPost("/schedules/{id}/pause", schedules.PauseAsync)
            .Audits("schedule.pause", "schedule")
            .Says("pauseSchedule", Tag, "Start no runs for a while", "What would have been started meanwhile is not made up for.")
            .Needs(Permission.RunsControl)
            .TakesBody<EmptyBody>(false).Gives<ScheduleView>(200, "The schedule, paused.").Fails(changing);
        api.MapPost("/schedules/{id}/resume", schedules.ResumeAsync)
            .Audits("schedule.resume", "schedule")
            .Says("resumeSchedule", Tag, "Start runs again, from the next time on")
            .Needs(Permission.RunsControl)
            .TakesBody<EmptyBody>(false).Gives<ScheduleView>(200, "The schedule.").Fails(changing);
        api.MapPost("/hooks/{tenant}/{workflow}/{name}", webhooks.HandleAsync)
            .Audits("webhook.deliver", "webhook")
            .Says("deliverWebhook", Tag, "Start a run with a signed delivery", "`X-AgentFlow-Signature: t=SECONDS,v1=HEX` is the HMAC-SHA256 of `SECONDS.BODY` under the webhook's secret; with `X-AgentFlow-Delivery`, of `SECONDS.DELIVERY.BODY`. The same delivery gives the same run.")
            .IsOpenToAnyone("A delivery is signed with a secret that the webhook's sender shares; the handler checks it before anything else.")
            .Takes(
                new ParameterNote(DeliverySignature.Header, "string", "`t=SECONDS,v1=HEX`.", "header"),
                new ParameterNote(WebhookEndpoint.DeliveryHeader, "string", "The sender's name for the delivery; without one the same signature is the same delivery.", "header"))
            .Gives<AcceptedDelivery>(202, "The run, durable.")
            .Fails(ErrorCode.WebhookRefused, ErrorCode.InputInvalid, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.RunsNotAccepted, ErrorCode.RunQuotaExceeded, ErrorCode.SecretUnavailable, ErrorCode.AuditUnavailable);
    }
}
