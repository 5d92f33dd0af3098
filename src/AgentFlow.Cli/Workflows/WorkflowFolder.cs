using System.Text.RegularExpressions;
using AgentFlow.Engine.Definitions.Loading;

namespace AgentFlow.Cli.Workflows;

/// <summary>Finds workflow files.</summary>
internal static partial class WorkflowFolder
{
    private static readonly string[] Skipped = ["node_modules", "artifacts", "bin", "obj"];

    /// <summary>The files themselves, and the workflow files below the folders, in ordinal order.</summary>
    /// <exception cref="CliException">A path does not exist, or a folder has no workflow.</exception>
    public static IReadOnlyList<string> Find(IEnumerable<string> paths)
    {
        var files = new List<string>();
        foreach (string path in paths)
        {
            if (!Directory.Exists(path))
            {
                files.Add(File.Exists(path) ? path : throw CliException.Usage($"there is no file or folder {path}."));
                continue;
            }

            string[] found = [.. Below(path)];
            files.AddRange(found.Length > 0 ? found : throw CliException.Usage($"there is no workflow file in {path}: no .yaml or .yml file with a line 'planner:'."));
        }

        return files;
    }

    /// <summary>The workflow files below a folder, in ordinal order.</summary>
    public static IEnumerable<string> Below(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
        {
            if (IsWorkflow(file))
            {
                yield return file;
            }
        }

        foreach (string child in Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal))
        {
            bool isLink = new DirectoryInfo(child).LinkTarget is not null;
            if (!IsSkipped(Path.GetFileName(child)) && !isLink)
            {
                foreach (string file in Below(child))
                {
                    yield return file;
                }
            }
        }
    }

    /// <summary>Whether a folder's own workflows lie elsewhere: hidden folders and those of build tools.</summary>
    public static bool IsSkipped(string name) => name is ['.', _, ..] || Skipped.Contains(name);

    /// <summary>Whether a file is meant as a workflow: folders also hold other YAML.</summary>
    public static bool IsWorkflow(string file) =>
        Path.GetExtension(file) is ".yaml" or ".yml" && new FileInfo(file) is { Exists: true, Length: <= LoadLimits.YamlBytes } && File.ReadLines(file).Any(PlannerLine.IsMatch);

    [GeneratedRegex(@"^planner\s*:")]
    private static partial Regex PlannerLine { get; }
}
