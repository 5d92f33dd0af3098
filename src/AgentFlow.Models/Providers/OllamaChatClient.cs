using System.Text.Json;
using Microsoft.Extensions.AI;

namespace AgentFlow.Models.Providers;

/// <summary>Ollama's <c>/api/chat</c>, without streaming.</summary>
internal sealed class OllamaChatClient(string provider, Uri baseUrl, string? apiKey, HttpClient http)
    : JsonChatClient(provider, BaseAddress.Append(baseUrl, "/api/chat"), apiKey, http)
{
    protected override void WriteBody(Utf8JsonWriter json, IEnumerable<ChatMessage> messages, ChatOptions options)
    {
        WriteMessages(json, messages);
        json.WriteBoolean("stream", false);
        if (options.ResponseFormat is ChatResponseFormatJson { Schema: { } schema })
        {
            json.WritePropertyName("format");
            schema.WriteTo(json);
        }

        json.WriteStartObject("options");
        if (options.Temperature is { } temperature)
            json.WriteNumber("temperature", temperature);
        if (options.MaxOutputTokens is { } limit)
            json.WriteNumber("num_predict", limit);
        json.WriteEndObject();
    }

    protected override ChatResponse Read(JsonElement answer)
    {
        string text = answer.GetProperty("message").GetProperty("content").GetString() ?? throw new FormatException("The message has no content.");
        string? reason = answer.TryGetProperty("done_reason", out var done) ? done.GetString() : null;
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, text))
        {
            ModelId = answer.TryGetProperty("model", out var model) ? model.GetString() : null,
            FinishReason = string.IsNullOrEmpty(reason) ? ChatFinishReason.Stop : new ChatFinishReason(reason),
            Usage = new UsageDetails { InputTokenCount = Count(answer, "prompt_eval_count"), OutputTokenCount = Count(answer, "eval_count") },
        };
    }
}
