using AgentFlow.Engine.Definitions.Loading.Parts;
using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>Collects the listed files below one folder, within the limits.</summary>
internal sealed class AssetFiles(string folder, Findings findings)
{
    // Links to links end somewhere; folders may be empty without end.
    private const int MostLinks = 40;
    private const int MostEntries = 10 * LoadLimits.AssetFiles;

    private readonly string _root = RealPath(folder) ?? folder;
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _content = new(StringComparer.Ordinal);
    private readonly HashSet<string> _entered = new(StringComparer.Ordinal);
    private int _entries;
    private long _bytes;

    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Content => _content;

    /// <summary>Adds a file, or a folder with all that is below it. What is not there is left out.</summary>
    public void Add(YamlScalar listed)
    {
        try
        {
            _entered.Clear();
            Add(listed, listed.Text.TrimEnd('/'));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            findings.Error(listed, DiagnosticCodes.AssetUnreadable, $"'{Excerpt.Of(listed.Text)}' cannot be read: {e.Message}", "Check its permissions.");
        }
    }

    /// <returns>False when the rest of the listed folder is of no interest.</returns>
    private bool Add(YamlScalar listed, string path)
    {
        string full = Path.Combine(_root, path.Replace('/', Path.DirectorySeparatorChar));
        if (!Path.Exists(full) || _content.ContainsKey(path))
        {
            return true;
        }

        if (RealPath(full) is not { } real || !real.StartsWith(_root.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            findings.Error(listed, DiagnosticCodes.AssetOutside, $"'{Excerpt.Of(path)}' is a link that leads out of the workflow's folder, or in a circle.", "Copy the file into the folder.");
            return false;
        }

        if (!Directory.Exists(real))
        {
            return AddFile(listed, path, real);
        }

        if (!_entered.Add(real))
        {
            return true;
        }

        foreach (string child in Directory.EnumerateFileSystemEntries(real).Order(StringComparer.Ordinal))
        {
            if (++_entries > MostEntries)
            {
                return OverLimit(listed);
            }

            if (!Add(listed, $"{path}/{Path.GetFileName(child)}"))
            {
                return false;
            }
        }

        return true;
    }

    private bool AddFile(YamlScalar listed, string path, string real)
    {
        long length = new FileInfo(real).Length;
        if (_content.Count + 1 > LoadLimits.AssetFiles || _bytes + length > LoadLimits.AssetBytes)
        {
            return OverLimit(listed);
        }

        byte[] content = [];
        if (length > 0)
        {
            // Pipes and devices have no length: opening one could wait for ever.
            using FileStream stream = File.OpenRead(real);
            content = WorkflowFiles.ReadAtMost(stream, (int)length);
        }

        _bytes += content.Length;
        _content.Add(path, content);
        return true;
    }

    private bool OverLimit(YamlScalar listed)
    {
        findings.Error(listed, DiagnosticCodes.AssetLimit, AssetList.LimitMessage, AssetList.LimitRemedy);
        return false;
    }

    /// <summary>The path with every link in it followed; <see langword="null"/> when they lead in a circle.</summary>
    private static string? RealPath(string path)
    {
        int links = MostLinks;
        return RealPath(path, ref links);
    }

    private static string? RealPath(string path, ref int links)
    {
        string root = Path.GetPathRoot(path)!;
        string real = root;
        foreach (string segment in path[root.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            string next = Path.Combine(real, segment);
            if (new FileInfo(next).LinkTarget is { } target)
            {
                if (links-- <= 0 || RealPath(Path.GetFullPath(target, real), ref links) is not { } resolved)
                {
                    return null;
                }

                next = resolved;
            }

            real = next;
        }

        return real;
    }
}
