using System.CommandLine;
using System.Globalization;
using AgentFlow.Cli.Access;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Alerts;

/// <summary><c>af alerts</c>: what calls for attention, by which rules, and keeping it silent.</summary>
internal static class AlertsCommand
{
    private const int PageSize = 500;

    private static readonly Argument<string> Name = new("name") { Description = "The rule's name." };
    private static readonly Argument<string> SilenceId = new("id") { Description = "The silence's id." };
    private static readonly Argument<string> Pattern = new("rule") { Description = "The rule, exact or by its beginning (bridge-*)." };
    private static readonly Option<string> Signal = new("--signal") { Description = "latency_p50_ms, latency_p95_ms, latency_p99_ms, error_rate (0 to 1) or agent_silence_seconds.", HelpName = "name", Required = true };
    private static readonly Option<string?> Target = new("--target") { Description = "Endpoints such as 'POST /orchestrator/*', or agent ids. Default: all.", HelpName = "pattern" };
    private static readonly Option<double?> Warn = new("--warn") { Description = "A value above it warns.", HelpName = "n" };
    private static readonly Option<double?> Critical = new("--critical") { Description = "A value above it is critical.", HelpName = "n" };
    private static readonly Option<string?> For = new("--for") { Description = "How long a value must stay above before it counts. Default: not at all.", HelpName = "time" };
    private static readonly Option<string?> Clear = new("--clear-after") { Description = "How long it must stay below before the alert is lowered. Default: not at all.", HelpName = "time" };
    private static readonly Option<string[]> Notify = new("--notify") { Description = "A channel that is told; can be repeated. Default: those of the deployment.", HelpName = "name", DefaultValueFactory = _ => [] };
    private static readonly Option<bool> Off = new("--off") { Description = "Switch the rule off." };
    private static readonly Option<string?> Resource = new("--resource") { Description = "Only this endpoint or agent, exact or by its beginning.", HelpName = "pattern" };
    private static readonly Option<string> Duration = new("--for") { Description = "For how long, such as 30m or 2h.", HelpName = "time", Required = true };
    private static readonly Option<string?> Reason = new("--reason") { Description = "Why; kept with the silence.", HelpName = "text" };
    private static readonly Option<int> Limit = new("--limit") { Description = "Most changes to list.", DefaultValueFactory = _ => 20, HelpName = "n" };

    public static Command Create() => new("alerts", "See what calls for attention.")
    {
        ConnectedVerb.Create("list", "List the alerts that are raised.", ListAsync, []),
        ConnectedVerb.Create("events", "List what alerts have come to, newest first.", EventsAsync, [], Limit),
        ConnectedVerb.Create("rules", "List the alert rules.", RulesAsync, []),
        ConnectedVerb.Create("save-rule", "Add or replace an alert rule.", SaveRuleAsync, [Name], Signal, Target, Warn, Critical, For, Clear, Notify, Off),
        ConnectedVerb.Create("remove-rule", "Remove an alert rule of the tenant's own.", RemoveRuleAsync, [Name]),
        ConnectedVerb.Create("silences", "List the silences that are not over.", SilencesAsync, []),
        ConnectedVerb.Create("silence", "Tell nobody of some alerts for a while.", SilenceAsync, [Pattern], Duration, Resource, Reason),
        ConnectedVerb.Create("unsilence", "End a silence before its time.", UnsilenceAsync, [SilenceId]),
    };

    private static async Task<int> ListAsync(Invocation invocation, Connection connection)
    {
        List<Alert> alerts = await Listing.AllAsync((cursor, size) => connection.Client.ListAlertsAsync(size, cursor, invocation.Cancelled));
        return Listing.Show(
            invocation.Terminal,
            alerts,
            CliJson.Default.Alert,
            [new TableColumn("Level", IsFixed: true), new TableColumn("Rule", IsFixed: true), new TableColumn("Resource"), new TableColumn("Value", IsFixed: true), new TableColumn("Since", IsFixed: true), new TableColumn("Told", IsFixed: true)],
            (table, alert) => table.Add(new TableCell(alert.Level, ToneOf(alert.Level)), alert.Rule, alert.Resource, Number(alert.Value), Listing.Time(alert.RaisedAt), alert.Silenced ? "silenced" : alert.Escalated ? "escalated" : "yes"),
            "nothing calls for attention");
    }

    private static async Task<int> EventsAsync(Invocation invocation, Connection connection)
    {
        int limit = Math.Clamp(invocation.Get(Limit), 1, PageSize);
        Page<AlertEvent> page = await connection.Client.ListAlertEventsAsync(limit, null, invocation.Cancelled);
        return Listing.Show(
            invocation.Terminal,
            page.Items,
            CliJson.Default.AlertEvent,
            [new TableColumn("At", IsFixed: true), new TableColumn("Level", IsFixed: true), new TableColumn("Before", IsFixed: true), new TableColumn("Rule", IsFixed: true), new TableColumn("Resource"), new TableColumn("Value", IsFixed: true)],
            (table, change) => table.Add($"{change.At.UtcDateTime:yyyy-MM-dd HH:mm:ss}", new TableCell(change.Level, ToneOf(change.Level)), change.Previous, change.Rule, change.Resource, Number(change.Value)));
    }

