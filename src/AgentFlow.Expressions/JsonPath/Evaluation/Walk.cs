using AgentFlow.Expressions.JsonPath.Syntax;

namespace AgentFlow.Expressions.JsonPath.Evaluation;

/// <summary>One evaluation of a query over one document. Recurses as deeply as the query is nested, never as deeply as the document.</summary>
/// <param name="tree">How to read the document.</param>
/// <param name="document">What <c>$</c> stands for.</param>
/// <param name="budget">What it may cost; once exhausted, every answer is meaningless and comes soon.</param>
/// <param name="locates">Whether nodes carry their places.</param>
internal sealed partial class Walk<TNode, TTree>(TTree tree, TNode document, JsonPathBudget budget, bool locates)
    where TTree : struct, IJsonTree<TNode>
{
    // What an absolute query in a filter selects does not depend on the value that the filter looks at.
    private Dictionary<Query, List<Located<TNode>>>? _absolute;

    /// <summary>The nodes in order; <see langword="null"/> when they cost more than the budget.</summary>
    public List<Located<TNode>>? Run(Query query)
    {
        List<Located<TNode>> nodes = Run(query, document, locates, int.MaxValue);
        return budget.IsExhausted ? null : nodes;
    }

    /// <param name="wanted">Nodes after which nobody asks for more.</param>
    private List<Located<TNode>> Run(Query query, TNode start, bool withPlaces, int wanted)
    {
        List<Located<TNode>> nodes = [new(start, null)];
        for (int i = 0; i < query.Segments.Count; i++)
        {
            Segment segment = query.Segments[i];
            int enough = i == query.Segments.Count - 1 ? wanted : int.MaxValue;
            List<Located<TNode>> next = [];
            foreach (Located<TNode> node in nodes)
            {
                bool goesOn = segment.IsDescendant
                    ? Descend(node, segment, next, withPlaces, enough)
                    : Apply(node, segment, next, withPlaces);
                if (!goesOn || next.Count >= enough)
                {
                    break;
                }
            }

            if (budget.IsExhausted)
            {
                return [];
            }

            nodes = next;
        }

        return nodes;
    }

    /// <summary>The value first, then those below it, in order (RFC 9535 §2.5.2.2).</summary>
    private bool Descend(Located<TNode> top, Segment segment, List<Located<TNode>> next, bool withPlaces, int enough)
    {
        List<Located<TNode>> open = [top];
        while (open.Count > 0)
        {
            Located<TNode> node = open[^1];
            open.RemoveAt(open.Count - 1);
            if (!IsContainer(node.Value))
            {
                continue;
            }

            if (!Apply(node, segment, next, withPlaces))
            {
                return false;
            }

            if (next.Count >= enough)
            {
                return true;
            }

            int start = open.Count;
            tree.AddChildren(node, open, withPlaces);
            open.Reverse(start, open.Count - start);
        }

        return true;
    }

    private bool IsContainer(TNode node) => tree.KindOf(node) is NodeKind.Array or NodeKind.Object;

    /// <summary>Applies a segment's selectors to one value. False when the budget is exhausted.</summary>
    private bool Apply(Located<TNode> node, Segment segment, List<Located<TNode>> next, bool withPlaces)
    {
        NodeKind kind = tree.KindOf(node.Value);
        int size = kind is NodeKind.Array or NodeKind.Object ? tree.CountOf(node.Value) : 0;
        foreach (Selector selector in segment.Selectors)
        {
            // Looking something up walks over the members or elements, so their number is its price.
            if (!budget.Spend(1 + size))
            {
                return false;
            }

            if (size > 0)
            {
                Select(node, kind, size, selector, next, withPlaces);
            }

            if (!budget.Holds(next.Count))
            {
                return false;
            }
        }

        return true;
    }

    private void Select(Located<TNode> node, NodeKind kind, int size, Selector selector, List<Located<TNode>> next, bool withPlaces)
    {
        switch (selector)
        {
            case Selector.Name name when kind == NodeKind.Object:
                if (tree.TryGetMember(node.Value, name, out TNode value))
                {
                    next.Add(new Located<TNode>(value, withPlaces ? new Location(node.Place, name.Text, 0) : null));
                }

                break;
            case Selector.Index index when kind == NodeKind.Array:
                AddItem(node, index.Value < 0 ? size + index.Value : index.Value, size, next, withPlaces);
                break;
            case Selector.Slice slice when kind == NodeKind.Array:
                AddSlice(node, slice, size, next, withPlaces);
                break;
            case Selector.Wildcard:
                tree.AddChildren(node, next, withPlaces);
                break;
            case Selector.Filter filter:
                List<Located<TNode>> children = new(size);
                tree.AddChildren(node, children, withPlaces);
                foreach (Located<TNode> child in children)
                {
                    if (budget.IsExhausted)
                    {
                        return;
                    }

                    if (Holds(filter.Condition, child.Value))
                    {
                        next.Add(child);
                    }
                }

                break;
        }
    }

    private void AddItem(Located<TNode> node, long index, int size, List<Located<TNode>> next, bool withPlaces)
    {
        if (index >= 0 && index < size)
        {
            next.Add(new Located<TNode>(tree.ItemAt(node.Value, (int)index), withPlaces ? new Location(node.Place, null, (int)index) : null));
        }
    }

    private void AddSlice(Located<TNode> node, Selector.Slice slice, int size, List<Located<TNode>> next, bool withPlaces)
    {
        if (slice.Step == 0)
        {
            return;
        }

        // An item is found by walking there, so many of them are taken from one walk.
        List<Located<TNode>> items = new(size);
        tree.AddChildren(node, items, withPlaces);
        (long first, long limit) = slice.BoundsIn(size);
        for (long i = first; slice.Step > 0 ? i < limit : i > limit; i += slice.Step)
        {
            next.Add(items[(int)i]);
        }
    }
}
