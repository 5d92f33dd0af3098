using System.Globalization;
using AgentFlow.Engine.Access;

namespace AgentFlow.Server.Configuration;

/// <summary>Reads what each tenant may have that was given nothing of its own, and the texts in which quotas are written.</summary>
internal static class QuotaSettings
{
    /// <summary>Most of anything: what JSON's numbers hold exactly.</summary>
    public const long Highest = 1L << 53;

    private static readonly (string Unit, long Bytes)[] Units =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1),
    ];

    private static readonly (QuotaKind Kind, string Setting)[] Settings =
    [
        (QuotaKind.Runs, "AF_QUOTA_RUNS"),
        (QuotaKind.Workflows, "AF_QUOTA_WORKFLOWS"),
        (QuotaKind.WorkflowVersions, "AF_QUOTA_WORKFLOW_VERSIONS"),
        (QuotaKind.Storage, "AF_QUOTA_STORAGE"),
        (QuotaKind.Agents, "AF_QUOTA_AGENTS"),
    ];

    public static IReadOnlyDictionary<QuotaKind, long> From(SettingReader read) => Settings
        .Select(s => (s.Kind, Text: read.Text(s.Setting)))
        .Where(q => q.Text is not null)
        .ToDictionary(q => q.Kind, q => Parse(q.Kind, q.Text!)!.Value);

    /// <summary>A limit as users write it; <see langword="null"/> for what is none.</summary>
    public static long? Parse(QuotaKind kind, string text)
    {
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number))
        {
            return number <= Highest ? number : null;
        }

        if (kind == QuotaKind.Storage && Units.FirstOrDefault(u => text.EndsWith(u.Unit, StringComparison.Ordinal)) is { Bytes: > 0 } unit
            && decimal.TryParse(text[..^unit.Unit.Length].TrimEnd(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal size)
            && size <= Highest / unit.Bytes)
        {
            return (long)(size * unit.Bytes);
        }

        return null;
    }

    public static string? NumberProblem(string text) => Parse(QuotaKind.Runs, text) is null ? "write a whole number, such as 100; leave it out for any number" : null;

    public static string? SizeProblem(string text) => Parse(QuotaKind.Storage, text) is null ? "write bytes or a size, such as 500MiB or 20GiB; leave it out for any size" : null;
}
