using System.Text.Json;

namespace AgentFlow.Client;

/// <summary>One event of a run's journal.</summary>
/// <param name="Seq">Position in the journal, from 0 without gaps.</param>
/// <param name="Type">For example <c>step_started</c>.</param>
/// <param name="At">Run time.</param>
/// <param name="Json">The whole event: what else it says depends on its type.</param>
public sealed record RunEvent(long Seq, string Type, DateTimeOffset? At, JsonElement Json)
{
    /// <summary>A text member of the event; <see langword="null"/> when it has none of that name.</summary>
    public string? Text(string name) =>
        Json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <exception cref="JsonException">It is no event: <c>seq</c> or <c>type</c> is missing.</exception>
    internal static RunEvent Read(JsonElement json)
    {
        if (json.ValueKind == JsonValueKind.Object
            && json.TryGetProperty("seq", out JsonElement seq) && seq.TryGetInt64(out long number)
            && json.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String)
        {
            DateTimeOffset? at = json.TryGetProperty("at", out JsonElement time) && time.ValueKind == JsonValueKind.String && time.TryGetDateTimeOffset(out DateTimeOffset value)
                ? value
                : null;
            return new RunEvent(number, type.GetString()!, at, json);
        }

        throw new JsonException("An event needs a 'seq' and a 'type'.");
    }
}
