using AgentFlow.Expressions.Cel.Values;
using AgentFlow.Expressions.JsonPath.Evaluation;
using AgentFlow.Expressions.JsonPath.Syntax;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary>The language's values as a document for JSONPath. Members have text keys; other keys are reached by wildcards only.</summary>
internal readonly struct CelTree : IJsonTree<CelValue>
{
    public NodeKind KindOf(CelValue node) => node.Kind switch
    {
        CelKind.Null => NodeKind.Null,
        CelKind.Bool => node.IsTrue ? NodeKind.True : NodeKind.False,
        CelKind.Int or CelKind.UInt => NodeKind.Number,
        CelKind.Double => double.IsFinite(node.RawDouble) ? NodeKind.Number : NodeKind.Other,
        CelKind.String => NodeKind.String,
        CelKind.List => NodeKind.Array,
        CelKind.Map => NodeKind.Object,
        _ => NodeKind.Other,
    };

    public int CountOf(CelValue container) => container.Kind == CelKind.List ? container.RawList.Count : container.RawMap.Count;

    public CelValue ItemAt(CelValue array, int index) => array.RawList[index];

    public bool TryGetMember(CelValue container, Selector.Name name, out CelValue value) => container.RawMap.TryGet(name.Text, out value);

    public void AddChildren(Located<CelValue> container, List<Located<CelValue>> target, bool locates)
    {
        int count = CountOf(container.Value);
        for (int i = 0; i < count; i++)
        {
            target.Add(new Located<CelValue>(container.Value.Kind == CelKind.List ? container.Value.RawList[i] : container.Value.RawMap.ValueAt(i), null));
        }
    }

    public Dictionary<string, CelValue> MembersOf(CelValue container)
    {
        CelMap map = container.RawMap;
        var members = new Dictionary<string, CelValue>(map.Count, StringComparer.Ordinal);
        for (int i = 0; i < map.Count; i++)
        {
            members[NameOf(map.KeyAt(i))] = map.ValueAt(i);
        }

        return members;
    }

    public string TextOf(CelValue text) => text.RawString;

    public bool TextEquals(CelValue text, Literal other) => text.RawString == other.Text;

    public int LengthOf(CelValue text) => CelText.CountCodePoints(text.RawString);

    public JsonNumber NumberOf(CelValue number) => number.Kind switch
    {
        CelKind.Int => JsonNumber.Of(number.RawBits),
        CelKind.UInt => JsonNumber.Of(number.RawUInt),
        _ => JsonNumber.Of(number.RawDouble),
    };

    public JsonNumber NumberOf(Literal number) => number.Rounded;

    public bool AreSame(CelValue left, CelValue right) => CelEquality.Equal(left, right);

    // Keys of different kinds must not meet under one name.
    private static string NameOf(in CelValue key) => key.Kind == CelKind.String ? key.RawString : $"{key.Kind}\0{key}";
}
