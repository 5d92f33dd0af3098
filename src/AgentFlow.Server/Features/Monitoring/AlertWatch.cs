using System.Collections.Concurrent;
using System.Globalization;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Alerts;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>
/// Looks every few seconds at every rule of every tenant. A level that changes is on disk before anybody hears of it; a process
/// that starts goes on from there and does not raise again what was raised.
/// </summary>
internal sealed partial class AlertWatch(AlertSettings settings, IAlertStore store, IAgentPresence agents, EndpointLatencies latencies, Action<AlertMessage, IReadOnlyList<string>> tell, UlidFactory ids, TimeProvider clock, ILogger log) : IAsyncDisposable
{
    private const int MaxSilentAgents = 1000;

    private static readonly TimeSpan Kept = TimeSpan.FromDays(90);

    private readonly ConcurrentDictionary<AlertKey, AlertState> _states = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _loop = Task.CompletedTask;
    private bool _isRestored;

    /// <summary>What is raised now, of one tenant, by rule and resource.</summary>
    public IReadOnlyList<(AlertKey Key, AlertState State)> Raised(string tenant) =>
    [
        .. from entry in _states
           where entry.Key.Tenant == tenant && entry.Value.Level != AlertLevel.None
           orderby entry.Key.Rule, entry.Key.Resource
           select (entry.Key, entry.Value),
    ];

    /// <summary>How many alerts of all tenants are at a level.</summary>
    public int Count(AlertLevel level) => _states.Values.Count(s => s.Level == level);

    /// <summary>The remote agents at the last look: a scrape asks no store.</summary>
    public IReadOnlyList<AgentPresence> Agents { get; private set; } = [];

