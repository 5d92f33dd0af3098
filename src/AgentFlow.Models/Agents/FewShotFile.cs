using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Definitions;
using Microsoft.Extensions.AI;

namespace AgentFlow.Models.Agents;

/// <summary>
/// Reads <c>examples: { file: … }</c>: JSON objects, one a line, that hold the fields of an input and those of the answer. Which are
/// which, the output schema says; without one, everything but <c>message</c>, <c>text</c> and <c>input</c> is answer.
/// </summary>
internal static class FewShotFile
{
    /// <summary>More than this many faults are counted, not listed.</summary>
    private const int ListedFaults = 5;

    public static IEnumerable<ChatMessage> Read(SettingsReader settings, JsonElement? schema, WorkflowAssets assets)
    {
        if (settings.Find("examples") is null)
            return [];
        var examples = settings.Object("examples");
        examples.AllowOnly("file");
        if (examples.Text("file", "Name a JSONL file beside the workflow: { file: data/examples.jsonl }.") is not { } written)
            return [];
        string path = AssetProblems.Normalise(written);
        if (!assets.Files.TryGetValue(path, out var content))
        {
            examples.Problems.Add(AssetProblems.Missing("examples.file", path, assets, "a JSONL file"));
            return [];
        }

        var messages = new List<ChatMessage>();
        int number = 0, faults = 0;
        foreach (string line in Encoding.UTF8.GetString(content.Span).TrimStart('\uFEFF').ReplaceLineEndings("\n").Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            string? fault = Add(line, schema, messages);
            if (fault is not null && ++faults <= ListedFaults)
                examples.Report("file", $"'{path}', line {number}: {fault}.", "Write one JSON object a line with the input's and the output's fields.");
        }

        if (faults > ListedFaults)
            examples.Report("file", $"'{path}' has {faults - ListedFaults} more lines with such faults.", "Correct them likewise.");
        if (messages.Count == 0 && faults == 0)
            examples.Report("file", $"'{path}' is empty.", "Write at least one example, or remove the setting.");
        return messages;
    }

    private static string? Add(string line, JsonElement? schema, List<ChatMessage> messages)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(line);
        }
        catch (JsonException)
        {
            return "this is not JSON";
        }

        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return "this is not a JSON object";
            var input = new List<JsonProperty>();
            var answer = new List<JsonProperty>();
            foreach (var field in document.RootElement.EnumerateObject())
                (IsAnswer(field.Name, schema) ? answer : input).Add(field);
            if (input.Count == 0 || answer.Count == 0)
                return answer.Count == 0 ? "it has no field of the output" : "it has no field of the input";
            if (answer.Select(field => WrongLabel(field, schema)).FirstOrDefault(f => f is not null) is { } wrong)
                return wrong;
            messages.Add(new ChatMessage(ChatRole.User, Write(input)));
            messages.Add(new ChatMessage(ChatRole.Assistant, Write(answer)));
            return null;
        }
    }

    private static bool IsAnswer(string field, JsonElement? schema) =>
        schema is { } output ? output.GetProperty("properties").TryGetProperty(field, out _) : field is not ("message" or "text" or "input");

    private static string? WrongLabel(JsonProperty field, JsonElement? schema)
    {
        if (schema is not { } output || !output.GetProperty("properties").TryGetProperty(field.Name, out var property) ||
            property.ValueKind != JsonValueKind.Object || !property.TryGetProperty("enum", out var labels) || labels.ValueKind != JsonValueKind.Array)
            return null;
        foreach (var label in labels.EnumerateArray())
        {
            if (JsonElement.DeepEquals(label, field.Value))
                return null;
        }

        string written = field.Value.ToString();
        return $"'{field.Name}' is '{written}', which the output schema doesn't list. {Spelling.OneOf(written, labels.EnumerateArray().Select(l => l.ToString()))}".TrimEnd('.', '?');
    }

    private static string Write(List<JsonProperty> fields)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, ModelJson.Readable))
        {
            json.WriteStartObject();
            foreach (var field in fields)
                field.WriteTo(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}
