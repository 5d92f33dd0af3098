using System.Text.Json;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Parts;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Steps;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Reads what a state or step does: a call, a wait, a nested scope, or nothing.</summary>
internal sealed class BodyReader(PlanContext context)
{
    private const string RemoteKind = "remote";
    private const string PolicyList = "'policies.permissions'";
    private const int ToolsInRemedy = 20;

    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    private readonly Findings _findings = context.Findings;
    private readonly SharedReader _shared = new(context);

    private enum BodyKind
    {
        Pass,
        Call,
        Wait,
        Human,
        Loop,
        Scope,
        Child,
        Barrier,
    }

    /// <param name="key">Stands for the state or step in diagnostics.</param>
    /// <param name="place">Where its expressions stand.</param>
    /// <param name="depth">Scopes around it.</param>
    /// <param name="triesAgain">A failure is to be retried although no block says how.</param>
    public PlanNode? Read(Fields fields, string id, YamlScalar key, StepScope place, int depth, bool triesAgain)
    {
        PlanNode? node = ReadBody(fields, id, key, place, depth, triesAgain);
        if (node is not null)
        {
            context.Bodies.Add(place, id, node, fields);
        }

        return node;
    }

    private PlanNode? ReadBody(Fields fields, string id, YamlScalar key, StepScope place, int depth, bool triesAgain)
    {
        fields.Text("description");
        BodyKind kind = KindOf(fields, id);
        RefuseForeign(fields, kind);
        PlanNode? node = ReadBody(fields, id, key, place, depth, triesAgain, kind);
        SharedUse? semaphore = _shared.Semaphore(fields, place);
        if (semaphore is not null && node is CallNode { Registered: { } agent })
        {
            _findings.Error(fields.Entry("semaphore")!.Value.Key, DiagnosticCodes.NotApplicable, $"A call of the registered agent '{Excerpt.Of(agent)}' has no 'semaphore' of its own: it may have to hold one of the agent's places.", "Put the semaphore on a scope around the step.");
        }

        if (node is not null)
        {
            node.Semaphore = semaphore;
        }

        return node;
    }

    private PlanNode? ReadBody(Fields fields, string id, YamlScalar key, StepScope place, int depth, bool triesAgain, BodyKind kind)
    {
        if (triesAgain && kind is not (BodyKind.Call or BodyKind.Child))
        {
            _findings.Error(fields["on_error"]!, DiagnosticCodes.NotApplicable, $"'on_error: retry' has no meaning {Where(kind)}.", "Only calls are retried; use 'abort' or 'continue'.");
        }

        switch (kind)
        {
            case BodyKind.Call:
                return ReadCall(fields, id, place, triesAgain);
            case BodyKind.Wait:
                return new WaitReader(context).Read(fields, id, place);
            case BodyKind.Child:
                return ReadChild(fields, id, place, triesAgain);
            case BodyKind.Barrier:
                return _shared.Barrier(fields, place) is { } barrier ? new BarrierNode { Id = id, Barrier = barrier } : null;
            case BodyKind.Human:
                return HumanReader.Read(fields, id, place, context);
            case BodyKind.Loop:
                return new LoopReader(context).Read(fields, id, place, depth);
            case BodyKind.Scope:
                return new ScopeReader(context).Read(fields, id, $"The scope '{Excerpt.Of(key.Text)}'", place, depth + 1).Node;
            default:
                return new PassNode { Id = id, Input = ReadInput(fields, place) };
        }
    }

    private static string Where(BodyKind kind) => kind switch
    {
        BodyKind.Wait => "on a wait",
        BodyKind.Human => "where somebody is asked",
        BodyKind.Loop => "on a loop",
        BodyKind.Scope => "on a nested scope",
        BodyKind.Pass => "where nothing is called",
        BodyKind.Child => "where another workflow does the step",
        BodyKind.Barrier => "on a barrier",
        _ => "on a call",
    };

