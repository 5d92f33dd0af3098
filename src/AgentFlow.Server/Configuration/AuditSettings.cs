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

    internal static AuditSettings From(SettingReader read)
    {
        var defaults = new AuditSettings();
        AuditSettings audit = defaults with
        {
            IsOn = read.Switch("AF_AUDIT") ?? defaults.IsOn,
            Key = read.Text("AF_AUDIT_KEY"),
            Witness = read.Text("AF_AUDIT_WITNESS"),
            Webhook = read.Text("AF_AUDIT_WEBHOOK") is { } address ? new Uri(address) : null,
            Retention = read.Days("AF_AUDIT_RETENTION"),
            Export = read.Text("AF_AUDIT_EXPORT"),
            SegmentRecords = read.Count("AF_AUDIT_SEGMENT_RECORDS") ?? defaults.SegmentRecords,
            SegmentTime = read.Seconds("AF_AUDIT_SEGMENT_TIME") ?? defaults.SegmentTime,
            Reads = read.Switch("AF_AUDIT_READS") ?? read.Text("AF_ACCESS") == "required",
        };
        if (audit.Retention is not null && audit.Export is null)
        {
            read.Fault($"{read.Source("AF_AUDIT_RETENTION")} drops records, which are exported first: name the folder for them in AF_AUDIT_EXPORT");
        }

        return audit;
    }
}
