using System.CommandLine;
using AgentFlow.Cli.Terminals;

namespace AgentFlow.Cli.Scenarios;

/// <summary><c>af test</c>: plays scenarios of workflows on a clock that does not wait, and compares what came of them.</summary>
internal static class TestCommand
{
    private static readonly Argument<string> Target = new("path") { Description = "A scenario file, or a folder: the scenarios in .af/scenarios of it and of folders below.", DefaultValueFactory = _ => "." };
    private static readonly Option<bool> Ci = new("--ci") { Description = "As a gate: no scenario at all, a stub that nothing calls, a decision that nobody asks for, and --update are errors." };
    private static readonly Option<bool> Update = new("--update") { Description = "Write the golden traces instead of comparing them." };
    private static readonly Option<string?> JUnit = new("--junit") { Description = "Write the results to this file as JUnit XML.", HelpName = "file" };

    public static Command Create()
    {
        var command = new Command("test", "Play scenarios of workflows with stubs and a clock that does not wait, and compare what came of them.") { Target, Ci, Update, JUnit };
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        bool isGate = invocation.Get(Ci);
        if (isGate && invocation.Get(Update))
        {
            throw CliException.Usage("--update changes what --ci is to hold. Leave one out.");
        }

        Terminal terminal = invocation.Terminal;
        IReadOnlyList<string> files = ScenarioFiles.Find(invocation.Get(Target)!);
        if (files.Count == 0)
        {
            string message = $"there is no scenario in {invocation.Get(Target)}: none of its folders has .af/scenarios/*.yaml.";
            throw isGate ? CliException.Failed(message) : CliException.Usage(message);
        }

        var runner = new ScenarioRunner(isGate, invocation.Get(Update));
        var results = new List<ScenarioResult>();
        foreach (string file in files)
        {
            invocation.Cancelled.ThrowIfCancellationRequested();
            ScenarioResult result = await runner.PlayAsync(file);
            results.Add(result);
            if (!terminal.IsJson)
            {
                terminal.Show(result);
            }
        }

        if (terminal.IsJson)
        {
            terminal.WriteArray(results, CliJson.Default.ScenarioResult);
        }

        if (invocation.Get(JUnit) is { } junit)
        {
            JUnitReport.Write(junit, results);
        }

        int passed = results.Count(r => r.Passed);
        terminal.Say($"{passed} of {results.Count} scenarios passed.", passed == results.Count ? Tone.Good : Tone.Bad);
        return passed == results.Count ? ExitCode.Ok : ExitCode.Failed;
    }
}