    /// <summary>What the first of the keys says; every further one is reported.</summary>
    private BodyKind KindOf(Fields fields, string id)
    {
        var bodies = new List<(YamlScalar Key, BodyKind Kind)>();
        foreach ((string word, BodyKind kind) in new[] { ("agent", BodyKind.Call), ("tool", BodyKind.Call), ("capability", BodyKind.Call), ("workflow", BodyKind.Child), ("barrier", BodyKind.Barrier), ("wait", BodyKind.Wait), ("human", BodyKind.Human), ("wait_for", BodyKind.Wait), ("foreach", BodyKind.Loop), ("while", BodyKind.Loop) })
        {
            if (fields.Entry(word) is { } entry)
            {
                bodies.Add((entry.Key, kind));
            }
        }

        if (ScopeReader.Keys.Select(fields.Entry).FirstOrDefault(e => e is not null) is { } scope)
        {
            bodies.Add((scope.Key, BodyKind.Scope));
        }

        bodies.Sort((a, b) => a.Key.Offset.CompareTo(b.Key.Offset));
        foreach ((YamlScalar further, _) in bodies.Skip(1))
        {
            string first = Excerpt.Of(bodies[0].Key.Text);
            _findings.Error(further, DiagnosticCodes.ConflictingKeys, $"'{first}' says already what '{Excerpt.Of(id)}' does.", $"Keep '{first}' or '{Excerpt.Of(further.Text)}', and move the other to a state or step of its own.");
        }

        return bodies.Count == 0 ? BodyKind.Pass : bodies[0].Kind;
    }

    private static void RefuseForeign(Fields fields, BodyKind kind)
    {
        if (kind == BodyKind.Call)
        {
            return;
        }

        string[] ofCalls = kind == BodyKind.Child ? ["on_unknown", "effects", "permissions", "approval", "remedies"] : ["retry", "on_unknown", "effects", "permissions", "approval", "compensate", "remedies"];
        foreach (string key in ofCalls)
        {
            fields.Refuse(key, Where(kind), $"It belongs to a state or step with 'agent', 'tool'{(key is "retry" or "compensate" ? ", 'capability' or 'workflow'" : " or 'capability'")}.");
        }

        if (kind == BodyKind.Wait)
        {
            string word = fields.Has("wait") ? "wait" : "wait_for";
            fields.Refuse("timeout", $"beside '{word}'", $"Write it inside: '{word}: {{ …, timeout: 1h }}'.");
        }

        if (kind == BodyKind.Human)
        {
            fields.Refuse("timeout", "beside 'human'", "Write it inside: 'human: { title: …, timeout: 2d }'.");
            fields.Refuse("input", "beside 'human'", "Write it inside: 'human: { title: …, data: { … } }'.");
        }

        if (kind == BodyKind.Child)
        {
            fields.Refuse("input", "beside 'workflow'", "Write it inside: 'workflow: { name: …, input: … }'.");
        }

        if (kind == BodyKind.Barrier)
        {
            fields.Refuse("timeout", "beside 'barrier'", "Write it inside: 'barrier: { name: …, parties: 3, timeout: 5m }'.");
            fields.Refuse("semaphore", "on a barrier", "A permit that is held while others are awaited keeps them from coming.");
        }

        if (kind == BodyKind.Pass)
        {
            fields.Refuse("timeout", Where(kind), "Remove it.");
        }

        if (kind is BodyKind.Wait or BodyKind.Scope or BodyKind.Loop or BodyKind.Barrier)
        {
            fields.Refuse("input", Where(kind), "Expressions inside read 'input', 'output' and 'steps' directly.");
        }
    }

    private ValueTemplate? ReadInput(Fields fields, StepScope place) =>
        fields["input"] is { } input ? context.Expressions.Input(input, place) : null;

    /// <summary>A step that a run of another workflow does. What may fit is known now, what does is looked up when the step starts.</summary>
    private CallNode? ReadChild(Fields fields, string id, StepScope place, bool triesAgain)
    {
        RetryPolicy? retry = RetryReader.Read(fields, _findings);
        TimeSpan? timeout = fields.Duration("timeout", Shortest);
        CallNode? compensation = ReadCompensation(fields, id, place);
        if (fields.Mapping("workflow", "'workflow: { name: billing, version: \"~1.2\" }'") is not { } mapping)
        {
            return null;
        }

        var child = Fields.Of(mapping, fields.Entry("workflow")!.Value.Key.Offset, KeySet.Child, _findings);
        child.Require("name", "'workflow'", "Add 'name: …': the workflow that does the step.");
        YamlScalar? name = child.Name("name", Names.Workflow, Names.WorkflowRemedy);
        VersionRange? versions = ReadVersions(child);
        ValueTemplate? input = ReadInput(child, place);
        bool cancels = child.Word("on_parent_end", ("cancel", true), ("abandon", false)) ?? true;
        if (name is null || versions is null)
        {
            return null;
        }

        context.Workflows.Add((name, id, name.Text, versions));
        return new CallNode
        {
            Id = id,
            Tool = new WorkflowTool(name.Text),
            Child = new ChildCall(name.Text, versions, cancels),
            Input = input,
            Retry = retry ?? (triesAgain ? RetryReader.WhenAsked : RetryPolicy.None),
            Timeout = timeout,
            Compensation = compensation,
        };
    }

