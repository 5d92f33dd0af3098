using System.Text.Json;

namespace AgentFlow.Engine.Definitions;

/// <summary>One entry of a workflow's <c>agents</c> map.</summary>
public sealed record AgentDefinition
{
    public required string Id { get; init; }

    /// <summary><c>llm</c>, <c>rag</c>, <c>http</c>, <c>tool</c>, <c>custom</c>, <c>human</c> or <c>remote</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>What the agent is for, in words; the system prompt of an <c>llm</c>.</summary>
    public string Role { get; init; } = "";

    /// <summary>Permissions granted to this agent; a tool that needs more is refused at admission. Empty: what the workflow grants.</summary>
    public IReadOnlyList<string> Permissions { get; init; } = [];

    /// <summary>The agent of the tenant's registry whose policy holds for its calls, by id or name; <see langword="null"/>: none does.</summary>
    public string? Registered { get; init; }

    /// <summary>
    /// The definition as one JSON object, every key of the YAML entry but <c>registered</c> included (<c>kind</c>, <c>role</c>, <c>model</c>, <c>top</c>, …):
    /// a kind reads its own settings here.
    /// </summary>
    public required JsonElement Settings { get; init; }

    /// <summary>It stands in a step (<c>human:</c>) instead of the map: each call's input has what the expressions among its settings came to.</summary>
    public bool IsStep { get; init; }
}

/// <summary>Files that a workflow refers to, read once when it is loaded and stored with its version.</summary>
public sealed class WorkflowAssets(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files)
{
    public static WorkflowAssets Empty { get; } = new(new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal));

    /// <summary>Content by path relative to the workflow file, with forward slashes.</summary>
    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Files { get; } = files;

    /// <summary>The files under a path: the file itself, or everything below a folder, in ordinal order of path.</summary>
    public IEnumerable<KeyValuePair<string, ReadOnlyMemory<byte>>> Under(string path)
    {
        string folder = path.TrimEnd('/') + "/";
        return Files.Where(f => f.Key == path || f.Key.StartsWith(folder, StringComparison.Ordinal)).OrderBy(f => f.Key, StringComparer.Ordinal);
    }
}
