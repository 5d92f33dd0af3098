using AgentFlow.Client;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;

namespace AgentFlow.Cli.Workflows;

/// <summary>A workflow file as read from disk, with what only the disk can tell about it.</summary>
/// <param name="Upload"><see langword="null"/> when the file cannot be read.</param>
internal sealed record LocalWorkflow(string Path, WorkflowUpload? Upload, IReadOnlyList<Finding> Findings)
{
    public static LocalWorkflow Read(string path)
    {
        ReadResult read = WorkflowFiles.Read(path);
        WorkflowUpload? upload = read.Source is { } source ? new WorkflowUpload(source.Yaml, path, source.Assets.Files) : null;
        return new LocalWorkflow(path, upload, [.. read.Diagnostics.Select(Finding.Of)]);
    }

    /// <summary>All findings: the disk's and the server's, by place. An asset that cannot be read is missing, too; why it is says more.</summary>
    public IReadOnlyList<Finding> With(IEnumerable<Finding> server)
    {
        var explained = Findings.Select(f => (f.Line, f.Column)).ToHashSet();
        return
        [
            .. Findings.Concat(server.Where(f => f.Code is not (DiagnosticCodes.MissingAsset or DiagnosticCodes.AssetLimit) || !explained.Contains((f.Line, f.Column))))
                .OrderBy(f => f.Line).ThenBy(f => f.Column),
        ];
    }
}

/// <summary>One thing that is wrong, or doubtful, with a workflow file.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1, in characters.</param>
/// <param name="Severity"><c>error</c> or <c>warning</c>.</param>
internal sealed record Finding(string File, int Line, int Column, string Severity, string Code, string Message, string? Remedy)
{
    private const string Error = "error";

    public bool IsError => Severity == Error;

    public static Finding Of(Diagnostic diagnostic) =>
        new(diagnostic.File, diagnostic.Line, diagnostic.Column, diagnostic.IsError ? Error : "warning", diagnostic.Code, diagnostic.Message, diagnostic.Remedy);

    public static Finding Of(WorkflowDiagnostic diagnostic, string file) =>
        new(diagnostic.File ?? file, diagnostic.Line ?? 1, diagnostic.Column ?? 1, diagnostic.Severity, diagnostic.Code ?? "", diagnostic.Message, diagnostic.Remedy);

    public static Finding Of(ProblemEntry entry, string file) =>
        new(entry.File ?? file, entry.Line ?? 1, entry.Column ?? 1, Error, entry.Code ?? "", entry.Message, entry.Remedy);
}