    private VersionRange? ReadVersions(Fields child)
    {
        if (child["version"] is not { } node)
        {
            return VersionRange.Any;
        }

        // Unquoted, 1.2 is a number: that is no type error but half a version.
        YamlScalar? text = node is YamlScalar { Kind: ScalarKind.Integer or ScalarKind.Float } number ? number : child.Text("version");
        if (VersionRange.TryParse(text?.Text, out VersionRange? versions) || text is null)
        {
            return versions;
        }

        _findings.Error(text, DiagnosticCodes.InvalidVersion, $"'{Excerpt.Of(text.Text)}' is no version and no range that a version fits.", "Write one version, 1.2.0, or a range: ~1.2, 1.x, >=1.5 <2.0.");
        return null;
    }

    private CallNode? ReadCall(Fields fields, string id, StepScope place, bool triesAgain, bool bestEffort = false)
    {
        ValueTemplate? input = ReadInput(fields, place);
        RetryPolicy? retry = RetryReader.Read(fields, _findings) ?? context.Defaults.Retry;
        TimeSpan? timeout = fields.Duration("timeout", Shortest);
        OnUnknown? onUnknown = PolicyReader.ReadOnUnknown(fields);
        Effects? effects = fields.Word("effects", ("none", Effects.None), ("external", Effects.External));
        IReadOnlyList<string>? granted = ReadGranted(fields);
        AgentEntry? agent = null;
        ITool? tool = fields.Has("agent") ? FindAgent(fields, out agent) : fields.Has("capability") ? FindRemote(fields, id) : FindTool(fields);
        if (tool is null)
        {
            return null;
        }

        YamlNode call = fields["agent"] ?? fields["capability"] ?? fields["tool"]!;
        CheckPermissions(call, tool.Contract, agent, granted);
        if (effects == Effects.None && tool.Contract.Effects == Effects.External)
        {
            _findings.Warning(fields["effects"]!, DiagnosticCodes.WeakerEffects, $"'{tool.Contract.Id}' declares external effects; with 'effects: none' a crash repeats the call unannounced.", "Remove 'effects', unless this very call changes nothing.");
        }

        ToolSchemas.Entry schemas = context.Schemas.Of(tool.Contract);
        if (schemas.Problem is { } problem)
        {
            _findings.Error(call, DiagnosticCodes.InvalidContract, $"'{tool.Contract.Id}' cannot be called: {problem}.", "Correct the schema in the agent's settings, or in the host's tool.");
        }
        else if (input is not null && fields.Entry("input") is var (inputKey, inputValue))
        {
            CheckConstant(inputKey, inputValue, input, schemas, tool.Contract);
        }

        return new CallNode
        {
            Id = id,
            Tool = tool,
            Agent = agent?.Key.Text,
            Registered = agent?.Definition?.Registered,
            Input = input,
            Retry = retry ?? tool.DefaultRetry ?? (triesAgain ? RetryReader.WhenAsked : RetryPolicy.None),
            Timeout = timeout ?? context.Defaults.Timeout,
            OnUnknown = onUnknown ?? context.Defaults.OnUnknown ?? OnUnknown.Retry,
            DeclaredEffects = effects,
            Granted = Narrow(granted, agent),
            InputValidator = schemas.InputValidator,
            OutputValidator = schemas.OutputValidator,
            Approval = ApprovalReader.ReadOfCall(fields, place, context.Expressions, _findings),
            Compensation = ReadCompensation(fields, id, place),
            Remedies = ReadRemedies(fields, id, place),
            IsBestEffort = bestEffort,
        };
    }

    /// <summary>What undoes a call. Its input is computed right after the call, and sees what an expression after it sees.</summary>
    private CallNode? ReadCompensation(Fields fields, string id, StepScope place)
    {
        if (fields.Mapping("compensate", "'compensate: { tool: payment.refund, input: { id: \"${output.id}\" } }'") is not { } mapping)
        {
            return null;
        }

        var compensate = Fields.Of(mapping, fields.Entry("compensate")!.Value.Key.Offset, KeySet.Compensation, _findings);
        if (compensate.Entry("agent") is { } agentEntry && compensate.Has("tool"))
        {
            _findings.Error(agentEntry.Key, DiagnosticCodes.ConflictingKeys, "'agent' and 'tool' exclude each other.", "Keep one of them.");
        }

        if (!compensate.Has("agent"))
        {
            compensate.Require("tool", "'compensate'", "Add 'tool: …' or 'agent: …': what undoes the step.");
        }

        bool bestEffort = compensate.Word("on_error", ("ask", false), ("continue", true)) ?? false;
        return ReadCall(compensate, id + ".compensate", place with { AfterReader = true }, triesAgain: true, bestEffort);
    }

