using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using AgentFlow.Cli.Execution;
using AgentFlow.Cli.Terminals;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Providers;
using AgentFlow.Simulation.Rehearsals;
using AgentFlow.Simulation.Scenarios;

namespace AgentFlow.Cli.Simulations;

/// <summary><c>af simulate</c>: many imagined runs of a workflow on the real engine, and which ways, costs and times they come to.</summary>
internal static class SimulateCommand
{
    private const int UsualRuns = 10_000;
    private const int MaxRuns = 1_000_000;

    private static readonly Argument<string> Workflow = new("workflow") { Description = "A workflow file, or a folder with a workflow.yaml." };
    private static readonly Option<int> Runs = new("--n") { Description = "How many runs.", DefaultValueFactory = _ => UsualRuns, HelpName = "n" };
    private static readonly Option<int> Seed = new("--seed") { Description = "What everything follows from.", DefaultValueFactory = _ => 1, HelpName = "n" };
    private static readonly Option<string?> ScenarioPath = new("--scenario") { Description = "A scenario: its input, stubs and signals are taken, the rest is drawn.", HelpName = "file" };

    public static Command Create()
    {
        var command = new Command("simulate", "Imagine many runs of a workflow, and show which paths, costs and times they come to.") { Workflow, Runs, Seed, ScenarioPath };
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        int count = invocation.Get(Runs);
        int seed = invocation.Get(Seed);
        if (count is < 1 or > MaxRuns || seed < 0)
        {
            throw CliException.Usage($"--n is 1 to {MaxRuns}, --seed 0 or more.");
        }

        await using var workflow = new RehearsedWorkflow(invocation.Get(Workflow)!, clock => new ModelProviders(new ModelOptions(), clock), kinds => kinds);
        string? path = invocation.Get(ScenarioPath);
        Scenario scenario = workflow.Scenario(path);
        var paths = new Dictionary<(string Path, string Outcome), ImaginedPath>();
        var all = new ImaginedPath();
        long start = Stopwatch.GetTimestamp();
        for (int run = 0; run < count; run++)
        {
            invocation.Cancelled.ThrowIfCancellationRequested();
            var random = new SeededRandom(((ulong)seed << 32) + (ulong)run);
            long tokens = 0;
            ScenarioPlay play = null!;
            play = new ScenarioPlay(
                (path is null ? workflow.Scenario(null) with { Input = new(DrawnJson.Of(workflow.Definition.InputSchema, random)) } : scenario) with { Seed = random.NextUInt64() },
                (inner, call, cancel) => DrawAsync(inner, call, random, play.Clock, used => tokens += used, cancel),
                _ => new Decision(random.NextUInt64() % 2 == 0) { After = DrawnTime(random, CostPriors.OutsideSeconds) });
            RehearsalReport report = workflow.Play(play);
            var trace = new RunTrace(report.State.Definition, report.Journal);
            string outcome = report.State.Outcome ?? report.State.Error?.Code ?? (report.Ended ? report.State.Status.ToString().ToLowerInvariant() : "waits for ever");
            var key = (RowText.Path(trace.Path), outcome);
            if (!paths.TryGetValue(key, out ImaginedPath? way))
            {
                paths[key] = way = new ImaginedPath();
            }

            way.Add(tokens, report.State.SpentNanoDollars / 1e9, report.Took.TotalSeconds);
            all.Add(tokens, report.State.SpentNanoDollars / 1e9, report.Took.TotalSeconds);
        }

        double took = Stopwatch.GetElapsedTime(start).TotalSeconds;
        SimulatedPath[] ways = [.. paths.OrderByDescending(p => p.Value.Runs).ThenBy(p => p.Key.Path, StringComparer.Ordinal).ThenBy(p => p.Key.Outcome, StringComparer.Ordinal).Select(p => new SimulatedPath(p.Key.Path, p.Key.Outcome, p.Value.Runs, (double)p.Value.Runs / count, p.Value.Dollars, p.Value.Seconds))];
        var result = new SimulatedRuns($"{workflow.Definition.Name} {workflow.Definition.Version}", count, seed, all.Tokens, all.Dollars, all.Seconds, ways);
        Show(invocation.Terminal, result, count / took);
        return ExitCode.Ok;
    }

