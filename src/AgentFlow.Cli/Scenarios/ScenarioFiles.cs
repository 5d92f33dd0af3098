using AgentFlow.Cli.Workflows;
using AgentFlow.Simulation.Scenarios;

namespace AgentFlow.Cli.Scenarios;

/// <summary>Finds scenario files, and the workflow that each is about.</summary>
internal static class ScenarioFiles
{
    private static readonly string Place = Path.Combine(".af", "scenarios");

    /// <summary>The file itself, or the scenarios of the projects in and below a folder, in ordinal order.</summary>
    /// <exception cref="CliException">Nothing is there.</exception>
    public static IReadOnlyList<string> Find(string path)
    {
        if (File.Exists(path))
        {
            return [path];
        }

        return Directory.Exists(path) ? [.. Below(path)] : throw CliException.Usage($"there is no file or folder {path}.");
    }

    /// <exception cref="CliException">The file cannot be read.</exception>
    public static ScenarioFile Read(string path)
    {
        try
        {
            return ScenarioFile.Read(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed($"cannot read the scenario: {e.Message}");
        }
    }

    /// <summary>The workflow file of a scenario.</summary>
    /// <param name="named">What the scenario says, relative to its own folder.</param>
    /// <exception cref="CliException">There is none, or several; the message says what to write.</exception>
    public static string Workflow(string scenario, string? named)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(scenario))!;
        if (named is not null)
        {
            string path = Path.GetFullPath(Path.Combine(folder, named));
            return File.Exists(path) ? Shown(path) : throw CliException.Failed($"{scenario}: its 'workflow' {named} is no file. Write the path from the scenario's folder.");
        }

        string project = folder.EndsWith(Path.DirectorySeparatorChar + Place, StringComparison.Ordinal) ? folder[..^(Place.Length + 1)] : folder;
        string[] workflows = [.. WorkflowFolder.Below(project)];
        return workflows switch
        {
            [var only] => Shown(only),
            [] => throw CliException.Failed($"{scenario}: there is no workflow file in {Shown(project)}. Name it in the scenario: 'workflow: ../../workflow.yaml'."),
            _ => throw CliException.Failed($"{scenario}: {Shown(project)} has several workflow files ({string.Join(", ", workflows.Select(Path.GetFileName))}). Name one in the scenario: 'workflow: ../../{Path.GetFileName(workflows[0])}'."),
        };
    }

    private static IEnumerable<string> Below(string folder)
    {
        string scenarios = Path.Combine(folder, Place);
        if (Directory.Exists(scenarios))
        {
            foreach (string file in Directory.EnumerateFiles(scenarios).Where(f => Path.GetExtension(f) is ".yaml" or ".yml").Order(StringComparer.Ordinal))
            {
                yield return file;
            }
        }

        foreach (string child in Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal))
        {
            if (!WorkflowFolder.IsSkipped(Path.GetFileName(child)) && new DirectoryInfo(child).LinkTarget is null)
            {
                foreach (string file in Below(child))
                {
                    yield return file;
                }
            }
        }
    }

    /// <summary>As the user would type it.</summary>
    private static string Shown(string path) => Path.GetRelativePath(Directory.GetCurrentDirectory(), path) is var near && !near.StartsWith("..", StringComparison.Ordinal) ? near : path;
}
