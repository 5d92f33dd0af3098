using AgentFlow.Engine.Definitions.Loading.Plans;
using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading.Changes;

internal enum PlanHolderKind
{
    /// <summary>Holds nothing.</summary>
    None,
    Graph,
    Machine,

    /// <summary>Nodes of a tree, one beside the other.</summary>
    List,

    /// <summary>What is done again and again.</summary>
    Loop,

    /// <summary>Children whose number is fixed: they can be replaced, not inserted or removed.</summary>
    Fixed,
}

/// <summary>The children that a mapping of a valid file holds, by their ids in the plan.</summary>
internal sealed class PlanHolder
{
    private readonly string _key;
    private readonly IReadOnlyList<(string Id, YamlMapping Node)> _children;

    private PlanHolder(YamlMapping holder, PlanHolderKind kind, string key, IReadOnlyList<(string, YamlMapping)> children)
    {
        Holder = holder;
        Kind = kind;
        _key = key;
        _children = children;
    }

    public YamlMapping Holder { get; }

    public PlanHolderKind Kind { get; }

    public IEnumerable<string> Ids => _children.Select(c => c.Id);

    public static PlanHolder Of(YamlMapping holder)
    {
        foreach (YamlEntry entry in holder.Entries)
        {
            switch (entry.Key.Text, entry.Value)
            {
                case ("states", YamlMapping states):
                    return new PlanHolder(holder, PlanHolderKind.Machine, "states", [.. states.Entries.Select(s => (s.Key.Text, s.Value as YamlMapping ?? new YamlMapping(s.Key.Offset, [])))]);
                case ("steps", YamlSequence steps):
                    return new PlanHolder(holder, PlanHolderKind.Graph, "steps", [.. steps.Items.OfType<YamlMapping>().Select(s => (((YamlScalar)s.FindEntry("id")!.Value.Value).Text, s))]);
                case ("selector" or "sequence" or "parallel", YamlSequence nodes):
                    return new PlanHolder(holder, PlanHolderKind.List, entry.Key.Text, BehaviorTreeReader.Named(nodes.Items.OfType<YamlMapping>()));
                case ("foreach" or "while", YamlMapping loop) when loop.FindEntry(LoopReader.BodyKey)?.Value is YamlMapping body:
                    return new PlanHolder(holder, PlanHolderKind.Loop, entry.Key.Text, [(LoopReader.BodyKey, body)]);
                case ("root" or "child", YamlMapping node):
                    return new PlanHolder(holder, PlanHolderKind.Fixed, entry.Key.Text, BehaviorTreeReader.Named([node]));
            }
        }

        return new PlanHolder(holder, PlanHolderKind.None, "", []);
    }

    public YamlMapping? Find(string id) => _children.FirstOrDefault(c => c.Id == id).Node;

    /// <summary>The same with one child changed.</summary>
    public PlanHolder With(string id, Func<YamlMapping, YamlMapping> change) => Put([.. _children.Select(c => c.Id == id ? (id, change(c.Node)) : c)]);

    public YamlMapping Remove(string id) => Put([.. _children.Where(c => c.Id != id)]).Holder;

    /// <param name="before">The child in front of which it comes; <see langword="null"/>: the end.</param>
    public YamlMapping Insert(YamlScalar id, YamlMapping node, string? before)
    {
        int at = before is null ? _children.Count : _children.Index().First(c => c.Item.Id == before).Index;
        return Put([.. _children.Take(at), (id.Text, node), .. _children.Skip(at)], id).Holder;
    }

    private PlanHolder Put(IReadOnlyList<(string Id, YamlMapping Node)> children, YamlScalar? added = null)
    {
        YamlNode old = Holder.FindEntry(_key)!.Value.Value;
        YamlNode value = Kind switch
        {
            PlanHolderKind.Machine => new YamlMapping(old.Offset, [.. children.Select(c => new YamlEntry(KeyOf(c.Id), c.Node))]),
            PlanHolderKind.Fixed => children[0].Node,
            PlanHolderKind.Loop => ((YamlMapping)old).With(LoopReader.BodyKey, children[0].Node),
            // Ids that nobody gave count the nodes before them: written out, they stay what they are.
            PlanHolderKind.List => new YamlSequence(old.Offset, [.. children.Select(c => c.Node.FindEntry("id") is null ? c.Node.With("id", new YamlScalar(c.Node.Offset, c.Node.Offset, c.Id, YamlStyle.Unknown, isPlain: false)) : c.Node)]),
            _ => new YamlSequence(old.Offset, [.. children.Select(c => c.Node)]),
        };
        return Of(Holder.With(_key, value));

        YamlScalar KeyOf(string id) => added?.Text == id ? added : ((YamlMapping)old).FindEntry(id)!.Value.Key;
    }
}
