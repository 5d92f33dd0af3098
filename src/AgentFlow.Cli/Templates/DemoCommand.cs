using System.CommandLine;
using System.Diagnostics;
using AgentFlow.Cli.Execution;
using AgentFlow.Cli.Inputs;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Cli.Workflows;
using AgentFlow.Client;

namespace AgentFlow.Cli.Templates;

/// <summary><c>af demo</c>: a template over the inputs that ship with it, in a database that is gone afterwards.</summary>
internal static class DemoCommand
{
    private const int UsualConcurrency = 8;

    private static readonly Argument<string> Name = new("template") { Description = "The template's name, for example support." };
    private static readonly Option<string?> Database = new("--db") { Description = "Keep the runs in this SQLite file. Default: a temporary one.", HelpName = "file" };
    private static readonly Option<Dictionary<string, string>> Parameters = RunOptions.Parameters();
    private static readonly Option<int> Concurrency = RunOptions.Concurrency(UsualConcurrency);

    public static Command Create()
    {
        var command = new Command("demo", "Run a template over the inputs that ship with it and show what became of each.") { Name, Database, Parameters, Concurrency };
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        Template template = TemplateCatalog.Get(invocation.Get(Name)!);
        if (template.DemoInputs is not { } inputs)
        {
            throw CliException.Usage($"the template {template.Name} ships no inputs to demonstrate. Run it with: af run {template.Name} --input FILE");
        }

        if (invocation.NamesServer)
        {
            throw CliException.Usage($"the demo runs in this process only. On a server: af run {template.Name} --input {Path.Combine(template.Folder, inputs)} --server …");
        }

        Terminal terminal = invocation.Terminal;
        InputRows rows = InputFile.Read(Path.Combine(template.Folder, inputs));
        await using Connection connection = await Connection.OpenOwnAsync(invocation, invocation.Get(Database));
        Workflow workflow = await new WorkflowReference(connection.Client, terminal).ResolveAsync(template, invocation.Get(Parameters)!, invocation.Cancelled);
        IReadOnlyList<FittedRow> fitted = new InputFitting(new InputShape(workflow.InputSchema), new Dictionary<string, string>()).Fit(rows);
        if (!terminal.IsJson)
        {
            terminal.Say($"{template.Title} {workflow.Version}: {fitted.Count} {template.InputNoun} on {connection.Place}", Tone.Strong);
        }

        var runner = new RowRunner(connection.Client, workflow, invocation.Get(Concurrency));
        var report = new RowReport(terminal) { ShowsRunIds = !connection.IsTemporary };
        long start = Stopwatch.GetTimestamp();
        try
        {
            await RowProgress.ShowAsync(terminal, template.Title, fitted.Count, ended => runner.RunAsync(fitted, report.Add, ended, invocation.Cancelled));
        }
        finally
        {
            report.Finish();
            Interruption.Explain(terminal, connection, runner.Open);
        }

        Conclude(terminal, template, report.Totals, fitted.Count, Stopwatch.GetElapsedTime(start), connection);
        return report.Totals.ExitCode;
    }

    private static void Conclude(Terminal terminal, Template template, RowTotals totals, int rows, TimeSpan elapsed, Connection connection)
    {
        bool all = totals.Completed == rows;
        IEnumerable<string> outcomes = totals.Groups.GroupBy(g => g.Outcome).Select(g => $"{g.Sum(path => path.Rows)} {g.Key}");
        terminal.Say("");
        terminal.Say($"{totals.Completed} of {rows} {template.InputNoun} accounted for: {string.Join(", ", outcomes)}.", all ? Tone.Good : Tone.Bad);
        terminal.Note($"took {elapsed.TotalSeconds:0.00} s");
        if (terminal.IsJson || !all)
        {
            return;
        }

        terminal.Say("");
        terminal.Say("Try next:");
        List<(string Command, string What)> next = [(connection.CommandLine($"run {template.Name} --input {template.InputNoun}.csv"), $"your own {template.InputNoun}")];
        if (template.TryInput is { } input)
        {
            next.Insert(0, (connection.CommandLine($"run {template.Name} -i {input}"), "one of them, with its answer"));
        }

        next.Add(connection.IsTemporary
            ? ($"af init my-{template.Name} --template {template.Name}", "the files, to make it yours")
            : (connection.CommandLine("runs list"), "these runs"));
        int width = next.Max(n => n.Command.Length);
        foreach ((string command, string what) in next)
        {
            terminal.Say($"  {command.PadRight(width)}  {what}");
        }
    }
}
