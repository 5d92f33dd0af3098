using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Reads a scope with <c>planner: behavior_tree</c>: its <c>root</c>, and what hangs from it.</summary>
internal sealed class BehaviorTreeReader(PlanContext context)
{
    private const string NodeExample = "a node: '{ sequence: […] }', '{ condition: … }' or '{ tool: … }'";
    private const int MostRounds = 10_000;
    private const int DefaultRounds = 1000;

    private static readonly string[] Kinds = ["selector", "sequence", "parallel", "conditional_selector", "condition", "child"];

    private readonly Findings _findings = context.Findings;

    /// <summary>Nodes that stand beside each other, with the ids that they have in the plan.</summary>
    public static IReadOnlyList<(string Id, YamlMapping Node)> Named(IEnumerable<YamlMapping> nodes)
    {
        var order = new TreeOrder(isParallel: false);
        return [.. nodes.Select(n => (order.Add((n.FindEntry("id")?.Value as YamlScalar)?.Text, KeysOf(n.FindEntry).FirstOrDefault()?.Text ?? "action"), n))];
    }

    public (PlanNode? Node, StepScope? After) Read(Fields fields, string id, string what, StepScope? outer, int depth, TimeSpan? timeout)
    {
        fields.Require("root", what, $"Add 'root:' with {NodeExample}.");
        if (fields.Mapping("root", NodeExample) is not { } root || !context.TryCount(root))
        {
            return default;
        }

        var order = new TreeOrder(isParallel: false);
        PlanNode? tree = ReadNode(root, fields.Entry("root")!.Value.Key, outer, order, depth);
        StepScope after = new(outer, order, null);
        return _findings.HasErrors || tree is null ? (null, after) : (new TimeoutNode(tree) { Id = id, Timeout = timeout }, after);
    }

    /// <param name="place">Stands for the node in diagnostics, unless it has an id.</param>
    /// <param name="siblings">Where the node's id is added.</param>
    private PlanNode? ReadNode(YamlMapping mapping, YamlNode place, StepScope? outer, TreeOrder siblings, int depth)
    {
        var fields = Fields.Of(mapping, place is YamlScalar key ? key.Offset : mapping.Offset, KeySet.TreeNode, _findings);
        string kind = KindOf(fields);
        YamlScalar? given = fields.Name("id", Names.Step, Names.StepRemedy);
        string id = siblings.Add(given?.Text, kind);
        if (given is not null && id != given.Text)
        {
            _findings.Error(given, DiagnosticCodes.DuplicateId, $"There is a node '{Excerpt.Of(given.Text)}' beside this one already.", "Give this one another id.");
        }

        var own = new StepScope(outer, siblings, id);
        if (depth > LoadLimits.ScopeDepth)
        {
            _findings.Error(fields.Place, DiagnosticCodes.TooDeep, $"Scopes nest deeper than {LoadLimits.ScopeDepth} levels.", "Flatten the tree.");
            return null;
        }

        if (kind != "action" && kind != "child")
        {
            foreach (string foreign in new[] { "input", "retry", "timeout", "repeat", "invert", "on_unknown", "effects", "permissions", "compensate", "semaphore" })
            {
                fields.Refuse(foreign, $"on a {kind}", "Put the node below a decorator: '{ timeout: 5s, child: … }'.");
            }
        }

        if (kind != "parallel")
        {
            fields.Refuse("success_policy", $"on a {(kind == "child" ? "decorator" : kind)}", "It belongs to a 'parallel'.");
        }

        fields.Text("description");
        return kind switch
        {
            "selector" => Children(fields, "selector", own, depth, isParallel: false) is { } children ? new SelectorNode(children) { Id = id } : null,
            "sequence" => Children(fields, "sequence", own, depth, isParallel: false) is { } children ? new SequenceNode(children) { Id = id } : null,
            "parallel" => Children(fields, "parallel", own, depth, isParallel: true) is { } children ? new ParallelNode(children, Needed(fields, children.Count)) { Id = id } : null,
            "conditional_selector" => ReadBranches(fields, id, own, depth),
            "condition" => context.Expressions.Condition(fields["condition"]!, own) is { } condition ? new ConditionNode { Id = id, Condition = condition } : null,
            "child" => ReadDecorator(fields, id, own, depth),
            _ => ReadAction(fields, id, given ?? place as YamlScalar, own, depth),
        };
    }

