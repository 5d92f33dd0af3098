using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions.Loading.Changes;
using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Parts;
using AgentFlow.Engine.Definitions.Loading.Plans;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Planning;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Triggers;

namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>Reads one workflow from its YAML tree.</summary>
internal sealed class WorkflowReader(
    WorkflowLoader loader, IToolRegistry tools, IReadOnlyDictionary<string, IAgentKind> kinds, ToolSchemas schemas, PlanCache? plans, WorkflowSource source, YamlText text, Findings findings)
{
    private const int Language = 1;
    private const string RootId = "root";
    private const string What = "The workflow";

    private readonly ExpressionReader _expressions = new(text, findings);
    private List<(YamlNode Place, string Step, string Name, VersionRange Versions)> _called = [];

    /// <summary>Other workflows that steps call, once the file is read.</summary>
    public IReadOnlyList<WorkflowReference> References
    {
        get
        {
            var ordered = _called.OrderBy(c => c.Place.Offset).ToList();
            return [.. text.Locate(ordered.Select(c => c.Place.Offset)).Zip(ordered, (at, c) => new WorkflowReference(c.Step, c.Name, c.Versions, source.Path, at.Line, at.Column))];
        }
    }

    /// <summary>Leaves out what would only warn of or refuse a source that has been accepted before.</summary>
    public bool IsStored { get; init; }

    /// <param name="changed">What a run has changed; <see langword="null"/> for the file as it is.</param>
    /// <returns>The definition, or <see langword="null"/> with at least one error among the findings.</returns>
    public WorkflowDefinition? Read(YamlNode root, ChangedPlan? changed)
    {
        if (root is not YamlMapping mapping)
        {
            findings.Error(root, DiagnosticCodes.WrongType, $"Expected a workflow, found {root.Describe()}.", "Write keys: 'language: 1', 'name: …', 'version: …', 'planner: …'.");
            return null;
        }

        var fields = Fields.Of(mapping, mapping.Offset, KeySet.Workflow, findings);
        ReadLanguage(fields);
        YamlScalar? name = ReadName(fields);
        YamlScalar? version = ReadVersion(fields);
        YamlScalar? description = fields.Text("description");
        int assetsPlace = fields.Entry("assets")?.Key.Offset ?? mapping.Offset;
        AssetList.Check(AssetList.Read(fields, findings), source.Assets, assetsPlace, findings);
        JsonElement? schema = InputSchema.Read(fields, findings);
        Payload vars = ReadVars(fields);

        var grants = new Grants(tools.Contracts.SelectMany(c => c.Permissions), findings);
        RunPolicies policies = PolicyReader.ReadPolicies(fields, grants, _expressions, findings);
        StepDefaults defaults = PolicyReader.ReadDefaults(fields, findings);
        IReadOnlyList<WorkflowTrigger> triggers = TriggerReader.Read(fields, schema, _expressions, findings);
        var signals = new SignalSchemas(findings);
        signals.Read(fields);
        var agentReader = new AgentReader(kinds, source.Assets, grants, findings);
        IReadOnlyDictionary<string, AgentEntry> agents = agentReader.Read(fields);

        var context = new PlanContext
        {
            Findings = findings,
            Expressions = _expressions,
            Tools = tools,
            Kinds = kinds,
            Agents = agents,
            Grants = grants,
            Policies = policies,
            Defaults = defaults,
            Schemas = schemas,
            Signals = signals,
            Assets = source.Assets,
            Plans = plans,
            Changed = changed,
        };
        context.TryCount(mapping);
        _called = context.Workflows;
        (PlanNode? plan, StepScope? after) = new ScopeReader(context).Read(fields, RootId, What, null, 1);
        ValueTemplate? output = fields["output"] is { } result && after is not null ? _expressions.Output(result, after) : null;
        if (after is not null)
        {
            agentReader.WarnOfUnused(agents);
            changed?.ReportUnread();
        }

        if (!IsStored)
        {
            _expressions.CheckTypes(schema, JsonElement.Parse(vars.Utf8.Span), context.Bodies);
        }

        if (plan is null || findings.HasErrors)
        {
            return null;
        }

        if (!IsStored)
        {
            PlanChecks.Run(plan, context);
        }

        return new WorkflowDefinition(plan, changed?.Previous, changed?.Edits)
        {
            Loader = loader,
            Changes = changed?.Changes ?? [],
            Name = name!.Text,
            Version = version!.Text,
            Description = description?.Text ?? "",
            Hash = SourceHash.Of(source),
            Source = source,
            Planner = fields.Text("planner")!.Text,
            InputSchema = schema,
            Agents = agents.ToDictionary(a => a.Key, a => a.Value.Definition!, StringComparer.Ordinal),
            Policies = policies,
            Triggers = triggers,
            Signals = signals.Declared,
            Vars = vars,
            EnvironmentNames = [.. _expressions.EnvironmentNames],
            Output = output,
        };
    }

    private void ReadLanguage(Fields fields)
    {
        fields.Require("language", What, $"Add 'language: {Language}' as the first line.");
        if (fields.Integer("language", 1, 99) is { } language && language != Language)
        {
            findings.Error(fields["language"]!, DiagnosticCodes.UnsupportedLanguage, $"This version reads language {Language}, not {language}.", $"Write 'language: {Language}', or use a newer version.");
        }
    }

    private static YamlScalar? ReadName(Fields fields)
    {
        fields.Require("name", What, "Add 'name: …', for example 'name: support'.");
        return fields.Name("name", Names.Workflow, Names.WorkflowRemedy);
    }

    private YamlScalar? ReadVersion(Fields fields)
    {
        fields.Require("version", What, "Add 'version: 1.0.0'.");
        if (fields["version"] is not { } node)
        {
            return null;
        }

        // Unquoted, 1.2 is a number: that is no type error but half a version.
        YamlScalar? version = node is YamlScalar { Kind: ScalarKind.Integer or ScalarKind.Float } number ? number : fields.Text("version");
        if (version is not null && !SemanticVersion.TryParse(version.Text, out _))
        {
            findings.Error(version, DiagnosticCodes.InvalidVersion, $"'{Excerpt.Of(version.Text)}' is not a semantic version.", "Write three numbers, and a label if there is one: 1.2.0, 2.0.0-beta.1.");
            return null;
        }

        return version;
    }

    private Payload ReadVars(Fields fields)
    {
        _expressions.SetVars(fields["vars"]);
        if (fields.Mapping("vars", "'vars: { limit: 10 }'") is not { } mapping)
        {
            return Payload.EmptyObject;
        }

        _expressions.WarnOfUnevaluated(mapping, "'vars'");
        _expressions.WarnOfUnresolved(mapping);
        return new Payload(Encoding.UTF8.GetBytes(YamlJson.ToElement(mapping, findings).GetRawText()));
    }
}
