using System.Collections;
using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Reads a scope with <c>planner: fsm</c>. Where everything leads is read first: expressions are checked against it.</summary>
internal sealed class StateMachineReader(PlanContext context)
{
    private readonly Findings _findings = context.Findings;
    private readonly List<State> _states = [];
    private readonly Dictionary<string, int> _ordinals = new(StringComparer.Ordinal);
    private bool _targetsKnown = true;

    /// <param name="outer"><see langword="null"/> for the workflow's own machine.</param>
    public (PlanNode? Node, StepScope? After) Read(Fields fields, string id, string what, StepScope? outer, int depth, TimeSpan? timeout)
    {
        fields.Require("states", what, "Add 'states:' with one entry for each state.");
        fields.Require("initial_state", what, "Add 'initial_state: <id>'.");
        fields.Require("final_states", what, "Add 'final_states: [<id>]': the machine ends in one of them.");
        YamlScalar? start = fields.Text("initial_state");
        IReadOnlyList<YamlScalar>? finals = fields.Texts("final_states", "a list: [done]");
        if (fields.Mapping("states", "one entry for each state: '<id>: { tool: …, on_success: … }'") is not { } states)
        {
            return default;
        }

        ReadStates(states);
        int? initial = start is null ? null : Resolve(start);
        bool finalsKnown = finals is not null && MarkFinals(finals, fields["final_states"]!);
        foreach (State state in _states)
        {
            ReadExits(state);
        }

        var order = new MachineOrder(_ordinals, [.. _states.Select(s => s.Next)], initial, _targetsKnown);
        foreach (State state in _states)
        {
            var place = new StepScope(outer, order, state.Id);
            state.Body = new BodyReader(context).Read(state.Fields, state.Id, state.Key, place, depth, triesAgain: false);
            foreach (Exit exit in state.Transitions)
            {
                exit.Compiled = exit.Condition is null ? null : context.Expressions.Condition(exit.Condition, place with { AfterReader = true });
            }

            CheckOutcome(state, outer is not null);
        }

        if (finalsKnown)
        {
            CheckWays(order);
        }

        StepScope after = new(outer, order, null);
        return _findings.HasErrors ? (null, after) : (Build(id, initial!.Value, timeout), after);
    }

    private void ReadStates(YamlMapping states)
    {
        if (states.Entries.Count == 0)
        {
            _findings.Error(states, DiagnosticCodes.EmptyList, "'states' is empty.", "Add a state.");
        }

        foreach (YamlEntry entry in states.Entries)
        {
            string id = entry.Key.Text;
            if (!context.TryCount(entry.Key))
            {
                return;
            }

            if (!Names.Step.IsMatch(id))
            {
                _findings.Error(entry.Key, DiagnosticCodes.InvalidName, $"'{Excerpt.Of(id)}' cannot be the id of a state.", Names.StepRemedy);
            }

            YamlMapping body = entry.Value as YamlMapping ?? new YamlMapping(entry.Key.Offset, []);
            bool isRead = entry.Value is YamlMapping or YamlScalar { Kind: ScalarKind.Null };
            if (!isRead)
            {
                _targetsKnown = false;
                _findings.Error(entry.Value, DiagnosticCodes.WrongType, $"Expected a state, found {entry.Value.Describe()}.", "Write its keys: '{ tool: …, on_success: … }'.");
            }

            _ordinals.Add(id, _states.Count);
            _states.Add(new State(id, entry.Key, Fields.Of(body, entry.Key.Offset, KeySet.State, _findings), isRead));
        }
    }

    /// <returns>False when it is not known which states are final.</returns>
    private bool MarkFinals(IReadOnlyList<YamlScalar> finals, YamlNode list)
    {
        if (list is YamlSequence { Items.Count: 0 })
        {
            _findings.Error(list, DiagnosticCodes.EmptyList, "'final_states' is empty.", "Name the states in which the machine ends.");
        }

        bool known = finals.Count > 0;
        foreach (YamlScalar final in finals)
        {
            if (Resolve(final) is { } state)
            {
                _states[state].IsFinal = true;
            }
            else
            {
                known = false;
            }
        }

        return known;
    }

    private void ReadExits(State state)
    {
        Fields fields = state.Fields;
        if (fields.Sequence("transitions", "a list: [{ condition: \"output.ok\", target: done }]") is { } transitions)
        {
            foreach (YamlNode item in transitions.Items)
            {
                if (fields.AsMapping(item, "'{ condition: \"output.ok\", target: done }'") is not { } mapping)
                {
                    continue;
                }

                var exit = Fields.Of(mapping, mapping.Offset, KeySet.Transition, _findings);
                exit.Require("condition", "A transition", "Add 'condition: …'; where the state goes when no condition is true is 'on_success'.");
                exit.Require("target", "A transition", "Add 'target: <state>'.");
                state.Transitions.Add(new Exit(exit["condition"], ResolveExit(state, exit, "target")));
            }
        }

        state.OnSuccess = ResolveExit(state, fields, "on_success");
        state.OnError = ResolveExit(state, fields, "on_error");
    }