    /// <summary>What the first of the keys says; every further one is reported.</summary>
    private string KindOf(Fields fields)
    {
        YamlScalar[] keys = [.. KeysOf(fields.Entry)];
        foreach (YamlScalar further in keys.Skip(1))
        {
            _findings.Error(further, DiagnosticCodes.ConflictingKeys, $"'{keys[0].Text}' says already what the node is.", $"Keep '{keys[0].Text}' or '{further.Text}', and move the other to a node of its own.");
        }

        return keys.Length > 0 ? keys[0].Text : "action";
    }

    private static IEnumerable<YamlScalar> KeysOf(Func<string, YamlEntry?> find) =>
        Kinds.Select(find).Where(e => e is not null).Select(e => e!.Value.Key).OrderBy(k => k.Offset);

    private PlanNode? ReadAction(Fields fields, string id, YamlScalar? key, StepScope own, int depth)
    {
        if (!new[] { "agent", "tool", "capability", "workflow", "barrier", "wait", "foreach", "while" }.Concat(ScopeReader.Keys).Any(fields.Has))
        {
            _findings.Error(fields.Place, DiagnosticCodes.MissingKey, "This node does nothing.", $"Write {NodeExample}.");
            return null;
        }

        foreach (string decorator in new[] { "repeat", "invert" })
        {
            fields.Refuse(decorator, "without 'child'", $"Write '{{ {decorator}: …, child: {{ tool: … }} }}'.");
        }

        return new BodyReader(context).Read(fields, id, key ?? new YamlScalar(fields.Place, fields.Place, id, YamlStyle.Unknown, isPlain: false), own, depth, triesAgain: false);
    }

    private List<PlanNode>? Children(Fields fields, string key, StepScope own, int depth, bool isParallel)
    {
        if (fields.Sequence(key, $"a list of nodes: '{key}: [ {{ tool: … }} ]'") is not { } list)
        {
            return null;
        }

        if (list.Items.Count == 0)
        {
            _findings.Error(list, DiagnosticCodes.EmptyList, $"'{key}' is empty.", "Add a node.");
        }

        var order = new TreeOrder(isParallel);
        var children = new List<PlanNode>();
        foreach (YamlNode item in list.Items)
        {
            if (!context.TryCount(item))
            {
                return null;
            }

            if (fields.AsMapping(item, NodeExample) is { } mapping && ReadNode(mapping, mapping, own, order, depth + 1) is { } child)
            {
                children.Add(child);
            }
        }

        return children.Count == list.Items.Count && children.Count > 0 ? children : null;
    }

    private static int Needed(Fields fields, int count)
    {
        if (fields["success_policy"] is YamlScalar { Kind: ScalarKind.Integer })
        {
            return fields.Integer("success_policy", 1, count) ?? count;
        }

        return fields.Word("success_policy", ("all", count), ("any", 1)) ?? count;
    }

    private ConditionalSelectorNode? ReadBranches(Fields fields, string id, StepScope own, int depth)
    {
        if (fields.Sequence("conditional_selector", "a list: '[ { condition: …, child: … }, { default: … } ]'") is not { } list)
        {
            return null;
        }

        if (list.Items.Count == 0)
        {
            _findings.Error(list, DiagnosticCodes.EmptyList, "'conditional_selector' is empty.", "Add a branch.");
        }

        var order = new TreeOrder(isParallel: false, isChoice: true);
        var branches = new List<(CelExpression?, PlanNode)>();
        foreach ((int i, YamlNode item) in list.Items.Index())
        {
            if (!context.TryCount(item) || fields.AsMapping(item, "'{ condition: …, child: … }'") is not { } mapping)
            {
                continue;
            }

            var branch = Fields.Of(mapping, mapping.Offset, KeySet.TreeBranch, _findings);
            bool isDefault = branch.Has("default");
            if (isDefault)
            {
                branch.Refuse("condition", "beside 'default'", "A default has no condition.");
                branch.Refuse("child", "beside 'default'", "Write the node behind 'default'.");
                if (i + 1 < list.Items.Count)
                {
                    _findings.Error(branch.Entry("default")!.Value.Key, DiagnosticCodes.NotApplicable, "No branch behind the default can be taken.", "Move it to the end.");
                }
            }
            else
            {
                branch.Require("condition", "A branch", "Add 'condition: …', or write '{ default: … }' for the last one.");
                branch.Require("child", "A branch", $"Add 'child:' with {NodeExample}.");
            }

            CelExpression? condition = branch["condition"] is { } text ? context.Expressions.Condition(text, own) : null;
            string key = isDefault ? "default" : "child";
            PlanNode? child = branch.Mapping(key, NodeExample) is { } node ? ReadNode(node, branch.Entry(key)!.Value.Key, own, order, depth + 1) : null;
            if (child is not null && (isDefault || condition is not null))
            {
                branches.Add((condition, child));
            }
        }

        return branches.Count == list.Items.Count && branches.Count > 0 ? new ConditionalSelectorNode(branches) { Id = id } : null;
    }

