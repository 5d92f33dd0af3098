using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Parts;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Planning;
using AgentFlow.Engine.Ports;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Reads a scope with <c>planner: llm</c>: its <c>plan</c>, and the plans that a run has put below it.</summary>
internal sealed class LlmPlanReader(PlanContext context)
{
    private const string Example = "'plan: { goal: \"…\", model: { provider: openai }, tools: [skill.http_call] }'";
    private const string FallbackId = "fallback";
    private const string ModelKind = "llm";
    private const double HighestTemperature = 0.2;
    private const int DefaultSteps = 20;
    private const int DefaultTokens = 4096;
    private const int DefaultReplans = 2;
    private const int MostReplans = 20;

    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    private readonly Findings _findings = context.Findings;

    public (PlanNode? Node, StepScope? After) Read(Fields fields, string id, string what, StepScope? outer, int depth, TimeSpan? timeout)
    {
        fields.Require("plan", what, $"Add {Example}.");
        if (fields.Mapping("plan", Example) is not { } mapping)
        {
            return default;
        }

        var plan = Fields.Of(mapping, fields.Entry("plan")!.Value.Key.Offset, KeySet.LlmPlan, _findings);
        var after = new StepScope(outer, new ChildOrder([]), null);
        plan.Require("goal", "'plan'", "Add 'goal: \"What is to be reached: ${input.request}\"'.");
        ValueTemplate? goal = plan["goal"] is not null && plan.Text("goal") is { } text ? context.Expressions.Output(text, after) : null;
        TimeSpan? latency = plan.Duration("max_latency", Shortest);
        int steps = plan.Integer("max_steps", 1, PlanRules.MostSteps) ?? DefaultSteps;
        IReadOnlyDictionary<string, PlanCall>? calls = ReadCalls(plan, outer, depth);
        var rules = calls is null ? null : new PlanRules(calls.Values.Select(c => c.Skill), steps);
        var prompt = rules is null ? null : new PlanPrompt(rules, ReadPrompt(plan), latency);
        CelExpression? quality = plan["quality"] is { } gate ? context.Expressions.Condition(gate, after) : null;
        bool repairs = plan.Word("on_invalid", ("repair", true), ("fallback", false)) ?? true;
        Fields? replan = ReadReplan(plan);
        ReplanRules? replanRules = replan is null ? null : ReadRules(plan, replan);

        PlanModel? model = ReadModel(plan, "model", plan, rules, prompt, latency);
        PlanModel? escalation = replan is not null && replanRules?.Strategy == ReplanStrategy.Escalation && replan.Has("model") ? ReadModel(replan, "model", plan, rules, prompt, latency) : null;
        (var branches, PlanNode? fallback, bool toHuman) = ReadWays(plan, outer, depth);
        CallNode? ask = Asking("model", model, plan, latency);
        CallNode? stronger = Asking("escalation", escalation, plan, latency);
        if (_findings.HasErrors || goal is null || rules is null || ask is null || branches is null)
        {
            return (null, after);
        }

        string[] own = [ask.Id, .. stronger is null ? (string[])[] : [stronger.Id], .. branches.Select(b => b.Body.Id), .. fallback is null ? (string[])[] : [fallback.Id]];
        IReadOnlyList<PlanNode> plans = new GraftReader(context).Read(outer, own, depth);
        var node = new LlmNode(ask, stronger, branches, fallback, plans)
        {
            Id = id,
            Timeout = timeout,
            Goal = goal,
            Model = model!,
            Rules = rules,
            Calls = calls!,
            MaxLatency = latency,
            Repairs = repairs,
            FallsBackToHuman = toHuman,
            Quality = quality,
            Replan = replanRules,
        };
        return (node, after);
    }

    /// <summary>The step that asks. No expression can name it.</summary>
    private CallNode? Asking(string key, PlanModel? model, Fields plan, TimeSpan? latency)
    {
        if (model is null)
        {
            return null;
        }

        context.Grants.Check(plan["model"] ?? plan.Entry("goal")!.Value.Key, "The model of 'plan'", model.Contract.Permissions, context.Policies.Permissions, "'policies.permissions'");
        TimeSpan limit = context.Defaults.Timeout ?? model.Contract.Timeout;
        return new CallNode
        {
            Id = $"plan.{key}",
            Tool = model,
            Retry = context.Defaults.Retry ?? RetryReader.WhenAsked,
            OnUnknown = context.Defaults.OnUnknown ?? OnUnknown.Retry,
            Timeout = latency < limit ? latency : limit,
            OutputValidator = context.Schemas.Of(model.Contract).OutputValidator,
        };
    }

