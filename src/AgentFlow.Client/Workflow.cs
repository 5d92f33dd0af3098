using System.Text.Json;

namespace AgentFlow.Client;

/// <summary>One registered version of a workflow.</summary>
public sealed record Workflow
{
    /// <summary>The name, which is also the id in addresses.</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Semantic version.</summary>
    public required string Version { get; init; }

    /// <summary>SHA-256 over the file and its assets, lower-case hex.</summary>
    public string Hash { get => field ?? ""; init; }

    /// <summary><c>fsm</c>, <c>dag</c>, …</summary>
    public string Planner { get => field ?? ""; init; }

    public string Description { get => field ?? ""; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    public IReadOnlyList<WorkflowAgent> Agents { get => field ?? []; init; }

    /// <summary>JSON Schema of the input; <see langword="null"/> takes any object.</summary>
    public JsonElement? InputSchema { get; init; }

    /// <summary>The loader's warnings; only in answers to a registration or validation.</summary>
    public IReadOnlyList<WorkflowDiagnostic> Diagnostics { get => field ?? []; init; }
}

public sealed record WorkflowAgent(string Id, string Kind);

/// <summary>One finding of the server's loader.</summary>
/// <param name="Line">From 1; <see langword="null"/> when the finding has no place.</param>
/// <param name="Column">From 1, in characters.</param>
/// <param name="Severity"><c>error</c> or <c>warning</c>.</param>
public sealed record WorkflowDiagnostic(string? File, int? Line, int? Column, string Severity, string? Code, string Message, string? Remedy);

/// <summary>A workflow file on its way to the server.</summary>
/// <param name="Yaml">The text of the file.</param>
/// <param name="Path">What diagnostics call the file.</param>
/// <param name="Assets">The files it refers to, by their path beside it, with <c>/</c>.</param>
public sealed record WorkflowUpload(string Yaml, string Path, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Assets);
