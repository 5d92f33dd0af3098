namespace AgentFlow.Cli.Tests.Support.Disks;

/// <summary>
/// One system call as strace saw it. What the call did, it did between <paramref name="Entered"/> and <paramref name="Left"/>,
/// which are places in one order of all calls of all threads.
/// </summary>
/// <param name="Path">The file or socket that it is about.</param>
/// <param name="Arguments">As printed, from the second one on.</param>
/// <param name="Left"><see langword="null"/> when the process died in it.</param>
/// <param name="Result">What it returned; -1 when it failed or never returned.</param>
internal sealed record SystemCall(string Name, string Path, string Arguments, int Entered, int? Left, long Result)
{
    public bool IsSync => Name is "fdatasync" or "fsync";

    public bool IsWrite => Name == "pwrite64";

    /// <summary>Whether it hands a client the head of an answer that says that what it asked for was done or accepted.</summary>
    public bool IsAcknowledgement => Name is "sendto" or "sendmsg" or "write" or "writev" && Arguments.Contains("\"HTTP/1.1 20", StringComparison.Ordinal);

    /// <summary>Of a write: where it begins.</summary>
    public long Offset => !IsWrite ? 0 : long.Parse(Arguments[(Arguments.LastIndexOf(", ", StringComparison.Ordinal) + 2)..], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Of a write: how many bytes it was given.</summary>
    public long Length => !IsWrite ? 0 : long.Parse(Arguments.Split(", ")[^2], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Of a truncation: the new size.</summary>
    public long Size => Name != "ftruncate" ? 0 : long.Parse(Arguments, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Whether this sync began after a write had returned, and succeeded: then the write is on disk.</summary>
    public bool Covers(SystemCall write) => IsSync && Path == write.Path && write.Left < Entered && Left is not null && Result == 0;
}
