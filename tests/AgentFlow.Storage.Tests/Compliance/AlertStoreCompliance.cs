using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Alerts;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every alert store promises. One subclass an implementation.</summary>
public abstract class AlertStoreCompliance : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    protected abstract IAlertStore Alerts { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    private static Ulid Id(int number) => new(Now.ToUnixTimeMilliseconds() + number, 0, (ulong)number);

    private static AlertEvent Event(int number, string rule, string resource, AlertLevel level, AlertLevel previous, double? value = 1.5) =>
        new(Id(number), rule, resource, level, previous, value, Now.AddMilliseconds(number));

    [Fact]
    public async Task Rule_WithEverything_IsReadAsSaved()
    {
        var rule = new AlertRule("slow", AlertSignal.LatencyP99)
        {
            Target = "POST /api/*",
            Warn = 12.5,
            Critical = 100,
            For = TimeSpan.FromSeconds(90),
            ClearAfter = TimeSpan.FromSeconds(0.5),
            MinRequests = 7,
            Notify = ["ops", "mail"],
            Escalate = [],
            EscalateAfter = TimeSpan.FromMinutes(3),
            IsEnabled = false,
        };
        await Alerts.SaveRuleAsync("t1", new AlertRule("slow", AlertSignal.ErrorRate), default);
        await Alerts.SaveRuleAsync("t1", rule, default);
        await Alerts.SaveRuleAsync("t1", new AlertRule("a", AlertSignal.AgentSilence) { Warn = 3 }, default);
        IReadOnlyList<AlertRule> rules = await Alerts.RulesAsync("t1", default);
        Assert.Equal(["a", "slow"], rules.Select(r => r.Name));
        Assert.Equal(rule.Notify, rules[1].Notify);
        Assert.Equal(rule.Escalate, rules[1].Escalate);
        Assert.Equal(rule, rules[1] with { Notify = rule.Notify, Escalate = rule.Escalate });
        Assert.Equal(new AlertRule("a", AlertSignal.AgentSilence) { Warn = 3 }, rules[0]);
    }

    [Fact]
    public async Task Rule_OfAnotherTenant_IsNotThere()
    {
        await Alerts.SaveRuleAsync("t1", new AlertRule("slow", AlertSignal.ErrorRate), default);
        Assert.Empty(await Alerts.RulesAsync("t2", default));
        Assert.False(await Alerts.RemoveRuleAsync("t2", "slow", default));
        Assert.Equal(["t1"], await Alerts.TenantsAsync(Now, default));
        Assert.True(await Alerts.RemoveRuleAsync("t1", "slow", default));
        Assert.False(await Alerts.RemoveRuleAsync("t1", "slow", default));
        Assert.Empty(await Alerts.TenantsAsync(Now, default));
    }

    [Fact]
    public async Task Silence_UntilItEnds_IsListed()
    {
        var silence = new AlertSilence(Id(1), "slow", "*", Now, Now.AddMinutes(5), "planned", "user:a");
        await Alerts.AddSilenceAsync("t1", silence, default);
        await Alerts.AddSilenceAsync("t1", silence with { Id = Id(2), Until = Now.AddMinutes(10) }, default);
        Assert.Equal([Id(2), Id(1)], (await Alerts.SilencesAsync("t1", Now, default)).Select(s => s.Id));
        Assert.Equal(silence, (await Alerts.SilencesAsync("t1", Now, default))[1]);
        Assert.Equal([Id(2)], (await Alerts.SilencesAsync("t1", Now.AddMinutes(5), default)).Select(s => s.Id));
        Assert.Empty(await Alerts.SilencesAsync("t2", Now, default));
        Assert.False(await Alerts.EndSilenceAsync("t2", Id(1), Now, default));
        Assert.True(await Alerts.EndSilenceAsync("t1", Id(1), Now.AddMinutes(1), default));
        Assert.False(await Alerts.EndSilenceAsync("t1", Id(1), Now.AddMinutes(2), default));
        Assert.Equal([Id(2)], (await Alerts.SilencesAsync("t1", Now.AddMinutes(1), default)).Select(s => s.Id));
        Assert.Equal(["t1"], await Alerts.TenantsAsync(Now.AddMinutes(9), default));
        Assert.Empty(await Alerts.TenantsAsync(Now.AddMinutes(10), default));
    }

    [Fact]
    public async Task Events_NewestFirst_InPages()
    {
        for (int i = 1; i <= 5; i++)
        {
            await Alerts.AddEventAsync("t1", Event(i, "slow", "r", (AlertLevel)(i % 3), AlertLevel.None, i == 3 ? null : i / 1000.0), default, default);
        }

        IReadOnlyList<AlertEvent> first = await Alerts.EventsAsync("t1", Id(99), 2, default);
        Assert.Equal([Id(5), Id(4)], first.Select(e => e.Id));
        Assert.Equal([Id(3), Id(2), Id(1)], (await Alerts.EventsAsync("t1", Id(4), 10, default)).Select(e => e.Id));
        Assert.Equal(Event(5, "slow", "r", AlertLevel.Critical, AlertLevel.None, 0.005), first[0]);
        Assert.Null((await Alerts.EventsAsync("t1", Id(4), 1, default))[0].Value);
        Assert.Empty(await Alerts.EventsAsync("t2", Id(99), 10, default));
        Assert.Equal((5, 0), (await Alerts.CountEventsAsync("t1", default), await Alerts.CountEventsAsync("t2", default)));
        await Alerts.AddEventAsync("t1", Event(6, "slow", "r", AlertLevel.Warn, AlertLevel.None), Id(5), default);
        Assert.Equal([Id(6), Id(5)], (await Alerts.EventsAsync("t1", Id(99), 10, default)).Select(e => e.Id));
    }

    [Fact]
    public async Task Raised_NewestOfEach_ThatIsNotOver()
    {
        await Alerts.AddEventAsync("t1", Event(1, "slow", "a", AlertLevel.Critical, AlertLevel.None), default, default);
        await Alerts.AddEventAsync("t1", Event(2, "slow", "a", AlertLevel.Warn, AlertLevel.Critical), default, default);
        await Alerts.AddEventAsync("t1", Event(3, "slow", "b", AlertLevel.Warn, AlertLevel.None), default, default);
        await Alerts.AddEventAsync("t1", Event(4, "slow", "b", AlertLevel.None, AlertLevel.Warn), default, default);
        await Alerts.AddEventAsync("t2", Event(5, "slow", "a", AlertLevel.Critical, AlertLevel.Warn), default, default);
        IReadOnlyList<(string Tenant, AlertEvent Event)> raised = await Alerts.RaisedAsync(default);
        Assert.Equal([("t1", "a", AlertLevel.Warn), ("t2", "a", AlertLevel.Critical)], raised.Select(r => (r.Tenant, r.Event.Resource, r.Event.Level)).Order());
    }
}
