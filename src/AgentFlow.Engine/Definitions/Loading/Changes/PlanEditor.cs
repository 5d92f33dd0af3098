using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading.Changes;

/// <summary>
/// Does a list of changes to the YAML tree of a workflow. What comes out is read like any file, so only what concerns the
/// change itself is reported here.
/// </summary>
internal sealed class PlanEditor(Findings findings)
{
    private static readonly string[] Actions = ["insert", "replace", "remove", "redirect"];
    private static readonly string[] StepRules = ["depends_on", "condition", "on_error"];
    private static readonly string[] Exits = ["transitions", "on_success", "on_error"];

    private readonly List<PlanEdit> _edits = [];

    /// <summary>What has been touched.</summary>
    public IReadOnlyList<PlanEdit> Edits => _edits;

    public YamlMapping Apply(YamlMapping file, YamlMapping document)
    {
        var fields = Fields.Of(document, document.Offset, KeySet.Changes, findings);
        fields.Require("changes", "The document", "Write 'changes:' with a list: '- insert: { id: check, tool: … }'.");
        if (fields.Sequence("changes", "a list: '- insert: { id: check, tool: … }'") is not { } list)
        {
            return file;
        }

        if (list.Items.Count == 0)
        {
            findings.Error(list, DiagnosticCodes.EmptyList, "'changes' is empty.", "Add a change.");
        }

        foreach (YamlNode item in list.Items)
        {
            if (fields.AsMapping(item, "'{ insert: { id: check, tool: … } }'") is { } mapping)
            {
                file = ApplyOne(file, Fields.Of(mapping, mapping.Offset, KeySet.Change, findings));
            }
        }

        return file;
    }

    private YamlMapping ApplyOne(YamlMapping file, Fields change)
    {
        YamlScalar[] actions = [.. Actions.Select(change.Entry).Where(e => e is not null).Select(e => e!.Value.Key).OrderBy(k => k.Offset)];
        if (actions.Length == 0)
        {
            findings.Error(change.Place, DiagnosticCodes.MissingKey, "This change says nothing.", $"Write one of {string.Join(", ", Actions)}.");
            return file;
        }

        foreach (YamlScalar further in actions.Skip(1))
        {
            findings.Error(further, DiagnosticCodes.ConflictingKeys, $"'{actions[0].Text}' says already what is changed.", "Write two changes.");
        }

        string action = actions[0].Text;
        Refuse(change, action != "insert", ["into", "before", "final"], "It belongs to 'insert'.");
        Refuse(change, action != "replace", ["with"], "It belongs to 'replace'.");
        Refuse(change, action != "redirect", Exits, "It belongs to 'redirect', or into the state itself.");
        return action switch
        {
            "insert" => Insert(file, change),
            "replace" => Replace(file, change),
            "remove" => Remove(file, change),
            _ => Redirect(file, change),
        };

        void Refuse(Fields of, bool isForeign, string[] keys, string remedy)
        {
            foreach (string key in isForeign ? keys : [])
            {
                of.Refuse(key, $"beside '{action}'", remedy);
            }
        }
    }

