using System.CommandLine;
using AgentFlow.Cli.Scenarios;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Models.Providers;
using AgentFlow.Server;

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
        using var models = new ModelProviders(new ModelOptions(), TimeProvider.System);
        await using var host = new OfflineHost(models, TimeProvider.System, tools => tools);
        var loader = new WorkflowLoader(host.Tools, host.AgentKinds);
        var checks = new List<WorkflowCheck>();
        foreach (string file in files)
        {
            WorkflowCheck check = await WorkflowCheck.RunAsync(connection.Client, LocalWorkflow.Read(file), invocation.Cancelled);
            if (check.Workflow is not null && EndlessThroughOthers(file, loader) is { } endless)
            {
                check = check with { Findings = [.. check.Findings.Append(endless).OrderBy(f => f.Line).ThenBy(f => f.Column)] };
            }

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

    /// <summary>That a workflow starts itself through those in files beside it; that it does so directly, the server says.</summary>
    private static Finding? EndlessThroughOthers(string file, WorkflowLoader loader)
    {
        if (WorkflowFiles.Read(file).Source is not { } source || loader.Load(source) is not { Definition: { } definition } loaded || loaded.Endless([]) is not null)
        {
            return null;
        }

        try
        {
            return loaded.Endless(WorkflowsBeside.ChildrenOf(definition, file, loader)) is { } endless ? Finding.Of(endless) : null;
        }
        catch (CliException)
        {
            // One of the others has errors, and nobody knows what it starts.
            return null;
        }
    }
}

/// <summary>What <c>-o json</c> says about one file.</summary>
internal sealed record ValidatedFile(string File, bool Valid, string? Workflow, string? Version, IReadOnlyList<Finding> Diagnostics)
{
    public static ValidatedFile Of(WorkflowCheck check) =>
        new(check.Local.Path, check.Workflow is not null, check.Workflow?.Name, check.Workflow?.Version, check.Findings);
}