    /// <summary>What an attempt comes to: models and whatever has effects are drawn, the rest is done.</summary>
    private static async ValueTask<StepOutcome> DrawAsync(ITool inner, ToolCall call, SeededRandom random, TimeProvider clock, Action<long> used, CancellationToken cancel)
    {
        ExpectedUse? use = inner.Use;
        if (use is null && inner.Contract.Effects == Effects.None)
        {
            return await inner.InvokeAsync(call, cancel).ConfigureAwait(false);
        }

        await Task.Delay(DrawnTime(random, CostPriors.Seconds(inner)), clock, cancel).ConfigureAwait(false);
        if (DrawnJson.Unit(random) < CostPriors.FailureRate)
        {
            return StepOutcome.Failure("DRAWN_FAILURE", ErrorCategory.Transient, "One attempt in a hundred fails in a simulation.");
        }

        long input = use is null ? 0 : (long)Math.Ceiling(DrawnJson.LogNormal(random, use.InputTokens, CostPriors.Sigma));
        long output = use is null ? 0 : (long)Math.Ceiling(DrawnJson.LogNormal(random, use.OutputTokens, CostPriors.Sigma));
        used(input + output);
        return StepOutcome.Success(DrawnJson.Of(inner.Contract.OutputSchema, random)) with
        {
            InputTokens = input,
            OutputTokens = output,
            CostNanoDollars = use is null ? inner.Contract.MaxCostNanoDollars / 2 : (long)((input * use.InputNanoDollars ?? 0) + (output * use.OutputNanoDollars ?? 0)),
        };
    }

    private static TimeSpan DrawnTime(SeededRandom random, double seconds) => TimeSpan.FromMilliseconds(Math.Ceiling(1000 * DrawnJson.LogNormal(random, seconds, CostPriors.Sigma)));

    private static void Show(Terminal terminal, SimulatedRuns result, double perSecond)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(result, CliJson.Default.SimulatedRuns);
        }
        else
        {
            var table = new TableView(terminal, new TableColumn("Share", IsNumber: true), new TableColumn("Path"), new TableColumn("Outcome", IsFixed: true), new TableColumn("$ p50", IsNumber: true), new TableColumn("$ p95", IsNumber: true), new TableColumn("s p50", IsNumber: true), new TableColumn("s p95", IsNumber: true));
            foreach (SimulatedPath path in result.Paths.Take(30))
            {
                table.Add(path.Share.ToString("P2", CultureInfo.InvariantCulture), path.Path, path.Outcome, Number(path.Dollars.P50), Number(path.Dollars.P95), Number(path.Seconds.P50), Number(path.Seconds.P95));
            }

            table.Add("", "all", "", Number(result.Dollars.P50), Number(result.Dollars.P95), Number(result.Seconds.P50), Number(result.Seconds.P95));
            table.Print();
            if (result.Paths.Count > 30)
            {
                terminal.Note($"… and {result.Paths.Count - 30} more paths; -o json has all of them.");
            }

            terminal.Say(string.Create(CultureInfo.InvariantCulture, $"{result.Runs} runs of {result.Workflow}: {result.Tokens.P50:0} tokens (p95 {result.Tokens.P95:0}), ${Number(result.Dollars.P50)} (p95 ${Number(result.Dollars.P95)}), {Number(result.Seconds.P50)} s (p95 {Number(result.Seconds.P95)} s)."));
        }

        terminal.Note(string.Create(CultureInfo.InvariantCulture, $"{perSecond:0} runs a second"));
    }

    private static string Number(double value) => value.ToString(value is 0 or >= 10 ? "0.#" : "0.####", CultureInfo.InvariantCulture);

    /// <summary>What the runs of one path used.</summary>
    private sealed class ImaginedPath
    {
        private readonly List<double> _tokens = [];
        private readonly List<double> _dollars = [];
        private readonly List<double> _seconds = [];

        public int Runs => _tokens.Count;

        public SimulatedSpread Tokens => Of(_tokens);

        public SimulatedSpread Dollars => Of(_dollars);

        public SimulatedSpread Seconds => Of(_seconds);

        public void Add(double tokens, double dollars, double seconds)
        {
            _tokens.Add(tokens);
            _dollars.Add(dollars);
            _seconds.Add(seconds);
        }

        private static SimulatedSpread Of(List<double> values)
        {
            double[] sorted = [.. values.Order()];
            return new SimulatedSpread(Math.Round(sorted.Average(), 9), sorted[sorted.Length / 2], sorted[(int)(sorted.Length * 0.95)]);
        }
    }
}

/// <summary>What imagined runs came to.</summary>
internal sealed record SimulatedRuns(string Workflow, int Runs, int Seed, SimulatedSpread Tokens, SimulatedSpread Dollars, SimulatedSpread Seconds, IReadOnlyList<SimulatedPath> Paths);

/// <summary>One way through a workflow.</summary>
/// <param name="Path">Ids in the order of entry.</param>
/// <param name="Share">Part of all runs, 0 to 1.</param>
internal sealed record SimulatedPath(string Path, string Outcome, int Runs, double Share, SimulatedSpread Dollars, SimulatedSpread Seconds);

internal sealed record SimulatedSpread(double Mean, double P50, double P95);
