using System.Text.Json;
using AgentFlow.Engine.Agents;
using AgentFlow.Server.Features.Activities;
using AgentFlow.Server.Features.Monitoring;
using AgentFlow.Server.Tests.Features.Audit;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentFlow.Server.Tests.Features.Monitoring;

public sealed class AlertNotifierTests : IDisposable
{
    private static readonly DateTimeOffset At = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly ActivityHub _activity = new(TimeProvider.System);

    public void Dispose() => _activity.Dispose();

    private static AlertMessage Message(string resource = "worker-7", string level = "critical", bool escalated = false) =>
        new("t1", "agent-offline", resource, level, "warn", "agent_silence_seconds", 905.4, 900, At, At.AddMinutes(15), escalated);

    private AlertNotifier Notifier(AlertSettings settings) => new(settings, _activity, TimeProvider.System, NullLogger.Instance);

    private static AlertSettings With(params (string Name, string Value)[] channels) =>
        new() { Channels = channels.ToDictionary(c => c.Name, c => AlertChannel.Parse(c.Value, out _)!, StringComparer.Ordinal) };

    [Fact]
    public async Task Tell_WebhookThatRefusesAtFirst_GetsItAgain()
    {
        await using Inbox inbox = await Inbox.StartAsync();
        await using AlertNotifier notifier = Notifier(With(("ops", inbox.Address.ToString())));
        notifier.Tell(Message(), ["ops", "gone"]);
        Assert.Equal(
            """{"tenant":"t1","rule":"agent-offline","resource":"worker-7","level":"critical","previous":"warn","signal":"agent_silence_seconds","value":905.4,"threshold":900,"since":"2026-01-01T12:00:00Z","at":"2026-01-01T12:15:00Z","escalated":false,"text":"critical: agent-offline on worker-7: agent_silence_seconds is 905.4 (limit 900)"}""",
            await inbox.NextAsync());
    }

    [Fact]
    public async Task Tell_Watchers_SeeItThoughNoChannelIsTold()
    {
        using ActivityReader reader = _activity.Open("t1", null, ActivityFilter.Everything);
        await using AlertNotifier notifier = Notifier(new AlertSettings());
        notifier.Tell(Message(), []);
        notifier.Tell(Message(escalated: true), []);
        notifier.Tell(Message(level: "ok"), []);
        Assert.Equal([("alert.raised", "worker-7"), ("alert.escalated", "worker-7"), ("alert.resolved", "worker-7")], reader.Take()!.Select(i => (i.Type, i.AgentId)));
    }

    [Fact]
    public async Task Tell_Mail_ReachesEverybodyAndIsTriedAgain()
    {
        using MailServer server = await MailServer.StartAsync();
        AlertSettings settings = With(("mail", "mailto:later@example.com, ops@example.com"));
        await using AlertNotifier notifier = Notifier(settings with { Smtp = new Uri($"smtp://ann%40example.com@127.0.0.1:{server.Port}"), SmtpPassword = "right", SmtpFrom = "AgentFlow <af@example.com>" });
        notifier.Tell(Message("evil\r\nBcc: all@example.com"), ["mail"]);
        JsonElement refused = await server.NextAsync();
        JsonElement mail = await server.NextAsync();
        Assert.Equal(["later@example.com"], refused.GetProperty("to").EnumerateArray().Select(a => a.GetString()));
        Assert.Equal(("af@example.com", "ann@example.com"), (mail.GetProperty("from").GetString(), mail.GetProperty("user").GetString()));
        Assert.Equal(["ops@example.com"], mail.GetProperty("to").EnumerateArray().Select(a => a.GetString()));
        string text = mail.GetProperty("text").GetString()!.Replace("=\r\n", "", StringComparison.Ordinal);
        string head = text[..text.IndexOf("\r\n\r\n", StringComparison.Ordinal)];
        Assert.Contains("Subject: [t1] critical: agent-offline on evil", head);
        Assert.DoesNotMatch("(?m)^Bcc:", head);
        Assert.Contains("Since 2026-01-01 12:00:00 UTC", text);
    }

    [Fact]
    public async Task Server_AgentThatGoesSilent_IsToldByMailAndWebhook()
    {
        using MailServer mails = await MailServer.StartAsync();
        await using Inbox inbox = await Inbox.StartAsync();
        AlertSettings settings = With(("mail", "mailto:ops@example.com"), ("hook", inbox.Address.ToString()));
        await using RunningServer server = await RunningServer.StartAsync(o => o with
        {
            Alerts = settings with { Interval = TimeSpan.FromMilliseconds(100), Notify = ["mail"], Escalate = ["hook"], EscalateAfter = TimeSpan.FromSeconds(2), Smtp = new Uri($"smtp://127.0.0.1:{mails.Port}") },
        });
        // The real clock, and thresholds as short as one can wait for.
        Answer saved = await server.SendAsync(HttpMethod.Put, "/api/v1/alerts/rules/agent-offline", RunningServer.Content("""{"signal":"agent_silence_seconds","warn":1,"critical":2}"""u8.ToArray(), "application/json"));
        Assert.Equal(System.Net.HttpStatusCode.OK, saved.Status);
        await server.Registry.UpsertRemoteAsync(
            "default",
            new RegisteredAgent("worker", "Worker", AgentKinds.Remote) { BaseUrl = "http://127.0.0.1:1", Status = AgentStatus.Online, LastSeen = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() },
            default);
        Assert.Contains("warn: agent-offline on worker", (await mails.NextAsync()).GetProperty("text").GetString());
        Assert.Contains("critical: agent-offline on worker", (await mails.NextAsync()).GetProperty("text").GetString());
        JsonElement escalated = JsonElement.Parse(await inbox.NextAsync());
        Assert.True(escalated.GetProperty("escalated").GetBoolean());
        await server.Registry.HeartbeatAsync("default", "worker", new AgentFlow.Engine.Ports.AgentHeartbeat(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()), default);
        Assert.Contains("ok: agent-offline on worker", (await mails.NextAsync()).GetProperty("text").GetString());
    }
}
