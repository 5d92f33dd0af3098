using System.Text.Json;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Parts;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Reads <c>human</c>: a step that somebody does.</summary>
internal static class HumanReader
{
    // What may have expressions is computed for each visit; everything else is settled with the file.
    private static readonly string[] Computed = ["title", "description", "data", "assignee"];

    public static CallNode? Read(Fields fields, string id, StepScope place, PlanContext context)
    {
        if (fields.Mapping("human", "'human: { title: \"Look at it\", assignee: { role: approver } }'") is not { } mapping)
        {
            return null;
        }

        YamlScalar key = fields.Entry("human")!.Value.Key;
        int errors = context.Findings.ErrorCount;
        Fields.Of(mapping, key.Offset, KeySet.Human, context.Findings).Require("title", "'human'", "Add 'title: …', one line that says what is to be done.");
        ValueTemplate? input = context.Expressions.Input(new YamlMapping(mapping.Offset, [.. mapping.Entries.Where(e => Computed.Contains(e.Key.Text))]), place);
        if (!context.Kinds.TryGetValue(HumanAgentKind.Word, out IAgentKind? kind))
        {
            context.Findings.Error(key, DiagnosticCodes.UnknownAgentKind, "This host has nobody to give tasks to.", "Wait for a signal, or call an agent of the file.");
            return null;
        }

        if (context.Findings.ErrorCount > errors)
        {
            return null;
        }

        JsonElement settings = YamlJson.ToElement(new YamlMapping(mapping.Offset, [.. mapping.Entries.Where(e => e.Key.Text != "data")]), context.Findings);
        var definition = new AgentDefinition { Id = id, Kind = HumanAgentKind.Word, Settings = settings, IsStep = true };
        IReadOnlyList<AgentProblem> problems = kind.Check(definition, WorkflowAssets.Empty);
        foreach (AgentProblem problem in problems)
        {
            context.Findings.Error(AgentReader.Locate(key, mapping, problem.Setting), DiagnosticCodes.InvalidAgent, Excerpt.Line(problem.Message), Excerpt.Line(problem.Remedy));
        }

        if (problems.Count > 0)
        {
            return null;
        }

        ITool tool = kind.Compile(definition, WorkflowAssets.Empty);
        return new CallNode
        {
            Id = id,
            Tool = tool,
            Input = input,
            Retry = tool.DefaultRetry!,
            OutputValidator = context.Schemas.Of(tool.Contract).OutputValidator,
        };
    }
}

/// <summary>Reads <c>approval</c> of a call, and the list of them in <c>policies</c>.</summary>
internal static class ApprovalReader
{
    /// <summary>Where a policy's expressions stand: no step has ended that it could name.</summary>
    internal static readonly StepScope Outside = new(null, new NoSteps(), null);

    public static ApprovalPolicy? ReadOfCall(Fields fields, StepScope place, ExpressionReader expressions, Findings findings) =>
        fields.Mapping("approval", "'approval: { role: approver, reason: \"It costs money\", timeout: 1h }'") is { } mapping
            ? Read(mapping, fields.Entry("approval")!.Value.Key, KeySet.Approval, "step", place, expressions, findings)
            : null;

    public static IReadOnlyList<ApprovalPolicy> ReadOfPolicies(Fields policies, ExpressionReader expressions, Findings findings)
    {
        if (policies.Sequence("approval", "a list: '[{ when: input.amount > 1000, role: approver }]'") is not { } list)
        {
            return [];
        }

        var read = new List<ApprovalPolicy>();
        foreach (YamlNode item in list.Items)
        {
            if (policies.AsMapping(item, "'{ when: input.amount > 1000, role: approver }'") is { } mapping
                && Read(mapping, policies.Entry("approval")!.Value.Key, KeySet.ApprovalPolicy, $"policy {read.Count + 1}", Outside, expressions, findings) is { } policy)
            {
                read.Add(policy);
            }
        }

        return read;
    }

    /// <summary>Anybody who may decide is asked, without end.</summary>
    public static ApprovalPolicy OfPreflight { get; } = new(ApprovalPolicy.Preflight, Assignee.Anybody);

    /// <param name="preflight">A <c>preflight</c> that says whom to ask.</param>
    public static ApprovalPolicy? ReadOfPreflight(Fields preflight, ExpressionReader expressions, Findings findings)
    {
        preflight.Require("ask", "'preflight'", "Say whom to ask: 'preflight: { ask: { role: approver, timeout: 1h } }', or only 'preflight: ask'.");
        return preflight.Mapping("ask", "'preflight: { ask: { role: approver, timeout: 1h } }'") is { } mapping
            ? Read(mapping, preflight.Entry("ask")!.Value.Key, KeySet.PreflightApproval, ApprovalPolicy.Preflight, Outside, expressions, findings)
            : null;
    }

    private static ApprovalPolicy? Read(YamlMapping mapping, YamlScalar key, KeySet keys, string name, StepScope place, ExpressionReader expressions, Findings findings)
    {
        int errors = findings.ErrorCount;
        var fields = Fields.Of(mapping, keys == KeySet.Approval ? key.Offset : mapping.Offset, keys, findings);
        var settings = new HumanSettings(YamlJson.ToElement(mapping, findings));
        TimeSpan? timeout = settings.Timeout();
        bool? grants = fields.Word("on_timeout", ("deny", false), ("grant", true));
        if (timeout is null && fields.Entry("on_timeout") is not null)
        {
            fields.Refuse("on_timeout", "without 'timeout'", "Add 'timeout: 1h', or remove it.");
        }

        if (fields.Entry("role") is { } role && fields.Has("user"))
        {
            findings.Error(role.Key, DiagnosticCodes.ConflictingKeys, "'role' and 'user' exclude each other.", "Keep one of them.");
        }

        var policy = new ApprovalPolicy(name, new Assignee(settings.Text("role"), settings.Text("user")))
        {
            When = fields["when"] is { } when ? expressions.Condition(when, place) : null,
            Tools = fields.Texts("tools", "a list: '[payment.*]'") is { } tools ? new Access.NamePatterns(tools.Select(t => t.Text)) : null,
            Reason = fields["reason"] is { } reason ? expressions.Output(reason, place) : null,
            Timeout = timeout,
            GrantsWhenDue = grants ?? false,
            Escalations = settings.Escalations(timeout),
        };
        foreach (AgentProblem problem in settings.Problems)
        {
            findings.Error(AgentReader.Locate(key, mapping, problem.Setting), DiagnosticCodes.WrongType, Excerpt.Line(problem.Message), Excerpt.Line(problem.Remedy));
        }

        return findings.ErrorCount > errors ? null : policy;
    }

    private sealed class NoSteps : IStepOrder
    {
        public IReadOnlyDictionary<string, int> Ordinals { get; } = new Dictionary<string, int>();

        public StepOrder Compare(int used, int reader, bool afterReader) => StepOrder.Before;
    }
}
