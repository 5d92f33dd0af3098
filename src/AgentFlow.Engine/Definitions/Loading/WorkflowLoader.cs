using System.Text;
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
    public LoadResult Load(WorkflowSource source)
    {
        if (Encoding.UTF8.GetByteCount(source.Yaml) > LoadLimits.YamlBytes)
        {
            return new LoadResult(null, [TooLarge(source.Path)]);
        }

        YamlText text = YamlText.From(source.Yaml);
        var findings = new Findings(source.Path, text);
        WorkflowDefinition? definition = null;
        if (YamlReader.Read(text, findings) is { } root)
        {
            definition = new WorkflowReader(tools, _kinds, _schemas, plans, source, text, findings).Read(root);
        }

        return new LoadResult(findings.HasErrors ? null : definition, findings.ToDiagnostics());
    }

    internal static Diagnostic TooLarge(string path) =>
        new(path, 1, 1, DiagnosticCodes.TooLarge, $"The file is larger than {LoadLimits.YamlBytes >> 20} MiB.", "Move data to assets, or split the workflow.");
}
