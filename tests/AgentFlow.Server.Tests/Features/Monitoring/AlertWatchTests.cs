using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Alerts;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.Monitoring;
using AgentFlow.Storage.Sqlite;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentFlow.Server.Tests.Features.Monitoring;

public sealed class AlertWatchTests : IAsyncLifetime, IAgentPresence
{
    private readonly string _folder = Directory.CreateTempSubdirectory("agentflow-alerts-").FullName;
    private readonly ManualTime _clock = new();
    private readonly List<string> _told = [];
    private readonly List<SilentAgent> _agents = [];
    private SqliteDatabase _database = null!;
    private SqliteAlertStore _store = null!;
    private EndpointLatencies _latencies = null!;

    public ValueTask InitializeAsync()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "alerts.db"));
        _store = new SqliteAlertStore(_database);
        _latencies = new EndpointLatencies(_clock);
        return default;
    }

    public ValueTask DisposeAsync()
    {
        _database.Dispose();
        Directory.Delete(_folder, recursive: true);
        return default;
    }

    ValueTask<IReadOnlyList<AgentPresence>> IAgentPresence.CountAsync(CancellationToken cancellationToken) => new([]);

    ValueTask<IReadOnlyList<SilentAgent>> IAgentPresence.SilentAsync(long before, int max, CancellationToken cancellationToken) =>
        new([.. _agents.Where(a => a.LastSeen < before).OrderBy(a => a.LastSeen).Take(max)]);

    private AlertWatch Watch(AlertSettings? settings = null) => new(
        settings ?? new AlertSettings { Notify = ["ops"], Escalate = ["boss"] },
        _store,
        this,
        _latencies,
        (message, channels) => _told.AddRange(channels.Select(c => $"{c}: {message.Tenant} {(message.Escalated ? "escalated " : "")}{message.Previous}>{message.Level} {message.Rule} {message.Resource}")),
        new UlidFactory(_clock, CryptographicRandom.Shared),
        _clock,
        NullLogger.Instance);

    private void Seen(string tenant, string id)
    {
        _agents.RemoveAll(a => a.Tenant == tenant && a.Id == id);
        _agents.Add(new SilentAgent(tenant, id, id, _clock.GetUtcNow().ToUnixTimeMilliseconds()));
    }

    private void Requests(string route, int count, TimeSpan took, int status = 200)
    {
        var endpoint = new RouteEndpoint(static _ => Task.CompletedTask, RoutePatternFactory.Parse(route), 0, null, null);
        for (int i = 0; i < count; i++)
        {
            var context = new DefaultHttpContext { Request = { Method = "POST" }, Response = { StatusCode = status } };
            context.SetEndpoint(endpoint);
            _latencies.Add(context, took);
        }
    }

    private string[] Told()
    {
        string[] told = [.. _told];
        _told.Clear();
        return told;
    }

    [Fact]
    public async Task Look_AgentThatGoesSilent_WarnsAfterFiveMinutesAndIsCriticalAfterFifteen()
    {
        await using AlertWatch watch = Watch();
        Seen("t1", "worker");
        Seen("default", "other");
        for (int minute = 0; minute <= 14; minute++)
        {
            await watch.LookAsync(default);
            Assert.Equal(minute <= 5 ? [] : minute == 6 ? ["ops: t1 ok>warn agent-offline worker"] : (string[])[], Told());
            _clock.Advance(TimeSpan.FromMinutes(1));
            Seen("default", "other");
        }

        await watch.LookAsync(default);
        Assert.Empty(Told());
        _clock.Advance(TimeSpan.FromSeconds(1));
        await watch.LookAsync(default);
        Assert.Equal(["ops: t1 warn>critical agent-offline worker"], Told());
        Assert.Equal(AlertLevel.Critical, Assert.Single(watch.Raised("t1")).State.Level);
        Assert.Empty(watch.Raised("default"));

        Seen("t1", "worker");
        await watch.LookAsync(default);
        Assert.Equal(["ops: t1 critical>ok agent-offline worker"], Told());
        Assert.Empty(watch.Raised("t1"));
        Assert.Equal([AlertLevel.None, AlertLevel.Critical, AlertLevel.Warn], (await _store.EventsAsync("t1", Newest, 10, default)).Select(e => e.Level));
        Assert.Empty(await _store.EventsAsync("default", Newest, 10, default));
    }

    [Fact]
    public async Task Look_BridgeSlowOrFailing_IsOfTheFirstTenantAlone()
    {
        await using AlertWatch watch = Watch();
        await _store.SaveRuleAsync("t1", new AlertRule("own", AlertSignal.AgentSilence) { Warn = 1 }, default);
        Requests("/orchestrator/register", 100, TimeSpan.FromMilliseconds(110));
        Requests("/orchestrator/heartbeat", 990, TimeSpan.FromMilliseconds(1));
        Requests("/orchestrator/heartbeat", 10, TimeSpan.FromMilliseconds(1), status: 401);
        Requests("/orchestrator/heartbeat", 6, TimeSpan.FromMilliseconds(1), status: 500);
        Requests("/orchestrator/events", 19, TimeSpan.FromSeconds(5), status: 500);
        Requests("/api/v1/workflows", 100, TimeSpan.FromSeconds(5), status: 500);
        await watch.LookAsync(default);
        Assert.Equal(["ops: default ok>warn bridge-errors POST /orchestrator/heartbeat", "ops: default ok>warn bridge-latency POST /orchestrator/register"], Told());

        Requests("/orchestrator/register", 100, TimeSpan.FromMilliseconds(130));
        await watch.LookAsync(default);
        Assert.Equal(["ops: default warn>critical bridge-latency POST /orchestrator/register"], Told());

        // Over once the minute that it was seen in has passed, and another one without it.
        _clock.Advance(TimeSpan.FromMinutes(1));
        await watch.LookAsync(default);
        Assert.Empty(Told());
        _clock.Advance(TimeSpan.FromMinutes(1));
        await watch.LookAsync(default);
        Assert.Equal(["ops: default warn>ok bridge-errors POST /orchestrator/heartbeat", "ops: default critical>ok bridge-latency POST /orchestrator/register"], Told());
    }

    [Fact]
    public async Task Look_AfterARestart_DoesNotRaiseAgain()
    {
        Seen("t1", "worker");
        _clock.Advance(TimeSpan.FromMinutes(6));
        await using (AlertWatch watch = Watch())
        {
            await watch.LookAsync(default);
            Assert.Single(Told());
        }

        await using AlertWatch again = Watch();
        await again.LookAsync(default);
        Assert.Empty(Told());
        Assert.Single(again.Raised("t1"));
        _clock.Advance(TimeSpan.FromMinutes(10));
        await again.LookAsync(default);
        Assert.Equal(["ops: t1 warn>critical agent-offline worker"], Told());
        Seen("t1", "worker");
        await again.LookAsync(default);
        Assert.Equal(["ops: t1 critical>ok agent-offline worker"], Told());
    }

    [Fact]
    public async Task Look_AlertThatLasts_IsEscalated()
    {
        await using AlertWatch watch = Watch();
        Seen("t1", "worker");
        _clock.Advance(TimeSpan.FromMinutes(20));
        await watch.LookAsync(default);
        Assert.Equal(["ops: t1 ok>critical agent-offline worker"], Told());
        _clock.Advance(TimeSpan.FromMinutes(15));
        await watch.LookAsync(default);
        await watch.LookAsync(default);
        Assert.Equal(["boss: t1 escalated critical>critical agent-offline worker"], Told());
    }

    [Fact]
    public async Task Look_Silence_KeepsItFromChannelsUntilItEnds()
    {
        await using AlertWatch watch = Watch();
        Seen("t1", "worker-1");
        Seen("t1", "other");
        await _store.AddSilenceAsync("t1", new AlertSilence(default, "agent-*", "worker-*", _clock.GetUtcNow(), _clock.GetUtcNow().AddMinutes(8), "", "test"), default);
        _clock.Advance(TimeSpan.FromMinutes(6));
        await watch.LookAsync(default);
        Assert.Equal(["ops: t1 ok>warn agent-offline other"], Told());
        Assert.Equal(2, watch.Raised("t1").Count);
        _clock.Advance(TimeSpan.FromMinutes(2));
        await watch.LookAsync(default);
        Assert.Equal(["ops: t1 ok>warn agent-offline worker-1"], Told());
    }

    [Fact]
    public async Task Look_OwnRule_TakesThePlaceOfTheBuiltInOneOfItsName()
    {
        await using AlertWatch watch = Watch();
        await _store.SaveRuleAsync("t1", new AlertRule("agent-offline", AlertSignal.AgentSilence) { Warn = 10, Target = "a*", Notify = ["mail"] }, default);
        foreach ((string tenant, string id) in ((string, string)[])[("t1", "a1"), ("t1", "b1"), ("t2", "a1")])
        {
            Seen(tenant, id);
        }

        _clock.Advance(TimeSpan.FromSeconds(11));
        await watch.LookAsync(default);
        Assert.Equal(["mail: t1 ok>warn agent-offline a1"], Told());
        await _store.RemoveRuleAsync("t1", "agent-offline", default);
        await watch.LookAsync(default);
        Assert.Equal(["ops: t1 warn>ok agent-offline a1"], Told());
    }

    [Fact]
    public async Task Look_RuleThatIsRemoved_ResolvesWhatItRaised()
    {
        await using AlertWatch watch = Watch();
        await _store.SaveRuleAsync("t1", new AlertRule("quick", AlertSignal.AgentSilence) { Critical = 1 }, default);
        Seen("t1", "a1");
        _clock.Advance(TimeSpan.FromSeconds(2));
        await watch.LookAsync(default);
        Assert.Equal(["ops: t1 ok>critical quick a1"], Told());
        await _store.RemoveRuleAsync("t1", "quick", default);
        await watch.LookAsync(default);
        Assert.Equal(["ops: t1 critical>ok quick a1"], Told());
        Assert.Empty(watch.Raised("t1"));
    }

    private static Ulid Newest => new(Ulid.MaxUnixMilliseconds, ushort.MaxValue, ulong.MaxValue);
}
