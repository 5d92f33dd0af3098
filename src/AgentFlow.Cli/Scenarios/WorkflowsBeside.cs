using System.Text.RegularExpressions;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Nodes;

namespace AgentFlow.Cli.Scenarios;

/// <summary>
/// The workflows that do steps of another one, where nothing is published: files of its folder, the <c>workflow.yaml</c> of folders in
/// it, and, beside a <c>workflow.yaml</c>, those of the folders beside its own.
/// </summary>
internal static partial class WorkflowsBeside
{
    /// <summary>Those that a workflow calls, and that these call in turn. What is not found is left to the run to say.</summary>
    /// <exception cref="CliException">One that is called has errors.</exception>
    public static IReadOnlyList<WorkflowDefinition> ChildrenOf(WorkflowDefinition root, string file, WorkflowLoader loader)
    {
        var found = new List<WorkflowDefinition>();
        var wanted = new Queue<string>(CalledBy(root));
        if (wanted.Count == 0)
        {
            return found;
        }

        ILookup<string, string> files = Files(Path.GetFullPath(file)).ToLookup(NameIn, StringComparer.Ordinal);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (wanted.TryDequeue(out string? name))
        {
            foreach (string path in seen.Add(name) ? files[name] : [])
            {
                ReadResult source = WorkflowFiles.Read(path);
                LoadResult? loaded = source.Source is null ? null : loader.Load(source.Source);
                WorkflowDefinition child = loaded?.Definition
                    ?? throw CliException.Failed(string.Join(Environment.NewLine, source.Diagnostics.Concat(loaded?.Diagnostics ?? []).Where(d => d.IsError).Select(d => d.ToString()).Prepend($"{path}, which does a step of {root.Name}, has errors, so nothing was run.")));
                found.Add(child);
                foreach (string called in CalledBy(child))
                {
                    wanted.Enqueue(called);
                }
            }
        }

        return found;
    }

    private static IEnumerable<string> CalledBy(WorkflowDefinition workflow) => workflow.Nodes.OfType<CallNode>().Select(c => c.Child?.Workflow).OfType<string>().Distinct(StringComparer.Ordinal);

    private static IEnumerable<string> Files(string file)
    {
        string folder = Path.GetDirectoryName(file)!;
        IEnumerable<string> folders = Directory.EnumerateDirectories(folder);
        if (Path.GetFileName(file) == "workflow.yaml" && Path.GetDirectoryName(folder) is { } above)
        {
            folders = folders.Concat(Directory.EnumerateDirectories(above));
        }

        return Directory.EnumerateFiles(folder, "*.yaml").Concat(folders.Select(f => Path.Combine(f, "workflow.yaml")).Where(File.Exists)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
    }

    // Only files that are called are read as workflows: others beside them may be anything.
    private static string NameIn(string path)
    {
        try
        {
            return Name().Match(File.ReadAllText(path)).Groups[1].Value;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    [GeneratedRegex(@"^name:[ \t]*[""']?([a-z0-9-]+)", RegexOptions.Multiline)]
    private static partial Regex Name();
}
