using System.CommandLine;
using System.Globalization;
using AgentFlow.Cli.Simulations;
using AgentFlow.Cli.Terminals;
using AgentFlow.Models.Providers;
using AgentFlow.Simulation.Scenarios;

namespace AgentFlow.Cli.Chaos;

/// <summary><c>af chaos</c>: one's own workflow under faults of models, tools and workers, seed by seed.</summary>
internal static class ChaosCommand
{
    private const int MaxSeeds = 100_000;

    private static readonly Argument<string> Workflow = new("workflow") { Description = "A workflow file, or a folder with a workflow.yaml." };
    private static readonly Option<double> Rate = new("--rate") { Description = "The probability that an attempt is struck, 0 to 1.", DefaultValueFactory = _ => 0.3, HelpName = "p" };
    private static readonly Option<string> Seeds = new("--seeds") { Description = "A seed, or the first and the last of several: 1..200.", DefaultValueFactory = _ => "1..50", HelpName = "a..b" };
    private static readonly Option<string> Require = new("--require") { Description = "What every seed has to come to: pass or degraded.", DefaultValueFactory = _ => ChaosResult.Pass, HelpName = "verdict" };
    private static readonly Option<string?> ScenarioPath = new("--scenario") { Description = "A scenario: its input, stubs and signals are taken.", HelpName = "file" };
    private static readonly Option<string?> Save = new("--save") { Description = "Write the smallest plan of the first seed that fails to this file.", HelpName = "file" };
    private static readonly Option<string?> Replay = new("--replay") { Description = "Play a plan that was saved, instead of seeds.", HelpName = "file" };

    public static Command Create()
    {
        Require.AcceptOnlyFromAmong(ChaosResult.Pass, ChaosResult.Degraded);
        var command = new Command("chaos", "Run a workflow under faults of models, tools and workers, and end with 1 when it does not stand them.") { Workflow, Rate, Seeds, Require, ScenarioPath, Save, Replay };
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        double rate = invocation.Get(Rate);
        if (rate is not (>= 0 and <= 1))
        {
            throw CliException.Usage("--rate is 0 to 1.");
        }

        (ulong first, ulong last) = Range(invocation.Get(Seeds)!);
        await using var workflow = new RehearsedWorkflow(
            invocation.Get(Workflow)!,
            clock => new ModelProviders(new ModelOptions { RequestTimeout = TimeSpan.FromHours(1) }, clock, new ChaosEndpoint(clock)),
            kinds => kinds.Select(kind => kind.Kind == "llm" ? new ChaosAgents(kind) : kind));
        Scenario scenario = workflow.Scenario(invocation.Get(ScenarioPath));
        ChaosResult calm = new ChaosRun(workflow, new ChaosDice([]), 1).Play(scenario);
        if (calm.Verdict != ChaosResult.Pass)
        {
            throw CliException.Failed($"the workflow does not complete without any fault either: {calm.Reason}. Give an input, stubs and signals with which it does: --scenario FILE");
        }

        string name = $"{workflow.Definition.Name} {workflow.Definition.Version}";
        string required = invocation.Get(Require)!;
        if (invocation.Get(Replay) is { } plan)
        {
            return Again(invocation.Terminal, workflow, scenario, ChaosPlan.Read(plan), required);
        }

        var results = new List<ChaosResult>();
        for (ulong seed = first; seed <= last; seed++)
        {
            invocation.Cancelled.ThrowIfCancellationRequested();
            results.Add(new ChaosRun(workflow, new ChaosDice(seed, rate), seed).Play(scenario));
        }

        ChaosPlan? smallest = results.Find(r => !r.Satisfies(required)) is { } bad ? Shrink(workflow, scenario, name, bad, required) : null;
        if (smallest is not null && invocation.Get(Save) is { } path)
        {
            Write(path, smallest);
        }

        Show(invocation.Terminal, new ChaosReport(name, rate, required, results, smallest));
        return smallest is null ? ExitCode.Ok : ExitCode.Failed;
    }