    public void Begin() => _loop = Task.Run(LookOnAsync, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    /// <summary>The rules that hold for a tenant: its own, and the built-in ones that it has not replaced.</summary>
    public static IReadOnlyList<(AlertRule Rule, bool IsBuiltIn)> Effective(IReadOnlyList<AlertRule> own) =>
    [
        .. BuiltInAlertRules.All.Where(b => own.All(r => r.Name != b.Name)).Select(b => (b, true)).Concat(own.Select(r => (r, false))).OrderBy(r => r.Item1.Name, StringComparer.Ordinal),
    ];

    /// <summary>One look at everything.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        if (!_isRestored)
        {
            foreach ((string tenant, AlertEvent raised) in await store.RaisedAsync(cancellationToken).ConfigureAwait(false))
            {
                _states.TryAdd(new AlertKey(tenant, raised.Rule, raised.Resource), new AlertState(raised.Level, raised.At)
                {
                    Value = raised.Value,
                    Told = raised.Level,
                    RaisedAt = raised.At,
                    IsEscalated = now - raised.At >= settings.EscalateAfter,
                });
            }

            _isRestored = true;
        }

        Agents = await agents.CountAsync(cancellationToken).ConfigureAwait(false);
        var rules = new Dictionary<string, IReadOnlyList<(AlertRule Rule, bool IsBuiltIn)>>(StringComparer.Ordinal);
        foreach (string tenant in (await store.TenantsAsync(now, cancellationToken).ConfigureAwait(false)).Append(Tenant.Default).Distinct(StringComparer.Ordinal))
        {
            rules[tenant] = Effective(await store.RulesAsync(tenant, cancellationToken).ConfigureAwait(false));
        }

        ILookup<string, SilentAgent> silent = await SilentAsync(rules.Values.SelectMany(r => r), now, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<(AlertRule, bool)> usual = Effective([]);
        foreach (string tenant in rules.Keys.Concat(silent.Select(s => s.Key)).Concat(_states.Keys.Select(k => k.Tenant)).Distinct(StringComparer.Ordinal).ToArray())
        {
            await LookAsync(tenant, rules.GetValueOrDefault(tenant, usual), [.. silent[tenant]], now, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task LookOnAsync()
    {
        try
        {
            // What was not written down was not told either; the next look finds it again.
            await Rounds.RepeatAsync(LookAsync, settings.Interval, clock, e => NotLooked(log, e.Message), _stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    private async ValueTask<ILookup<string, SilentAgent>> SilentAsync(IEnumerable<(AlertRule Rule, bool IsBuiltIn)> rules, DateTimeOffset now, CancellationToken cancellationToken)
    {
        double least = rules.Select(r => r.Rule).Concat(BuiltInAlertRules.All).Where(r => r is { Signal: AlertSignal.AgentSilence, IsEnabled: true }).Min(r => Math.Min(r.Warn ?? double.MaxValue, r.Critical ?? double.MaxValue));
        long before = now.ToUnixTimeMilliseconds() - (long)Math.Min(least * 1000, now.ToUnixTimeMilliseconds());
        return (await agents.SilentAsync(before, MaxSilentAgents, cancellationToken).ConfigureAwait(false)).ToLookup(a => a.Tenant, StringComparer.Ordinal);
    }

    private async Task LookAsync(string tenant, IReadOnlyList<(AlertRule Rule, bool IsBuiltIn)> rules, SilentAgent[] silent, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IReadOnlyList<AlertSilence> silences = await store.SilencesAsync(tenant, now, cancellationToken).ConfigureAwait(false);
        foreach ((AlertRule rule, _) in rules)
        {
            Dictionary<string, double> values = Values(tenant, rule, silent, now);
            foreach (string resource in values.Keys.Concat(_states.Keys.Where(k => k.Tenant == tenant && k.Rule == rule.Name).Select(k => k.Resource)).Distinct(StringComparer.Ordinal).ToArray())
            {
                await StepAsync(new AlertKey(tenant, rule.Name, resource), rule, values.TryGetValue(resource, out double value) ? value : null, silences, now, cancellationToken).ConfigureAwait(false);
            }
        }

        // A rule that was removed has nothing more to say.
        foreach (AlertKey gone in _states.Keys.Where(k => k.Tenant == tenant && rules.All(r => r.Rule.Name != k.Rule)).ToArray())
        {
            await StepAsync(gone, new AlertRule(gone.Rule, AlertSignal.AgentSilence), null, silences, now, cancellationToken).ConfigureAwait(false);
        }
    }

    private Dictionary<string, double> Values(string tenant, AlertRule rule, SilentAgent[] silent, DateTimeOffset now)
    {
        if (!rule.IsOfDeployment)
        {
            return silent.Where(a => rule.Watches(a.Id)).ToDictionary(a => a.Id, a => (now.ToUnixTimeMilliseconds() - a.LastSeen) / 1000.0, StringComparer.Ordinal);
        }

        // The server's latencies belong to nobody but its operator, whose tenant is the first.
        return tenant != Tenant.Default
            ? []
            : latencies.Read().Where(e => rule.Watches(e.Name) && e.Reading.Requests >= rule.MinRequests).ToDictionary(e => e.Name, e => ValueOf(rule.Signal, e.Reading), StringComparer.Ordinal);
    }

    private static double ValueOf(AlertSignal signal, LatencyReading reading) => signal switch
    {
        AlertSignal.LatencyP50 => reading.P50,
        AlertSignal.LatencyP95 => reading.P95,
        AlertSignal.LatencyP99 => reading.P99,
        _ => reading.ErrorRate,
    };

    private async Task StepAsync(AlertKey key, AlertRule rule, double? value, IReadOnlyList<AlertSilence> silences, DateTimeOffset now, CancellationToken cancellationToken)
    {
        AlertState before = _states.GetValueOrDefault(key, AlertState.Quiet);
        bool silenced = silences.Any(s => s.Covers(key.Rule, key.Resource, now));
        AlertStep step = AlertMachine.Step(rule, before, value, now, silenced, rule.EscalateAfter ?? settings.EscalateAfter);
        if (step.Changed)
        {
            await store.AddEventAsync(
                key.Tenant,
                new AlertEvent(ids.Create(), key.Rule, key.Resource, step.State.Level, before.Level, value, now),
                new Ulid(Math.Max(0, (now - Kept).ToUnixTimeMilliseconds()), 0, 0),
                cancellationToken).ConfigureAwait(false);
        }

        if (step.State.IsQuiet)
        {
            _states.TryRemove(key, out _);
        }
        else
        {
            _states[key] = step.State;
        }

        if (step.Changed)
        {
            LevelChanged(log, key.Tenant, key.Rule, key.Resource, before.Level.Word(), step.State.Level.Word(), value ?? 0);
        }

        AlertLevel threshold = step.State.Level == AlertLevel.None ? before.Told : step.State.Level;
        AlertMessage Message(bool isEscalation) => new(
            key.Tenant, key.Rule, key.Resource, step.State.Level.Word(), isEscalation ? step.State.Level.Word() : before.Told.Word(), rule.Signal.Word(), value, rule.ThresholdOf(threshold), step.State.RaisedAt ?? before.RaisedAt ?? now, now, isEscalation);

        // Also whom a change concerns that is kept silent: dashboards show what is so.
        if (step.Changed || step.Tell)
        {
            tell(Message(isEscalation: false), step.Tell ? rule.Notify ?? settings.Notify : []);
        }

        if (step.Escalate)
        {
            tell(Message(isEscalation: true), rule.Escalate ?? settings.Escalate);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Alert {Rule} of {Tenant} on {Resource} went from {Previous} to {Level} at {Value}")]
    private static partial void LevelChanged(ILogger logger, string tenant, string rule, string resource, string previous, string level, double value);

    [LoggerMessage(2, LogLevel.Error, "Alert rules could not be looked at; the next look is in a moment. {Reason}")]
    private static partial void NotLooked(ILogger logger, string reason);
}

/// <summary>One alert: a rule and what it is about.</summary>
internal readonly record struct AlertKey(string Tenant, string Rule, string Resource);

/// <summary>What is told of an alert.</summary>
/// <param name="Level"><c>ok</c>, <c>warn</c> or <c>critical</c>.</param>
/// <param name="Previous">What was told before.</param>
/// <param name="Since">When it was raised.</param>
/// <param name="Escalated">Whether it is told again, to others, because it lasts.</param>
internal sealed record AlertMessage(string Tenant, string Rule, string Resource, string Level, string Previous, string Signal, double? Value, double? Threshold, DateTimeOffset Since, DateTimeOffset At, bool Escalated)
{
    /// <summary>In one line.</summary>
    public string Text
    {
        get
        {
            string value = Value is { } number ? string.Create(CultureInfo.InvariantCulture, $": {Signal} is {number:0.####}{(Threshold is { } limit ? $" (limit {limit:0.####})" : "")}") : "";
            return $"{(Escalated ? "escalated, " : "")}{Level}: {Rule} on {Resource}{value}";
        }
    }
}
