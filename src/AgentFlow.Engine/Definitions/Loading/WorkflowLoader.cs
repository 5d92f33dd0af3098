using System.Text;
using AgentFlow.Engine.Definitions.Loading.Changes;
using AgentFlow.Engine.Definitions.Loading.Parts;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Planning;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>
/// Compiles workflow files. Finds everything that is wrong in one pass, and throws for no source. The same source, tools
/// and agent kinds always give the same definition. Safe for concurrent use.
/// </summary>
/// <param name="tools">What steps may call.</param>
/// <param name="agentKinds">What agents may be; each kind once.</param>
/// <param name="plans">Where plans of models that worked are kept; <see langword="null"/>: nowhere.</param>
public sealed class WorkflowLoader(IToolRegistry tools, IEnumerable<IAgentKind> agentKinds, PlanCache? plans = null)
{
    private readonly Dictionary<string, IAgentKind> _kinds = agentKinds.ToDictionary(k => k.Kind, StringComparer.Ordinal);
    private readonly ToolSchemas _schemas = new();

    /// <summary>Compiles a source, wherever it comes from.</summary>
    /// <param name="isStored">
    /// It compiled when it was registered, and its runs go on with it: what is only held against its expressions and limits
    /// (wrong types, missing handlers) is not looked for, so that no later version of these checks can stop a run.
    /// </param>
    public LoadResult Load(WorkflowSource source, bool isStored = false)
    {
        if (Encoding.UTF8.GetByteCount(source.Yaml) > LoadLimits.YamlBytes)
        {
            return new LoadResult(null, [TooLarge(source.Path)]);
        }

        YamlText text = YamlText.From(source.Yaml);
        var findings = new Findings(source.Path, text);
        WorkflowDefinition? definition = null;
        IReadOnlyList<WorkflowReference> workflows = [];
        if (YamlReader.Read(text, findings) is { } root)
        {
            var reader = new WorkflowReader(this, tools, _kinds, _schemas, plans, source, text, findings) { IsStored = isStored };
            definition = reader.Read(root, null);
            workflows = findings.HasErrors ? [] : reader.References;
        }

        var loaded = new LoadResult(findings.HasErrors ? null : definition, findings.ToDiagnostics()) { Workflows = workflows };
        return isStored || loaded.Endless([]) is not { } endless ? loaded : loaded with { Diagnostics = [.. loaded.Diagnostics.Append(endless).OrderBy(d => d.Line).ThenBy(d => d.Column)] };
    }

    /// <summary>
    /// Compiles a plan with one more change: the file with everything that the run has changed so far, read as a whole, so
    /// that whatever holds for a file holds for the changed one. Diagnostics of the change name <see cref="PlanChange.File"/>.
    /// </summary>
    internal LoadResult Load(WorkflowDefinition previous, PlanChange change)
    {
        int most = change.Node == PlanChange.Plan ? LoadLimits.ChangeBytes : LoadLimits.GraftBytes;
        if (Encoding.UTF8.GetByteCount(change.Text) > most)
        {
            return new LoadResult(null, [new Diagnostic(PlanChange.File, 1, 1, DiagnosticCodes.TooLarge, $"The changes are longer than {most >> 10} KiB.", "Change less at once.")]);
        }

        YamlText file = YamlText.From(previous.Source.Yaml);
        YamlText text = file;
        PlanChange[] changes = [.. previous.Changes, change];
        var parts = new List<YamlText>();
        var starts = new List<int>();
        foreach (PlanChange each in changes)
        {
            starts.Add(text.Text.Length + 1);
            (text, YamlText part) = text.Append(each.Text);
            parts.Add(part);
        }

        var findings = new Findings(previous.Source.Path, text, starts);
        var changed = new ChangedPlan(previous, changes, findings);
        WorkflowDefinition? definition = YamlReader.Read(file, findings) is YamlMapping root && changed.Apply(root, parts, starts) is { } whole
            ? new WorkflowReader(this, tools, _kinds, _schemas, plans, previous.Source, text, findings) { IsStored = true }.Read(whole, changed)
            : null;
        return new LoadResult(findings.HasErrors ? null : definition, findings.ToDiagnostics());
    }

    internal static Diagnostic TooLarge(string path) =>
        new(path, 1, 1, DiagnosticCodes.TooLarge, $"The file is larger than {LoadLimits.YamlBytes >> 20} MiB.", "Move data to assets, or split the workflow.");
}
