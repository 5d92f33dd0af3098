using System.Text;
using System.Text.Json;

namespace AgentFlow.Models;

/// <summary>Reads an answer that has to be JSON of a schema.</summary>
internal static class StructuredAnswer
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <param name="json">The answer as compact JSON; the text as it came when it isn't valid.</param>
    /// <param name="problem">What is wrong, as the end of a sentence about the answer.</param>
    public static bool TryRead(string text, JsonElement schema, out string json, out string problem)
    {
        json = text;
        problem = "";
        try
        {
            using var document = JsonDocument.Parse(Unfence(text), Strict);
            if (SchemaCheck.Problem(schema, document.RootElement) is { } mismatch)
            {
                problem = $"doesn't satisfy the output schema: {mismatch}";
                return false;
            }

            using var buffer = new MemoryStream();
            using (var writer = new Utf8JsonWriter(buffer, ModelJson.Readable))
                document.RootElement.WriteTo(writer);
            json = Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
            return true;
        }
        catch (JsonException)
        {
            problem = "is not JSON, although the output schema asks for it";
            return false;
        }
    }

    /// <summary>The JSON inside an answer: models that ignore the response format put it into a code fence.</summary>
    private static string Unfence(string text)
    {
        text = text.Trim();
        int start = text.IndexOf('\n', StringComparison.Ordinal);
        return start > 0 && text.Length > start + 3 && text.StartsWith("```", StringComparison.Ordinal) && text.EndsWith("```", StringComparison.Ordinal)
            ? text[(start + 1)..^3]
            : text;
    }
}
