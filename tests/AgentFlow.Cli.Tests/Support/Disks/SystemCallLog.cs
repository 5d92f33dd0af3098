using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace AgentFlow.Cli.Tests.Support.Disks;

/// <summary>What a process asked of the kernel's files and sockets: strace's log, read back.</summary>
internal static partial class SystemCallLog
{
    private const string Traced = "fdatasync,fsync,sync_file_range,msync,pwrite64,pwritev,pwritev2,ftruncate,fallocate,write,writev,sendto,sendmsg";

    /// <summary>Why nothing can be traced here; <see langword="null"/> when it can.</summary>
    public static string? Missing { get; } = Probe();

    /// <summary>The program to run another one under, so that its calls are logged.</summary>
    public static string[] Tracer(string log) => ["strace", "-f", "--seccomp-bpf", "-y", "-s", "24", "-e", "signal=none", "-e", "trace=" + Traced, "-o", log];

    /// <summary>The calls in the order in which they began.</summary>
    public static List<SystemCall> Read(string log)
    {
        var calls = new List<SystemCall>();
        var open = new Dictionary<string, int>(StringComparer.Ordinal);
        int place = 0;
        foreach (string line in File.ReadLines(log))
        {
            place++;
            if (Resumed().Match(line) is { Success: true } resumed && open.Remove(resumed.Groups["thread"].Value, out int index))
            {
                calls[index] = calls[index] with
                {
                    Arguments = calls[index].Arguments + resumed.Groups["rest"].Value.TrimEnd(' ', ')'),
                    Left = Returned(resumed) ? place : null,
                    Result = Number(resumed.Groups["result"].Value),
                };
            }
            else if (Unfinished().Match(line) is { Success: true } begun)
            {
                open[begun.Groups["thread"].Value] = calls.Count;
                calls.Add(new SystemCall(begun.Groups["name"].Value, begun.Groups["path"].Value, begun.Groups["rest"].Value, place, Left: null, Result: -1));
            }
            else if (Whole().Match(line) is { Success: true } call)
            {
                calls.Add(new SystemCall(call.Groups["name"].Value, call.Groups["path"].Value, call.Groups["rest"].Value, place, Returned(call) ? place : null, Number(call.Groups["result"].Value)));
            }
        }

        return calls;
    }

    /// <summary>A process that is killed in a call leaves "?" as its result.</summary>
    private static bool Returned(Match call) => call.Groups["result"].Value != "?";

    private static long Number(string text) => text == "?" ? -1 : long.Parse(text, CultureInfo.InvariantCulture);

    private static string? Probe()
    {
        try
        {
            using Process strace = Process.Start(new ProcessStartInfo("strace", ["-f", "--seccomp-bpf", "-o", "/dev/null", "true"]) { RedirectStandardError = true })!;
            string said = strace.StandardError.ReadToEnd();
            strace.WaitForExit();
            return strace.ExitCode == 0 ? null : $"this machine does not let strace trace a process: {said.Trim()}";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "strace is not installed; install Debian's strace";
        }
    }

    [GeneratedRegex(@"^(?<thread>\d+) +(?<name>\w+)\(\d+<(?<path>[^>]*)>(, )?(?<rest>.*)\) += (?<result>-?\d+|\?)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Whole();

    [GeneratedRegex(@"^(?<thread>\d+) +(?<name>\w+)\(\d+<(?<path>[^>]*)>(, )?(?<rest>.*?) ?<unfinished \.\.\.>$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"^(?<thread>\d+) +<\.\.\. \w+ resumed>(, )?(?<rest>.*)\) += (?<result>-?\d+|\?)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Resumed();
}
