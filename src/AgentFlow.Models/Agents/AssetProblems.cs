using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Models.Agents;

/// <summary>What is said when a definition names a file that didn't come with the workflow.</summary>
internal static class AssetProblems
{
    /// <summary>A path as it is written in a workflow, in the form in which assets are named.</summary>
    public static string Normalise(string path) => path.StartsWith("./", StringComparison.Ordinal) ? path[2..] : path;

    public static AgentProblem Missing(string setting, string path, WorkflowAssets assets, string expected)
    {
        var known = assets.Files.Keys.Concat(assets.Files.Keys.Select(Folder).Where(f => f.Length > 0)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
        string hint = NearWord.Find(path, known) is { } near
            ? $"Did you mean '{near}'?"
            : $"Put {expected} there and list it under 'assets'; paths are relative to the workflow file.";
        return new AgentProblem(setting, $"There is no usable file at '{path}'.", hint);
    }

    private static string Folder(string file) => file.LastIndexOf('/') is > 0 and var slash ? file[..slash] : "";
}