    /// <summary>What is done about failures that need more than another try.</summary>
    private List<Remedy> ReadRemedies(Fields fields, string id, StepScope place)
    {
        const string Example = "a list: [{ on: [OUTPUT_INVALID], agent: fixer, then: accept }]";
        var remedies = new List<Remedy>();
        foreach (YamlNode item in fields.Sequence("remedies", Example)?.Items ?? [])
        {
            if (fields.AsMapping(item, "'{ on: [OUTPUT_INVALID], agent: fixer, then: accept }'") is { } mapping)
            {
                remedies.Add(ReadRemedy(Fields.Of(mapping, mapping.Offset, KeySet.Remedy, _findings), $"{id}.remedy{remedies.Count + 1}", place));
            }
        }

        if (fields["remedies"] is YamlSequence { Items.Count: 0 } empty)
        {
            _findings.Error(empty, DiagnosticCodes.EmptyList, "'remedies' is empty.", $"Write {Example}, or remove the key.");
        }

        return remedies;
    }

    private Remedy ReadRemedy(Fields remedy, string id, StepScope place)
    {
        remedy.Require("on", "A remedy", "Add 'on: [OUTPUT_INVALID]': the codes of the errors that it is for.");
        IReadOnlyList<YamlScalar> codes = remedy.Texts("on", "a list: [OUTPUT_INVALID]") ?? [];
        foreach (YamlScalar code in codes.Where(c => !Names.ErrorCode.IsMatch(c.Text)))
        {
            _findings.Error(code, DiagnosticCodes.InvalidName, $"'{Excerpt.Of(code.Text)}' cannot be the code of an error.", "Write it as errors have it: OUTPUT_INVALID, STEP_TIMEOUT.");
        }

        if (remedy["on"] is YamlSequence { Items.Count: 0 } empty)
        {
            _findings.Error(empty, DiagnosticCodes.EmptyList, "'on' is empty: the remedy is for nothing.", "Name the code of an error.");
        }

        bool calls = remedy.Has("agent") || remedy.Has("tool");
        if (remedy.Entry("agent") is { } agent && remedy.Has("tool"))
        {
            _findings.Error(agent.Key, DiagnosticCodes.ConflictingKeys, "'agent' and 'tool' exclude each other.", "Keep one of them.");
        }

        bool? accepts = remedy.Word("then", ("retry", false), ("accept", true));
        if (!calls)
        {
            foreach (string key in new[] { "then", "timeout", "permissions" })
            {
                remedy.Refuse(key, "in a remedy that calls nothing", "Add 'agent' or 'tool', or remove it.");
            }
        }
        else
        {
            foreach (string key in new[] { "backoff", "initial", "factor", "max" })
            {
                remedy.Refuse(key, "in a remedy that calls something", "It belongs to one that only waits before the next try.");
            }
        }

        return new Remedy([.. codes.Select(c => c.Text)])
        {
            Call = calls ? ReadCall(remedy, id, place, triesAgain: false) : null,
            IsAnswer = accepts ?? false,
            Times = remedy.Integer("times", 1, 100) ?? 1,
            Backoff = RetryReader.ReadWaits(remedy, _findings),
        };
    }

    /// <summary>An input without expressions is known now; so is what is wrong with it.</summary>
    private void CheckConstant(YamlNode key, YamlNode value, ValueTemplate input, ToolSchemas.Entry schemas, ToolContract contract)
    {
        if (schemas.Input is null || input.Expressions.Any() || input.Render(CelVariables.Empty, out _) is not { } constant)
        {
            return;
        }

        IEnumerable<(string, string)> failures = schemas.Input.Validate(constant.Utf8).Errors.Select(e => (e.InstanceLocation, e.Message));
        foreach ((YamlNode place, string failure) in YamlPointer.Places(key, value, failures))
        {
            _findings.Error(place, DiagnosticCodes.InputMismatch, $"The input does not fit '{contract.Id}': {Excerpt.Line(failure).TrimEnd('.')}.", "Write what the tool's input schema asks for.");
        }
    }

