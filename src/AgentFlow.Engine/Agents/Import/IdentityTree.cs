using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;

namespace AgentFlow.Engine.Agents.Import;

/// <summary>
/// Reads a folder tree of identities. Every file below the folder is accounted for once; nothing outside of it is read, and no
/// link is followed.
/// </summary>
public static class IdentityTree
{
    /// <summary>Most files that are looked at.</summary>
    public const int MaxFiles = 20_000;

    private const int MaxDepth = 32;

    private static readonly string[] Unrelated = ["README", "CHANGELOG", "CONTRIBUTING", "LICENSE", "CODE_OF_CONDUCT", "SECURITY"];
    private static readonly string[] BackupEndings = [".bak", ".backup", ".orig", ".old", ".save", ".swp", ".tmp", ".rej"];

    /// <exception cref="IOException">The folder itself cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder itself may not be read.</exception>
    public static TreeRead Read(string folder)
    {
        var read = new Reading();
        Enter(new DirectoryInfo(Path.GetFullPath(folder)), "", 0, read);
        return new TreeRead(read.Identities, read.Skipped, read.Rejected, read.Warnings);
    }

    private static void Enter(DirectoryInfo folder, string at, int depth, Reading read)
    {
        foreach (FileSystemInfo entry in folder.EnumerateFileSystemInfos().OrderBy(e => e.Name, StringComparer.Ordinal))
        {
            string path = at + entry.Name;
            if (read.Count >= MaxFiles)
            {
                read.Reject(path, "too-many-files", $"The tree has more than {MaxFiles} files; this one and what follows were not looked at.", "Import it in parts.");
                return;
            }

            if (entry.LinkTarget is { } target)
            {
                read.Skipped.Add(new SkippedFile(path, $"a link to {target}; links are not followed"));
            }
            else if (entry is DirectoryInfo child)
            {
                EnterChild(child, path, depth, read);
            }
            else if (NotAnIdentity(entry.Name) is { } reason)
            {
                read.Skipped.Add(new SkippedFile(path, reason));
            }
            else
            {
                ReadFile((FileInfo)entry, path, read);
            }
        }
    }

    private static void EnterChild(DirectoryInfo child, string path, int depth, Reading read)
    {
        if (child.Name.StartsWith('.') || child.Name == "node_modules")
        {
            read.Skipped.Add(new SkippedFile(path + "/", "a folder of tools, not of identities"));
            return;
        }

        if (depth == MaxDepth)
        {
            read.Reject(path + "/", DiagnosticCodes.TooDeep, $"The folders nest deeper than {MaxDepth} levels.", "Flatten the tree.");
            return;
        }

        try
        {
            Enter(child, path + "/", depth + 1, read);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            read.Reject(path + "/", DiagnosticCodes.FileUnreadable, $"The folder cannot be read: {e.Message}", "Check its permissions.");
        }
    }

    private static void ReadFile(FileInfo file, string path, Reading read)
    {
        byte[] content;
        try
        {
            // A pipe has no length either, and reading one might never end.
            if (file.Length == 0)
            {
                read.Reject(path, DiagnosticCodes.EmptyFile, "The file is empty.", "Write an identity, or remove it.");
                return;
            }

            using FileStream stream = file.OpenRead();
            content = WorkflowFiles.ReadAtMost(stream, IdentityFile.MaxBytes + 1);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            read.Reject(path, DiagnosticCodes.FileUnreadable, $"The file cannot be read: {e.Message}", "Check its permissions.");
            return;
        }

        IdentityRead identity = IdentityFile.Read(path, content);
        read.Warnings.AddRange(identity.Diagnostics.Where(d => !d.IsError && identity.Agent is not null));
        if (identity.Agent is not { } agent)
        {
            read.Rejected.Add(identity.Diagnostics.First(d => d.IsError));
        }
        else if (read.Taken(agent, path) is { } first)
        {
            read.Reject(path, "duplicate-name", $"The name '{Excerpt.Of(agent.Name)}' is taken by {first}.", "Give one of the two another name, or remove it.", NameLine(content));
        }
        else
        {
            read.Identities.Add(new FoundIdentity(path, agent));
        }
    }

