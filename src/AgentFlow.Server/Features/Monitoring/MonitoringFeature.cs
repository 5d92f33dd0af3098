using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>The addresses under <c>/alerts</c> and <c>/monitoring</c>, and <c>/metrics</c>.</summary>
internal static class MonitoringFeature
{
    private const string Tag = "Monitoring";
    private const string Unchanged = "Unchanged since the ETag in `If-None-Match`.";

    private static readonly ErrorCode[] Body = [ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType, ErrorCode.AuditUnavailable];

    public static void MapAlerts(this IEndpointRouteBuilder api, AlertEndpoints alerts)
    {
        api.MapGet("/alerts", alerts.ListAsync)
            .AuditsRead("alert.read", "alert")
            .Says("listAlerts", Tag, "List the alerts that are raised now")
            .Needs(Permission.AlertsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor).Gives<PageView<AlertView>>(200, "Alerts, by rule and resource.").Gives(304, Unchanged).Fails();
        api.MapGet("/alerts/events", alerts.EventsAsync)
            .AuditsRead("alert.read", "alert")
            .Says("listAlertEvents", Tag, "List what alerts have come to, newest first", "Every change of a level, silenced or not. Kept for 90 days.")
            .Needs(Permission.AlertsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor).Gives<PageView<AlertEventView>>(200, "Changes.").Gives(304, Unchanged).Fails();
        api.MapGet("/alerts/rules", alerts.RulesAsync)
            .AuditsRead("alert_rule.read", "alert_rule")
            .Says("listAlertRules", Tag, "List the alert rules", "The built-in ones, and the tenant's own.")
            .Needs(Permission.AlertsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor).Gives<PageView<AlertRuleView>>(200, "Rules by name.").Gives(304, Unchanged).Fails();
        api.MapGet("/alerts/rules/{id}", alerts.RuleAsync)
            .AuditsRead("alert_rule.read", "alert_rule")
            .Says("getAlertRule", Tag, "Read an alert rule", "`id` is the name.")
            .Needs(Permission.AlertsRead)
            .Gives<AlertRuleView>(200, "The rule.").Gives(304, Unchanged).Fails(ErrorCode.AlertRuleNotFound);
        api.MapPut("/alerts/rules/{id}", alerts.SaveRuleAsync)
            .Audits("alert_rule.save", "alert_rule")
            .Says("saveAlertRule", Tag, "Add or replace an alert rule", "`id` is the name; that of a built-in rule takes its place. It holds from the next look on, in a few seconds.")
            .Needs(Permission.AlertsWrite)
            .TakesBody<AlertRuleBody>(true).Gives<AlertRuleView>(201, "Added.").Gives<AlertRuleView>(200, "Replaced.").Fails(Body);
        api.MapDelete("/alerts/rules/{id}", alerts.RemoveRuleAsync)
            .Audits("alert_rule.remove", "alert_rule")
            .Says("removeAlertRule", Tag, "Remove an alert rule of the tenant's own", "A built-in rule that it replaced holds again.")
            .Needs(Permission.AlertsWrite)
            .Gives(204, "Removed.").Fails(ErrorCode.AlertRuleNotFound, ErrorCode.AuditUnavailable);
        api.MapGet("/alerts/silences", alerts.SilencesAsync)
            .AuditsRead("alert.read", "alert")
            .Says("listAlertSilences", Tag, "List the silences that are not over, newest first")
            .Needs(Permission.AlertsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor).Gives<PageView<AlertSilenceView>>(200, "Silences.").Gives(304, Unchanged).Fails();
        api.MapPost("/alerts/silences", alerts.SilenceAsync)
            .Audits("alert.silence", "alert_rule")
            .Says("silenceAlerts", Tag, "Keep alerts silent for a while", "They are still raised and listed; nobody is told. What is raised when the silence ends is told then.")
            .Needs(Permission.AlertsWrite)
            .TakesBody<AlertSilenceBody>(true).Gives<AlertSilenceView>(201, "Silent from now on; `Location` names it.").Fails(Body);
        api.MapDelete("/alerts/silences/{id}", alerts.EndSilenceAsync)
            .Audits("alert.unsilence", "alert_silence")
            .Says("endAlertSilence", Tag, "End a silence before its time")
            .Needs(Permission.AlertsWrite)
            .Gives(204, "Over.").Fails(ErrorCode.AlertSilenceNotFound, ErrorCode.AuditUnavailable);
    }