    /// <summary>A step that names what is to be done, and leaves to the moment which remote agent does it.</summary>
    private ITool? FindRemote(Fields fields, string id)
    {
        if (fields.Text("capability") is not { } capability)
        {
            return null;
        }

        if (!context.Kinds.TryGetValue(RemoteKind, out IAgentKind? kind))
        {
            _findings.Error(capability, DiagnosticCodes.UnknownAgentKind, "This host has no remote agents.", "Call a tool, or an agent of the file.");
            return null;
        }

        var definition = new AgentDefinition
        {
            Id = id,
            Kind = RemoteKind,
            Settings = JsonElement.Parse($$"""{"kind":"{{RemoteKind}}","capability":"{{JsonEncodedText.Encode(capability.Text)}}"}"""),
        };
        IReadOnlyList<AgentProblem> problems = kind.Check(definition, WorkflowAssets.Empty);
        foreach (AgentProblem problem in problems)
        {
            _findings.Error(capability, DiagnosticCodes.InvalidAgent, Excerpt.Line(problem.Message), Excerpt.Line(problem.Remedy));
        }

        return problems.Count == 0 ? kind.Compile(definition, WorkflowAssets.Empty) : null;
    }

    private ITool? FindTool(Fields fields)
    {
        if (fields.Text("tool") is not { } name)
        {
            return null;
        }

        ITool? tool = context.Tools.Find(name.Text);
        if (tool is null)
        {
            _findings.Error(name, DiagnosticCodes.UnknownTool, $"There is no tool '{Excerpt.Of(name.Text)}' in this host.", _findings.Suggest(name.Text, context.Tools.Contracts.Select(c => c.Id)) + KnownTools());
        }

        return tool;
    }

    private string KnownTools()
    {
        string known = string.Join(", ", context.Tools.Contracts.Take(ToolsInRemedy).Select(c => c.Id));
        return context.Tools.Contracts.Count > ToolsInRemedy ? $"Known: {known}, …" : $"Known: {known}.";
    }

    private ITool? FindAgent(Fields fields, out AgentEntry? agent)
    {
        agent = null;
        if (fields.Text("agent") is not { } name)
        {
            return null;
        }

        if (!context.Agents.TryGetValue(name.Text, out agent))
        {
            string? meant = _findings.Nearest(name.Text, context.Agents.Keys);
            _findings.Error(name, DiagnosticCodes.UnknownAgent, $"There is no agent '{Excerpt.Of(name.Text)}'.", meant is null ? "Add it to 'agents', or name another." : $"Did you mean '{Excerpt.Of(meant)}'?");
            if (meant is not null)
            {
                context.Agents[meant].IsUsed = true;
            }

            return null;
        }

        agent.IsUsed = true;
        return agent.Tool;
    }

    private IReadOnlyList<string>? ReadGranted(Fields fields)
    {
        IReadOnlyList<YamlScalar>? granted = context.Grants.Read(fields);
        IReadOnlyList<string>? most = context.Policies.Permissions;
        foreach (YamlScalar grant in (granted ?? []).Where(g => most?.Any(m => Grant.Covers(g.Text, m)) is not true))
        {
            context.Grants.Check(grant, "The step", [grant.Text], most, PolicyList);
        }

        return granted?.Select(g => g.Text).ToArray();
    }

    private void CheckPermissions(YamlNode call, ToolContract contract, AgentEntry? agent, IReadOnlyList<string>? granted)
    {
        string callee = $"'{Excerpt.Of(agent?.Key.Text ?? contract.Id)}'";
        context.Grants.Check(call, callee, contract.Permissions, context.Policies.Permissions, PolicyList);
        context.Grants.Check(call, callee, contract.Permissions, granted, "the step's 'permissions'");
        if (agent?.Definition is { Permissions.Count: > 0 } definition)
        {
            context.Grants.Check(call, callee, contract.Permissions, definition.Permissions, "the agent's 'permissions'");
        }
    }

    /// <summary>What the step may use: its own list, within what its agent has.</summary>
    private static IReadOnlyList<string>? Narrow(IReadOnlyList<string>? granted, AgentEntry? agent)
    {
        if (agent?.Definition is not { Permissions: { Count: > 0 } own })
        {
            return granted;
        }

        return granted is null ? own : [.. granted.Where(g => Grant.Covers(own, g)), .. own.Where(o => !granted.Contains(o, StringComparer.Ordinal) && Grant.Covers(granted, o))];
    }
}
