using System.Text.Json;
using Microsoft.Extensions.AI;

namespace AgentFlow.Models.Providers;

/// <summary>
/// OpenAI's chat completions, as OpenAI, vLLM, TGI and many others speak them. Raw HTTP instead of OpenAI's own package: the package
/// throws on finish reasons that other servers send (TGI's <c>eos_token</c>) and knows no <c>max_tokens</c>, which they need.
/// </summary>
internal sealed class OpenAiChatClient(string provider, Uri baseUrl, string? apiKey, HttpClient http)
    : JsonChatClient(provider, BaseAddress.Append(baseUrl, "/chat/completions"), apiKey, http)
{
    /// <summary>OpenAI itself refuses the old name for its newer models, compatible servers don't know the new one.</summary>
    private readonly string _maxTokens = baseUrl.Host == "api.openai.com" ? "max_completion_tokens" : "max_tokens";

    protected override void WriteBody(Utf8JsonWriter json, IEnumerable<ChatMessage> messages, ChatOptions options)
    {
        WriteMessages(json, messages);
        if (options.Temperature is { } temperature)
            json.WriteNumber("temperature", temperature);
        if (options.MaxOutputTokens is { } limit)
            json.WriteNumber(_maxTokens, limit);
        if (options.ResponseFormat is ChatResponseFormatJson { Schema: { } schema } format)
        {
            // Not "strict": that refuses schemas with optional properties. The answer is validated here in any case.
            json.WriteStartObject("response_format");
            json.WriteString("type", "json_schema");
            json.WriteStartObject("json_schema");
            json.WriteString("name", format.SchemaName ?? "answer");
            json.WritePropertyName("schema");
            schema.WriteTo(json);
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }

    protected override ChatResponse Read(JsonElement answer)
    {
        var choices = answer.GetProperty("choices");
        if (choices.GetArrayLength() == 0)
            throw new FormatException("There is no choice.");
        var choice = choices[0];
        var message = choice.GetProperty("message");
        string? refusal = message.TryGetProperty("refusal", out var refused) ? refused.GetString() : null;
        string? text = message.TryGetProperty("content", out var content) ? content.GetString() : null;
        if (text is null && refusal is null)
            throw new FormatException("The message has no content.");

        string? reason = choice.TryGetProperty("finish_reason", out var finish) ? finish.GetString() : null;
        var response = new ChatResponse(new ChatMessage(ChatRole.Assistant, text ?? refusal))
        {
            ResponseId = answer.TryGetProperty("id", out var id) ? id.GetString() : null,
            ModelId = answer.TryGetProperty("model", out var model) ? model.GetString() : null,
            FinishReason = text is null ? ChatFinishReason.ContentFilter : string.IsNullOrEmpty(reason) ? ChatFinishReason.Stop : new ChatFinishReason(reason),
        };
        if (answer.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object)
        {
            response.Usage = new UsageDetails
            {
                InputTokenCount = Count(usage, "prompt_tokens"),
                OutputTokenCount = Count(usage, "completion_tokens"),
                CachedInputTokenCount = usage.TryGetProperty("prompt_tokens_details", out var details) && details.ValueKind == JsonValueKind.Object
                    ? Count(details, "cached_tokens")
                    : null,
            };
        }

        return response;
    }
}
