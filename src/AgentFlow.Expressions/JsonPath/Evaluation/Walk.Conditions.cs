using System.Diagnostics;
using AgentFlow.Expressions.JsonPath.Syntax;

namespace AgentFlow.Expressions.JsonPath.Evaluation;

/// <content>What filters ask.</content>
internal sealed partial class Walk<TNode, TTree>
{
    // The pattern that came from the document last: it mostly is the same for every value.
    private (string Source, bool IsWhole, IRegexp Pattern)? _latest;

    private bool Holds(Condition condition, TNode current)
    {
        if (!budget.Spend(1))
        {
            return false;
        }

        switch (condition)
        {
            case Condition.And and:
                foreach (Condition term in and.Terms)
                {
                    if (!Holds(term, current))
                    {
                        return false;
                    }
                }

                return true;
            case Condition.Or or:
                foreach (Condition term in or.Terms)
                {
                    if (Holds(term, current))
                    {
                        return true;
                    }
                }

                return false;
            case Condition.Not not:
                return !Holds(not.Inner, current);
            case Condition.Exists exists:
                return exists.Query.IsSingular ? TryFollow(exists.Query, current, out _) : Nodes(exists.Query, current, wanted: 1).Count > 0;
            case Condition.Compare compare:
                return Holds(compare.Operator, Evaluate(compare.Left, current), Evaluate(compare.Right, current));
            case Condition.Matches matches:
                return Holds(matches, current);
            default:
                throw new UnreachableException();
        }
    }

    private bool Holds(Condition.Matches matches, TNode current)
    {
        Result text = Evaluate(matches.Text, current);
        if (KindOf(text) != NodeKind.String)
        {
            return false;
        }

        IRegexp? pattern = matches.Constant;
        if (pattern is null)
        {
            Result source = Evaluate(matches.Pattern, current);
            pattern = KindOf(source) == NodeKind.String ? Compile(TextOf(source), matches.IsWhole) : IRegexp.Nothing;
        }

        string content = TextOf(text);
        return budget.Spend(pattern.CostOf(content)) && pattern.IsMatch(content);
    }

    private IRegexp Compile(string source, bool isWhole)
    {
        if (_latest is { } latest && latest.IsWhole == isWhole && latest.Source == source)
        {
            return latest.Pattern;
        }

        if (!budget.Spend(source.Length))
        {
            return IRegexp.Nothing;
        }

        IRegexp pattern = IRegexp.Compile(source, isWhole);
        // To say that it does not match would be a lie.
        budget.Spend(pattern.IsTooLarge ? long.MaxValue : pattern.Size);
        _latest = (source, isWhole, pattern);
        return pattern;
    }

    private List<Located<TNode>> Nodes(Query query, TNode current, int wanted)
    {
        if (query.IsRelative)
        {
            return Run(query, current, withPlaces: false, wanted);
        }

        _absolute ??= [];
        if (!_absolute.TryGetValue(query, out List<Located<TNode>>? nodes))
        {
            nodes = Run(query, document, withPlaces: false, int.MaxValue);
            _absolute.Add(query, nodes);
        }

        return nodes;
    }

    /// <summary>A singular query, which needs no lists.</summary>
    private bool TryFollow(Query query, TNode current, out TNode value)
    {
        value = query.IsRelative ? current : document;
        foreach (Segment segment in query.Segments)
        {
            NodeKind kind = tree.KindOf(value);
            int size = kind is NodeKind.Array or NodeKind.Object ? tree.CountOf(value) : 0;
            if (!budget.Spend(1 + size))
            {
                return false;
            }

            switch (segment.Selectors[0])
            {
                case Selector.Name name when kind == NodeKind.Object && tree.TryGetMember(value, name, out TNode member):
                    value = member;
                    break;
                case Selector.Index index when kind == NodeKind.Array:
                    long position = index.Value < 0 ? size + index.Value : index.Value;
                    if (position < 0 || position >= size)
                    {
                        return false;
                    }

                    value = tree.ItemAt(value, (int)position);
                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    private Result Evaluate(Operand operand, TNode current)
    {
        switch (operand)
        {
            case Operand.Constant constant:
                return Result.Of(constant.Value);
            case Operand.Selected selected:
                return TryFollow(selected.Query, current, out TNode value) ? Result.Of(value) : default;
            case Operand.Length length:
                return LengthOf(Evaluate(length.Value, current));
            case Operand.Count count:
                return Result.Of(Nodes(count.Query, current, int.MaxValue).Count);
            case Operand.Only only:
                return Nodes(only.Query, current, wanted: 2) is [var single] ? Result.Of(single.Value) : default;
            default:
                throw new UnreachableException();
        }
    }

    private Result LengthOf(Result value)
    {
        switch (KindOf(value))
        {
            case NodeKind.String:
                string? constant = value.Constant?.Text;
                return Result.Of(constant is null ? tree.LengthOf(value.Node) : Cel.Values.CelText.CountCodePoints(constant));
            case NodeKind.Array or NodeKind.Object:
                return Result.Of(tree.CountOf(value.Node));
            default:
                return default;
        }
    }
}
