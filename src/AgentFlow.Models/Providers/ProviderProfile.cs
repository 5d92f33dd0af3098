using System.Collections.Frozen;

namespace AgentFlow.Models.Providers;

internal enum WireFormat
{
    /// <summary>Answered in this process.</summary>
    Local,
    OpenAi,
    Anthropic,
    Ollama,
}

/// <summary>What is fixed about a provider: its wire format, its variables and its own address.</summary>
/// <param name="Name">The word in <c>model.provider</c> and in telemetry.</param>
/// <param name="DefaultBaseUrl">The vendor's address; <see langword="null"/> where the operator has to name one.</param>
/// <param name="KeyVariable">Environment variable of the API key.</param>
/// <param name="BaseUrlVariable">Environment variable of the address.</param>
internal sealed record ProviderProfile(string Name, WireFormat Wire, string? DefaultBaseUrl, string KeyVariable, string BaseUrlVariable)
{
    public const string LocalName = "local";

    /// <summary>All providers, in the order in which routing prefers them when <c>AF_MODEL_BACKENDS</c> says nothing.</summary>
    public static IReadOnlyList<ProviderProfile> All { get; } =
    [
        new("openai", WireFormat.OpenAi, "https://api.openai.com/v1", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
        new("anthropic", WireFormat.Anthropic, "https://api.anthropic.com", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
        new("vllm", WireFormat.OpenAi, null, "VLLM_API_KEY", "VLLM_BASE_URL"),
        new("tgi", WireFormat.OpenAi, null, "TGI_API_KEY", "TGI_BASE_URL"),
        new("ollama", WireFormat.Ollama, "http://127.0.0.1:11434", "OLLAMA_API_KEY", "OLLAMA_HOST"),
        new(LocalName, WireFormat.Local, null, "", ""),
    ];

    private static readonly FrozenDictionary<string, ProviderProfile> ByName = All.ToFrozenDictionary(p => p.Name, StringComparer.Ordinal);

    /// <summary>True for a vendor that bills per token and demands a key.</summary>
    public bool IsPaid => Name is "openai" or "anthropic";

    public static ProviderProfile? Find(string name) => ByName.GetValueOrDefault(name);
}
