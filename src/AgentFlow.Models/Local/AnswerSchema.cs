using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace AgentFlow.Models.Local;

/// <summary>
/// What the response format asks for, as far as <c>local</c> can give it: a label (the first string property with an enum), a
/// confidence (the first number), a text (the first string without an enum) and a list of citations (the first array).
/// </summary>
internal sealed record AnswerSchema
{
    private static readonly AnswerSchema FreeText = new();

    public bool IsFreeText => LabelProperty is null && TextProperty is null && ListProperty is null && ConfidenceProperty is null;

    public string? LabelProperty { get; private init; }

    public IReadOnlyList<string> Labels { get; private init; } = [];

    public string? TextProperty { get; private init; }

    public string? ListProperty { get; private init; }

    public string? ConfidenceProperty { get; private init; }

    /// <summary>The label is the whole answer, and one of these.</summary>
    public static AnswerSchema OfAnswers(IReadOnlyList<string> answers) => new() { LabelProperty = "", Labels = answers };

    public static AnswerSchema Of(ChatOptions? options)
    {
        if (options?.ResponseFormat is not ChatResponseFormatJson { Schema: { ValueKind: JsonValueKind.Object } schema } ||
            !schema.TryGetProperty("properties", out var properties) || properties.ValueKind != JsonValueKind.Object)
            return FreeText;

        var answer = FreeText;
        foreach (var property in properties.EnumerateObject())
        {
            string type = property.Value.ValueKind == JsonValueKind.Object && property.Value.TryGetProperty("type", out var t) && t.ValueKind == JsonValueKind.String ? t.GetString()! : "";
            string[] labels = LabelsOf(property.Value);
            if (labels.Length > 1)
                answer = answer.LabelProperty is null ? answer with { LabelProperty = property.Name, Labels = labels } : answer;
            else if (type == "string")
                answer = answer with { TextProperty = answer.TextProperty ?? property.Name };
            else if (type == "array")
                answer = answer with { ListProperty = answer.ListProperty ?? property.Name };
            else if (type == "number")
                answer = answer with { ConfidenceProperty = answer.ConfidenceProperty ?? property.Name };
        }

        return answer;
    }

    public static string Write(Action<Utf8JsonWriter> properties)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            properties(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static string[] LabelsOf(JsonElement property) =>
        property.ValueKind == JsonValueKind.Object && property.TryGetProperty("enum", out var values) && values.ValueKind == JsonValueKind.Array &&
        values.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String)
            ? [.. values.EnumerateArray().Select(v => v.GetString()!).Distinct(StringComparer.Ordinal)]
            : [];
}
