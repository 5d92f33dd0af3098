using System.Net.Mail;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>Whom alerts reach, and how. <c>AF_ALERT_*</c>, <c>AF_SMTP_*</c>.</summary>
public sealed record AlertSettings
{
    private const string ChannelPrefix = "AF_ALERT_CHANNEL_";

    /// <summary>How often rules are looked at. Default 5 s. <c>AF_ALERT_INTERVAL</c>.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Places by name. Default: none. <c>AF_ALERT_CHANNEL_NAME</c>.</summary>
    public IReadOnlyDictionary<string, AlertChannel> Channels { get; init; } = new Dictionary<string, AlertChannel>(StringComparer.Ordinal);

    /// <summary>Channels that are told of every alert whose rule names none. Default: all that are not in <see cref="Escalate"/>. <c>AF_ALERT_NOTIFY</c>.</summary>
    public IReadOnlyList<string> Notify { get; init; } = [];

    /// <summary>Channels that are told of an alert that lasts. Default: none. <c>AF_ALERT_ESCALATE</c>.</summary>
    public IReadOnlyList<string> Escalate { get; init; } = [];

    /// <summary>How long an alert lasts before it is escalated. Default 15 minutes. <c>AF_ALERT_ESCALATE_AFTER</c>.</summary>
    public TimeSpan EscalateAfter { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>The mail server, <c>smtp://[USER@]HOST[:PORT]</c>. Default: none. <c>AF_SMTP_URL</c>.</summary>
    public Uri? Smtp { get; init; }

    /// <summary><c>AF_SMTP_PASSWORD</c>.</summary>
    public string? SmtpPassword { get; init; }

    /// <summary>Whether mail is only handed over encrypted (STARTTLS). Default: yes, but to this machine. <c>AF_SMTP_TLS</c>.</summary>
    public bool SmtpTls { get; init; }

    /// <summary>Whom mail comes from. Default <c>agentflow@localhost</c>. <c>AF_SMTP_FROM</c>.</summary>
    public string SmtpFrom { get; init; } = "agentflow@localhost";

    internal static AlertSettings From(Settings settings, SettingReader read)
    {
        var defaults = new AlertSettings();
        var channels = new Dictionary<string, AlertChannel>(StringComparer.Ordinal);
        foreach (string name in settings.Members(ChannelPrefix))
        {
            if (AlertChannel.Parse(settings[name] ?? "", out string problem) is { } channel)
            {
                channels[name[ChannelPrefix.Length..].ToLowerInvariant().Replace('_', '-')] = channel;
            }
            else
            {
                read.Fault($"{settings.Source(name)}: {problem}");
            }
        }

        Uri? smtp = read.Text("AF_SMTP_URL") is { } url ? new Uri(url) : null;
        IReadOnlyList<string> escalate = Known(read, channels, "AF_ALERT_ESCALATE") ?? [];
        if (smtp is null && channels.Any(c => c.Value is AlertChannel.Mail))
        {
            read.Fault("an alert channel is a mailto: address, and no server takes mail: set AF_SMTP_URL, such as smtp://mail.example.com:587");
        }

        return defaults with
        {
            Interval = read.Seconds("AF_ALERT_INTERVAL") ?? defaults.Interval,
            Channels = channels,
            Notify = Known(read, channels, "AF_ALERT_NOTIFY") ?? [.. channels.Keys.Except(escalate)],
            Escalate = escalate,
            EscalateAfter = read.Seconds("AF_ALERT_ESCALATE_AFTER") ?? defaults.EscalateAfter,
            Smtp = smtp,
            SmtpPassword = read.Text("AF_SMTP_PASSWORD"),
            SmtpTls = read.Switch("AF_SMTP_TLS") ?? smtp is { IsLoopback: false },
            SmtpFrom = read.Text("AF_SMTP_FROM") ?? defaults.SmtpFrom,
        };
    }

    internal static string? SmtpProblem(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri is { Scheme: "smtp", Host.Length: > 0, AbsolutePath: "" or "/", Query: "" } && !uri.UserInfo.Contains(':')
            ? null
            : "write smtp://HOST:PORT or smtp://USER@HOST:PORT; the password goes into AF_SMTP_PASSWORD";

    internal static string? FromProblem(string text) => MailAddress.TryCreate(text, out _) ? null : "it is no mail address";

    internal static string? ChannelProblem(string text)
    {
        AlertChannel.Parse(text, out string problem);
        return problem.Length == 0 ? null : problem;
    }

    private static IReadOnlyList<string>? Known(SettingReader read, Dictionary<string, AlertChannel> channels, string setting)
    {
        IReadOnlyList<string>? names = read.List(setting);
        foreach (string name in names?.Where(n => !channels.ContainsKey(n)) ?? [])
        {
            read.Fault($"{read.Source(setting)} names the channel '{name}', which there is not: set {ChannelPrefix}{name.ToUpperInvariant().Replace('-', '_')}");
        }

        return names;
    }
}

/// <summary>A place where somebody is told of alerts.</summary>
public abstract record AlertChannel
{
    private AlertChannel()
    {
    }

    /// <summary>Gets each message by POST.</summary>
    public sealed record Webhook(Uri Address) : AlertChannel;

    public sealed record Mail(IReadOnlyList<string> To) : AlertChannel;

    /// <summary>Reads <c>https://…</c> or <c>mailto:a@example.com,b@example.com</c>.</summary>
    public static AlertChannel? Parse(string text, out string problem)
    {
        problem = "";
        const string MailTo = "mailto:";
        if (text.StartsWith(MailTo, StringComparison.Ordinal))
        {
            string[] to = SettingValue.List(text[MailTo.Length..]);
            if (to.Length > 0 && to.All(a => MailAddress.TryCreate(a, out _)))
            {
                return new Mail(to);
            }
        }
        else if (Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback)))
        {
            return new Webhook(address);
        }

        problem = "write https://… (http:// on this machine), or mailto: and addresses with commas between them";
        return null;
    }
}