    private YamlMapping Insert(YamlMapping file, Fields change)
    {
        if (change.Mapping("insert", "the step with its id: '{ id: check, tool: … }'") is not { } node)
        {
            return file;
        }

        if (node.FindEntry("id")?.Value is not YamlScalar { Kind: ScalarKind.Text } id)
        {
            findings.Error(node, DiagnosticCodes.MissingKey, "What is inserted has no 'id'.", "Add 'id: …', which nothing beside it has.");
            return file;
        }

        string scope = change.Text("into")?.Text ?? "";
        IReadOnlyList<YamlScalar> before = change["before"] is YamlSequence ? change.Texts("before", "a list: [publish]") ?? [] : change.Text("before") is { } one ? [one] : [];
        return Edit(file, scope, change["into"] ?? change["insert"]!, holder =>
        {
            PlanHolder siblings = PlanHolder.Of(holder);
            foreach (YamlScalar unknown in before.Where(b => siblings.Find(b.Text) is null))
            {
                findings.Error(unknown, DiagnosticCodes.UnknownStep, $"There is no '{Excerpt.Of(unknown.Text)}' in this scope.", findings.Suggest(unknown.Text, siblings.Ids) + "Name what is to come after the inserted step.");
                return holder;
            }

            if (siblings.Find(id.Text) is not null)
            {
                findings.Error(id, DiagnosticCodes.DuplicateId, $"There is '{Excerpt.Of(id.Text)}' in this scope already.", "Give the inserted one another id, or replace the other.");
                return holder;
            }

            if (change.Has("final") && siblings.Kind != PlanHolderKind.Machine)
            {
                change.Refuse("final", "outside of a state machine", "Remove it.");
            }

            _edits.Add(new PlanEdit(PlanEditKind.Insert, scope, id.Text));
            string? first = before.Count > 0 ? before[0].Text : null;
            switch (siblings.Kind)
            {
                case PlanHolderKind.Graph:
                    foreach (YamlScalar follower in before)
                    {
                        _edits.Add(new PlanEdit(PlanEditKind.Reorder, scope, follower.Text));
                        siblings = siblings.With(follower.Text, step => step.With("depends_on", List(step, "depends_on").Append(id)));
                    }

                    return siblings.Insert(id, node, first);
                case PlanHolderKind.Machine:
                    return InsertState(siblings, change, scope, id, node, before);
                case PlanHolderKind.List:
                    return siblings.Insert(id, node, first);
                default:
                    findings.Error(change["into"] ?? change["insert"]!, DiagnosticCodes.NotApplicable, $"Nothing can be inserted into '{Excerpt.Of(scope)}'.", "Name a scope: a graph, a state machine, or a sequence, selector or parallel of a tree.");
                    return holder;
            }
        });
    }

    /// <summary>Whatever led to the state behind leads to the new one, which leads there unless it says otherwise.</summary>
    private YamlMapping InsertState(PlanHolder machine, Fields change, string scope, YamlScalar id, YamlMapping state, IReadOnlyList<YamlScalar> before)
    {
        YamlMapping body = state.Without("id");
        bool isFinal = change["final"] is YamlScalar { Kind: ScalarKind.Boolean } final && CoreSchema.IsTrue(final.Text);
        foreach (YamlScalar behind in before)
        {
            foreach (string other in machine.Ids)
            {
                machine = machine.With(other, s =>
                {
                    YamlMapping led = Lead(s, behind.Text, id);
                    if (led != s)
                    {
                        _edits.Add(new PlanEdit(PlanEditKind.Redirect, scope, other));
                    }

                    return led;
                });
            }

            if (machine.Holder.FindEntry("initial_state")?.Value is YamlScalar initial && initial.Text == behind.Text)
            {
                machine = PlanHolder.Of(machine.Holder.With("initial_state", id));
            }
        }

        if (before.Count > 0 && !isFinal && body.FindEntry("on_success") is null && body.FindEntry("transitions") is null)
        {
            body = body.With("on_success", before[0]);
        }

        YamlMapping changed = machine.Insert(id, body, before.Count > 0 ? before[0].Text : null);
        return isFinal ? changed.With("final_states", List(changed, "final_states").Append(id)) : changed;
    }

