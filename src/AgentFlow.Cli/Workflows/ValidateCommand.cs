using System.CommandLine;
using AgentFlow.Cli.Scenarios;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
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
            if (check.Workflow is not null)
            {
                check = WithThoseBeside(check, file, loader, isAlone: invocation.Server is null);
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

    /// <summary>
    /// What the files beside say of the workflows that this one calls: that it starts itself through them (that it does so directly, the
    /// server says), and, where no server is named that has any, which of them there are.
    /// </summary>
    private static WorkflowCheck WithThoseBeside(WorkflowCheck check, string file, WorkflowLoader loader, bool isAlone)
    {
        if (WorkflowFiles.Read(file).Source is not { } source || loader.Load(source) is not { Definition: { } definition } loaded)
        {
            return check;
        }

        try
        {
            IReadOnlyList<WorkflowDefinition> beside = WorkflowsBeside.ChildrenOf(definition, file, loader);
            IEnumerable<Diagnostic?> found = [loaded.Endless([]) is null ? loaded.Endless(beside) : null];
            IEnumerable<Finding> said = check.Findings;
            if (isAlone)
            {
                ILookup<string, SemanticVersion> published = beside.Append(definition).ToLookup(w => w.Name, w => SemanticVersion.Parse(w.Version), StringComparer.Ordinal);
                found = found.Concat(loaded.Workflows.Select(w => w.Missing([.. published[w.Name]])));
                said = said.Where(f => f.Code != DiagnosticCodes.UnknownWorkflow);
            }

            return check with { Findings = [.. said.Concat(found.OfType<Diagnostic>().Select(Finding.Of)).OrderBy(f => f.Line).ThenBy(f => f.Column)] };
        }
        catch (CliException)
        {
            // One of the others has errors, and nobody knows what it starts.
            return check;
        }
    }
}

/// <summary>What <c>-o json</c> says about one file.</summary>
internal sealed record ValidatedFile(string File, bool Valid, string? Workflow, string? Version, IReadOnlyList<Finding> Diagnostics)
{
    public static ValidatedFile Of(WorkflowCheck check) =>
        new(check.Local.Path, check.Workflow is not null, check.Workflow?.Name, check.Workflow?.Version, check.Findings);
}
