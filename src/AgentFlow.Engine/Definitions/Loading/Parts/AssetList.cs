using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading.Parts;

/// <summary>The <c>assets</c> of a file: paths relative to it.</summary>
internal static class AssetList
{
    private const string Example = "a list of paths: [data/examples.jsonl]";

    /// <summary>The paths that can be used; the others are reported.</summary>
    public static IReadOnlyList<YamlScalar> Read(Fields workflow, Findings findings)
    {
        var paths = new List<YamlScalar>();
        foreach (YamlScalar path in workflow.Texts("assets", Example) ?? [])
        {
            if (ProblemOf(path.Text) is { } problem)
            {
                findings.Error(path, DiagnosticCodes.InvalidAssetPath, $"'{Excerpt.Of(path.Text)}' {problem}.", "Write a path below the workflow file's folder, with forward slashes: data/articles.");
            }
            else
            {
                paths.Add(path);
            }
        }

        return paths;
    }

    /// <summary>Checks that what is listed is there, and that all of it stays within the limits.</summary>
    public static void Check(IReadOnlyList<YamlScalar> paths, WorkflowAssets assets, int place, Findings findings)
    {
        foreach (YamlScalar path in paths.Where(p => !assets.Under(p.Text).Any()))
        {
            findings.Error(path, DiagnosticCodes.MissingAsset, $"There is no file '{Excerpt.Of(path.Text)}', nor anything below it.", "Check the path; it is relative to the workflow file.");
        }

        if (assets.Files.Count > LoadLimits.AssetFiles || assets.Files.Values.Sum(f => (long)f.Length) > LoadLimits.AssetBytes)
        {
            findings.Error(place, DiagnosticCodes.AssetLimit, LimitMessage, LimitRemedy);
        }
    }

    public static string LimitMessage => $"The assets are more than {LoadLimits.AssetFiles} files or {LoadLimits.AssetBytes >> 20} MiB.";

    public static string LimitRemedy => "List fewer or smaller ones; large data belongs behind a tool.";

    private static string? ProblemOf(string path)
    {
        if (path.StartsWith('/') || path.Contains(':'))
        {
            return "is an absolute path";
        }

        if (path.Contains('\\') || path.Any(char.IsControl))
        {
            return "holds a backslash or a control character";
        }

        string[] segments = path.TrimEnd('/').Split('/');
        return segments.Contains("..") ? "leads out of the workflow's folder"
            : segments.Any(s => s.Length == 0 || s == ".") ? "has empty parts or '.'"
            : null;
    }
}
