using System.Runtime.InteropServices;
using System.Text.Json;
using AgentFlow.Expressions.JsonPath.Syntax;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonPath.Evaluation;

/// <summary>Parsed JSON. Reads texts without the element's own accessors, which throw for escaped halves of surrogate pairs.</summary>
internal readonly struct ElementTree : IJsonTree<JsonElement>
{
    public NodeKind KindOf(JsonElement node) => node.ValueKind switch
    {
        JsonValueKind.Object => NodeKind.Object,
        JsonValueKind.Array => NodeKind.Array,
        JsonValueKind.String => NodeKind.String,
        JsonValueKind.Number => NodeKind.Number,
        JsonValueKind.True => NodeKind.True,
        JsonValueKind.False => NodeKind.False,
        JsonValueKind.Null => NodeKind.Null,
        _ => NodeKind.Other,
    };

    public int CountOf(JsonElement container) =>
        container.ValueKind == JsonValueKind.Array ? container.GetArrayLength() : container.GetPropertyCount();

    public JsonElement ItemAt(JsonElement array, int index) => array[index];

    public bool TryGetMember(JsonElement container, Selector.Name name, out JsonElement value)
    {
        value = default;
        bool isFound = false;
        foreach (JsonProperty member in container.EnumerateObject())
        {
            if (Is(JsonMarshal.GetRawUtf8PropertyName(member), member, name))
            {
                value = member.Value;
                isFound = true;
            }
        }

        return isFound;
    }

    private static bool Is(ReadOnlySpan<byte> raw, JsonProperty member, Selector.Name name) =>
        raw.SequenceEqual(name.Utf8) || (raw.Contains((byte)'\\') && JsonText.Name(member) == name.Text);

    public void AddChildren(Located<JsonElement> container, List<Located<JsonElement>> target, bool locates)
    {
        if (container.Value.ValueKind == JsonValueKind.Array)
        {
            int index = 0;
            foreach (JsonElement item in container.Value.EnumerateArray())
            {
                target.Add(new Located<JsonElement>(item, locates ? new Location(container.Place, null, index++) : null));
            }

            return;
        }

        foreach (JsonProperty member in container.Value.EnumerateObject())
        {
            target.Add(new Located<JsonElement>(member.Value, locates ? new Location(container.Place, JsonText.Name(member), 0) : null));
        }
    }

    public Dictionary<string, JsonElement> MembersOf(JsonElement container)
    {
        var members = new Dictionary<string, JsonElement>(container.GetPropertyCount(), StringComparer.Ordinal);
        foreach (JsonProperty member in container.EnumerateObject())
        {
            members[JsonText.Name(member)] = member.Value;
        }

        return members;
    }

    public string TextOf(JsonElement text) => JsonText.Value(text);

    public bool TextEquals(JsonElement text, Literal other)
    {
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(text)[1..^1];
        return raw.SequenceEqual(other.Utf8) || (raw.Contains((byte)'\\') && JsonText.Value(text) == other.Text);
    }

    public int LengthOf(JsonElement text) => JsonText.CodePoints(text);

    public JsonNumber NumberOf(JsonElement number) => JsonEquality.Number(number);

    public JsonNumber NumberOf(Literal number) => number.Exact;

    public bool AreSame(JsonElement left, JsonElement right) => false;
}