    private static (ulong First, ulong Last) Range(string text)
    {
        string[] parts = text.Split("..");
        return parts.Length is 1 or 2
            && ulong.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out ulong first)
            && ulong.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong last)
            && last >= first && last - first < MaxSeeds
                ? (first, last)
                : throw CliException.Usage($"--seeds is '{text}': write one number, or 1..200; at most {MaxSeeds} seeds.");
    }

    private static ChaosPlan Shrink(RehearsedWorkflow workflow, Scenario scenario, string name, ChaosResult bad, string required)
    {
        ChaosResult PlayAgain(IReadOnlyList<ChaosStrike> strikes) => new ChaosRun(workflow, new ChaosDice(strikes), bad.Seed).Play(scenario);
        IReadOnlyList<ChaosStrike> strikes = ChaosShrink.Shrink(bad.Strikes, fewer => !PlayAgain(fewer).Satisfies(required));
        ChaosResult result = PlayAgain(strikes);
        return new ChaosPlan(name, bad.Seed, result.Strikes, result.Verdict, result.Trace);
    }

    private static int Again(Terminal terminal, RehearsedWorkflow workflow, Scenario scenario, ChaosPlan plan, string required)
    {
        ChaosResult result = new ChaosRun(workflow, new ChaosDice(plan.Strikes), plan.Seed).Play(scenario);
        if (terminal.IsJson)
        {
            terminal.WriteObject(result, CliJson.Default.ChaosResult);
        }
        else
        {
            foreach (string line in result.Lines)
            {
                terminal.Say(line);
            }
        }

        terminal.Say($"seed {plan.Seed} with {plan.Strikes.Count} faults: {result.Verdict}, {result.Reason}", result.Satisfies(required) ? Tone.Good : Tone.Bad);
        terminal.Note(result.Trace == plan.Trace ? "exactly as when the plan was saved" : $"not as when the plan was saved: the workflow ({plan.Workflow} then), its scenario or af has changed");
        return result.Satisfies(required) ? ExitCode.Ok : ExitCode.Failed;
    }

    private static void Write(string path, ChaosPlan plan)
    {
        try
        {
            File.WriteAllText(path, JsonOutput.Text(plan, CliJson.Default.ChaosPlan, indented: true) + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed($"cannot write {path}: {e.Message}");
        }
    }

    private static void Show(Terminal terminal, ChaosReport report)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(report, CliJson.Default.ChaosReport);
        }
        else
        {
            var faults = new TableView(terminal, new TableColumn("Fault"), new TableColumn("Struck", IsNumber: true), new TableColumn("Seeds", IsNumber: true));
            foreach (IGrouping<ChaosFault, (ulong Seed, ChaosStrike Strike)> fault in report.Seeds.SelectMany(r => r.Strikes.Select(s => (r.Seed, s))).GroupBy(s => s.s.Fault).OrderBy(f => f.Key))
            {
                faults.Add(Word(fault.Key), $"{fault.Count()}", $"{fault.Select(f => f.Seed).Distinct().Count()}");
            }

            faults.Print();
            terminal.Say("");
            var ends = new TableView(terminal, new TableColumn("Verdict", IsFixed: true), new TableColumn("Came to"), new TableColumn("Seeds", IsNumber: true), new TableColumn("First", IsNumber: true));
            foreach (var end in report.Seeds.GroupBy(r => (r.Verdict, Reason: Excerpt.Of(r.Reason, 90))).OrderByDescending(g => g.Count()).ThenBy(g => g.Key.Reason, StringComparer.Ordinal))
            {
                ends.Add(new TableCell(end.Key.Verdict, end.Key.Verdict switch { ChaosResult.Pass => Tone.Good, ChaosResult.Degraded => Tone.Warning, _ => Tone.Bad }), end.Key.Reason, $"{end.Count()}", $"{end.Min(r => r.Seed)}");
            }

            ends.Print();
        }

        int good = report.Seeds.Count(r => r.Satisfies(report.Require));
        terminal.Say("");
        terminal.Say(string.Create(CultureInfo.InvariantCulture, $"{good} of {report.Seeds.Count} seeds of {report.Workflow} stand chaos at rate {report.Rate:0.##} ({report.Require}); {report.Seeds.Sum(r => r.Strikes.Count)} faults, {report.Seeds.Sum(r => r.Lives - 1)} workers killed."), report.Smallest is null ? Tone.Good : Tone.Bad);
        if (report.Rate > 0 && report.Seeds.All(r => r.Strikes.Count == 0))
        {
            // A gate that nothing came through has shown nothing.
            terminal.Note("Nothing was struck, so this says nothing about the workflow: with this input it asks no model and calls nothing that has effects. Give an input with which it does (--scenario FILE), or more seeds.", Tone.Warning);
        }

        if (report.Smallest is { } plan)
        {
            terminal.Say($"Seed {plan.Seed} is {plan.Verdict} with these faults alone:");
            foreach (ChaosStrike strike in plan.Strikes)
            {
                terminal.Say($"  {Word(strike.Fault)} at {strike.Step} attempt {strike.Attempt}");
            }
        }
    }

    private static string Word(ChaosFault fault) => string.Concat(fault.ToString().Select((c, i) => i > 0 && char.IsUpper(c) ? $"_{char.ToLowerInvariant(c)}" : char.ToLowerInvariant(c).ToString()));
}

/// <summary>What a workflow came to under faults.</summary>
/// <param name="Smallest">Of the first seed that is worse than required; <see langword="null"/>: none is.</param>
internal sealed record ChaosReport(string Workflow, double Rate, string Require, IReadOnlyList<ChaosResult> Seeds, ChaosPlan? Smallest);