    /// <summary>What a plan may call: nothing that is not listed.</summary>
    private Dictionary<string, PlanCall>? ReadCalls(Fields plan, StepScope? outer, int depth)
    {
        var calls = new Dictionary<string, PlanCall>(StringComparer.Ordinal);
        int listed = 0;
        foreach ((string list, string key, string prefix) in new[] { ("agents", "agent", "agent."), ("tools", "tool", "") })
        {
            foreach (YamlNode item in plan.Sequence(list, $"a list: '{list}: [ … ]'")?.Items ?? [])
            {
                listed++;
                YamlMapping? mapping = item switch
                {
                    YamlScalar name when plan.AsText(name) is not null => new YamlMapping(item.Offset, [new YamlEntry(new YamlScalar(item.Offset, item.Offset, key, YamlStyle.Unknown, isPlain: false), name)]),
                    YamlScalar => null,
                    _ => plan.AsMapping(item, $"a name, or '{{ {key}: …, timeout: 5s }}'"),
                };
                if (mapping is null)
                {
                    continue;
                }

                var fields = Fields.Of(mapping, mapping.Offset, key == "agent" ? KeySet.PlanAgent : KeySet.PlanTool, _findings);
                fields.Require(key, $"An entry of '{list}'", $"Add '{key}: …'.");
                fields.Refuse("depends_on", "here", "The plan says what waits for what.");
                if (!fields.Has(key))
                {
                    continue;
                }

                var place = new StepScope(outer, new ChildOrder(["call"]), "call");
                if (new BodyReader(context).Read(fields, "call", new YamlScalar(fields.Place, fields.Place, "call", YamlStyle.Unknown, isPlain: false), place, depth, triesAgain: false) is not CallNode call)
                {
                    continue;
                }

                string skill = prefix + (call.Agent ?? call.Tool.Contract.Id);
                if (!calls.TryAdd(skill, Call(skill, key, call, mapping, fields)))
                {
                    _findings.Error(item, DiagnosticCodes.DuplicateItem, $"'{Excerpt.Of(skill)}' stands in '{list}' twice.", "Remove one of them.");
                }
            }
        }

        if (listed == 0)
        {
            _findings.Error(plan.Place, DiagnosticCodes.EmptyList, "The plan may call nothing: neither 'agents' nor 'tools' lists anything.", "List what a plan may call: 'tools: [skill.http_call]'. Nothing else will ever run.");
        }

        return calls.Count == 0 ? null : calls;
    }

    private PlanCall Call(string skill, string key, CallNode call, YamlMapping mapping, Fields fields)
    {
        var settings = new JsonObject();
        foreach (YamlEntry entry in mapping.Entries.Where(e => e.Key.Text is not ("agent" or "tool" or "description")))
        {
            settings[entry.Key.Text] = JsonNode.Parse(YamlJson.ToElement(entry.Value, _findings).GetRawText());
        }

        ToolContract contract = call.Tool.Contract;
        return new PlanCall(key, call.Agent ?? contract.Id, contract.Version, JsonElement.Parse(settings.ToJsonString()), new PlanSkill(skill, fields.Text("description")?.Text ?? contract.Description)
        {
            InputSchema = contract.InputSchema,
            OutputSchema = contract.OutputSchema,
            Input = context.Schemas.Of(contract).Input,
            MaxCostNanoDollars = contract.MaxCostNanoDollars,
        });
    }