    private static int NameLine(byte[] content)
    {
        string[] lines = System.Text.Encoding.UTF8.GetString(content).ReplaceLineEndings("\n").Split('\n');
        return Math.Max(1, Array.FindIndex(lines, l => l.StartsWith("name", StringComparison.Ordinal)) + 1);
    }

    /// <summary>Why a file is none of those that are meant.</summary>
    private static string? NotAnIdentity(string name)
    {
        string stem = Path.GetFileNameWithoutExtension(name);
        return name.EndsWith('~') || name is ['#', .., '#'] || name.StartsWith(".#", StringComparison.Ordinal) || BackupEndings.Any(e => name.EndsWith(e, StringComparison.OrdinalIgnoreCase) || stem.EndsWith(e, StringComparison.OrdinalIgnoreCase))
                || stem.EndsWith(" copy", StringComparison.OrdinalIgnoreCase) || stem.Contains(" copy ", StringComparison.OrdinalIgnoreCase) || BackupNumber(stem) ? "a backup"
            : name.StartsWith('.') ? "a hidden file"
            : !name.EndsWith(".md", StringComparison.OrdinalIgnoreCase) && !name.EndsWith(".markdown", StringComparison.OrdinalIgnoreCase) ? "not Markdown"
            : Unrelated.Contains(stem, StringComparer.OrdinalIgnoreCase) ? "about the tree, not an identity"
            : null;
    }

    /// <summary><c>coder (1)</c>, as downloads and file managers name a second one.</summary>
    private static bool BackupNumber(string stem) =>
        stem.EndsWith(')') && stem.LastIndexOf(" (", StringComparison.Ordinal) is var open and > 0 && stem.AsSpan(open + 2, stem.Length - open - 3) is { Length: > 0 } number && !number.ContainsAnyExceptInRange('0', '9');

    private sealed class Reading
    {
        private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
        private readonly Dictionary<string, string> _ids = new(StringComparer.Ordinal);

        public List<FoundIdentity> Identities { get; } = [];

        public List<SkippedFile> Skipped { get; } = [];

        public List<Diagnostic> Rejected { get; } = [];

        public List<Diagnostic> Warnings { get; } = [];

        public int Count => Identities.Count + Skipped.Count + Rejected.Count;

        public void Reject(string path, string code, string message, string remedy, int line = 1) => Rejected.Add(new Diagnostic(path, line, 1, code, message, remedy));

        /// <summary>The file before that has the name or the id.</summary>
        public string? Taken(RegisteredAgent agent, string path) =>
            _names.GetValueOrDefault(agent.Name) ?? (agent.Id.Length > 0 ? _ids.GetValueOrDefault(agent.Id) : null) ?? Take(agent, path);

        private string? Take(RegisteredAgent agent, string path)
        {
            _names.Add(agent.Name, path);
            if (agent.Id.Length > 0)
            {
                _ids.Add(agent.Id, path);
            }

            return null;
        }
    }
}

/// <summary>What a tree holds.</summary>
/// <param name="Rejected">The first error of each file that is no sound identity.</param>
/// <param name="Warnings">What is odd about those that are.</param>
public sealed record TreeRead(IReadOnlyList<FoundIdentity> Identities, IReadOnlyList<SkippedFile> Skipped, IReadOnlyList<Diagnostic> Rejected, IReadOnlyList<Diagnostic> Warnings)
{
    public int Files => Identities.Count + Skipped.Count + Rejected.Count;
}

/// <param name="Path">Relative to the tree, with forward slashes.</param>
public sealed record FoundIdentity(string Path, RegisteredAgent Agent);

/// <param name="File">Relative to the tree; with a slash behind it when it is a folder.</param>
public sealed record SkippedFile(string File, string Reason);