    private YamlMapping Replace(YamlMapping file, Fields change)
    {
        if (change.Text("replace") is not { } address)
        {
            return file;
        }

        change.Require("with", "'replace'", "Add 'with:' and what stands there from now on.");
        if (change.Mapping("with", "what stands there from now on: '{ tool: … }'") is not { } body)
        {
            return file;
        }

        (string scope, string id) = Split(address.Text);
        if (body.FindEntry("id")?.Value is YamlScalar own && own.Text != id)
        {
            findings.Error(own, DiagnosticCodes.ConflictingKeys, $"'{Excerpt.Of(id)}' keeps its id.", "Leave the id out, or remove the step and insert another one.");
            return file;
        }

        return Edit(file, scope, address, holder =>
        {
            PlanHolder siblings = PlanHolder.Of(holder);
            if (siblings.Find(id) is not { } old)
            {
                return Unknown(address, siblings, holder);
            }

            _edits.Add(new PlanEdit(PlanEditKind.Replace, scope, id));
            YamlMapping node = body.Without("id");
            foreach (string rule in siblings.Kind switch { PlanHolderKind.Graph => StepRules, PlanHolderKind.Machine => [.. Exits, "outcome"], _ => [] })
            {
                // What the step does is replaced; how it hangs together with the others stays, unless the new one says it.
                if (old.FindEntry(rule) is { } kept && node.FindEntry(rule) is null && !(Exits.Contains(rule) && Exits.Any(e => body.FindEntry(e) is not null)))
                {
                    node = node.With(rule, kept.Value);
                }
            }

            return siblings.With(id, _ => siblings.Kind is PlanHolderKind.Machine or PlanHolderKind.Loop ? node : node.With("id", address.Named(id))).Holder;
        });
    }

    private YamlMapping Remove(YamlMapping file, Fields change)
    {
        if (change.Text("remove") is not { } address)
        {
            return file;
        }

        (string scope, string id) = Split(address.Text);
        return Edit(file, scope, address, holder =>
        {
            PlanHolder siblings = PlanHolder.Of(holder);
            if (siblings.Find(id) is not { } old)
            {
                return Unknown(address, siblings, holder);
            }

            _edits.Add(new PlanEdit(PlanEditKind.Remove, scope, id));
            switch (siblings.Kind)
            {
                case PlanHolderKind.Graph:
                    foreach (string other in siblings.Ids.Where(o => Names(siblings.Find(o)!, "depends_on").Contains(id)))
                    {
                        _edits.Add(new PlanEdit(PlanEditKind.Reorder, scope, other));
                        siblings = siblings.With(other, step => step.With("depends_on", List(step, "depends_on").Replace(id, List(old, "depends_on"))));
                    }

                    return siblings.Remove(id);
                case PlanHolderKind.Machine:
                    return RemoveState(siblings, scope, id, old, address);
                case PlanHolderKind.List:
                    return siblings.Remove(id);
                default:
                    findings.Error(address, DiagnosticCodes.NotApplicable, $"'{Excerpt.Of(id)}' cannot be removed.", "Remove or replace what holds it.");
                    return holder;
            }
        });
    }

    /// <summary>Whatever led to the state leads where the state led.</summary>
    private YamlMapping RemoveState(PlanHolder machine, string scope, string id, YamlMapping state, YamlScalar address)
    {
        var next = state.FindEntry("on_success")?.Value as YamlScalar;
        foreach (string other in machine.Ids.Where(o => o != id && Lead(machine.Find(o)!, id, address) != machine.Find(o)))
        {
            if (next is null || state.FindEntry("transitions") is not null)
            {
                findings.Error(address, DiagnosticCodes.UnknownState, $"'{Excerpt.Of(other)}' leads to '{Excerpt.Of(id)}', and it is not plain where it is to lead without it.", "Write a 'redirect' for it before this change.");
                return machine.Holder;
            }

            _edits.Add(new PlanEdit(PlanEditKind.Redirect, scope, other));
            machine = machine.With(other, s => Lead(s, id, next));
        }

        YamlMapping left = machine.Remove(id);
        return Names(left, "final_states").Contains(id) ? left.With("final_states", List(left, "final_states").Replace(id, new YamlSequence(address.Offset, []))) : left;
    }

