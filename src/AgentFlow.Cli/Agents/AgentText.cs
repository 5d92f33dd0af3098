using System.Globalization;
using AgentFlow.Cli.Access;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Agents;

/// <summary>Agents and imports, for readers and for programs.</summary>
internal static class AgentText
{
    private static readonly string[] Good = ["idle", "active", "online"];

    public static void List(Terminal terminal, IReadOnlyList<Agent> agents)
    {
        if (terminal.IsJson)
        {
            terminal.WriteArray(agents, CliJson.Default.Agent);
            return;
        }

        var table = new TableView(
            terminal, new TableColumn("Name"), new TableColumn("Kind", IsFixed: true), new TableColumn("Role", IsFixed: true), new TableColumn("Category"), new TableColumn("Specialist"),
            new TableColumn("Status", IsFixed: true), new TableColumn("Seen (UTC)", IsFixed: true), new TableColumn("Id", IsFixed: true));
        foreach (Agent agent in agents)
        {
            table.Add(agent.Name, agent.Kind, agent.Role, agent.Category, agent.Specialist, new TableCell(agent.Status, Good.Contains(agent.Status) ? Tone.Good : Tone.Warning), Listing.Time(agent.LastSeen), agent.AgentId);
        }

        if (agents.Count > 0)
        {
            table.Print();
        }
        else
        {
            terminal.Note("there are no agents; af agents import --catalogue adds one for each role");
        }
    }

    public static void Show(Terminal terminal, Agent agent)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(agent, CliJson.Default.Agent);
            return;
        }

        Row("name", agent.Name);
        Row("id", agent.AgentId);
        Row("kind", agent.Kind);
        Row("role", agent.Role);
        Row("category", agent.Category == agent.Specialist ? agent.Category : $"{agent.Category} / {agent.Specialist}");
        Row("status", agent.Status);
        Row("seen", Listing.Time(agent.LastSeen));
        Row("base url", agent.BaseUrl ?? "");
        Row("can", string.Join(", ", agent.Capabilities));
        Row("limits", Amounts(agent.Budget.Limits));
        Row("used", agent.Budget.Use is { } use ? Amounts(use) + (agent.Budget.Exceeded ? " (above its limits)" : "") : "");
        if (agent.Performance is { } performance)
        {
            Row("executions", performance.Executions == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{performance.Executions}, {performance.MeanExecutionMs:0.#} ms on average, p95 {performance.P95ExecutionMs:0.#} ms"));
            Row("success", performance.SuccessRate is { } rate ? string.Create(CultureInfo.InvariantCulture, $"{rate:0.0 %}") : "");
            Row("tasks done", performance.TasksCompleted == 0 ? "" : performance.TasksCompleted.ToString(CultureInfo.InvariantCulture));
            Row("quality", string.Join(", ", performance.Quality.Select(q => string.Create(CultureInfo.InvariantCulture, $"{q.Key} {q.Value:0.##}"))));
        }

        Row("source", agent.Source ?? "");

        void Row(string title, string value)
        {
            if (value.Length > 0)
            {
                terminal.Out.WriteLine($"{title,-12}{value}");
            }
        }
    }

    public static void Stats(Terminal terminal, AgentStats stats)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(stats, CliJson.Default.AgentStats);
            return;
        }

        terminal.Out.WriteLine($"{stats.Total} agents, {stats.Budget.OverBudget} above their budget; used {Amounts(stats.Budget.Use)} of {Amounts(stats.Budget.Limits)}");
        var table = new TableView(terminal, new TableColumn("By", IsFixed: true), new TableColumn("Value"), new TableColumn("Agents", IsNumber: true));
        foreach ((string by, IReadOnlyDictionary<string, long> counts) in new[] { ("role", stats.ByRole), ("category", stats.ByCategory), ("status", stats.ByStatus), ("kind", stats.ByKind) })
        {
            foreach ((string value, long count) in counts)
            {
                table.Add(by, value, count.ToString(CultureInfo.InvariantCulture));
            }
        }

        if (stats.Total > 0)
        {
            table.Print();
        }
    }

    public static void Imported(Terminal terminal, ImportReport report)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(report, CliJson.Default.ImportReport);
            return;
        }

        foreach (FileProblem problem in report.Rejected)
        {
            terminal.Out.WriteLine($"rejected  {problem.File}:{problem.Line}: {problem.Reason} {problem.Remedy}");
        }

        foreach (Engine.Agents.Import.SkippedFile file in report.Skipped.Where(s => s.Reason != ImportReport.UnchangedReason))
        {
            terminal.Out.WriteLine($"skipped   {file.File}: {file.Reason}");
        }

        foreach (FileProblem problem in report.Warnings)
        {
            terminal.Out.WriteLine($"warning   {problem.File}:{problem.Line}: {problem.Reason}");
        }

        int unchanged = report.Skipped.Count(s => s.Reason == ImportReport.UnchangedReason);
        terminal.Out.WriteLine(
            $"{report.Counts.Files} files: {report.Counts.Imported} {(report.DryRun ? "sound" : "imported")}, {report.Counts.Updated} updated, {report.Counts.Skipped} skipped{(unchanged > 0 ? $" ({unchanged} unchanged)" : "")}, {report.Counts.Rejected} rejected");
    }

    public static void Exported(Terminal terminal, string folder, IReadOnlyList<string> files)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(files, CliJson.Default.IReadOnlyListString);
            return;
        }

        terminal.Out.WriteLine($"{files.Count} identities are written below {folder}");
    }

    private static string Amounts(AgentAmounts amounts) => string.Join(", ", new[]
    {
        amounts.Tokens is { } tokens ? string.Create(CultureInfo.InvariantCulture, $"{tokens} tokens") : "",
        amounts.ApiCalls is { } calls ? string.Create(CultureInfo.InvariantCulture, $"{calls} calls") : "",
        amounts.Usd is { } usd ? string.Create(CultureInfo.InvariantCulture, $"${usd:0.######}") : "",
    }.Where(t => t.Length > 0));
}
