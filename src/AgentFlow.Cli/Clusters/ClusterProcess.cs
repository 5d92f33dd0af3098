using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace AgentFlow.Cli.Clusters;

/// <summary>One <c>af</c> process of a local cluster: it outlives the command that started it.</summary>
/// <param name="Name"><c>control</c>, <c>worker-1</c>, …</param>
/// <param name="Started">When the system started it, in clock ticks since boot: a pid alone may be somebody else's by now.</param>
/// <param name="Url">Where it answers.</param>
/// <param name="Log">The file that it reports to.</param>
internal sealed record ClusterProcess(string Name, int Pid, string Started, string Url, string Log)
{
    private const int Terminate = 15;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    public bool IsAlive => StartOf(Pid) == Started;

    /// <summary>Starts <c>af</c> with arguments and waits until it says where it answers.</summary>
    public static async Task<ClusterProcess> StartAsync(string folder, string name, string dsn, string[] arguments, CancellationToken cancelled)
    {
        string log = Path.Combine(folder, name + ".log"), said = Path.Combine(folder, name + ".json");
        File.Delete(said);
        string program = Environment.ProcessPath!;
        string[] self = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [program, Environment.GetCommandLineArgs()[0]] : [program];
        // A session of its own: the terminal's Ctrl-C and hang-up are not meant for it.
        var start = new ProcessStartInfo("setsid", ["sh", "-c", "said=$1; log=$2; shift 2; exec \"$@\" >\"$said\" 2>>\"$log\" </dev/null", "sh", said, log, .. self, .. arguments, "-o", "json"]);
        start.Environment["AF_DB_DSN"] = dsn;
        start.Environment.Remove("AF_SERVER");
        using Process process = Process.Start(start)!;
        string started = StartOf(process.Id) ?? "";
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        limit.CancelAfter(StartLimit);
        while (!process.HasExited)
        {
            if (File.Exists(said) && await File.ReadAllTextAsync(said, cancelled) is { } line && line.EndsWith('\n'))
            {
                using JsonDocument answer = JsonDocument.Parse(line);
                return new ClusterProcess(name, process.Id, started, answer.RootElement.GetProperty("url").GetString()!, log);
            }

            try
            {
                await Task.Delay(Poll, limit.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
                throw;
            }
        }

        string reason = File.Exists(log) ? string.Join('\n', (await File.ReadAllLinesAsync(log, cancelled)).TakeLast(5)) : "";
        throw CliException.Failed($"{name} ended at once. {log} says: {reason}");
    }

    /// <summary>Asks it to hand over and end, and waits until it has.</summary>
    public async Task StopAsync(CancellationToken cancelled)
    {
        if (IsAlive && Kill(Pid, Terminate) == 0)
        {
            while (IsAlive)
            {
                await Task.Delay(Poll, cancelled);
            }
        }
    }

    /// <summary>Field 22 of <c>/proc/PID/stat</c> (proc(5)); <see langword="null"/> when there is no such process, or only its remains.</summary>
    private static string? StartOf(int pid)
    {
        try
        {
            // The name in parentheses may hold anything; what follows it has no parentheses.
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] == "Z" ? null : fields[19];
        }
        catch (IOException)
        {
            return null;
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