    private YamlMapping Redirect(YamlMapping file, Fields change)
    {
        if (change.Text("redirect") is not { } address)
        {
            return file;
        }

        if (!Exits.Any(change.Has))
        {
            findings.Error(change.Place, DiagnosticCodes.MissingKey, "This 'redirect' leads nowhere.", "Add 'on_success', 'on_error' or 'transitions'.");
            return file;
        }

        (string scope, string id) = Split(address.Text);
        return Edit(file, scope, address, holder =>
        {
            PlanHolder siblings = PlanHolder.Of(holder);
            if (siblings.Find(id) is null)
            {
                return Unknown(address, siblings, holder);
            }

            if (siblings.Kind != PlanHolderKind.Machine)
            {
                findings.Error(address, DiagnosticCodes.NotApplicable, $"'{Excerpt.Of(id)}' is not a state.", "Write a 'replace' with another 'depends_on'.");
                return holder;
            }

            _edits.Add(new PlanEdit(PlanEditKind.Redirect, scope, id));
            return siblings.With(id, state => Exits.Where(change.Has).Aggregate(state, (s, exit) =>
                change[exit] is YamlScalar { Kind: ScalarKind.Null } ? s.Without(exit) : s.With(exit, change[exit]!))).Holder;
        });
    }

    /// <summary>Changes the mapping that holds the children of a scope.</summary>
    private YamlMapping Edit(YamlMapping file, string scope, YamlNode place, Func<YamlMapping, YamlMapping> edit)
    {
        if (scope.Length == 0)
        {
            return edit(file);
        }

        string[] ids = scope.Split('/');
        return Descend(file, 0);

        YamlMapping Descend(YamlMapping holder, int at)
        {
            if (at == ids.Length)
            {
                return edit(holder);
            }

            PlanHolder siblings = PlanHolder.Of(holder);
            if (siblings.Find(ids[at]) is null)
            {
                findings.Error(place, DiagnosticCodes.UnknownStep, $"There is no '{Excerpt.Of(string.Join('/', ids.Take(at + 1)))}' in the plan.", findings.Suggest(ids[at], siblings.Ids) + "Name a scope by the ids that lead to it: review/approve.");
                return holder;
            }

            return siblings.With(ids[at], node => Descend(node, at + 1)).Holder;
        }
    }

    private YamlMapping Unknown(YamlScalar address, PlanHolder siblings, YamlMapping holder)
    {
        (_, string id) = Split(address.Text);
        findings.Error(address, DiagnosticCodes.UnknownStep, $"There is no '{Excerpt.Of(address.Text)}' in the plan.", findings.Suggest(id, siblings.Ids) + "Name it by the ids that lead to it: review/approve.");
        return holder;
    }

    /// <summary>The state with every exit to one state leading to another.</summary>
    private static YamlMapping Lead(YamlMapping state, string from, YamlScalar to)
    {
        foreach (string exit in new[] { "on_success", "on_error" })
        {
            if (state.FindEntry(exit)?.Value is YamlScalar target && target.Text == from)
            {
                state = state.With(exit, to);
            }
        }

        if (state.FindEntry("transitions")?.Value is YamlSequence transitions
            && transitions.Items.OfType<YamlMapping>().Any(t => LeadsTo(t, from)))
        {
            state = state.With("transitions", new YamlSequence(transitions.Offset, [.. transitions.Items.Select(t => t is YamlMapping exit && LeadsTo(exit, from) ? exit.With("target", to) : t)]));
        }

        return state;

        static bool LeadsTo(YamlMapping transition, string id) => transition.FindEntry("target")?.Value is YamlScalar target && target.Text == id;
    }

    private static (string Scope, string Id) Split(string address) =>
        address.LastIndexOf('/') is >= 0 and var slash ? (address[..slash], address[(slash + 1)..]) : ("", address);

    private static YamlSequence List(YamlMapping mapping, string key) => mapping.FindEntry(key)?.Value as YamlSequence ?? new YamlSequence(mapping.Offset, []);

    private static IEnumerable<string> Names(YamlMapping mapping, string key) => List(mapping, key).Items.OfType<YamlScalar>().Select(s => s.Text);
}
