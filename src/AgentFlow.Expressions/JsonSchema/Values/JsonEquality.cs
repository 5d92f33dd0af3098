using System.Runtime.InteropServices;
using System.Text.Json;

namespace AgentFlow.Expressions.JsonSchema.Values;

/// <summary>
/// Equality as JSON Schema defines it: numbers by value, texts by characters, arrays in order, objects whatever the order.
/// Hash codes are randomised per process, so that no document can be made to collide.
/// </summary>
internal sealed class JsonEquality : IEqualityComparer<JsonElement>
{
    private const int FewMembers = 8;

    public static JsonEquality Instance { get; } = new();

    public bool Equals(JsonElement left, JsonElement right)
    {
        if (left.ValueKind != right.ValueKind) return false;
        switch (left.ValueKind)
        {
            case JsonValueKind.Number:
                return Number(left).Equals(Number(right));
            case JsonValueKind.String:
                return SameText(left, right);
            case JsonValueKind.Array:
                return left.GetArrayLength() == right.GetArrayLength()
                    && left.EnumerateArray().Zip(right.EnumerateArray()).All(pair => Equals(pair.First, pair.Second));
            case JsonValueKind.Object:
                return left.GetPropertyCount() == right.GetPropertyCount() && SameMembers(left, right);
            default:
                return true;
        }
    }

    public int GetHashCode(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Number:
                return Number(value).GetHashCode();
            case JsonValueKind.String:
                return JsonText.Value(value).GetHashCode();
            case JsonValueKind.Array:
                var items = new HashCode();
                foreach (JsonElement item in value.EnumerateArray()) items.Add(GetHashCode(item));
                return items.ToHashCode();
            case JsonValueKind.Object:
                // A sum does not depend on the order.
                int members = 1;
                foreach (JsonProperty member in value.EnumerateObject())
                {
                    members += HashCode.Combine(JsonText.Name(member), GetHashCode(member.Value));
                }

                return members;
            default:
                return (int)value.ValueKind;
        }
    }

    public static JsonNumber Number(JsonElement number) => JsonNumber.Parse(JsonMarshal.GetRawUtf8Value(number));

    private static bool SameText(JsonElement left, JsonElement right)
    {
        ReadOnlySpan<byte> l = JsonMarshal.GetRawUtf8Value(left), r = JsonMarshal.GetRawUtf8Value(right);
        return l.SequenceEqual(r) || ((l.Contains((byte)'\\') || r.Contains((byte)'\\')) && JsonText.Value(left) == JsonText.Value(right));
    }

    private bool SameMembers(JsonElement left, JsonElement right)
    {
        if (left.GetPropertyCount() > FewMembers) return SameManyMembers(left, right);
        foreach (JsonProperty member in left.EnumerateObject())
        {
            ReadOnlySpan<byte> name = JsonText.Utf8Name(member);
            bool found = false;
            foreach (JsonProperty other in right.EnumerateObject())
            {
                if (!name.SequenceEqual(JsonText.Utf8Name(other))) continue;
                found = Equals(member.Value, other.Value);
                break;
            }

            if (!found) return false;
        }

        return true;
    }

    private bool SameManyMembers(JsonElement left, JsonElement right)
    {
        var members = new Dictionary<string, JsonElement>(right.GetPropertyCount(), StringComparer.Ordinal);
        foreach (JsonProperty member in right.EnumerateObject()) members[JsonText.Name(member)] = member.Value;
        return left.EnumerateObject().All(m => members.TryGetValue(JsonText.Name(m), out JsonElement other) && Equals(m.Value, other));
    }
}
