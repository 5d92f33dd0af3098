using System.Diagnostics;
using System.Globalization;

namespace AgentFlow.Cli.Tests.Support.Disks;

/// <summary>A disk of its own that is soon full: a tmpfs.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _filler;

    public SmallDisk(int megabytes)
    {
        Folder = Directory.CreateTempSubdirectory("af-disk-").FullName;
        _filler = Path.Combine(Folder, "filler");
        Run("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={megabytes}m"), "af-test", Folder);
    }

    /// <summary>Why no disk can be made here; <see langword="null"/> when one can.</summary>
    public static string? Missing { get; } = Probe();

    public string Folder { get; }

    /// <summary>Leaves so many bytes free.</summary>
    public void Fill(long free = 0)
    {
        long size = new DriveInfo(Folder).AvailableFreeSpace - free;
        using FileStream filler = File.Create(_filler);
        byte[] block = new byte[4096];
        for (long written = 0; written + block.Length <= size; written += block.Length)
        {
            filler.Write(block);
        }
    }

    public void MakeRoom() => File.Delete(_filler);

    public void Dispose()
    {
        Run("umount", "--lazy", Folder);
        Directory.Delete(Folder);
    }

    private static string? Probe()
    {
        if (Environment.UserName != "root")
        {
            return "mounting a small disk needs root";
        }

        try
        {
            using var disk = new SmallDisk(1);
            return null;
        }
        catch (InvalidOperationException e)
        {
            return "a small disk cannot be mounted here: " + e.Message;
        }
    }

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        string said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException(said.Trim());
        }
    }
}
