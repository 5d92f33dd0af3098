namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    /// <summary>What is raised now.</summary>
    public Task<Page<Alert>> ListAlertsAsync(int size = 50, string? cursor = null, CancellationToken cancellationToken = default) =>
        GetAsync($"alerts?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageAlert, cancellationToken);

    /// <summary>What alerts have come to, newest first.</summary>
    public Task<Page<AlertEvent>> ListAlertEventsAsync(int size = 50, string? cursor = null, CancellationToken cancellationToken = default) =>
        GetAsync($"alerts/events?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageAlertEvent, cancellationToken);

    public Task<Page<AlertRule>> ListAlertRulesAsync(int size = 50, string? cursor = null, CancellationToken cancellationToken = default) =>
        GetAsync($"alerts/rules?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageAlertRule, cancellationToken);

    public Task<AlertRule> GetAlertRuleAsync(string name, CancellationToken cancellationToken = default) => GetAsync($"alerts/rules/{Escape(name)}", ClientJson.Default.AlertRule, cancellationToken);

    /// <summary>Adds a rule, or replaces the one of its name.</summary>
    public async Task<AlertRule> SaveAlertRuleAsync(AlertRule rule, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rule);
        var body = new SaveAlertRuleBody(
            rule.Signal, rule.Target, rule.Warn, rule.Critical, rule.ForSeconds, rule.ClearAfterSeconds, rule.MinRequests, rule.Notify, rule.Escalate, rule.EscalateAfterSeconds, rule.Enabled);
        using HttpResponseMessage response = await SendAsync(HttpMethod.Put, $"alerts/rules/{Escape(rule.Name)}", body, ClientJson.Default.SaveAlertRuleBody, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.AlertRule, cancellationToken).ConfigureAwait(false);
    }

    public async Task RemoveAlertRuleAsync(string name, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage _ = await SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, $"alerts/rules/{Escape(name)}"), repeatable: false, HttpCompletionOption.ResponseContentRead, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Silences that are not over, newest first.</summary>
    public Task<Page<AlertSilence>> ListAlertSilencesAsync(int size = 50, string? cursor = null, CancellationToken cancellationToken = default) =>
        GetAsync($"alerts/silences?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageAlertSilence, cancellationToken);

    /// <summary>Keeps alerts silent from now on.</summary>
    /// <param name="rule">A rule, exact or by its beginning (<c>bridge-*</c>); <see langword="null"/>: every one. Likewise <paramref name="resource"/>.</param>
    public async Task<AlertSilence> SilenceAlertsAsync(string? rule, string? resource, TimeSpan duration, string? reason = null, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await PostAsync("alerts/silences", new SilenceAlertsBody(rule, resource, duration.TotalSeconds, reason), ClientJson.Default.SilenceAlertsBody, idempotencyKey: null, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.AlertSilence, cancellationToken).ConfigureAwait(false);
    }

    public async Task EndAlertSilenceAsync(string id, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage _ = await SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, $"alerts/silences/{Escape(id)}"), repeatable: false, HttpCompletionOption.ResponseContentRead, cancellationToken).ConfigureAwait(false);
    }
}
