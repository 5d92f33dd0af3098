using System.Globalization;
using AgentFlow.Engine.Definitions.Loading.Changes;
using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Reads <c>foreach</c> and <c>while</c>, and what they do again and again.</summary>
internal sealed class LoopReader(PlanContext context)
{
    public const string BodyKey = "do";

    private const string BodyExample = "'do: { tool: … }'";
    private const int MostRounds = 1_000_000;

    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    private readonly Findings _findings = context.Findings;

    public PlanNode? Read(Fields fields, string id, StepScope place, int depth)
    {
        TimeSpan? timeout = fields.Duration("timeout", Shortest);
        if (depth + 1 > LoadLimits.ScopeDepth)
        {
            _findings.Error(fields.Place, DiagnosticCodes.TooDeep, $"Scopes nest deeper than {LoadLimits.ScopeDepth} levels.", "Flatten the plan.");
            return null;
        }

        return fields.Has("foreach") ? ReadForeach(fields, id, place, depth, timeout) : ReadWhile(fields, id, place, depth, timeout);
    }

    private ForeachNode? ReadForeach(Fields fields, string id, StepScope place, int depth, TimeSpan? timeout)
    {
        if (fields.Mapping("foreach", "'foreach: { items: \"${input.orders}\", do: { tool: … } }'") is not { } mapping)
        {
            return null;
        }

        var loop = Fields.Of(mapping, fields.Entry("foreach")!.Value.Key.Offset, KeySet.Foreach, _findings);
        loop.Require("items", "'foreach'", "Add 'items:' with a list, or an expression that gives one: \"${input.orders}\".");
        loop.Require(BodyKey, "'foreach'", $"Add {BodyExample}: what is done for each item.");
        string item = ReadName(loop);
        int? parallel = loop.Integer("max_parallel", 1, ForeachNode.MostItems);
        OnStepError onError = loop.Word("on_error", ("abort", OnStepError.Abort), ("continue", OnStepError.Continue)) ?? OnStepError.Abort;
        if (onError == OnStepError.Abort)
        {
            loop.Refuse("min_success", "without 'on_error: continue': the first failure ends the loop", "Add 'on_error: continue', or remove it.");
        }

        (int least, decimal share) = ReadMinSuccess(loop);
        ValueTemplate? items = loop["items"] is { } list ? ReadItems(list, place) : null;
        PlanNode? body = ReadBody(loop, id, place, depth, [item, RunVariables.IndexOf(item)]);
        return body is null || items is null ? null : new ForeachNode(body)
        {
            Id = id,
            Timeout = timeout,
            Items = items,
            As = item,
            MaxParallel = parallel ?? ForeachNode.DefaultParallel,
            OnError = onError,
            MinSuccess = least,
            MinShare = share,
        };
    }

    private ValueTemplate? ReadItems(YamlNode list, StepScope place)
    {
        if (list is YamlSequence || list is YamlScalar { Kind: ScalarKind.Text } text && ValueTemplate.HasMarker(text.Text))
        {
            return context.Expressions.Output(list, place);
        }

        _findings.Error(list, DiagnosticCodes.WrongType, $"Expected a list, found {list.Describe()}.", "Write a list, or an expression that gives one: \"${input.orders}\".");
        return null;
    }

    private string ReadName(Fields loop)
    {
        if (loop.Name("as", Names.Step, Names.StepRemedy) is not { } name)
        {
            return "item";
        }

        if (RunVariables.Names.Contains(name.Text) || name.Text == "index")
        {
            _findings.Error(name, DiagnosticCodes.InvalidName, $"'{name.Text}' is what expressions call something else.", "Give the item another name.");
        }

        return name.Text;
    }

    /// <summary>A number of iterations, or a share of them with a point or a percent sign.</summary>
    private (int Least, decimal Share) ReadMinSuccess(Fields loop)
    {
        switch (loop["min_success"])
        {
            case null:
                return default;
            case YamlScalar { Kind: ScalarKind.Integer }:
                return (loop.Integer("min_success", 0, ForeachNode.MostItems) ?? 0, 0);
            case YamlScalar { Kind: ScalarKind.Float } number:
                return loop.Number("min_success", 0, 1) is null ? default : (0, decimal.Parse(number.Text, NumberStyles.Float, CultureInfo.InvariantCulture));
            case YamlScalar { Kind: ScalarKind.Text } text when text.Text.EndsWith('%') && decimal.TryParse(text.Text[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal percent) && percent <= 100:
                return (0, percent / 100);
            case { } other:
                _findings.Error(other, DiagnosticCodes.WrongType, $"Expected a number of items or a share of them, found {other.Describe()}.", "Write 3 for three items, 0.8 or 80% for four fifths of them.");
                return default;
        }
    }

    private WhileNode? ReadWhile(Fields fields, string id, StepScope place, int depth, TimeSpan? timeout)
    {
        if (fields.Mapping("while", "'while: { condition: \"output.next != null\", do: { tool: … } }'") is not { } mapping)
        {
            return null;
        }

        var loop = Fields.Of(mapping, fields.Entry("while")!.Value.Key.Offset, KeySet.While, _findings);
        loop.Require(BodyKey, "'while'", $"Add {BodyExample}: what is done in each round.");
        if (!loop.Has("condition") && !loop.Has("until"))
        {
            _findings.Error(loop.Place, DiagnosticCodes.MissingKey, "'while' has no end.", "Add 'condition: …', which is tested before each round, or 'until: …', which is tested after each.");
        }

        int? max = loop.Integer("max", 1, MostRounds);
        TimeSpan? delay = loop.Duration("delay", Shortest);
        StepScope around = Inside(place, []);
        CelExpression? condition = loop["condition"] is { } before ? context.Expressions.Condition(before, around) : null;
        CelExpression? until = loop["until"] is { } after ? context.Expressions.Condition(after, around) : null;
        return ReadBody(loop, id, place, depth, ["index"]) is not { } body ? null : new WhileNode(body, delay)
        {
            Id = id,
            Timeout = timeout,
            Condition = condition,
            Until = until,
            Max = max ?? WhileNode.DefaultRounds,
        };
    }

    private PlanNode? ReadBody(Fields loop, string id, StepScope place, int depth, IReadOnlyList<string> variables)
    {
        if (loop.Mapping(BodyKey, BodyExample) is not { } mapping || !context.TryCount(mapping))
        {
            return null;
        }

        YamlScalar key = loop.Entry(BodyKey)!.Value.Key;
        var body = Fields.Of(mapping, key.Offset, KeySet.LoopBody, _findings);
        return new BodyReader(context).Read(body, BodyKey, key.Named($"{id}.{BodyKey}"), Inside(place, variables), depth + 1, triesAgain: false);
    }

    private static StepScope Inside(StepScope place, IReadOnlyList<string> variables) => new(place, NoSteps.Instance, BodyKey) { Variables = variables };

    /// <summary>What a loop does has no name that an expression could say.</summary>
    private sealed class NoSteps : IStepOrder
    {
        public static NoSteps Instance { get; } = new();

        public IReadOnlyDictionary<string, int> Ordinals { get; } = new Dictionary<string, int>();

        public StepOrder Compare(int used, int reader, bool afterReader) => StepOrder.Never;
    }
}
