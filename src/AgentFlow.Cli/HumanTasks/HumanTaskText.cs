using System.Text.Json;
using AgentFlow.Cli.Access;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.HumanTasks;

/// <summary>Tasks for people, printed.</summary>
internal static class HumanTaskText
{
    public static async Task<int> ListAsync(Invocation invocation, Connection connection, bool approvals, string status)
    {
        List<HumanTask> tasks = await Listing.AllAsync((cursor, size) => connection.Client.ListHumanTasksAsync(status, approvals, size, cursor, invocation.Cancelled));
        return Listing.Show(
            invocation.Terminal,
            tasks,
            CliJson.Default.HumanTask,
            [new TableColumn(approvals ? "Approval" : "Task", IsFixed: true), new TableColumn("Status", IsFixed: true), new TableColumn("For"), new TableColumn("Title"), new TableColumn("Prio", IsFixed: true), new TableColumn("Due", IsFixed: true), new TableColumn("Run", IsFixed: true)],
            (table, task) => table.Add(task.Id, new TableCell(task.Decision ?? task.Status, ToneOf(task)), task.ClaimedBy ?? For(task), task.Title, task.Priority.ToString(System.Globalization.CultureInfo.InvariantCulture), Listing.Time(task.DueAt), task.RunId),
            status == "pending" ? "nobody is waited for" : "there are none");
    }

    public static void Show(Terminal terminal, HumanTask task)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(task, CliJson.Default.HumanTask);
            return;
        }

        terminal.Say($"{task.Id} {task.Decision ?? task.Status}", ToneOf(task));
        Line(terminal, "title", task.Title);
        Line(terminal, "description", task.Description);
        Line(terminal, "for", For(task));
        Line(terminal, "claimed by", task.ClaimedBy);
        Line(terminal, "run", $"{task.RunId} ({task.Workflow}, step {task.Step})");
        Line(terminal, "due", task.DueAt is null ? null : Listing.Time(task.DueAt));
        Line(terminal, "data", Text(task.Data));
        Line(terminal, "form", Text(task.Form));
        Line(terminal, "answer", task.Answer is null ? null : $"{Text(task.Answer)} by {task.AnsweredBy}");
    }

    public static void Changed(Terminal terminal, HumanTask task)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(task, CliJson.Default.HumanTask);
        }
        else
        {
            terminal.Say($"{task.Id} {task.Decision ?? task.Status}", ToneOf(task));
        }
    }

    private static void Line(Terminal terminal, string name, string? value)
    {
        if (value is not null)
        {
            terminal.Say($"  {name,-12} {value}", Tone.Plain);
        }
    }

    private static string For(HumanTask task) => task.Assignee is null ? "anybody" : task.Assignee.User ?? $"role {task.Assignee.Role}";

    private static string? Text(JsonElement? value) => value?.GetRawText();

    private static Tone ToneOf(HumanTask task) => task switch
    {
        { Decision: "denied" } or { Status: "expired" } => Tone.Bad,
        { Status: "completed" } => Tone.Good,
        { Status: "escalated" } => Tone.Warning,
        _ => Tone.Strong,
    };
}