    private PlanNode? ReadDecorator(Fields fields, string id, StepScope own, int depth)
    {
        string[] decorators = [.. new[] { "retry", "timeout", "invert", "repeat" }.Where(fields.Has)];
        if (decorators.Length == 0)
        {
            _findings.Error(fields.Entry("child")!.Value.Key, DiagnosticCodes.MissingKey, "A decorator needs one of retry, timeout, invert and repeat.", "Add one, or write the child in this place.");
        }

        foreach (string further in decorators.Skip(1))
        {
            _findings.Error(fields.Entry(further)!.Value.Key, DiagnosticCodes.ConflictingKeys, $"'{decorators[0]}' says already what the decorator does.", "Put one decorator below the other.");
        }

        var order = new TreeOrder(isParallel: false);
        PlanNode? child = fields.Mapping("child", NodeExample) is { } node && context.TryCount(node) ? ReadNode(node, fields.Entry("child")!.Value.Key, own, order, depth + 1) : null;
        if (decorators.Length == 0)
        {
            return null;
        }

        switch (decorators[0])
        {
            case "timeout":
                TimeSpan? limit = fields.Duration("timeout", TimeSpan.FromMilliseconds(1));
                return child is null || limit is null ? null : new TimeoutNode(child) { Id = id, Timeout = limit };
            case "invert":
                if (fields["invert"] is not YamlScalar { Kind: ScalarKind.Boolean, Text: "true" or "True" or "TRUE" })
                {
                    _findings.Error(fields["invert"]!, DiagnosticCodes.WrongType, "'invert' is a mark.", "Write 'invert: true', or remove it.");
                }

                return child is null ? null : new InvertNode(child) { Id = id };
            case "retry":
                Fields? retry = Rounds(fields, "retry", KeySet.TreeRetry);
                int tries = (retry is null ? fields.Integer("retry", 1, MostRounds) : retry.Integer("max_attempts", 1, MostRounds)) ?? 3;
                TimeSpan? again = retry?.Duration("delay", TimeSpan.FromMilliseconds(1));
                return child is null ? null : new RepeatNode(child, again) { Id = id, IsRetry = true, Times = tries };
            default:
                Fields? repeat = Rounds(fields, "repeat", KeySet.TreeRepeat);
                int? times = repeat is null ? fields.Integer("repeat", 1, MostRounds) : repeat.Integer("times", 1, MostRounds);
                CelExpression? until = repeat?["until"] is { } expression && child is not null ? context.Expressions.Condition(expression, new StepScope(own, order, child.Id, AfterReader: true)) : null;
                if (repeat is not null && !repeat.Has("times") && !repeat.Has("until"))
                {
                    _findings.Error(repeat.Place, DiagnosticCodes.MissingKey, "'repeat' has no end.", "Add 'times: 3' or 'until: <condition>'.");
                }

                TimeSpan? delay = repeat?.Duration("delay", TimeSpan.FromMilliseconds(1));
                return child is null ? null : new RepeatNode(child, delay) { Id = id, Times = times ?? DefaultRounds, Until = until };
        }
    }

    /// <summary>A number stands for itself; otherwise a mapping.</summary>
    private Fields? Rounds(Fields fields, string key, KeySet keys) => fields[key] is YamlScalar ? null
        : fields.Mapping(key, $"'{key}: 3' or '{key}: {{ {keys.Keys[0]}: 3 }}'") is { } mapping ? Fields.Of(mapping, fields.Entry(key)!.Value.Key.Offset, keys, _findings)
        : null;

    /// <summary>The nodes beside each other: each is ticked after the ones before it, or with them.</summary>
    private sealed class TreeOrder(bool isParallel, bool isChoice = false) : IStepOrder
    {
        private readonly Dictionary<string, int> _ordinals = new(StringComparer.Ordinal);

        public IReadOnlyDictionary<string, int> Ordinals => _ordinals;

        public StepOrder Compare(int used, int reader, bool afterReader) =>
            (afterReader && used == reader) || (!isParallel && !isChoice && used < reader) ? StepOrder.Before
            : isParallel ? StepOrder.Unordered
            : StepOrder.Never;

        /// <summary>Adds a node under its id, or one that is free.</summary>
        public string Add(string? given, string kind)
        {
            string id = given ?? (kind == "child" ? "decorator" : kind);
            for (int i = 2; !_ordinals.TryAdd(id, _ordinals.Count); i++)
            {
                id = $"{given ?? kind}_{i}";
            }

            return id;
        }
    }
}