    /// <summary>The words of the workflow's own, in the file or an asset; <see langword="null"/> for the built-in ones.</summary>
    private string? ReadPrompt(Fields plan)
    {
        if (plan.Text("prompt") is not { } prompt)
        {
            return null;
        }

        if (context.Assets.Files.TryGetValue(prompt.Text, out ReadOnlyMemory<byte> content))
        {
            return Encoding.UTF8.GetString(content.Span);
        }

        if (!prompt.Text.Contains(' ', StringComparison.Ordinal))
        {
            _findings.Error(prompt, DiagnosticCodes.MissingAsset, $"There is no file '{Excerpt.Of(prompt.Text)}' among the 'assets'.", "List it under 'assets', or write the prompt itself here.");
        }

        return prompt.Text;
    }

    private Fields? ReadReplan(Fields plan) => plan.Mapping("replan", "'replan: { on: [step_failure], max: 2 }'") is { } mapping
        ? Fields.Of(mapping, plan.Entry("replan")!.Value.Key.Offset, KeySet.Replan, _findings)
        : null;

    private ReplanRules ReadRules(Fields plan, Fields replan)
    {
        var on = new HashSet<ReplanReason>();
        string[] known = [.. Enum.GetValues<ReplanReason>().Select(PlanAsk.Word)];
        foreach (YamlScalar word in replan.Texts("on", "a list: [step_failure, budget]") ?? [])
        {
            if (Array.IndexOf(known, word.Text) is >= 0 and var reason)
            {
                on.Add((ReplanReason)reason);
            }
            else
            {
                _findings.Error(word, DiagnosticCodes.UnknownValue, $"'{Excerpt.Of(word.Text)}' is no reason to plan again.", _findings.Suggest(word.Text, known) + $"Known: {string.Join(", ", known)}.");
            }
        }

        if (!replan.Has("on"))
        {
            on.Add(ReplanReason.StepFailure);
        }

        YamlScalar? signal = replan.Name("signal", Names.Signal, Names.SignalRemedy);
        if (on.Contains(ReplanReason.Event))
        {
            replan.Require("signal", "'replan' with 'event'", "Add 'signal: <name>': the signal that makes a plan out of date.");
        }
        else
        {
            replan.Refuse("signal", "without 'event' in 'on'", "Add 'event' to 'on', or remove it.");
        }

        if (on.Contains(ReplanReason.Quality) && !plan.Has("quality"))
        {
            _findings.Error(replan["on"]!, DiagnosticCodes.MissingKey, "'quality' is a reason to plan again, and 'plan' has no 'quality'.", "Add 'quality: <condition>' to 'plan'.");
        }

        ReplanStrategy strategy = replan.Word(
            "strategy", [.. Enum.GetValues<ReplanStrategy>().Select(s => (PlanAsk.Word(s), s))]) ?? ReplanStrategy.Adaptive;
        if (strategy == ReplanStrategy.Escalation)
        {
            replan.Require("model", "'replan' with 'strategy: escalation'", "Add 'model: { … }': who is asked then.");
        }
        else
        {
            replan.Refuse("model", "without 'strategy: escalation'", "Remove it.");
        }

        return new ReplanRules(on, strategy, replan.Integer("max", 1, MostReplans) ?? DefaultReplans) { Signal = signal?.Text };
    }

