using System.Globalization;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>The wall clock of a process, which somebody sets: libfaketime. What a process measures time with stays as it is.</summary>
internal sealed class SetClock
{
    private static readonly string? Library = Directory.Exists("/usr/lib")
        ? Directory.GetFiles("/usr/lib", "libfaketimeMT.so.1", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 3, IgnoreInaccessible = true }).FirstOrDefault()
        : null;

    private readonly string _file;

    public SetClock(Af af)
    {
        _file = af.Write("clock", "+0s\n");
        af.Environment["LD_PRELOAD"] = Library;
        af.Environment["FAKETIME_TIMESTAMP_FILE"] = _file;
        af.Environment["FAKETIME_NO_CACHE"] = "1";
        af.Environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
    }

    /// <summary>Why no clock can be set here; <see langword="null"/> when one can.</summary>
    public static string? Missing => Library is null ? "libfaketime is not installed; install Debian's faketime" : null;

    /// <param name="offset">How far from the real time the clock is from now on.</param>
    public void Set(TimeSpan offset)
    {
        // Replaced as a whole: the process reads it at any moment.
        File.WriteAllText(_file + ".next", string.Create(CultureInfo.InvariantCulture, $"{offset.TotalSeconds:+0;-0}s\n"));
        File.Move(_file + ".next", _file, overwrite: true);
    }
}
