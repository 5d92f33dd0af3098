using System.Text.Json;

namespace AgentFlow.Models.Local;

/// <summary>Finds the question and the passages in a user's message: a JSON object with an array <c>passages</c> at any depth.</summary>
internal static class PassageChat
{
    private static readonly string[] QuestionNames = ["question", "message", "query", "text"];

    /// <summary>The question is the first of <c>question</c>, <c>message</c>, <c>query</c>, <c>text</c> at the top, else beside the passages.</summary>
    public static (string Question, IReadOnlyList<ExtractiveAnswer.Source> Sources)? Read(string content)
    {
        if (content.AsSpan().TrimStart() is not ['{', ..])
            return null;
        try
        {
            using var document = JsonDocument.Parse(content);
            if (Holder(document.RootElement) is not { } holder)
                return null;
            string? question = Question(document.RootElement) ?? Question(holder);
            return question is null ? null : (question, Sources(holder.GetProperty("passages")));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JsonElement? Holder(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object)
            return null;
        if (element.TryGetProperty("passages", out var passages) && passages.ValueKind == JsonValueKind.Array)
            return element;
        foreach (var property in element.EnumerateObject())
        {
            if (Holder(property.Value) is { } found)
                return found;
        }

        return null;
    }

    private static string? Question(JsonElement element) => QuestionNames.Select(name => Text(element, name)).FirstOrDefault(text => text is not null);

    private static List<ExtractiveAnswer.Source> Sources(JsonElement passages)
    {
        var sources = new List<ExtractiveAnswer.Source>();
        int number = 0;
        foreach (var passage in passages.EnumerateArray())
        {
            number++;
            string? text = passage.ValueKind == JsonValueKind.String ? passage.GetString() : Text(passage, "text");
            if (string.IsNullOrWhiteSpace(text))
                continue;
            double score = passage.ValueKind == JsonValueKind.Object && passage.TryGetProperty("score", out var value) && value.ValueKind == JsonValueKind.Number
                ? value.GetDouble()
                : 1;
            sources.Add(new ExtractiveAnswer.Source(Text(passage, "id") ?? $"{number}", Text(passage, "title") ?? "", text, score));
        }

        return sources;
    }

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
