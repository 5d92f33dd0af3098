using System.CommandLine;
using System.Globalization;
using AgentFlow.Cli.Terminals;
using AgentFlow.Simulation;

namespace AgentFlow.Cli.Simulations;

/// <summary><c>af sim</c>: lives through simulated worlds, each decided by its seed, and holds the engine against its invariants.</summary>
internal static class SimCommand
{
    private const int MaxCount = 1_000_000;

    private static readonly Option<long> Seed = new("--seed") { Description = "The world, or the first one.", DefaultValueFactory = _ => 1, HelpName = "n" };
    private static readonly Option<int> Count = new("--count") { Description = "How many worlds, by ascending seed.", DefaultValueFactory = _ => 1, HelpName = "n" };

    public static Command Create()
    {
        var command = new Command("sim", "Run the engine in simulated worlds with faults; ends with 1 when one breaks an invariant.") { Seed, Count };
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        long first = invocation.Get(Seed);
        int count = invocation.Get(Count);
        if (first < 0 || count is < 1 or > MaxCount)
        {
            throw CliException.Usage($"--seed is 0 or more, --count 1 to {MaxCount}.");
        }

        List<SimulatedWorld> worlds = [];
        Task LiveAsync(Action done) => Task.Run(
            () => Parallel.For(0, count, new ParallelOptions { CancellationToken = invocation.Cancelled }, i =>
            {
                SimulatedWorld world = Live((ulong)(first + i));
                lock (worlds)
                {
                    worlds.Add(world);
                    done();
                }
            }),
            invocation.Cancelled);
        await RowProgress.ShowAsync(invocation.Terminal, count == 1 ? $"seed {first}" : $"seeds {first} to {first + count - 1}", count, LiveAsync);
        worlds.Sort((a, b) => a.Seed.CompareTo(b.Seed));
        Print(invocation.Terminal, worlds);
        return worlds.TrueForAll(w => w.Violation is null) ? ExitCode.Ok : ExitCode.Failed;
    }

    private static SimulatedWorld Live(ulong seed)
    {
        try
        {
            WorldReport report = new World(seed).Run();
            return new SimulatedWorld(seed, report.Trace.ToString("x16", CultureInfo.InvariantCulture), report.Runs, report.Effects, report.Lives, Words(report.Faults), null);
        }
        catch (InvariantViolationException e)
        {
            return new SimulatedWorld(seed, "", 0, 0, 0, [], e.Message);
        }
    }

    private static SortedDictionary<string, int> Words(IReadOnlyDictionary<Fault, int> faults) =>
        new(faults.ToDictionary(f => string.Concat(f.Key.ToString().Select((c, i) => i > 0 && char.IsUpper(c) ? $"_{char.ToLowerInvariant(c)}" : char.ToLowerInvariant(c).ToString())), f => f.Value), StringComparer.Ordinal);

    private static void Print(Terminal terminal, List<SimulatedWorld> worlds)
    {
        if (terminal.IsJson)
        {
            foreach (SimulatedWorld world in worlds)
            {
                terminal.WriteLine(world, CliJson.Default.SimulatedWorld);
            }

            return;
        }

        var table = new TableView(terminal, new TableColumn("fault"), new TableColumn("times", IsNumber: true), new TableColumn("worlds", IsNumber: true));
        foreach (IGrouping<string, KeyValuePair<string, int>> fault in worlds.SelectMany(w => w.Faults).GroupBy(f => f.Key).OrderBy(f => f.Key, StringComparer.Ordinal))
        {
            table.Add(fault.Key, fault.Sum(f => f.Value).ToString(CultureInfo.InvariantCulture), fault.Count().ToString(CultureInfo.InvariantCulture));
        }

        table.Print();
        foreach (SimulatedWorld broken in worlds.Where(w => w.Violation is not null))
        {
            terminal.Say(broken.Violation!, Tone.Bad);
        }

        string trace = worlds is [{ Violation: null } only] ? $", trace {only.Trace}" : "";
        int kept = worlds.Count(w => w.Violation is null);
        terminal.Say($"{kept} of {worlds.Count} worlds kept every promise: {worlds.Sum(w => w.Runs)} runs, {worlds.Sum(w => w.Effects)} effects, {worlds.Sum(w => w.Lives)} processes{trace}.");
    }
}

/// <summary>What came of one world.</summary>
/// <param name="Trace">Equal for equal seeds and builds: a hash over everything that happened.</param>
/// <param name="Lives">Processes that worked in it, one after another.</param>
/// <param name="Violation">The broken invariant and where; <see langword="null"/> when all held.</param>
internal sealed record SimulatedWorld(ulong Seed, string Trace, int Runs, int Effects, int Lives, SortedDictionary<string, int> Faults, string? Violation);