    private static async Task<int> RulesAsync(Invocation invocation, Connection connection)
    {
        List<AlertRule> rules = await Listing.AllAsync((cursor, size) => connection.Client.ListAlertRulesAsync(size, cursor, invocation.Cancelled));
        return Listing.Show(
            invocation.Terminal,
            rules,
            CliJson.Default.AlertRule,
            [new TableColumn("Rule", IsFixed: true), new TableColumn("Signal", IsFixed: true), new TableColumn("Target"), new TableColumn("Warn", IsFixed: true), new TableColumn("Critical", IsFixed: true), new TableColumn("From", IsFixed: true)],
            (table, rule) => table.Add(rule.Name, rule.Signal, rule.Target ?? "*", Number(rule.Warn), Number(rule.Critical), rule.Enabled ? rule.BuiltIn ? "AgentFlow" : "tenant" : "off"));
    }

    private static async Task<int> SaveRuleAsync(Invocation invocation, Connection connection)
    {
        AlertRule rule = await connection.Client.SaveAlertRuleAsync(
            new AlertRule
            {
                Name = invocation.Get(Name)!,
                Signal = invocation.Get(Signal)!,
                Target = invocation.Get(Target),
                Warn = invocation.Get(Warn),
                Critical = invocation.Get(Critical),
                ForSeconds = Seconds(invocation.Get(For), "--for"),
                ClearAfterSeconds = Seconds(invocation.Get(Clear), "--clear-after"),
                Notify = invocation.Get(Notify) is { Length: > 0 } channels ? channels : null,
                Enabled = !invocation.Get(Off),
            },
            invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(rule, CliJson.Default.AlertRule);
        }
        else
        {
            invocation.Terminal.Say($"{rule.Name}: {rule.Signal} of {rule.Target} warns above {Number(rule.Warn)}, is critical above {Number(rule.Critical)}", Tone.Strong);
        }

        return ExitCode.Ok;
    }

    private static async Task<int> RemoveRuleAsync(Invocation invocation, Connection connection)
    {
        await connection.Client.RemoveAlertRuleAsync(invocation.Get(Name)!, invocation.Cancelled);
        invocation.Terminal.Note($"{invocation.Get(Name)} is removed");
        return ExitCode.Ok;
    }

    private static async Task<int> SilencesAsync(Invocation invocation, Connection connection)
    {
        List<AlertSilence> silences = await Listing.AllAsync((cursor, size) => connection.Client.ListAlertSilencesAsync(size, cursor, invocation.Cancelled));
        return Listing.Show(
            invocation.Terminal,
            silences,
            CliJson.Default.AlertSilence,
            [new TableColumn("Silence", IsFixed: true), new TableColumn("Rule", IsFixed: true), new TableColumn("Resource"), new TableColumn("Until", IsFixed: true), new TableColumn("By", IsFixed: true), new TableColumn("Reason")],
            (table, silence) => table.Add(silence.Id, silence.Rule, silence.Resource, Listing.Time(silence.Until), silence.By, silence.Reason));
    }

    private static async Task<int> SilenceAsync(Invocation invocation, Connection connection)
    {
        TimeSpan duration = Durations.Parse(invocation.Get(Duration)!, "--for");
        AlertSilence silence = await connection.Client.SilenceAlertsAsync(invocation.Get(Pattern), invocation.Get(Resource), duration, invocation.Get(Reason), invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(silence, CliJson.Default.AlertSilence);
        }
        else
        {
            invocation.Terminal.Say($"{silence.Rule} on {silence.Resource} is silent until {silence.Until.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC; end it with: af alerts unsilence {silence.Id}", Tone.Strong);
        }

        return ExitCode.Ok;
    }

    private static async Task<int> UnsilenceAsync(Invocation invocation, Connection connection)
    {
        await connection.Client.EndAlertSilenceAsync(invocation.Get(SilenceId)!, invocation.Cancelled);
        invocation.Terminal.Note("the silence is over");
        return ExitCode.Ok;
    }

    private static double? Seconds(string? text, string option) => text is null ? null : Durations.Parse(text, option).TotalSeconds;

    private static string Number(double? value) => value?.ToString("0.####", CultureInfo.InvariantCulture) ?? "";

    private static Tone ToneOf(string level) => level switch { "critical" => Tone.Bad, "warn" => Tone.Warning, _ => Tone.Good };
}
