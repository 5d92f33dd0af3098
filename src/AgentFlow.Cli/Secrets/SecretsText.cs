using System.Globalization;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Secrets;

/// <summary>Secrets without their values, for readers and for programs.</summary>
internal static class SecretsText
{
    public static void List(Terminal terminal, IReadOnlyList<Secret> secrets)
    {
        if (terminal.IsJson)
        {
            terminal.WriteArray(secrets, CliJson.Default.Secret);
            return;
        }

        var table = new TableView(terminal, new TableColumn("Reference", IsFixed: true), new TableColumn("Kept in", IsFixed: true), new TableColumn("Version", IsNumber: true), new TableColumn("Fields"));
        foreach (Secret secret in secrets)
        {
            table.Add(secret.Reference ?? secret.Name, secret.Provider ?? "", secret.Version ?? "", string.Join(", ", secret.Fields));
        }

        Print(terminal, table, secrets);
    }

    public static void Status(Terminal terminal, IReadOnlyList<Secret> secrets)
    {
        if (terminal.IsJson)
        {
            terminal.WriteArray(secrets, CliJson.Default.Secret);
            return;
        }

        var table = new TableView(
            terminal, new TableColumn("Name", IsFixed: true), new TableColumn("Kept in", IsFixed: true), new TableColumn("Replaced (UTC)", IsFixed: true), new TableColumn("Every", IsNumber: true),
            new TableColumn("Due (UTC)", IsFixed: true), new TableColumn("Status", IsFixed: true));
        foreach (Secret secret in secrets)
        {
            string every = secret.RotateEveryDays is { } days ? string.Create(CultureInfo.InvariantCulture, $"{days:0.##} d") : "";
            table.Add(secret.Name, secret.Provider ?? "", Time(secret.RotatedAt), every, Time(secret.DueAt), new TableCell(secret.Status ?? "", ToneOf(secret.Status)));
        }

        Print(terminal, table, secrets);
    }

    public static void Written(Terminal terminal, Secret secret)
    {
        if (terminal.IsJson)
        {
            terminal.WriteLine(secret, CliJson.Default.Secret);
        }
        else
        {
            terminal.Say($"{secret.Reference} is kept in {secret.Provider}{(secret.DueAt is { } due ? $", due {Time(due)}" : "")}", Tone.Good);
        }
    }

    private static void Print(Terminal terminal, TableView table, IReadOnlyList<Secret> secrets)
    {
        if (secrets.Count > 0)
        {
            table.Print();
        }

        terminal.Note($"{secrets.Count} secrets");
    }

    private static Tone ToneOf(string? status) => status switch { "overdue" => Tone.Bad, "due_soon" => Tone.Warning, "ok" => Tone.Good, _ => Tone.Faint };

    private static string Time(DateTimeOffset? time) => time?.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) ?? "";
}
