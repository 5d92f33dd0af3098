using System.Collections;
using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Reads a scope with <c>planner: dag</c>. Who waits for whom is read first: expressions are checked against it.</summary>
internal sealed class GraphReader(PlanContext context)
{
    // A cycle through hundreds of steps is recognised by its beginning.
    private const int NamesInCycle = 12;

    private readonly Findings _findings = context.Findings;
    private readonly List<Step> _steps = [];
    private readonly Dictionary<string, int> _ordinals = new(StringComparer.Ordinal);

    private enum AfterError
    {
        Abort,
        Continue,
        Retry,
    }

    public (PlanNode? Node, StepScope? After) Read(Fields fields, string id, string what, StepScope? outer, int depth, TimeSpan? timeout)
    {
        fields.Require("steps", what, "Add 'steps:' with a list of steps.");
        int? maxParallel = fields.Integer("max_parallel", 1, LoadLimits.Nodes);
        if (fields.Sequence("steps", "a list: '- { id: fetch, tool: … }'") is not { } steps)
        {
            return default;
        }

        ReadSteps(fields, steps);
        foreach (Step step in _steps)
        {
            ReadDependencies(step);
        }

        var order = new GraphOrder(_ordinals, [.. _steps.Select(s => s.DependsOn)], new BitArray([.. _steps.Select(s => s.IsIncomplete)]));
        ReportCycles(order);
        foreach (Step step in _steps)
        {
            var place = new StepScope(outer, order, step.Id);
            step.OnError = step.Fields.Word("on_error", ("abort", AfterError.Abort), ("continue", AfterError.Continue), ("retry", AfterError.Retry)) ?? AfterError.Abort;
            step.Body = new BodyReader(context).Read(step.Fields, step.Id, step.Key, place, depth, step.OnError == AfterError.Retry);
            step.Condition = step.Fields["condition"] is { } condition ? context.Expressions.Condition(condition, place) : null;
        }

        StepScope after = new(outer, order, null);
        return _findings.HasErrors ? (null, after) : (Build(id, maxParallel, timeout), after);
    }

    private void ReadSteps(Fields scope, YamlSequence steps)
    {
        if (steps.Items.Count == 0)
        {
            _findings.Error(steps, DiagnosticCodes.EmptyList, "'steps' is empty.", "Add a step.");
        }

        foreach (YamlNode item in steps.Items)
        {
            if (!context.TryCount(item))
            {
                return;
            }

            if (scope.AsMapping(item, "'{ id: fetch, tool: … }'") is not { } mapping)
            {
                continue;
            }

            var fields = Fields.Of(mapping, mapping.Offset, KeySet.Step, _findings);
            fields.Require("id", "A step", "Add 'id: …', unique among the steps.");
            if (fields.Text("id") is not { } id)
            {
                // What it does is checked under a name that no expression can say.
                id = new YamlScalar(mapping.Offset, mapping.Offset, $"#{_steps.Count + 1}", YamlStyle.Unknown, isPlain: false);
            }
            else if (!Names.Step.IsMatch(id.Text))
            {
                _findings.Error(id, DiagnosticCodes.InvalidName, $"'{Excerpt.Of(id.Text)}' cannot be the id of a step.", Names.StepRemedy);
            }

            if (_ordinals.TryAdd(id.Text, _steps.Count))
            {
                _steps.Add(new Step(id.Text, id, fields));
            }
            else
            {
                _findings.Error(id, DiagnosticCodes.DuplicateId, $"There is a step '{Excerpt.Of(id.Text)}' already, on line {_findings.LineOf(_steps[_ordinals[id.Text]].Key.Offset)}.", "Give this one another id.");
            }
        }
    }

    private void ReadDependencies(Step step)
    {
        IReadOnlyList<YamlScalar>? ids = step.Fields.Texts("depends_on", "a list: [fetch]");
        step.IsIncomplete = ids is null ? step.Fields.Has("depends_on") : ids.Count < ((YamlSequence)step.Fields["depends_on"]!).Items.Count;
        foreach (YamlScalar id in ids ?? [])
        {
            string? meant = id.Text;
            if (!_ordinals.ContainsKey(id.Text))
            {
                meant = _findings.Nearest(id.Text, _ordinals.Keys);
                _findings.Error(id, DiagnosticCodes.UnknownStep, $"There is no step '{Excerpt.Of(id.Text)}' in this scope.", meant is null ? "Add it to 'steps', or name another." : $"Did you mean '{Excerpt.Of(meant)}'?");
            }

            if (meant is null)
            {
                step.IsIncomplete = true;
            }
            else if (!step.DependsOn.Contains(_ordinals[meant]))
            {
                step.DependsOn.Add(_ordinals[meant]);
                step.DependencyKeys.Add(id);
            }
        }
    }

    private void ReportCycles(GraphOrder order)
    {
        foreach (IReadOnlyList<int> cycle in order.Cycles())
        {
            int first = cycle.Index().MinBy(c => c.Item).Index;
            int[] turned = [.. cycle.Skip(first), .. cycle.Take(first)];
            Step step = _steps[turned[0]];
            YamlScalar place = step.DependencyKeys[step.DependsOn.IndexOf(turned[1 % turned.Length])];
            string names = string.Join(" → ", turned.Take(NamesInCycle).Select(s => Excerpt.Of(_steps[s].Id)));
            string rest = turned.Length > NamesInCycle ? $" → … ({turned.Length} steps)" : "";
            _findings.Error(place, DiagnosticCodes.DependencyCycle, $"These steps wait for each other: {names}{rest} → {Excerpt.Of(step.Id)}.", "Remove one of the dependencies.");
        }
    }

    private GraphNode Build(string id, int? maxParallel, TimeSpan? timeout)
    {
        var steps = _steps.Select(s => (s.Body!, new StepRules
        {
            DependsOn = s.DependsOn,
            Condition = s.Condition,
            RunsAfterFailure = s.Condition is { } condition && condition.Functions.Any(f => f is "failed" or "always"),
            OnError = s.OnError == AfterError.Continue ? OnStepError.Continue : OnStepError.Abort,
        }));
        return new GraphNode([.. steps]) { Id = id, MaxParallel = maxParallel, Timeout = timeout };
    }

    private sealed class Step(string id, YamlScalar key, Fields fields)
    {
        public string Id { get; } = id;

        public YamlScalar Key { get; } = key;

        public Fields Fields { get; } = fields;

        public List<int> DependsOn { get; } = [];

        /// <summary>Where each of <see cref="DependsOn"/> stands.</summary>
        public List<YamlScalar> DependencyKeys { get; } = [];

        public bool IsIncomplete { get; set; }

        public AfterError OnError { get; set; }

        public CelExpression? Condition { get; set; }

        public PlanNode? Body { get; set; }
    }
}
