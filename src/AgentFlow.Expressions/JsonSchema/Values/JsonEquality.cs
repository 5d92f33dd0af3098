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
    private const int MaxDepth = 1000;

    public static JsonEquality Instance { get; } = new();

    /// <exception cref="EvaluationAbortedException">The values are nested too deeply.</exception>
    public bool Equals(JsonElement left, JsonElement right) => Equals(left, right, 0);

    /// <exception cref="EvaluationAbortedException">The value is nested too deeply.</exception>
    public int GetHashCode(JsonElement value) => Hash(value, 0);

    private static bool Equals(JsonElement left, JsonElement right, int depth)
    {
        if (left.ValueKind != right.ValueKind) return false;
        CheckDepth(depth);
        switch (left.ValueKind)
        {
            case JsonValueKind.Number:
                return Number(left).Equals(Number(right));
            case JsonValueKind.String:
                return SameText(left, right);
            case JsonValueKind.Array:
                return left.GetArrayLength() == right.GetArrayLength() && SameItems(left, right, depth);
            case JsonValueKind.Object:
                return left.GetPropertyCount() == right.GetPropertyCount() && SameMembers(left, right, depth);
            default:
                return true;
        }
    }

    private static int Hash(JsonElement value, int depth)
    {
        CheckDepth(depth);
        switch (value.ValueKind)
        {
            case JsonValueKind.Number:
                return Number(value).GetHashCode();
            case JsonValueKind.String:
                return JsonText.Value(value).GetHashCode();
            case JsonValueKind.Array:
                var items = new HashCode();
                foreach (JsonElement item in value.EnumerateArray()) items.Add(Hash(item, depth + 1));
                return items.ToHashCode();
            case JsonValueKind.Object:
                // A sum does not depend on the order.
                int members = 1;
                foreach (JsonProperty member in value.EnumerateObject())
                {
                    members += HashCode.Combine(JsonText.Name(member), Hash(member.Value, depth + 1));
                }

                return members;
            default:
                return (int)value.ValueKind;
        }
    }

    private static void CheckDepth(int depth)
    {
        if (depth <= MaxDepth) return;
        throw new EvaluationAbortedException($"Values nested deeper than {MaxDepth} levels are not compared. Make the instance flatter.");
    }

    public static JsonNumber Number(JsonElement number) => JsonNumber.Parse(JsonMarshal.GetRawUtf8Value(number));

    private static bool SameText(JsonElement left, JsonElement right)
    {
        ReadOnlySpan<byte> l = JsonMarshal.GetRawUtf8Value(left), r = JsonMarshal.GetRawUtf8Value(right);
        return l.SequenceEqual(r) || ((l.Contains((byte)'\\') || r.Contains((byte)'\\')) && JsonText.Value(left) == JsonText.Value(right));
    }

    private static bool SameItems(JsonElement left, JsonElement right, int depth)
    {
        JsonElement.ArrayEnumerator others = right.EnumerateArray();
        foreach (JsonElement item in left.EnumerateArray())
        {
            others.MoveNext();
            if (!Equals(item, others.Current, depth + 1)) return false;
        }

        return true;
    }

    private static bool SameMembers(JsonElement left, JsonElement right, int depth)
    {
        if (left.GetPropertyCount() > FewMembers) return SameManyMembers(left, right, depth);
        foreach (JsonProperty member in left.EnumerateObject())
        {
            ReadOnlySpan<byte> name = JsonText.Utf8Name(member);
            bool found = false;
            foreach (JsonProperty other in right.EnumerateObject())
            {
                if (!name.SequenceEqual(JsonText.Utf8Name(other))) continue;
                found = Equals(member.Value, other.Value, depth + 1);
                break;
            }

            if (!found) return false;
        }

        return true;
    }

    private static bool SameManyMembers(JsonElement left, JsonElement right, int depth)
    {
        var members = new Dictionary<string, JsonElement>(right.GetPropertyCount(), StringComparer.Ordinal);
        foreach (JsonProperty member in right.EnumerateObject()) members[JsonText.Name(member)] = member.Value;
        foreach (JsonProperty member in left.EnumerateObject())
        {
            if (!members.TryGetValue(JsonText.Name(member), out JsonElement other) || !Equals(member.Value, other, depth + 1)) return false;
        }

        return true;
    }
}
