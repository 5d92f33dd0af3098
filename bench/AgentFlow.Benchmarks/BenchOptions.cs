using System.Globalization;
using AgentFlow.Benchmarks.Stores;

namespace AgentFlow.Benchmarks;

/// <summary>What the command line asks for.</summary>
internal sealed record BenchOptions
{
    private static readonly string[] Workloads = ["micro", "durable", "http", "audit", "first-step", "pure", "parallel", "signals", "size", "recovery", "metrics", "processes"];

    /// <summary>Workloads by name. Default: all.</summary>
    public IReadOnlyList<string> Names { get; private init; } = Workloads;

    /// <summary><c>sqlite</c>, <c>postgres</c>. Default: both, PostgreSQL where its programs are installed.</summary>
    public IReadOnlyList<string> Stores { get; private init; } = ["sqlite", "postgres"];

    /// <summary>Callers at once, in place of each workload's own list.</summary>
    public int[]? Concurrencies { get; private init; }

    /// <summary>Length of a round. Default 4 s.</summary>
    public TimeSpan Round { get; private init; } = TimeSpan.FromSeconds(4);

    /// <summary>Folder with other systems' programs: <see cref="Benchmarks.Peers"/>.</summary>
    public string? Peers { get; private init; }

    /// <summary>Which of them. Default: all.</summary>
    public IReadOnlyList<string> PeerNames { get; private init; } = [];

    /// <summary>Where the tables go.</summary>
    public string? Output { get; private init; }

    public bool Wants(string workload) => Names.Contains(workload);

    /// <returns><see langword="null"/> after saying what is wrong.</returns>
    public static BenchOptions? Parse(string[] args)
    {
        var options = new BenchOptions();
        var names = new List<string>();
        for (int i = 0; i < args.Length; i++)
        {
            string? value = i + 1 < args.Length ? args[i + 1] : null;
            switch (args[i])
            {
                case "--store" when value is "sqlite" or "postgres":
                    options = options with { Stores = [value] };
                    i++;
                    break;
                case "--seconds" when double.TryParse(value, CultureInfo.InvariantCulture, out double seconds) && seconds > 0:
                    options = options with { Round = TimeSpan.FromSeconds(seconds) };
                    i++;
                    break;
                case "--concurrency" when value is not null && value.Split(',').All(v => int.TryParse(v, CultureInfo.InvariantCulture, out int n) && n > 0):
                    options = options with { Concurrencies = [.. value.Split(',').Select(v => int.Parse(v, CultureInfo.InvariantCulture))] };
                    i++;
                    break;
                case "--peers" when value is not null && File.Exists(Path.Combine(value, "run.sh")):
                    options = options with { Peers = Path.GetFullPath(value) };
                    i++;
                    break;
                case "--peer" when value is not null:
                    options = options with { PeerNames = [.. options.PeerNames, value] };
                    i++;
                    break;
                case "--out" when value is not null:
                    options = options with { Output = value };
                    i++;
                    break;
                case var name when Workloads.Contains(name):
                    names.Add(name);
                    break;
                default:
                    Console.Error.WriteLine($"bench: '{args[i]}' is no workload and no option with a good value: [{string.Join('|', Workloads)}]... [--store sqlite|postgres] [--seconds N] [--concurrency N,N] [--peers FOLDER-WITH-run.sh [--peer NAME]...] [--out FILE]");
                    return null;
            }
        }

        options = names.Count > 0 ? options with { Names = names } : options;
        if (options.Stores.Contains("postgres") && PostgresServer.Binaries is null)
        {
            Console.Error.WriteLine("bench: no PostgreSQL in /usr/lib/postgresql; install Debian's postgresql, or set AF_TEST_POSTGRES_BIN to the folder of its programs. Measuring without it.");
            options = options with { Stores = [.. options.Stores.Where(s => s != "postgres")] };
        }

        return options;
    }
}
