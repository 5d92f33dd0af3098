using System.CommandLine;
using AgentFlow.Cli.Terminals;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Drawing;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Models.Providers;
using AgentFlow.Server;

namespace AgentFlow.Cli.Workflows;

/// <summary><c>af graph</c>: what a workflow file will do, as a Mermaid flowchart.</summary>
internal static class GraphCommand
{
    private static readonly Argument<string> Path = new("path") { Description = "The workflow file, or the folder of a workflow.yaml." };

    public static Command Create()
    {
        var command = new Command("graph", "Print a workflow file's plan as a Mermaid flowchart.") { Path };
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        Terminal terminal = invocation.Terminal;
        string path = invocation.Get(Path)!;
        if (Directory.Exists(path))
        {
            path = System.IO.Path.Combine(path, "workflow.yaml");
        }

        ReadResult read = WorkflowFiles.Read(path);
        using var models = new ModelProviders(new ModelOptions(), TimeProvider.System);
        await using var host = new OfflineHost(models, TimeProvider.System, tools => tools);
        LoadResult? loaded = read.Source is { } source ? new WorkflowLoader(host.Tools, host.AgentKinds).Load(source) : null;
        if (loaded?.Definition is not { } definition)
        {
            foreach (Diagnostic problem in read.Diagnostics.Concat(loaded?.Diagnostics ?? []).Where(d => d.IsError))
            {
                terminal.Note(problem.ToString());
            }

            return ExitCode.Failed;
        }

        string chart = MermaidFlowchart.Of(definition);
        if (terminal.IsJson)
        {
            terminal.WriteLine(new WorkflowChart(definition.Name, definition.Version, chart), CliJson.Default.WorkflowChart);
        }
        else
        {
            Console.Out.Write(chart);
        }

        return ExitCode.Ok;
    }
}

/// <summary>What <c>-o json</c> says.</summary>
internal sealed record WorkflowChart(string Workflow, string Version, string Mermaid);
