using AgentFlow.Contracts.Tools;

namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>What came of loading a workflow.</summary>
/// <param name="Definition"><see langword="null"/> exactly when one of the diagnostics is an error.</param>
/// <param name="Diagnostics">Everything that was found, by line and column.</param>
public sealed record LoadResult(WorkflowDefinition? Definition, IReadOnlyList<Diagnostic> Diagnostics)
{
    /// <summary>Other workflows that steps call, in the order of the file. Whether there are such, only a catalogue can tell.</summary>
    public IReadOnlyList<WorkflowReference> Workflows { get; init; } = [];
}

/// <summary>A place in a file that names another workflow.</summary>
public sealed record WorkflowReference(string Name, VersionRange Versions, string File, int Line, int Column)
{
    /// <summary>What is wrong with the reference where <paramref name="published"/> is all that there is; <see langword="null"/>: nothing.</summary>
    public Diagnostic? Missing(IReadOnlyCollection<SemanticVersion> published) =>
        Versions.Best(published) is not null ? null
        : published.Count == 0 ? Warning($"There is no workflow '{Name}' yet; a step that calls it fails with WORKFLOW_NOT_FOUND.", "Publish it before this one runs, or correct the name.")
        : Warning($"No version of '{Name}' fits '{Versions}' yet: there is {string.Join(", ", published.OrderDescending().Take(5))}{(published.Count > 5 ? ", …" : "")}.", "Publish one that does, or widen the range.");

    private Diagnostic Warning(string message, string remedy) => new(File, Line, Column, DiagnosticCodes.UnknownWorkflow, message, remedy, IsError: false);
}

/// <summary>What came of reading a workflow file and its assets.</summary>
/// <param name="Source"><see langword="null"/> when the file itself cannot be read; without the assets that cannot.</param>
/// <param name="Diagnostics">What only the file system can tell; <see cref="WorkflowLoader"/> finds the rest.</param>
public sealed record ReadResult(WorkflowSource? Source, IReadOnlyList<Diagnostic> Diagnostics);
