using System.Globalization;
using AgentFlow.Engine.Audit;

namespace AgentFlow.Server.Configuration;

/// <summary>How the audit is kept. <c>AF_AUDIT*</c>.</summary>
public sealed record AuditSettings
{
    /// <summary>Whether anything is audited; every process of a deployment must agree. Default true. <c>AF_AUDIT</c>.</summary>
    public bool IsOn { get; init; } = true;

    /// <summary>The file with the key that signs; created at the first start, readable by its owner only. Default: beside the SQLite file, else in <c>./.af</c>. <c>AF_AUDIT_KEY</c>.</summary>
    public string? Key { get; init; }

    /// <summary>The witness file. Default: beside the key. <c>AF_AUDIT_WITNESS</c>.</summary>
    public string? Witness { get; init; }

    /// <summary>Gets each checkpoint by POST. Default: none. <c>AF_AUDIT_WEBHOOK</c>.</summary>
    public Uri? Webhook { get; init; }

    /// <summary>How long records are kept; needs <see cref="Export"/>. Default: for ever. <c>AF_AUDIT_RETENTION</c>, in days.</summary>
    public TimeSpan? Retention { get; init; }

    /// <summary>The folder for records that are dropped. <c>AF_AUDIT_EXPORT</c>.</summary>
    public string? Export { get; init; }

    /// <summary>Records after which a segment is sealed. Default 1,000. <c>AF_AUDIT_SEGMENT_RECORDS</c>.</summary>
    public int SegmentRecords { get; init; } = 1000;

    /// <summary>Age of its oldest record after which a segment is sealed. Default 1 minute. <c>AF_AUDIT_SEGMENT_TIME</c>.</summary>
    public TimeSpan SegmentTime { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether reading runs, workflows and the audit is audited when it is allowed. Default: with <c>AF_ACCESS=required</c>. <c>AF_AUDIT_READS</c>.</summary>
    public bool Reads { get; init; }

    internal AuditOptions Options => new() { Retention = Retention, SegmentRecords = SegmentRecords, SegmentAge = SegmentTime };

    /// <summary>Where the key is.</summary>
    public string KeyPath(StoreAddress store) => Key ?? store.Beside("audit.key");

    /// <summary>Where the witness is.</summary>
    public string WitnessPath(StoreAddress store) => Witness ?? store.Beside("witness.jsonl");

    internal static AuditSettings From(Settings settings, List<string> problems)
    {
        var defaults = new AuditSettings();
        AuditSettings audit = defaults with
        {
            IsOn = Switch(settings, "AF_AUDIT", problems) ?? defaults.IsOn,
            Key = settings["AF_AUDIT_KEY"],
            Witness = settings["AF_AUDIT_WITNESS"],
            Webhook = Address(settings, problems),
            Retention = Days(settings, problems),
            Export = settings["AF_AUDIT_EXPORT"],
            SegmentRecords = ServerOptions.Count(settings, "AF_AUDIT_SEGMENT_RECORDS", 1_000_000, problems) ?? defaults.SegmentRecords,
            SegmentTime = ServerOptions.Time(settings, "AF_AUDIT_SEGMENT_TIME", 1, 86_400, problems) ?? defaults.SegmentTime,
            Reads = Switch(settings, "AF_AUDIT_READS", problems) ?? settings["AF_ACCESS"] == "required",
        };
        if (audit.Retention is not null && audit.Export is null)
        {
            problems.Add($"{settings.Source("AF_AUDIT_RETENTION")} drops records, which are exported first: name the folder for them in AF_AUDIT_EXPORT");
        }

        return audit;
    }

    private static bool? Switch(Settings settings, string name, List<string> problems)
    {
        switch (settings[name])
        {
            case null:
                return null;
            case "on" or "true":
                return true;
            case "off" or "false":
                return false;
            case var other:
                problems.Add($"{settings.Source(name)} is '{other}': write on or off");
                return null;
        }
    }

    private static Uri? Address(Settings settings, List<string> problems)
    {
        if (settings["AF_AUDIT_WEBHOOK"] is not { } text)
        {
            return null;
        }

        if (Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback)))
        {
            return address;
        }

        // It may hold a token.
        problems.Add($"{settings.Source("AF_AUDIT_WEBHOOK")} is no address for checkpoints: write https://…, or http:// on this machine");
        return null;
    }

    private static TimeSpan? Days(Settings settings, List<string> problems)
    {
        if (settings["AF_AUDIT_RETENTION"] is not { } text)
        {
            return null;
        }

        if (double.TryParse(text.EndsWith('d') ? text[..^1] : text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double days) && days is > 0 and <= 36_500)
        {
            return TimeSpan.FromDays(days);
        }

        problems.Add($"{settings.Source("AF_AUDIT_RETENTION")} is '{text}': write days up to 36500, such as 90d");
        return null;
    }
}
