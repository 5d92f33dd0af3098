using System.Globalization;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Names a process so that another one on the same machine can tell whether it is still there: boot, process namespace,
/// number and start time (<c>/proc/PID/stat</c>, proc(5)). Two machines, two boots and two containers never share a name, and a
/// number that was given to a new process has another start time.
/// </summary>
internal static class LocalProcess
{
    private const int StateField = 0;
    private const int StartTimeField = 19;

    private static readonly string? Machine = ReadMachine();

    /// <summary>This process; empty where the system does not say.</summary>
    public static string Name { get; } = Machine is null || Start(Environment.ProcessId) is not { } start ? "" : $"{Machine}/{Environment.ProcessId}/{start}";

    /// <returns>True only when the process was on this machine and has ended.</returns>
    public static bool HasEnded(string name)
    {
        string[] parts = name.Split('/');
        return parts.Length == 4
            && $"{parts[0]}/{parts[1]}" == Machine
            && int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out int id)
            && Start(id) != parts[3];
    }

    private static string? ReadMachine()
    {
        try
        {
            return File.ResolveLinkTarget("/proc/self/ns/pid", returnFinalTarget: false) is { } space
                ? $"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()}/{space.Name}"
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <returns>Clock ticks from boot to the start of the process; <see langword="null"/> when there is none, or only what its parent has not taken note of.</returns>
    private static string? Start(int process)
    {
        try
        {
            string stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/stat"));
            // The second field is the command in parentheses, and may hold anything.
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[StateField] is "Z" or "X" ? null : fields[StartTimeField];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
