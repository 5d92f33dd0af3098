using System.CommandLine;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;

namespace AgentFlow.Cli.Workflows;

/// <summary><c>af validate</c>: every problem of workflow files, without running or keeping anything.</summary>
internal static class ValidateCommand
{
    private static readonly Argument<string[]> Paths = new("path")
    {
        Description = "Workflow files, or folders with workflow files in them.",
        Arity = ArgumentArity.OneOrMore,
    };

    public static Command Create()
    {
        var command = new Command("validate", "Check workflow files and print every problem with its place and remedy.") { Paths };
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        Terminal terminal = invocation.Terminal;
        IReadOnlyList<string> files = WorkflowFolder.Find(invocation.Get(Paths)!);
        await using Connection connection = await Connection.OpenStatelessAsync(invocation);
        var checks = new List<WorkflowCheck>();
        foreach (string file in files)
        {
            WorkflowCheck check = await WorkflowCheck.RunAsync(connection.Client, LocalWorkflow.Read(file), invocation.Cancelled);
            checks.Add(check);
            if (!terminal.IsJson)
            {
                terminal.Show(check, beside: false);
                if (check.Workflow is { } workflow)
                {
                    terminal.Say($"{file}: ok, {workflow.Name} {workflow.Version} ({workflow.Planner})", Tone.Good);
                }
            }
        }

        if (terminal.IsJson)
        {
            terminal.WriteArray(checks.Select(ValidatedFile.Of), CliJson.Default.ValidatedFile);
        }

        return checks.TrueForAll(c => c.Workflow is not null) ? ExitCode.Ok : ExitCode.Failed;
    }
}

/// <summary>What <c>-o json</c> says about one file.</summary>
internal sealed record ValidatedFile(string File, bool Valid, string? Workflow, string? Version, IReadOnlyList<Finding> Diagnostics)
{
    public static ValidatedFile Of(WorkflowCheck check) =>
        new(check.Local.Path, check.Workflow is not null, check.Workflow?.Name, check.Workflow?.Version, check.Findings);
}
