using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AgentFlow.Benchmarks.Stores;

namespace AgentFlow.Benchmarks;

/// <summary>
/// Runs other systems' programs for the same workloads on this machine and holds their figures against the ones just
/// measured. The folder has a <c>run.sh</c>: without arguments its usage names the systems (<c>./run.sh one|two|three</c>);
/// with a name it measures that one and prints a JSON object a line. Read are <c>peer</c>, <c>mode</c>, <c>wl</c>
/// (<c>W1</c> ten steps, <c>W3</c> a hundred parallel steps), <c>conc</c>, <c>wf_s</c> and <c>p50</c> (ms); other lines and
/// workloads are passed over. A mode that is <c>none</c>, begins with <c>no </c> or contains <c>memory</c> keeps nothing on
/// disk and is held against ten pure steps too: with their one barrier, and in memory.
/// </summary>
internal static partial class Peers
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20);

    private static readonly string[] Header = ["system", "what is durable", "workload", "concurrency", "per second", "p50 ms", "SQLite here, times as many", "PostgreSQL here, times as many"];

    /// <param name="names">Which ones; none: all that the usage names.</param>
    public static async Task RunAsync(Report report, string folder, IReadOnlyList<string> names)
    {
        string program = Path.Combine(folder, "run.sh");
        if (names.Count == 0)
        {
            names = Usage().Match(string.Join('\n', await LinesAsync(program, []))).Groups[1].Value.Split('|', StringSplitOptions.RemoveEmptyEntries);
        }

        foreach (string name in names)
        {
            foreach (string line in await LinesAsync(program, [name]))
            {
                if (line.StartsWith('{'))
                {
                    using JsonDocument document = JsonDocument.Parse(line);
                    Add(report, document.RootElement);
                }
            }
        }
    }

    private static void Add(Report report, JsonElement result)
    {
        string workload = Text(result, "wl");
        if (workload is not ("W1" or "W3") || !result.TryGetProperty("conc", out JsonElement conc) || !result.TryGetProperty("wf_s", out JsonElement perSecond))
        {
            return;
        }

        string mode = Text(result, "mode");
        int concurrency = conc.GetInt32();
        double theirs = perSecond.GetDouble();
        Row(workload);
        if (workload == "W1" && (mode == "none" || mode.StartsWith("no ", StringComparison.OrdinalIgnoreCase) || mode.Contains("memory", StringComparison.OrdinalIgnoreCase)))
        {
            Row("W2");
            Row("W2", SqliteStorage.InMemory);
        }

        void Row(string ours, string store = "SQLite") => report.Add(
            "Other systems",
            Header,
            Text(result, "peer"),
            mode,
            ours switch { "W1" => "ten durable steps", "W2" => store == "SQLite" ? "ten steps, one barrier" : "ten steps, nothing durable", _ => "a hundred parallel steps" },
            concurrency,
            theirs,
            result.TryGetProperty("p50", out JsonElement p50) ? p50.GetDouble() : "",
            Ratio(report.Find(ours, store, concurrency), theirs),
            store == "SQLite" ? Ratio(report.Find(ours, "PostgreSQL", concurrency), theirs) : "");
    }

    private static object Ratio(double? ours, double theirs) => ours is { } value ? value / theirs : "";

    private static string Text(JsonElement element, string name) => element.TryGetProperty(name, out JsonElement value) ? value.ToString() : "";

    private static async Task<List<string>> LinesAsync(string program, string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var lines = new List<string>();
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            while (await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
            {
                lines.Add(line);
            }

            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"bench: {program} {string.Join(' ', arguments)} took longer than {Limit.TotalMinutes} minutes and was ended; what it had printed counts."));
        }

        return lines;
    }

    [GeneratedRegex(@"\./run\.sh ((?:\w+\|)+\w+)")]
    private static partial Regex Usage();
}
