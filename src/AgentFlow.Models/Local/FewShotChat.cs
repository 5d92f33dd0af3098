using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Providers;
using Microsoft.Extensions.AI;

namespace AgentFlow.Models.Local;

/// <summary>
/// Finds what a chat teaches about labels: pairs of a user's text and the assistant's labelled answer, and lines of the system
/// message that describe a label (<c>- refund: returns, money back</c>), each phrase between commas being one.
/// </summary>
internal static class FewShotChat
{
    /// <summary>The training examples; <see langword="null"/> when no pair carries one of the labels.</summary>
    /// <exception cref="ModelException">There are more than <see cref="TextClassifier.MaxExamples"/>.</exception>
    public static List<TextClassifier.Example>? Examples(IReadOnlyList<ChatMessage> chat, AnswerSchema schema)
    {
        var examples = new List<TextClassifier.Example>();
        for (int i = 1; i < chat.Count - 1; i++)
        {
            if (chat[i].Role == ChatRole.Assistant && chat[i - 1].Role == ChatRole.User && Label(chat[i].Text, schema) is { } label and >= 0)
                examples.Add(new TextClassifier.Example(TextOf(chat[i - 1].Text), label));
        }

        if (examples.Count == 0)
            return null;
        foreach (var message in chat.Where(m => m.Role == ChatRole.System))
            examples.AddRange(Hints(message.Text, schema));
        if (examples.Count > TextClassifier.MaxExamples)
        {
            throw new ModelException(new StepError(
                ModelErrorCodes.RequestRejected,
                ErrorCategory.Validation,
                $"The provider 'local' learns from at most {TextClassifier.MaxExamples} examples and label phrases; here are {examples.Count}. Give it fewer."));
        }

        return examples;
    }

    /// <summary>What the assistant answers in the chat, in order.</summary>
    public static IEnumerable<string> Answers(IReadOnlyList<ChatMessage> chat) =>
        chat.Index().Skip(1).SkipLast(1).Where(m => m.Item.Role == ChatRole.Assistant && chat[m.Index - 1].Role == ChatRole.User).Select(m => m.Item.Text);

    /// <summary>The words of a message: all strings of a JSON object or array, in order, or the text as it is.</summary>
    public static string TextOf(string content)
    {
        if (content.AsSpan().TrimStart() is not ['{' or '[', ..])
            return content;
        try
        {
            using var document = JsonDocument.Parse(content);
            var text = new StringBuilder();
            Collect(document.RootElement, text);
            return text.ToString();
        }
        catch (JsonException)
        {
            return content;
        }
    }

    private static void Collect(JsonElement element, StringBuilder text)
    {
        if (element.ValueKind == JsonValueKind.String)
            text.Append(text.Length > 0 ? "\n" : "").Append(element.GetString());
        else if (element.ValueKind == JsonValueKind.Array)
            foreach (var item in element.EnumerateArray())
                Collect(item, text);
        else if (element.ValueKind == JsonValueKind.Object)
            foreach (var property in element.EnumerateObject())
                Collect(property.Value, text);
    }

    /// <summary>The index of the label in an assistant's answer, -1 when there is none.</summary>
    private static int Label(string answer, AnswerSchema schema)
    {
        if (schema.LabelProperty is "")
            return IndexOf(schema, answer);
        try
        {
            using var document = JsonDocument.Parse(answer);
            return document.RootElement.ValueKind == JsonValueKind.Object &&
                document.RootElement.TryGetProperty(schema.LabelProperty!, out var label) && label.ValueKind == JsonValueKind.String
                    ? IndexOf(schema, label.GetString()!)
                    : -1;
        }
        catch (JsonException)
        {
            return IndexOf(schema, answer.Trim());
        }
    }

    private static IEnumerable<TextClassifier.Example> Hints(string system, AnswerSchema schema)
    {
        foreach (string line in system.Split('\n'))
        {
            string[] parts = line.Trim().TrimStart('-', '*', ' ').Split(':', 2);
            int label = parts.Length == 2 ? IndexOf(schema, parts[0].Trim(' ', '*', '`', '"')) : -1;
            if (label < 0)
                continue;
            yield return new TextClassifier.Example(schema.Labels[label].Replace('_', ' '), label, Hint: true);
            foreach (string phrase in parts[1].Split([',', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                yield return new TextClassifier.Example(phrase, label, Hint: true);
        }
    }

    private static int IndexOf(AnswerSchema schema, string label)
    {
        for (int i = 0; i < schema.Labels.Count; i++)
        {
            if (schema.Labels[i] == label)
                return i;
        }

        return -1;
    }
}