    public static void MapLatencies(this IEndpointRouteBuilder api, EndpointLatencies latencies) => api.MapGet("/monitoring/endpoints", (HttpContext context, CancellationToken cancellationToken) =>
        {
            var query = new QueryReader(context);
            PageRequest page = PageRequest.Read(query);
            query.End();
            (string Name, LatencyReading Reading)[] endpoints = [.. latencies.Read().OrderBy(e => e.Name, StringComparer.Ordinal)];
            return Reply.JsonAsync(context, StatusCodes.Status200OK, PageView<EndpointLatencyView>.Of(endpoints, page, descending: false, static e => e.Name, static e => EndpointLatencyView.Of(e.Name, e.Reading)), ServerJson.Default.PageViewEndpointLatencyView);
        })
        .Says("listEndpointLatencies", Tag, "List how the endpoints did over the last minute", "Of this process, for all tenants. Streams, and requests that wait as long as they were asked to, are not timed.")
        .Needs(Permission.DeploymentRead)
        .Takes(ParameterNote.Size, ParameterNote.Cursor).Gives<PageView<EndpointLatencyView>>(200, "Endpoints that were called since the start.").Fails();

    public static void MapPrometheus(this IEndpointRouteBuilder root, PrometheusMetrics metrics) => root.MapGet("/metrics", metrics.AnswerAsync)
        .Says("scrapeMetrics", Tag, "Metrics in Prometheus' text format", "Of this process, for all tenants. With `AF_ACCESS=required` Prometheus shows an API key whose role has `deployment.read`, such as `platform`.")
        .Needs(Permission.DeploymentRead)
        .Gives(200, "Metrics.", "text/plain").Fails();
}

/// <summary>A rule, but for its name.</summary>
internal sealed record AlertRuleBody
{
    /// <summary><c>latency_p50_ms</c>, <c>latency_p95_ms</c>, <c>latency_p99_ms</c>, <c>error_rate</c> or <c>agent_silence_seconds</c>.</summary>
    public required string Signal { get; init; }

    /// <summary>Endpoints such as <c>POST /orchestrator/*</c>, or agent ids; by default all.</summary>
    public string? Target { get; init; }

    /// <summary>A value above it warns.</summary>
    public double? Warn { get; init; }

    /// <summary>A value above it is critical.</summary>
    public double? Critical { get; init; }

    /// <summary>How long a value must stay above a threshold before it counts; by default not at all.</summary>
    public double? ForSeconds { get; init; }

    /// <summary>How long it must stay below before the alert is lowered; by default not at all.</summary>
    public double? ClearAfterSeconds { get; init; }

    /// <summary>Requests in the last minute below which an endpoint has no value; by default 20.</summary>
    public int? MinRequests { get; init; }

    /// <summary>Channels that are told; by default those of the deployment.</summary>
    public IReadOnlyList<string>? Notify { get; init; }

    /// <summary>Channels that are told when it lasts; by default those of the deployment.</summary>
    public IReadOnlyList<string>? Escalate { get; init; }

    /// <summary>How long that is; by default as the deployment has it.</summary>
    public double? EscalateAfterSeconds { get; init; }

    /// <summary>False switches the rule off.</summary>
    public bool? Enabled { get; init; }
}

/// <summary>What is to be silent, and for how long.</summary>
internal sealed record AlertSilenceBody
{
    /// <summary>A rule, exact or by its beginning; by default every one.</summary>
    public string? Rule { get; init; }

    /// <summary>A resource, in the same way.</summary>
    public string? Resource { get; init; }

    /// <summary>From now on.</summary>
    public required double Seconds { get; init; }

    public string? Reason { get; init; }
}
