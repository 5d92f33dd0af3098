using AgentFlow.Client;
using AgentFlow.Engine.Agents.Import;
using AgentFlow.Engine.Definitions;

namespace AgentFlow.Cli.Agents;

/// <summary>What became of every file of a tree: each is in one of the four lists.</summary>
/// <param name="Skipped">Files that are no identities, and identities that are in the registry as they are.</param>
/// <param name="Warnings">What is odd about identities that are sound.</param>
/// <param name="DryRun">Whether nothing was sent: <paramref name="Imported"/> are those that are sound.</param>
internal sealed record ImportReport(
    string Folder,
    ImportCounts Counts,
    IReadOnlyList<ImportedFile> Imported,
    IReadOnlyList<ImportedFile> Updated,
    IReadOnlyList<SkippedFile> Skipped,
    IReadOnlyList<FileProblem> Rejected,
    IReadOnlyList<FileProblem> Warnings,
    bool DryRun)
{
    public const string UnchangedReason = "unchanged";

    /// <param name="outcomes">By place in the tree's identities; <see langword="null"/> for a dry run.</param>
    public static ImportReport Of(string folder, TreeRead tree, IReadOnlyList<ImportedAgent>? outcomes)
    {
        ImportedFile[] With(string outcome) =>
            [.. tree.Identities.Select((f, i) => (f, o: outcomes?[i])).Where(p => (p.o?.Outcome ?? "imported") == outcome).Select(p => new ImportedFile(p.f.Path, p.f.Agent.Name, p.o?.AgentId))];

        ImportedFile[] imported = With("imported"), updated = With("updated");
        SkippedFile[] skipped = [.. With("unchanged").Select(f => new SkippedFile(f.File, UnchangedReason)).Concat(tree.Skipped).OrderBy(s => s.File, StringComparer.Ordinal)];
        FileProblem[] rejected =
        [
            .. tree.Rejected.Select(FileProblem.Of)
                .Concat(tree.Identities.Select((f, i) => (f, o: outcomes?[i])).Where(p => p.o is { Outcome: "rejected" }).Select(p => new FileProblem(p.f.Path, 1, 1, "not-taken", $"The server does not take it: {p.o!.Reason}.", "Rename it, or remove what stands in its way.")))
                .OrderBy(r => r.File, StringComparer.Ordinal),
        ];
        return new ImportReport(
            folder,
            new ImportCounts(tree.Files, imported.Length, updated.Length, skipped.Length, rejected.Length),
            imported, updated, skipped, rejected, [.. tree.Warnings.Select(FileProblem.Of)], outcomes is null);
    }
}

/// <param name="Files">All that were found: the sum of the others.</param>
internal sealed record ImportCounts(int Files, int Imported, int Updated, int Skipped, int Rejected);

/// <param name="File">Relative to the tree.</param>
internal sealed record ImportedFile(string File, string Name, string? AgentId);

/// <param name="File">Relative to the tree.</param>
/// <param name="Line">From 1.</param>
/// <param name="Code">The rule that was broken.</param>
internal sealed record FileProblem(string File, int Line, int Column, string Code, string Reason, string Remedy)
{
    public static FileProblem Of(Diagnostic diagnostic) => new(diagnostic.File, diagnostic.Line, diagnostic.Column, diagnostic.Code, diagnostic.Message, diagnostic.Remedy);
}
