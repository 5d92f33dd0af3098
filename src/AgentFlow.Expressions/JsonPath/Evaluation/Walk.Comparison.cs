using AgentFlow.Expressions.Cel.Values;
using AgentFlow.Expressions.JsonPath.Syntax;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonPath.Evaluation;

/// <content>Comparison, RFC 9535 §2.3.5.2.2: nothing equals nothing, only numbers and texts have an order.</content>
internal sealed partial class Walk<TNode, TTree>
{
    // Texts are read at memory speed, a step is some ten nanoseconds.
    private const int CharactersPerStep = 16;

    private enum ResultKind : byte
    {
        Nothing,
        Node,
        Constant,
        Count,
    }

    private bool Holds(Comparison comparison, Result left, Result right) => comparison switch
    {
        Comparison.Equal => AreEqual(left, right),
        Comparison.NotEqual => !AreEqual(left, right),
        Comparison.Less => IsLess(left, right),
        Comparison.LessOrEqual => IsLess(left, right) || AreEqual(left, right),
        Comparison.Greater => IsLess(right, left),
        _ => IsLess(right, left) || AreEqual(left, right),
    };

    private bool IsLess(Result left, Result right) => (KindOf(left), KindOf(right)) switch
    {
        (NodeKind.Number, NodeKind.Number) => NumberOf(left).CompareTo(NumberOf(right)) < 0,
        (NodeKind.String, NodeKind.String) => Charged(TextOf(left), TextOf(right)) is var (a, b) && CelText.Compare(a, b) < 0,
        _ => false,
    };

    private bool AreEqual(Result left, Result right)
    {
        NodeKind? kind = KindOf(left);
        if (kind != KindOf(right))
        {
            return false;
        }

        switch (kind)
        {
            case NodeKind.Number:
                return NumberOf(left).Equals(NumberOf(right));
            case NodeKind.String when left.Kind == ResultKind.Node && right.Constant is { } constant:
                return budget.Spend(constant.Text.Length / CharactersPerStep) && tree.TextEquals(left.Node, constant);
            case NodeKind.String when right.Kind == ResultKind.Node && left.Constant is { } constant:
                return budget.Spend(constant.Text.Length / CharactersPerStep) && tree.TextEquals(right.Node, constant);
            case NodeKind.String:
                return Charged(TextOf(left), TextOf(right)) is var (a, b) && a == b;
            case NodeKind.Array or NodeKind.Object or NodeKind.Other:
                return AreEqual(left.Node, right.Node);
            default:
                return true;
        }
    }

    /// <summary>Compares whole values, level by level, so that no nesting can exhaust the stack.</summary>
    private bool AreEqual(TNode left, TNode right)
    {
        var open = new Stack<(TNode Left, TNode Right)>();
        open.Push((left, right));
        while (open.TryPop(out (TNode Left, TNode Right) pair))
        {
            NodeKind kind = tree.KindOf(pair.Left);
            if (!budget.Spend(1) || kind != tree.KindOf(pair.Right) || !(kind switch
            {
                NodeKind.Array => PushItems(pair.Left, pair.Right, open),
                NodeKind.Object => PushMembers(pair.Left, pair.Right, open),
                NodeKind.String => Charged(tree.TextOf(pair.Left), tree.TextOf(pair.Right)) is var (a, b) && a == b,
                NodeKind.Number => tree.NumberOf(pair.Left).Equals(tree.NumberOf(pair.Right)),
                NodeKind.Other => tree.AreSame(pair.Left, pair.Right),
                _ => true,
            }))
            {
                return false;
            }
        }

        return true;
    }

    private bool PushItems(TNode left, TNode right, Stack<(TNode Left, TNode Right)> open)
    {
        int count = tree.CountOf(left);
        if (count != tree.CountOf(right) || !budget.Spend(count))
        {
            return false;
        }

        List<Located<TNode>> items = new(count);
        List<Located<TNode>> others = new(count);
        tree.AddChildren(new Located<TNode>(left, null), items, locates: false);
        tree.AddChildren(new Located<TNode>(right, null), others, locates: false);
        for (int i = count - 1; i >= 0; i--)
        {
            open.Push((items[i].Value, others[i].Value));
        }

        return true;
    }

    private bool PushMembers(TNode left, TNode right, Stack<(TNode Left, TNode Right)> open)
    {
        if (!budget.Spend((long)tree.CountOf(left) + tree.CountOf(right)))
        {
            return false;
        }

        Dictionary<string, TNode> members = tree.MembersOf(left);
        Dictionary<string, TNode> others = tree.MembersOf(right);
        if (members.Count != others.Count)
        {
            return false;
        }

        foreach ((string name, TNode value) in members)
        {
            if (!others.TryGetValue(name, out TNode? other))
            {
                return false;
            }

            open.Push((value, other));
        }

        return true;
    }

    private (string Left, string Right)? Charged(string left, string right) =>
        budget.Spend((long)Math.Min(left.Length, right.Length) / CharactersPerStep) ? (left, right) : null;

    /// <summary><see langword="null"/> for nothing.</summary>
    private NodeKind? KindOf(Result result) => result.Kind switch
    {
        ResultKind.Nothing => null,
        ResultKind.Node => tree.KindOf(result.Node),
        ResultKind.Constant => result.Constant!.Kind,
        _ => NodeKind.Number,
    };

    private string TextOf(Result text) => text.Constant?.Text ?? tree.TextOf(text.Node);

    private JsonNumber NumberOf(Result number) => number.Kind switch
    {
        ResultKind.Node => tree.NumberOf(number.Node),
        ResultKind.Constant => tree.NumberOf(number.Constant!),
        _ => JsonNumber.Of((long)number.Count),
    };

    /// <summary>What an operand comes to: nothing, a node, a constant, or a number that a function counted.</summary>
    private readonly record struct Result(ResultKind Kind, TNode Node, Literal? Constant, int Count)
    {
        public static Result Of(TNode node) => new(ResultKind.Node, node, null, 0);

        public static Result Of(Literal constant) => new(ResultKind.Constant, default!, constant, 0);

        public static Result Of(int count) => new(ResultKind.Count, default!, null, count);
    }
}
