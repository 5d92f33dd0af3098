using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Cli.Inputs;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Cli.Workflows;
using AgentFlow.Client;

namespace AgentFlow.Cli.Execution;

/// <summary><c>af run</c>: a workflow over one input, or over each row of a file.</summary>
internal static class RunCommand
{
    private const int UsualConcurrency = 16;

    private static readonly Argument<string> Name = new("workflow") { Description = "A workflow file, the name of a template, or the name of a registered workflow." };

    private static readonly Option<string?> Input = new("--input")
    {
        Description = "A file with inputs, - for standard input: CSV with a header, JSON (an object or an array) or JSON Lines.",
        HelpName = "file",
    };

    private static readonly Option<string?> InputJson = new("--input-json") { Description = "The input as a JSON object.", HelpName = "json" };
    private static readonly Option<Dictionary<string, string>> Members = RunOptions.Inputs();
    private static readonly Option<Dictionary<string, string>> Parameters = RunOptions.Parameters();
    private static readonly Option<int> Concurrency = RunOptions.Concurrency(UsualConcurrency);

    public static Command Create()
    {
        var command = new Command("run", "Run a workflow over one input or over each row of a file, and print what came out.")
        {
            Name, Input, InputJson, Members, Parameters, Concurrency,
        };
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        InputRows rows = ReadRows(invocation);
        await using Connection connection = await Connection.OpenAsync(invocation);
        Workflow workflow = await new WorkflowReference(connection.Client, invocation.Terminal)
            .ResolveAsync(invocation.Get(Name)!, invocation.Get(Parameters)!, invocation.Cancelled);
        IReadOnlyList<FittedRow> fitted = new InputFitting(new InputShape(workflow.InputSchema), invocation.Get(Members)!).Fit(rows);
        return rows.IsList
            ? await RunRowsAsync(invocation, connection, workflow, fitted)
            : await new SingleRun(invocation.Terminal, connection).RunAsync(workflow, fitted[0], invocation.Cancelled);
    }

    private static InputRows ReadRows(Invocation invocation)
    {
        string? file = invocation.Get(Input);
        string? json = invocation.Get(InputJson);
        return (file, json) switch
        {
            (not null, not null) => throw CliException.Usage("--input and --input-json are two ways to say the same. Leave one out."),
            (not null, null) => InputFile.Read(file),
            _ => new InputRows("the input", [new InputRow(1, 1, Parse(json ?? "{}"))], IsText: false, IsList: false),
        };
    }

    private static JsonObject Parse(string json)
    {
        try
        {
            var options = new JsonDocumentOptions { AllowDuplicateProperties = false };
            return JsonNode.Parse(json, documentOptions: options) as JsonObject ?? throw CliException.Usage("--input-json takes a JSON object, for example '{\"message\": \"Hello\"}'.");
        }
        catch (JsonException e)
        {
            throw CliException.Usage($"--input-json is not JSON: {e.Message}");
        }
    }

    private static async Task<int> RunRowsAsync(Invocation invocation, Connection connection, Workflow workflow, IReadOnlyList<FittedRow> rows)
    {
        var runner = new RowRunner(connection.Client, workflow, invocation.Get(Concurrency));
        var report = new RowReport(invocation.Terminal);
        try
        {
            await RowProgress.ShowAsync(
                invocation.Terminal, $"{workflow.Name} {workflow.Version}", rows.Count, ended => runner.RunAsync(rows, report.Add, ended, invocation.Cancelled));
        }
        finally
        {
            report.Finish();
            if (report.Totals.Rows < rows.Count)
            {
                invocation.Terminal.Note($"stopped after {report.Totals.Rows} of {rows.Count} rows.", Tone.Warning);
                Interruption.Explain(invocation.Terminal, connection, runner.Open);
            }
        }

        return report.Totals.ExitCode;
    }
}
