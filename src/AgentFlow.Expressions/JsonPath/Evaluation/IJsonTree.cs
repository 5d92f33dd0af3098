using AgentFlow.Expressions.JsonPath.Syntax;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonPath.Evaluation;

/// <summary>A document as queries see it: parsed JSON, or the values of an expression. Implemented by structs, for which the walk is compiled.</summary>
internal interface IJsonTree<TNode>
{
    NodeKind KindOf(TNode node);

    /// <summary>Elements of an array, members of an object.</summary>
    int CountOf(TNode container);

    TNode ItemAt(TNode array, int index);

    /// <summary>Of a name that occurs twice, the last.</summary>
    bool TryGetMember(TNode container, Selector.Name name, out TNode value);

    /// <summary>Appends the elements of an array, or the values of an object's members, in order.</summary>
    void AddChildren(Located<TNode> container, List<Located<TNode>> target, bool locates);

    /// <summary>The members by name; of a name that occurs twice, the last.</summary>
    Dictionary<string, TNode> MembersOf(TNode container);

    string TextOf(TNode text);

    bool TextEquals(TNode text, Literal other);

    /// <summary>Code points of a text.</summary>
    int LengthOf(TNode text);

    JsonNumber NumberOf(TNode number);

    /// <summary>A number of the query as this tree would hold it.</summary>
    JsonNumber NumberOf(Literal number);

    /// <summary>Whether two values of kind <see cref="NodeKind.Other"/> are the same.</summary>
    bool AreSame(TNode left, TNode right);
}