    private int? ResolveExit(State state, Fields fields, string key)
    {
        int? target = fields.Text(key) is { } text ? Resolve(text) : null;
        if (target is { } known)
        {
            state.Next.Add(known);
        }
        else if (fields.Has(key))
        {
            _targetsKnown = false;
        }

        return target;
    }

    /// <summary>The state's ordinal; for an unknown one that of the state that was probably meant.</summary>
    private int? Resolve(YamlScalar target)
    {
        if (_ordinals.TryGetValue(target.Text, out int ordinal))
        {
            return ordinal;
        }

        string? meant = _findings.Nearest(target.Text, _ordinals.Keys);
        _findings.Error(target, DiagnosticCodes.UnknownState, $"There is no state '{Excerpt.Of(target.Text)}'.", meant is null ? "Add it to 'states', or name another." : $"Did you mean '{Excerpt.Of(meant)}'?");
        return meant is null ? null : _ordinals[meant];
    }

    private void CheckWays(MachineOrder order)
    {
        foreach (State state in _states)
        {
            bool leads = state.Fields.Has("transitions") || state.Fields.Has("on_success");
            if (state.IsFinal && state.Fields.Entry("transitions") is { } transitions)
            {
                _findings.Error(transitions.Key, DiagnosticCodes.FinalWithExit, $"'{Excerpt.Of(state.Id)}' is final and has transitions.", "Remove them, or take it out of 'final_states'.");
            }

            if (state.IsFinal && state.Fields.Entry("on_success") is { } onSuccess)
            {
                _findings.Error(onSuccess.Key, DiagnosticCodes.FinalWithExit, $"'{Excerpt.Of(state.Id)}' is final and has 'on_success'.", "Remove it, or take the state out of 'final_states'.");
            }

            state.IsDeadEnd = !state.IsFinal && !leads && state.IsRead;
            if (state.IsDeadEnd)
            {
                _findings.Error(state.Key, DiagnosticCodes.NoWayOut, $"'{Excerpt.Of(state.Id)}' is not final and leads nowhere.", "Add 'on_success' or 'transitions', or list it in 'final_states'.");
            }
        }

        if (!order.IsKnown)
        {
            return;
        }

        BitArray ending = order.LeadingTo(Enumerable.Range(0, _states.Count).Where(s => _states[s].IsFinal || _states[s].IsDeadEnd));
        for (int i = 0; i < _states.Count; i++)
        {
            if (!order.IsReachable(i))
            {
                _findings.Warning(_states[i].Key, DiagnosticCodes.UnreachableState, $"Nothing leads to '{Excerpt.Of(_states[i].Id)}'.", "Lead to it from another state, or remove it.");
            }
            else if (!ending[i])
            {
                _findings.Warning(_states[i].Key, DiagnosticCodes.NoPathToFinal, $"No path leads from '{Excerpt.Of(_states[i].Id)}' to a final state.", "Add a transition towards one.");
            }
        }
    }

    private void CheckOutcome(State state, bool isNested)
    {
        if (state.Fields.Text("outcome") is { } outcome && (isNested || !state.IsFinal))
        {
            string where = isNested ? "in a nested machine" : "on a state that is not final";
            _findings.Warning(outcome, DiagnosticCodes.UnusedOutcome, $"'outcome' is never used {where}.", "Give it to a final state of the workflow's own machine.");
        }
    }

    private StateMachineNode Build(string id, int initial, TimeSpan? timeout)
    {
        var states = _states.Select(s => (s.Body!, new StateRules
        {
            Transitions = [.. s.Transitions.Select(t => new ConditionalTransition(t.Compiled!, t.Target!.Value))],
            OnSuccess = s.OnSuccess,
            OnError = s.OnError,
            IsFinal = s.IsFinal,
            Outcome = s.Fields.Text("outcome")?.Text,
        }));
        return new StateMachineNode([.. states], initial) { Id = id, Timeout = timeout };
    }

    /// <param name="isRead">False when something else stands where the state should: nothing is known about it.</param>
    private sealed class State(string id, YamlScalar key, Fields fields, bool isRead)
    {
        public bool IsRead { get; } = isRead;

        public string Id { get; } = id;

        public YamlScalar Key { get; } = key;

        public Fields Fields { get; } = fields;

        public List<int> Next { get; } = [];

        public List<Exit> Transitions { get; } = [];

        public int? OnSuccess { get; set; }

        public int? OnError { get; set; }

        public bool IsFinal { get; set; }

        public bool IsDeadEnd { get; set; }

        public PlanNode? Body { get; set; }
    }

    private sealed class Exit(YamlNode? condition, int? target)
    {
        public YamlNode? Condition { get; } = condition;

        public int? Target { get; } = target;

        public CelExpression? Compiled { get; set; }
    }
}
