using System.Text.Json;

namespace AgentFlow.Tools.BuiltIn.Transform;

/// <summary>
/// JSON Merge Patch (RFC 7386), written straight to the output. Members keep the target's order; new ones follow in the
/// patch's order.
/// </summary>
internal static class MergePatch
{
    // Below this, looking through the members beats building an index.
    private const int IndexFrom = 16;

    /// <param name="target"><see langword="null"/> where the target has nothing.</param>
    public static void Write(JsonElement? target, JsonElement patch, Utf8JsonWriter writer)
    {
        if (patch.ValueKind != JsonValueKind.Object)
        {
            patch.WriteTo(writer);
            return;
        }

        writer.WriteStartObject();
        JsonElement? old = target is { ValueKind: JsonValueKind.Object } ? target : null;
        var patches = new Members(patch);
        if (old is { } members)
        {
            foreach (JsonProperty member in members.EnumerateObject())
            {
                if (!patches.TryGet(member.Name, out JsonElement change))
                {
                    member.WriteTo(writer);
                }
                else if (change.ValueKind != JsonValueKind.Null)
                {
                    writer.WritePropertyName(member.Name);
                    Write(member.Value, change, writer);
                }
            }
        }

        var olds = new Members(old ?? default);
        foreach (JsonProperty addition in patch.EnumerateObject())
        {
            if (addition.Value.ValueKind == JsonValueKind.Null || olds.TryGet(addition.Name, out _))
                continue;
            writer.WritePropertyName(addition.Name);
            Write(null, addition.Value, writer);
        }

        writer.WriteEndObject();
    }

    private readonly struct Members(JsonElement element)
    {
        private readonly Dictionary<string, JsonElement>? _index =
            element.ValueKind == JsonValueKind.Object && element.GetPropertyCount() >= IndexFrom
                ? element.EnumerateObject().ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal)
                : null;

        public bool TryGet(string name, out JsonElement value)
        {
            if (_index is not null)
                return _index.TryGetValue(name, out value);
            value = default;
            return element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out value);
        }
    }
}
