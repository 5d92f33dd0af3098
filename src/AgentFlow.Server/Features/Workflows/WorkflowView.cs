using System.Text.Json;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Workflows;

/// <summary>One version of a workflow.</summary>
public sealed record WorkflowView
{
    /// <summary>The name, which is also the id in addresses.</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Semantic version.</summary>
    public required string Version { get; init; }

    /// <summary>SHA-256 over the file and its assets, lower-case hex.</summary>
    public required string Hash { get; init; }

    /// <summary><c>fsm</c>, <c>dag</c>, …</summary>
    public required string Planner { get; init; }

    public required string Description { get; init; }

    /// <summary>When the version was stored; <see langword="null"/> in the answer to a dry run.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    public required IReadOnlyList<AgentView> Agents { get; init; }

    /// <summary>A state machine's states, in the file's order.</summary>
    public IReadOnlyList<string>? States { get; init; }

    /// <summary>The steps of every other planner, in the file's order.</summary>
    public IReadOnlyList<string>? Steps { get; init; }

    /// <summary>JSON Schema of the input; <see langword="null"/> takes any object.</summary>
    public JsonElement? InputSchema { get; init; }

    /// <summary>The loader's warnings, in answers to an upload; what stops a stored version from running, otherwise.</summary>
    public required IReadOnlyList<DiagnosticView> Diagnostics { get; init; }

    internal static WorkflowView Of(WorkflowDefinition definition, long? createdAt, IEnumerable<Diagnostic> diagnostics)
    {
        string[] children = [.. definition.Root.Children.Select(c => c.Id)];
        return new WorkflowView
        {
            Id = definition.Name,
            Name = definition.Name,
            Version = definition.Version,
            Hash = definition.Hash,
            Planner = definition.Planner,
            Description = definition.Description,
            CreatedAt = createdAt is { } at ? UnixTime.Of(at) : null,
            Agents = [.. definition.Agents.Values.OrderBy(a => a.Id, StringComparer.Ordinal).Select(a => new AgentView(a.Id, a.Kind))],
            States = definition.Planner == "fsm" ? children : null,
            Steps = definition.Planner == "fsm" ? null : children,
            InputSchema = definition.InputSchema,
            Diagnostics = [.. diagnostics.Select(DiagnosticView.Of)],
        };
    }

    /// <summary>A stored version that this build cannot compile any more.</summary>
    internal static WorkflowView Broken(StoredWorkflow stored, string reason) => new()
    {
        Id = stored.Name,
        Name = stored.Name,
        Version = stored.Version,
        Hash = stored.Hash,
        Planner = stored.Planner,
        Description = stored.Description,
        CreatedAt = UnixTime.Of(stored.CreatedAt),
        Agents = [],
        Diagnostics = [new DiagnosticView(stored.Source.Path, null, null, "error", "does-not-compile", reason, "Store a corrected version.")],
    };
}

public sealed record AgentView(string Id, string Kind);

/// <summary>One finding of the loader.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1, in characters.</param>
/// <param name="Severity"><c>error</c> or <c>warning</c>.</param>
/// <param name="Code">Stable kebab-case name of the rule.</param>
public sealed record DiagnosticView(string File, int? Line, int? Column, string Severity, string Code, string Message, string Remedy)
{
    internal static DiagnosticView Of(Diagnostic d) => new(d.File, d.Line, d.Column, d.IsError ? "error" : "warning", d.Code, d.Message, d.Remedy);
}
