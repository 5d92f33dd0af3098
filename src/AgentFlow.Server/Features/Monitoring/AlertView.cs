using AgentFlow.Engine.Alerts;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>An alert that is raised.</summary>
/// <param name="Id">Rule and resource, with a line between them.</param>
/// <param name="Level"><c>warn</c> or <c>critical</c>.</param>
/// <param name="Since">When it came to this level.</param>
/// <param name="RaisedAt">When it was raised at all.</param>
/// <param name="Value">What was seen last.</param>
/// <param name="Silenced">Whether nobody is told at the moment.</param>
/// <param name="Escalated">Whether it has lasted so long that others were told too.</param>
internal sealed record AlertView(string Id, string Rule, string Resource, string Level, DateTimeOffset Since, DateTimeOffset? RaisedAt, double? Value, bool Silenced, bool Escalated)
{
    public static AlertView Of(AlertKey key, AlertState state, bool silenced) =>
        new(IdOf(key), key.Rule, key.Resource, state.Level.Word(), state.Since, state.RaisedAt, state.Value, silenced, state.IsEscalated);

    public static string IdOf(AlertKey key) => $"{key.Rule}|{key.Resource}";
}

/// <summary>A change of an alert's level.</summary>
/// <param name="Level"><c>ok</c>, <c>warn</c> or <c>critical</c>.</param>
internal sealed record AlertEventView(string Id, string Rule, string Resource, string Level, string Previous, double? Value, DateTimeOffset At)
{
    public static AlertEventView Of(AlertEvent e) => new(e.Id.ToString(), e.Rule, e.Resource, e.Level.Word(), e.Previous.Word(), e.Value, e.At);
}

/// <summary>A rule.</summary>
/// <param name="Signal">What it looks at; times in milliseconds, rates from 0 to 1, silence in seconds.</param>
/// <param name="Target">The endpoints or agents, exact or by their beginning.</param>
/// <param name="Notify">Channels that are told; those of the deployment when there is none here.</param>
internal sealed record AlertRuleView(string Name, string Signal, string Target, double? Warn, double? Critical, double ForSeconds, double ClearAfterSeconds, int MinRequests, IReadOnlyList<string>? Notify, IReadOnlyList<string>? Escalate, double? EscalateAfterSeconds, bool Enabled, bool BuiltIn)
{
    public static AlertRuleView Of(AlertRule rule, bool isBuiltIn) => new(
        rule.Name, rule.Signal.Word(), rule.Target, rule.Warn, rule.Critical, rule.For.TotalSeconds, rule.ClearAfter.TotalSeconds, rule.MinRequests, rule.Notify, rule.Escalate, rule.EscalateAfter?.TotalSeconds, rule.IsEnabled, isBuiltIn);
}

/// <summary>A time in which nobody is told of some alerts.</summary>
internal sealed record AlertSilenceView(string Id, string Rule, string Resource, DateTimeOffset From, DateTimeOffset Until, string Reason, string By)
{
    public static AlertSilenceView Of(AlertSilence s) => new(s.Id.ToString(), s.Rule, s.Resource, s.From, s.Until, s.Reason, s.By);
}

/// <summary>An endpoint over the last minute. Times in milliseconds.</summary>
/// <param name="Errors">Requests that the server failed (5xx).</param>
/// <param name="Refused">Requests that were refused (4xx): no errors of the server.</param>
internal sealed record EndpointLatencyView(string Endpoint, long Requests, long Errors, long Refused, double ErrorRate, double P50Ms, double P95Ms, double P99Ms, double MaxMs)
{
    public static EndpointLatencyView Of(string name, LatencyReading r) =>
        new(name, r.Requests, r.Failures, r.Refusals, Math.Round(r.ErrorRate, 6), Math.Round(r.P50, 3), Math.Round(r.P95, 3), Math.Round(r.P99, 3), Math.Round(r.Slowest, 3));
}
