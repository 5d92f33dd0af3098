using System.Net;
using System.Net.Mail;
using System.Text.Json;
using AgentFlow.Server.Features.Activities;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>Carries alerts to their channels, each tried a few times, and to whoever watches. Nobody waits for it.</summary>
internal sealed partial class AlertNotifier : IAsyncDisposable
{
    private readonly Deliveries<(AlertMessage Message, string Name, AlertChannel To)> _deliveries;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = TimeSpan.FromSeconds(10) };
    private readonly AlertSettings _settings;
    private readonly IActivitySink _activity;
    private readonly ILogger _log;

    public AlertNotifier(AlertSettings settings, IActivitySink activity, TimeProvider clock, ILogger log)
    {
        (_settings, _activity, _log) = (settings, activity, log);
        _deliveries = new(
            (alert, stop) => ProblemAsync(alert.Message, alert.To, stop),
            (alert, problem) => NotTold(_log, alert.Message.Text, alert.Name, problem),
            clock);
    }

    /// <summary>Returns at once.</summary>
    /// <param name="channels">Names of channels; one that is not set is passed over, for rules outlive settings.</param>
    public void Tell(AlertMessage message, IReadOnlyList<string> channels)
    {
        if (_activity.IsWatched(message.Tenant))
        {
            string type = message.Escalated ? "alert.escalated" : message.Level == "ok" ? "alert.resolved" : "alert.raised";
            _activity.Publish(new ActivityEvent(message.Tenant, type, Json(message)) { AgentId = message.Signal == "agent_silence_seconds" ? message.Resource : null });
        }

        foreach (string channel in channels)
        {
            switch (_settings.Channels.GetValueOrDefault(channel))
            {
                case null:
                    NoChannel(_log, message.Rule, channel);
                    break;
                case AlertChannel.Mail { To: var to }:
                    // Each on its own: a server that refuses one address must not make the others get it twice.
                    foreach (string address in to)
                    {
                        _deliveries.Add((message, channel, new AlertChannel.Mail([address])));
                    }

                    break;
                case var other:
                    _deliveries.Add((message, channel, other));
                    break;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _deliveries.DisposeAsync().ConfigureAwait(false);
        _http.Dispose();
    }

    private static byte[] Json(AlertMessage message) => JsonSerializer.SerializeToUtf8Bytes(message, ServerJson.Default.AlertMessage);

    /// <returns>Why it was not taken; <see langword="null"/> when it was.</returns>
    private async Task<string?> ProblemAsync(AlertMessage message, AlertChannel channel, CancellationToken stop)
    {
        try
        {
            switch (channel)
            {
                case AlertChannel.Webhook { Address: var address }:
                    using (var content = new ByteArrayContent(Json(message)))
                    {
                        content.Headers.ContentType = new("application/json");
                        using HttpResponseMessage answer = await _http.PostAsync(address, content, stop).ConfigureAwait(false);
                        return answer.IsSuccessStatusCode ? null : $"status {(int)answer.StatusCode}";
                    }

                case AlertChannel.Mail { To: var to }:
                    await MailAsync(message, to, stop).ConfigureAwait(false);
                    return null;
                default:
                    throw new NotSupportedException($"There is no way to {channel}.");
            }
        }
        catch (Exception e) when (e is HttpRequestException or SmtpException or OperationCanceledException && !stop.IsCancellationRequested)
        {
            return e.InnerException is { } inner ? $"{e.Message} {inner.Message}" : e.Message;
        }
    }

    private async Task MailAsync(AlertMessage message, IReadOnlyList<string> to, CancellationToken stop)
    {
        Uri server = _settings.Smtp!;
        using var client = new SmtpClient(server.Host, server.IsDefaultPort || server.Port < 0 ? 25 : server.Port) { EnableSsl = _settings.SmtpTls, Timeout = 10_000 };
        if (server.UserInfo.Length > 0)
        {
            client.Credentials = new NetworkCredential(Uri.UnescapeDataString(server.UserInfo), _settings.SmtpPassword);
        }

        string subject = $"[{message.Tenant}] {message.Text}";
        using var mail = new MailMessage
        {
            From = new MailAddress(_settings.SmtpFrom),
            // An agent chooses its id, and a line end would begin another header.
            Subject = string.Concat(subject.Select(static c => char.IsControl(c) ? ' ' : c)),
            Body = $"{message.Text}\n\nSince {message.Since.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, seen {message.At.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC.\nBefore: {message.Previous}\n",
        };
        foreach (string address in to)
        {
            mail.To.Add(address);
        }

        await client.SendMailAsync(mail, stop).ConfigureAwait(false);
    }

    [LoggerMessage(1, LogLevel.Error, "The alert '{Text}' did not reach the channel {Channel}: {Reason}")]
    private static partial void NotTold(ILogger logger, string text, string channel, string reason);

    [LoggerMessage(2, LogLevel.Warning, "The alert rule {Rule} names the channel {Channel}, which is not set any more")]
    private static partial void NoChannel(ILogger logger, string rule, string channel);
}