    private (IReadOnlyList<(CelExpression Condition, PlanNode Body)>? Branches, PlanNode? Fallback, bool ToHuman) ReadWays(Fields plan, StepScope? outer, int depth)
    {
        YamlNode[] items = [.. plan.Sequence("branches", "a list: '[ { condition: …, tool: … } ]'")?.Items ?? []];
        var ids = new List<string>();
        var read = new List<(Fields Fields, YamlScalar Key)>();
        foreach ((int i, YamlNode item) in items.Index())
        {
            if (plan.AsMapping(item, "'{ condition: …, tool: … }'") is not { } mapping || !context.TryCount(item))
            {
                continue;
            }

            var branch = Fields.Of(mapping, mapping.Offset, KeySet.PlanBranch, _findings);
            branch.Require("condition", "A branch", "Add 'condition: …'. What no branch takes, the model plans.");
            YamlScalar key = branch.Name("id", Names.Step, Names.StepRemedy)
                ?? new YamlScalar(mapping.Offset, mapping.Offset, string.Create(CultureInfo.InvariantCulture, $"branch_{i + 1}"), YamlStyle.Unknown, isPlain: false);
            if (key.Text == FallbackId || ids.Contains(key.Text, StringComparer.Ordinal))
            {
                _findings.Error(key, DiagnosticCodes.DuplicateId, $"There is a branch '{Excerpt.Of(key.Text)}' already.", "Give this one another id.");
                continue;
            }

            ids.Add(key.Text);
            read.Add((branch, key));
        }

        var order = new ChildOrder([.. ids, FallbackId]);
        var branches = new List<(CelExpression, PlanNode)>();
        foreach ((Fields branch, YamlScalar key) in read)
        {
            var place = new StepScope(outer, order, key.Text);
            CelExpression? condition = branch["condition"] is { } text ? context.Expressions.Condition(text, new StepScope(outer, order, null)) : null;
            if (new BodyReader(context).Read(branch, key.Text, key, place, depth, triesAgain: false) is { } body && condition is not null)
            {
                branches.Add((condition, body));
            }
        }

        PlanNode? fallback = null;
        bool toHuman = false;
        if (plan["fallback"] is YamlScalar)
        {
            toHuman = plan.Word("fallback", ("human", true), ("fail", false)) ?? false;
        }
        else if (plan.Mapping("fallback", "'fallback: human', 'fallback: fail' or a step: 'fallback: { planner: fsm, … }'") is { } mapping && context.TryCount(mapping))
        {
            YamlScalar key = plan.Entry("fallback")!.Value.Key;
            var fields = Fields.Of(mapping, key.Offset, KeySet.PlanFallback, _findings);
            fallback = new BodyReader(context).Read(fields, FallbackId, key, new StepScope(outer, order, FallbackId), depth, triesAgain: false);
        }

        return (branches.Count == items.Length ? branches : null, fallback, toHuman);
    }

