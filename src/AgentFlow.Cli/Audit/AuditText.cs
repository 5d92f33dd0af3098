using System.Globalization;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Audit;

/// <summary>Records, checkpoints and findings, for readers and for programs.</summary>
internal static class AuditText
{
    private const int HashLength = 16;

    public static void Line(Terminal terminal, AuditEntry entry)
    {
        if (terminal.IsJson)
        {
            terminal.WriteLine(entry, CliJson.Default.AuditEntry);
        }
        else
        {
            terminal.Say($"{entry.Number,6}  {Time(entry.At)}  {entry.Decision,-9} {entry.Action,-18} {entry.Actor}  {entry.Resource}  {entry.Details?.GetRawText()}".TrimEnd(), ToneOf(entry.Decision));
        }
    }

    public static void List(Terminal terminal, IReadOnlyList<AuditEntry> entries, long total)
    {
        if (terminal.IsJson)
        {
            terminal.WriteArray(entries, CliJson.Default.AuditEntry);
            return;
        }

        var table = new TableView(
            terminal, new TableColumn("Number", IsNumber: true), new TableColumn("Time (UTC)", IsFixed: true), new TableColumn("Decision", IsFixed: true),
            new TableColumn("Action", IsFixed: true), new TableColumn("Actor"), new TableColumn("Resource"), new TableColumn("Details"));
        foreach (AuditEntry entry in entries)
        {
            string details = entry.Details?.GetRawText() is { Length: > 2 } text ? Excerpt.Of(text, 60) : "";
            table.Add(Number(entry.Number), Time(entry.At), new TableCell(entry.Decision, ToneOf(entry.Decision)), entry.Action, entry.Actor, entry.Resource, details);
        }

        if (entries.Count > 0)
        {
            table.Print();
        }

        terminal.Note(entries.Count == total ? $"{total} records" : $"{entries.Count} of {total} records; --limit shows more");
    }

    public static void Checkpoints(Terminal terminal, IReadOnlyList<AuditCheckpoint> checkpoints)
    {
        if (terminal.IsJson)
        {
            terminal.WriteArray(checkpoints, CliJson.Default.AuditCheckpoint);
            return;
        }

        var table = new TableView(
            terminal, new TableColumn("Records", IsNumber: true), new TableColumn("Kind", IsFixed: true), new TableColumn("Signed (UTC)", IsFixed: true), new TableColumn("Key", IsFixed: true), new TableColumn("Hash"));
        foreach (AuditCheckpoint checkpoint in checkpoints)
        {
            table.Add(Number(checkpoint.Size), checkpoint.Kind, Time(checkpoint.SignedAt), checkpoint.Key, checkpoint.Hash.Length > HashLength ? checkpoint.Hash[..HashLength] + "…" : checkpoint.Hash);
        }

        if (checkpoints.Count > 0)
        {
            table.Print();
        }

        terminal.Note($"{checkpoints.Count} checkpoints");
    }

    public static void Verification(Terminal terminal, AuditVerification found)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(found, CliJson.Default.AuditVerification);
            return;
        }

        foreach (AuditFault finding in found.Findings)
        {
            string place = finding.From == finding.To ? $"record {finding.From}" : $"records {finding.From}-{finding.To}";
            terminal.Say($"{finding.Fault}  {place}: {finding.Message}", Tone.Bad);
        }

        if (found.TotalFindings > found.Findings.Count)
        {
            terminal.Say($"… and {found.TotalFindings - found.Findings.Count} more", Tone.Bad);
        }

        string what = $"tenant {found.Tenant}: records {found.First} to {found.Size - 1}, {found.Confirmed} signed statements hold";
        if (found.Size == 0)
        {
            what = $"tenant {found.Tenant}: no records";
        }

        terminal.Say(found.Intact ? $"intact  {what}" : $"NOT INTACT  {what}; {found.TotalFindings} finding(s)", found.Intact ? Tone.Good : Tone.Bad);
    }

    private static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static Tone ToneOf(string decision) => decision switch
    {
        "denied" or "failed" => Tone.Bad,
        "refused" or "cancelled" or "unknown" => Tone.Warning,
        _ => Tone.Plain,
    };
}
