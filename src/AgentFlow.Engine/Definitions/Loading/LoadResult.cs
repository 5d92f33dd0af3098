namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>What came of loading a workflow.</summary>
/// <param name="Definition"><see langword="null"/> exactly when one of the diagnostics is an error.</param>
/// <param name="Diagnostics">Everything that was found, by line and column.</param>
public sealed record LoadResult(WorkflowDefinition? Definition, IReadOnlyList<Diagnostic> Diagnostics);

/// <summary>What came of reading a workflow file and its assets.</summary>
/// <param name="Source"><see langword="null"/> when the file itself cannot be read; without the assets that cannot.</param>
/// <param name="Diagnostics">What only the file system can tell; <see cref="WorkflowLoader"/> finds the rest.</param>
public sealed record ReadResult(WorkflowSource? Source, IReadOnlyList<Diagnostic> Diagnostics);