    /// <summary>The model, as the agents' kind <c>llm</c> reads its settings.</summary>
    private PlanModel? ReadModel(Fields owner, string key, Fields plan, PlanRules? rules, PlanPrompt? prompt, TimeSpan? latency)
    {
        owner.Require(key, "'plan'", "Add 'model: { provider: openai, model: gpt-4o-mini }'. 'provider: local' needs no key and imitates the examples.");
        double temperature = ReadTemperature(plan);
        if (owner.Mapping(key, "'model: { provider: openai, model: gpt-4o-mini }'") is not { } written || rules is null || prompt is null)
        {
            return null;
        }

        if (!context.Kinds.TryGetValue(ModelKind, out IAgentKind? kind))
        {
            _findings.Error(written, DiagnosticCodes.UnknownAgentKind, "This host asks no models.", "Use another planner.");
            return null;
        }

        if (written.FindEntry("temperature") is { } misplaced)
        {
            _findings.Error(misplaced.Key, DiagnosticCodes.UnknownKey, "'temperature' is not a key of a plan's 'model'.", "Write it beside 'model'.");
            return null;
        }

        int errors = _findings.ErrorCount;
        JsonElement read = YamlJson.ToElement(written, _findings);
        string? examples = ReadExamples(plan, rules);
        if (_findings.ErrorCount > errors)
        {
            return null;
        }

        var model = (JsonObject)JsonNode.Parse(read.GetRawText())!;
        model["temperature"] = temperature;
        model.TryAdd("max_tokens", DefaultTokens);
        var settings = new JsonObject
        {
            ["kind"] = ModelKind,
            ["role"] = prompt.System,
            ["model"] = model,
            ["format"] = JsonNode.Parse(rules.Schema.GetRawText()),
        };
        if (examples is not null)
        {
            settings["examples"] = new JsonObject { ["file"] = examples };
        }

        var definition = new AgentDefinition { Id = "planner", Kind = ModelKind, Role = prompt.System, Settings = JsonElement.Parse(settings.ToJsonString()) };
        IReadOnlyList<AgentProblem> problems = kind.Check(definition, context.Assets);
        foreach (AgentProblem problem in problems)
        {
            string setting = problem.Setting.StartsWith("model", StringComparison.Ordinal) ? problem.Setting[5..].TrimStart('.') : "";
            YamlNode place = problem.Setting.StartsWith("examples", StringComparison.Ordinal) && plan["examples"] is { } list ? list : AgentReader.Locate(owner.Entry(key)!.Value.Key, written, setting);
            _findings.Error(place, DiagnosticCodes.InvalidAgent, Excerpt.Line(problem.Message), Excerpt.Line(problem.Remedy));
        }

        if (problems.Count > 0)
        {
            return null;
        }

        RunPolicies policies = context.Policies;
        var depends = new JsonObject
        {
            ["model"] = model.DeepClone(),
            ["examples"] = examples is null ? null : Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(context.Assets.Files[examples].Span)),
            ["max_latency_ms"] = latency?.TotalMilliseconds,
            ["policies"] = new JsonObject
            {
                // A text: an amount can exceed what JSON numbers hold exactly.
                ["max_budget"] = policies.MaxBudgetNanoDollars?.ToString(CultureInfo.InvariantCulture),
                ["on_exceed"] = policies.OnExceed.ToString(),
                ["deadline_ms"] = policies.Deadline?.TotalMilliseconds,
                ["durability"] = policies.Durability.ToString(),
                ["max_steps"] = policies.MaxSteps,
                ["permissions"] = policies.Permissions is null ? null : new JsonArray([.. policies.Permissions.Order(StringComparer.Ordinal).Select(p => (JsonNode)p)]),
            },
        };
        return new PlanModel(kind.Compile(definition, context.Assets), rules, prompt, JsonElement.Parse(depends.ToJsonString()), context.Plans);
    }

    private double ReadTemperature(Fields plan)
    {
        double temperature = plan.Number("temperature", 0, 2) ?? 0;
        string? reason = plan.Text("temperature_reason")?.Text;
        if (temperature > HighestTemperature && string.IsNullOrWhiteSpace(reason))
        {
            _findings.Error(
                plan["temperature"]!, DiagnosticCodes.TemperatureTooHigh, string.Create(CultureInfo.InvariantCulture, $"A plan is made at a temperature of at most {HighestTemperature}, so that equal goals get like plans."),
                "Lower it, or say with 'temperature_reason: …' why this workflow wants more.");
        }

        return temperature;
    }

    /// <summary>The file of examples, each of which has to be a plan that would be followed.</summary>
    private string? ReadExamples(Fields plan, PlanRules rules)
    {
        if (plan.Text("examples") is not { } path)
        {
            return null;
        }

        if (!context.Assets.Files.TryGetValue(path.Text, out ReadOnlyMemory<byte> content))
        {
            _findings.Error(path, DiagnosticCodes.MissingAsset, $"There is no file '{Excerpt.Of(path.Text)}' among the 'assets'.", "List it under 'assets': one JSON object a line, { \"input\": \"the goal\", \"steps\": […] }.");
            return null;
        }

        foreach ((int i, string line) in Encoding.UTF8.GetString(content.Span).TrimStart('\uFEFF').ReplaceLineEndings("\n").Split('\n').Index())
        {
            if (string.IsNullOrWhiteSpace(line) || StepsOf(line) is not { } steps)
            {
                // What is no example at all, the reader of examples reports.
                continue;
            }

            PlanCheck check = rules.Check(steps);
            if (!check.IsValid)
            {
                _findings.Error(path, DiagnosticCodes.InvalidExample, $"The plan in line {i + 1} of '{Excerpt.Of(path.Text)}' would not be followed: {Excerpt.Line(check.Problems[0])}", "Correct the example, or allow what it uses.");
            }
        }

        return path.Text;
    }

    private static string? StepsOf(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                return null;
            }

            var answer = new JsonObject();
            foreach (JsonProperty member in document.RootElement.EnumerateObject().Where(m => m.Name is not ("input" or "text" or "message")))
            {
                answer[member.Name] = JsonNode.Parse(member.Value.GetRawText());
            }

            return answer.ToJsonString();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>What stands below an LLM planner: one of them runs, so none sees the others.</summary>
    private sealed class ChildOrder(IReadOnlyList<string> ids) : IStepOrder
    {
        public IReadOnlyDictionary<string, int> Ordinals { get; } = ids.Index().ToDictionary(i => i.Item, i => i.Index, StringComparer.Ordinal);

        public StepOrder Compare(int used, int reader, bool afterReader) => afterReader && used == reader ? StepOrder.Before : StepOrder.Never;
    }
}
