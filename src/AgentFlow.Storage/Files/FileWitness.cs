using System.Diagnostics;
using System.Text;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Files;

/// <summary>
/// A witness in files: one line for each checkpoint, only ever appended to, and in a folder beside it (<c>NAME.ends</c>) one
/// small file a tenant that says where its chain ends.
/// </summary>
/// <param name="path">The witness file; it and its folder are created when there is something to keep.</param>
public sealed class FileWitness(string path) : IAuditWitness
{
    private const string Ends = ".ends";
    private const string LockName = ".lock";
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(5);
    private static readonly byte[] LineEnd = "\n"u8.ToArray();

    public IReadOnlyList<string> Tenants => Directory.Exists(path + Ends)
        ? [.. Directory.EnumerateFiles(path + Ends, "*.json").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)]
        : [];

    public void Append(AuditCheckpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        byte[] line = [.. checkpoint.ToJson(), .. LineEnd];
        if (file.Length > 0)
        {
            // A line that a crash has torn stays what it is, and the next one begins behind it.
            file.Seek(-1, SeekOrigin.End);
            line = file.ReadByte() == '\n' ? line : [.. LineEnd, .. line];
            file.Seek(0, SeekOrigin.End);
        }

        file.Write(line);
        file.Flush(flushToDisk: true);
    }

    public bool TryWriteEnd(string tenant, WitnessedEnd known, WitnessedEnd end)
    {
        string file = EndOf(tenant);
        Directory.CreateDirectory(path + Ends);
        using FileStream held = Lock();
        if (!ReadEnd(tenant).SaysAs(known))
        {
            return false;
        }

        // Renamed into place, so that a reader and a crash find the one or the other.
        using (var made = new FileStream(file + ".new", FileMode.Create, FileAccess.Write))
        {
            made.Write([.. Line(end.Confirmed), .. Line(end.Next)]);
            made.Flush(flushToDisk: true);
        }

        File.Move(file + ".new", file, overwrite: true);
        return true;
    }

    public WitnessedEnd ReadEnd(string tenant)
    {
        string file = EndOf(tenant);
        if (!File.Exists(file))
        {
            return default;
        }

        string[] lines = File.ReadAllLines(file);
        return new WitnessedEnd(Parse(lines.ElementAtOrDefault(0)), Parse(lines.ElementAtOrDefault(1)));
    }

    public IReadOnlyList<AuditCheckpoint>? Read(string tenant)
    {
        if (!File.Exists(path) && !Directory.Exists(path + Ends))
        {
            return null;
        }

        var found = new List<AuditCheckpoint>();
        if (File.Exists(path))
        {
            using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            while (reader.ReadLine() is { } line)
            {
                if (Parse(line) is { } checkpoint && checkpoint.Tenant == tenant)
                {
                    found.Add(checkpoint);
                }
            }
        }

        if (ReadEnd(tenant).Confirmed is { } end)
        {
            found.Add(end);
        }

        return found;
    }

    /// <summary>Keeps other processes out until it is closed; the system lets go of it for one that dies.</summary>
    private FileStream Lock()
    {
        long begun = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(Path.Combine(path + Ends, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (Stopwatch.GetElapsedTime(begun) < LockPatience)
            {
                Thread.Sleep(5);
            }
        }
    }

    private static byte[] Line(AuditCheckpoint? checkpoint) => [.. checkpoint?.ToJson() ?? [], .. LineEnd];

    private static AuditCheckpoint? Parse(string? line) => line is null ? null : AuditCheckpoint.Parse(Encoding.UTF8.GetBytes(line));

    private string EndOf(string tenant) => Path.Combine(path + Ends, Named(tenant) + ".json");

    /// <summary>A tenant's name cannot lead out of the folder: it is made of letters, digits, '-' and '_'.</summary>
    private static string Named(string tenant) => tenant.Length > 0 && tenant.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
        ? tenant
        : throw new ArgumentException($"'{tenant}' is no tenant's name.", nameof(tenant));
}
