using System.Text.Json;
using AgentFlow.Models.Providers;

namespace AgentFlow.Models.Tests.Support;

/// <summary>What each provider's own format looks like, as its documentation shows it.</summary>
public static class Wire
{
    public static TheoryData<string> Providers => ["openai", "vllm", "tgi", "anthropic", "ollama"];

    public static string Success(string provider, string text, int input = 12, int output = 5) => provider switch
    {
        "anthropic" => $$"""
            {"id":"msg_01","type":"message","role":"assistant","model":"the-model","content":[{"type":"text","text":{{Quote(text)}}}],
             "stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":{{input}},"output_tokens":{{output}} } }
            """,
        "ollama" => $$"""
            {"model":"the-model","created_at":"2026-11-20T10:00:00.0Z","message":{"role":"assistant","content":{{Quote(text)}}},
             "done_reason":"stop","done":true,"total_duration":5191566416,"prompt_eval_count":{{input}},"eval_count":{{output}}}
            """,
        _ => $$"""
            {"id":"chatcmpl-1","object":"chat.completion","created":1741569952,"model":"the-model","choices":[{"index":0,
              "message":{"role":"assistant","content":{{Quote(text)}},"refusal":null},"logprobs":null,"finish_reason":"{{(provider == "tgi" ? "eos_token" : "stop")}}"}],
             "usage":{"prompt_tokens":{{input}},"completion_tokens":{{output}},"total_tokens":{{input + output}} } }
            """,
    };

    public static string CutOff(string provider) => provider switch
    {
        "anthropic" => Success(provider, "{\"a\"").Replace("end_turn", "max_tokens", StringComparison.Ordinal),
        "ollama" => Success(provider, "{\"a\"").Replace("\"stop\"", "\"length\"", StringComparison.Ordinal),
        _ => Success(provider, "{\"a\"").Replace("\"stop\"", "\"length\"", StringComparison.Ordinal).Replace("eos_token", "length", StringComparison.Ordinal),
    };

    public static string Error(string provider, string message) => provider switch
    {
        "anthropic" => $$$"""{"type":"error","error":{"type":"some_error","message":{{{Quote(message)}}}}}""",
        "ollama" => $$"""{"error":{{Quote(message)}}}""",
        _ => $$$"""{"error":{"message":{{{Quote(message)}}},"type":"some_error","param":null,"code":null}}""",
    };

    public static string Path(string provider) => provider switch { "anthropic" => "/v1/messages", "ollama" => "/api/chat", _ => "/chat/completions" };

    /// <summary>Options under which a provider's calls go to the double, with a key.</summary>
    public static ModelOptions Options(string provider, Uri baseUrl, string? key = "secret-key") => new()
    {
        Accounts = new Dictionary<string, ProviderAccount>(StringComparer.Ordinal) { [provider] = new(key, baseUrl) },
        RequestTimeout = TimeSpan.FromSeconds(20),
    };

    private static string Quote(string text) => JsonSerializer.Serialize(text);
}
