using System.Globalization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Alerts;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>What is raised, by which rules, and keeping it silent for a while.</summary>
internal sealed class AlertEndpoints(AlertWatch watch, IAlertStore store, AlertSettings settings, AuditRecorder audit, UlidFactory ids, TimeProvider clock)
{
    private const int MaxText = 200;
    private const int MaxChannels = 20;
    private const int MaxRules = 200;
    private const int MaxSilences = 200;
    private const double MaxSeconds = 7 * 86_400;
    private const double MaxThreshold = 1e9;

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        PageRequest page = Page(context);
        DateTimeOffset now = clock.GetUtcNow();
        IReadOnlyList<AlertSilence> silences = await store.SilencesAsync(tenant, now, cancellationToken).ConfigureAwait(false);
        (AlertKey Key, AlertState State)[] raised = [.. watch.Raised(tenant).OrderBy(a => AlertView.IdOf(a.Key), StringComparer.Ordinal)];
        await Reply.TaggedJsonAsync(
            context,
            PageView<AlertView>.Of(raised, page, descending: false, static a => AlertView.IdOf(a.Key), a => AlertView.Of(a.Key, a.State, silences.Any(s => s.Covers(a.Key.Rule, a.Key.Resource, now)))),
            ServerJson.Default.PageViewAlertView).ConfigureAwait(false);
    }

    public async Task EventsAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        PageRequest page = Page(context);
        Ulid before = new(Ulid.MaxUnixMilliseconds, ushort.MaxValue, ulong.MaxValue);
        if (page.Cursor is { } cursor && !Ulid.TryParse(cursor, out before))
        {
            throw ProblemException.Parameter("page[cursor]", "is no cursor of this list", "Pass the next_cursor of the page before.");
        }

        IReadOnlyList<AlertEvent> found = await store.EventsAsync(tenant, before, page.Size + 1, cancellationToken).ConfigureAwait(false);
        AlertEventView[] items = [.. found.Take(page.Size).Select(AlertEventView.Of)];
        await Reply.TaggedJsonAsync(
            context,
            new PageView<AlertEventView>(items, found.Count > page.Size ? items[^1].Id : null, await store.CountEventsAsync(tenant, cancellationToken).ConfigureAwait(false)),
            ServerJson.Default.PageViewAlertEventView).ConfigureAwait(false);
    }

    public async Task RulesAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        PageRequest page = Page(context);
        IReadOnlyList<(AlertRule Rule, bool IsBuiltIn)> rules = AlertWatch.Effective(await store.RulesAsync(tenant, cancellationToken).ConfigureAwait(false));
        await Reply.TaggedJsonAsync(context, PageView<AlertRuleView>.Of(rules, page, descending: false, static r => r.Rule.Name, static r => AlertRuleView.Of(r.Rule, r.IsBuiltIn)), ServerJson.Default.PageViewAlertRuleView).ConfigureAwait(false);
    }

    public async Task RuleAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        IReadOnlyList<(AlertRule Rule, bool IsBuiltIn)> rules = AlertWatch.Effective(await store.RulesAsync(tenant, cancellationToken).ConfigureAwait(false));
        (AlertRule? rule, bool isBuiltIn) = rules.FirstOrDefault(r => r.Rule.Name == id);
        await Reply.TaggedJsonAsync(context, AlertRuleView.Of(rule ?? throw NoRule(id, rules.Select(r => r.Rule.Name)), isBuiltIn), ServerJson.Default.AlertRuleView).ConfigureAwait(false);
    }

    public async Task SaveRuleAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        if (!AlertRule.IsName(id))
        {
            throw ProblemException.Parameter("id", "is no name of a rule", "Use 1 to 63 lower-case letters, digits, '_' and '-', beginning with a letter.");
        }

        AlertRule rule = Rule(await JsonBody.ReadAsync(context).ConfigureAwait(false), id, tenant);
        IReadOnlyList<AlertRule> own = await store.RulesAsync(tenant, cancellationToken).ConfigureAwait(false);
        bool exists = own.Any(r => r.Name == id) || BuiltInAlertRules.All.Any(r => r.Name == id);
        if (own.Count >= MaxRules && own.All(r => r.Name != id))
        {
            throw new ProblemException(ErrorCode.ValidationFailed, $"The tenant has {MaxRules} rules of its own already. Remove one that is not needed.");
        }

        await audit.AllowAsync(context, tenant, "alert_rule.save", $"alert_rule:{id}", d => d.Text("rule"u8, AlertRuleDocument.Write(rule))).ConfigureAwait(false);
        await store.SaveRuleAsync(tenant, rule, cancellationToken).ConfigureAwait(false);
        await Reply.JsonAsync(context, exists ? StatusCodes.Status200OK : StatusCodes.Status201Created, AlertRuleView.Of(rule, isBuiltIn: false), ServerJson.Default.AlertRuleView).ConfigureAwait(false);
    }

    public async Task RemoveRuleAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        IReadOnlyList<AlertRule> own = await store.RulesAsync(tenant, cancellationToken).ConfigureAwait(false);
        if (own.All(r => r.Name != id))
        {
            throw BuiltInAlertRules.All.Any(r => r.Name == id)
                ? new ProblemException(ErrorCode.AlertRuleNotFound, $"'{id}' is built in and has not been replaced. Save it with \"enabled\": false to switch it off.")
                : NoRule(id, AlertWatch.Effective(own).Select(r => r.Rule.Name));
        }

        await audit.AllowAsync(context, tenant, "alert_rule.remove", $"alert_rule:{id}").ConfigureAwait(false);
        await store.RemoveRuleAsync(tenant, id, cancellationToken).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    public async Task SilencesAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        PageRequest page = Page(context);
        IReadOnlyList<AlertSilence> silences = await store.SilencesAsync(tenant, clock.GetUtcNow(), cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, PageView<AlertSilenceView>.Of(silences, page, descending: true, static s => s.Id.ToString(), AlertSilenceView.Of), ServerJson.Default.PageViewAlertSilenceView).ConfigureAwait(false);
    }

    public async Task SilenceAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string rule = Pattern(body, "rule");
        string resource = Pattern(body, "resource");
        double seconds = Number(body, "seconds", 1, 90 * 86_400) ?? 0;
        string reason = body.Text("reason", MaxText) ?? "";
        if (seconds == 0)
        {
            body.Fault("seconds", "'seconds' is missing", "Say for how long, for example 3600.");
        }

        body.End();
        DateTimeOffset now = clock.GetUtcNow();
        if ((await store.SilencesAsync(tenant, now, cancellationToken).ConfigureAwait(false)).Count >= MaxSilences)
        {
            throw new ProblemException(ErrorCode.ValidationFailed, $"The tenant has {MaxSilences} silences already. End one that is not needed.");
        }

        var silence = new AlertSilence(ids.Create(), rule, resource, now, now.AddSeconds(seconds), reason, Caller.ActorOf(context));
        await audit.AllowAsync(context, tenant, "alert.silence", $"alert_rule:{rule}", d => d.Text("resource"u8, resource).Number("seconds"u8, (long)seconds)).ConfigureAwait(false);
        await store.AddSilenceAsync(tenant, silence, cancellationToken).ConfigureAwait(false);
        context.Response.Headers.Location = $"{AgentFlowApp.ApiBase}/alerts/silences/{silence.Id}";
        await Reply.JsonAsync(context, StatusCodes.Status201Created, AlertSilenceView.Of(silence), ServerJson.Default.AlertSilenceView).ConfigureAwait(false);
    }

    public async Task EndSilenceAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        DateTimeOffset now = clock.GetUtcNow();
        if (!Ulid.TryParse(id, out Ulid silence) || (await store.SilencesAsync(tenant, now, cancellationToken).ConfigureAwait(false)).All(s => s.Id != silence))
        {
            throw new ProblemException(ErrorCode.AlertSilenceNotFound, "No silence has this id, or it is over. GET /api/v1/alerts/silences lists them.");
        }

        await audit.AllowAsync(context, tenant, "alert.unsilence", $"alert_silence:{id}").ConfigureAwait(false);
        await store.EndSilenceAsync(tenant, silence, now, cancellationToken).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private AlertRule Rule(JsonBody body, string name, string tenant)
    {
        string word = body.Text("signal", MaxText) ?? "";
        AlertSignal? signal = AlertWords.Signal(word);
        if (signal is null)
        {
            body.Fault("signal", word.Length == 0 ? "'signal' is missing" : $"'{word}' is no signal{NearWord.Hint(word, AlertWords.AllSignals)}", $"Give one of {string.Join(", ", AlertWords.AllSignals)}.");
        }

        var rule = new AlertRule(name, signal ?? default)
        {
            Target = Pattern(body, "target"),
            Warn = Number(body, "warn", 0, MaxThreshold),
            Critical = Number(body, "critical", 0, MaxThreshold),
            For = TimeSpan.FromSeconds(Number(body, "for_seconds", 0, MaxSeconds) ?? 0),
            ClearAfter = TimeSpan.FromSeconds(Number(body, "clear_after_seconds", 0, MaxSeconds) ?? 0),
            MinRequests = (int)(Number(body, "min_requests", 1, 1_000_000) ?? 20),
            Notify = body.TextList("notify", MaxChannels, ChannelProblem),
            Escalate = body.TextList("escalate", MaxChannels, ChannelProblem),
            EscalateAfter = Number(body, "escalate_after_seconds", 1, MaxSeconds) is { } after ? TimeSpan.FromSeconds(after) : null,
            IsEnabled = body.Flag("enabled") ?? true,
        };
        if (rule.Warn is null && rule.Critical is null)
        {
            body.Fault("warn", "there is neither 'warn' nor 'critical'", "Give the value above which somebody should know.");
        }
        else if (rule.Warn >= rule.Critical)
        {
            body.Fault("critical", string.Create(CultureInfo.InvariantCulture, $"'critical' is {rule.Critical} and 'warn' {rule.Warn}"), "A critical value is above one that warns.");
        }

        if (rule.IsOfDeployment && signal is not null && tenant != Tenant.Default)
        {
            body.Fault("signal", $"'{word}' is of the whole deployment", $"Rules on it belong to the tenant '{Tenant.Default}'; here, look at agent_silence_seconds.");
        }

        body.End();
        return rule;
    }

    private string? ChannelProblem(string channel) => settings.Channels.ContainsKey(channel)
        ? null
        : $"there is no channel '{channel}'{NearWord.Hint(channel, settings.Channels.Keys)}; channels are set by the deployment, as AF_ALERT_CHANNEL_NAME";

    private static string Pattern(JsonBody body, string name)
    {
        string pattern = body.Text(name, MaxText) is { Length: > 0 } given ? given : "*";
        if (NamePatterns.Problem(pattern) is { } problem)
        {
            body.Fault(name, problem);
        }

        return pattern;
    }

    private static double? Number(JsonBody body, string name, double least, double most)
    {
        if (body.Number(name) is not { } given)
        {
            return null;
        }

        double number = (double)given;
        if (number < least || number > most)
        {
            body.Fault(name, string.Create(CultureInfo.InvariantCulture, $"'{name}' is {given}"), string.Create(CultureInfo.InvariantCulture, $"Give a number from {least} to {most}."));
            return least;
        }

        return number;
    }

    private static PageRequest Page(HttpContext context)
    {
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        query.End();
        return page;
    }

    private static ProblemException NoRule(string id, IEnumerable<string> known) =>
        new(ErrorCode.AlertRuleNotFound, $"There is no such rule{NearWord.Hint(id, known)}. GET /api/v1/alerts/rules lists them.");
}
