using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Nodes;

namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>What came of loading a workflow.</summary>
/// <param name="Definition"><see langword="null"/> exactly when one of the diagnostics is an error.</param>
/// <param name="Diagnostics">Everything that was found, by line and column.</param>
public sealed record LoadResult(WorkflowDefinition? Definition, IReadOnlyList<Diagnostic> Diagnostics)
{
    /// <summary>Other workflows that steps call, in the order of the file. Whether there are such, only a catalogue can tell.</summary>
    public IReadOnlyList<WorkflowReference> Workflows { get; init; } = [];

    /// <summary>That every run of the workflow starts another one of it, perhaps through others; <see langword="null"/>: there is no such way among <paramref name="others"/>.</summary>
    /// <param name="others">Other workflows that there are.</param>
    public Diagnostic? Endless(IReadOnlyList<WorkflowDefinition> others)
    {
        if (Definition is null || Workflows.Count == 0 || StartCycle.Of(Definition, [Definition, .. others]) is not var (call, way))
        {
            return null;
        }

        WorkflowReference first = Workflows.First(w => w.Step == call.Id && w.Name == call.Child!.Workflow && w.Versions == call.Child.Versions);
        string through = way.Count == 1 ? "" : $" ({string.Join(" → ", way.Select(w => w.Name).Prepend(Definition.Name))})";
        return new Diagnostic(
            first.File, first.Line, first.Column, DiagnosticCodes.EndlessStarts,
            $"Every run of '{Definition.Name}' starts another one in step '{call.Id}'{through}, and nothing ends that but the limit: {ChildCall.MaxDepth} runs deep, all of them fail.",
            "Let a condition decide whether the step is reached, or call another workflow.", IsError: false);
    }
}

/// <summary>A place in a file that names another workflow.</summary>
/// <param name="Step">Id of the step that calls it.</param>
public sealed record WorkflowReference(string Step, string Name, VersionRange Versions, string File, int Line, int Column)
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
