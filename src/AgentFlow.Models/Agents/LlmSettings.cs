using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Providers;
using Microsoft.Extensions.AI;

namespace AgentFlow.Models.Agents;

/// <summary>
/// The settings of an agent of kind <c>llm</c>:
/// <code>
/// role: what the agent does                       # the system prompt
/// model:
///   provider: local                               # openai, anthropic, vllm, tgi, ollama or local
///   model: gpt-4o-mini                            # not needed for local
///   temperature: 0.1                              # 0 to 2, default 0.1; ~ sends none. Anthropic's API takes none
///   max_tokens: 1024                              # of the answer
///   max_input_tokens: 16000                       # of one input, at three bytes a token; a longer one is refused
///   base_url: http://gpu-7:8000/v1                # another server; it gets no key
/// examples: { file: data/examples.jsonl }         # one JSON object a line: the input's fields and the output's
/// output: { type: object, properties: … }         # JSON Schema of the answer; without it the output is { text }
/// format: { type: object, properties: … }         # JSON Schema that the provider is asked for while the output stays { text }, whatever it is
/// </code>
/// </summary>
internal sealed record LlmSettings
{
    public required ProviderProfile Provider { get; init; }

    public required string Model { get; init; }

    public Uri? BaseUrl { get; init; }

    public double? Temperature { get; init; }

    public int MaxTokens { get; init; }

    public int MaxInputTokens { get; init; }

    public JsonElement? OutputSchema { get; init; }

    /// <summary>What the provider is asked to answer in: the output's schema, or one that nothing is held to.</summary>
    public JsonElement? Format { get; init; }

    /// <summary>System prompt and examples: what every call begins with.</summary>
    public required IReadOnlyList<ChatMessage> Preamble { get; init; }

    /// <summary>Reads the settings; meaningful only when no problem was added.</summary>
    public static LlmSettings Read(AgentDefinition agent, WorkflowAssets assets, List<AgentProblem> problems)
    {
        var settings = new SettingsReader(agent.Settings, "", problems);
        settings.CatchSlips("kind", "role", "model", "examples", "output", "format", "permissions", "description", "timeout", "retry", "budget", "policies");

        var model = settings.Object("model");
        model.AllowOnly("provider", "model", "temperature", "max_tokens", "max_input_tokens", "base_url");
        ProviderProfile provider = ReadProvider(model);
        bool isLocal = provider.Wire == WireFormat.Local;
        string name = model.Text("model", isLocal ? null : ModelRemedy(provider)) ?? Local.LocalChatClient.DefaultModel;

        Uri? baseUrl = null;
        if (model.Text("base_url") is { } address)
        {
            if (isLocal)
                model.Report("base_url", "The provider 'local' has no address.", "Remove the setting, or choose the provider of that server.");
            else if (!BaseAddress.TryParse(address, out baseUrl, out string problem))
                model.Report("base_url", $"'{address}' can't be used: {problem}", "Correct the address, or remove the setting for the provider's own.");
        }

        JsonElement? schema = ReadSchema(settings);
        var preamble = new List<ChatMessage>();
        string system = SystemPrompt(agent.Role, schema);
        if (system.Length > 0)
            preamble.Add(new ChatMessage(ChatRole.System, system));
        preamble.AddRange(FewShotFile.Read(settings, schema, assets));

        return new LlmSettings
        {
            Provider = provider,
            Model = name,
            BaseUrl = baseUrl,
            Temperature = model.IsExplicitNull("temperature") ? null : model.Number("temperature", 0.1, 0, 2),
            MaxTokens = model.Integer("max_tokens", ModelInvoker.DefaultMaxTokens, 1, 1_000_000),
            MaxInputTokens = model.Integer("max_input_tokens", 16_000, 1, 2_000_000),
            OutputSchema = schema,
            Format = schema ?? ReadFormat(settings),
            Preamble = preamble,
        };
    }

    /// <summary>An upper estimate: English takes about four bytes a token, dense text three.</summary>
    public static int Tokens(int bytes) => (bytes + 2) / 3;

    /// <summary>Upper estimate of one call in 10⁻⁹ dollars; 0 for a model whose price isn't known.</summary>
    public long MaxCostNanoDollars()
    {
        long preamble = Preamble.Sum(m => (long)Tokens(Encoding.UTF8.GetByteCount(m.Text)));
        return ModelCatalog.Shared.Price(Provider, Model)?.Cost(preamble + MaxInputTokens, MaxTokens) ?? 0;
    }

    /// <summary>
    /// What a call is expected to use before any was seen: the preamble, an input of 200 tokens, and a quarter of the longest answer;
    /// at the price table's prices.
    /// </summary>
    public ExpectedUse ExpectedUse()
    {
        const int usualInput = 200;
        const int answerShare = 4;
        // A token in four bytes, as English usually has; the upper estimate takes three.
        double preamble = Preamble.Sum(m => Encoding.UTF8.GetByteCount(m.Text) / 4.0);
        ModelPrice? price = ModelCatalog.Shared.Price(Provider, Model);
        return new ExpectedUse($"{Provider.Name}/{Model}", preamble + Math.Min(usualInput, MaxInputTokens), Math.Max(1, MaxTokens / answerShare), PerToken(1, 0), PerToken(0, 1));

        // Prices are given for a million; per single token they would be rounded.
        double? PerToken(long input, long output) => price is { } known ? known.Cost(input * 1_000, output * 1_000) / 1_000.0 : null;
    }

    private static ProviderProfile ReadProvider(SettingsReader model)
    {
        var fallback = ProviderProfile.Find(ProviderProfile.LocalName)!;
        string? written = model.Text("provider", $"Name who answers: {string.Join(", ", ModelProviders.Names)}. 'local' needs no key.");
        if (written is null)
            return fallback;
        if (ProviderProfile.Find(written) is { } provider)
            return provider;
        model.Report("provider", $"There is no model provider '{written}'.", Spelling.OneOf(written, ModelProviders.Names));
        return fallback;
    }

    private static string ModelRemedy(ProviderProfile provider)
    {
        string[] known = [.. ModelCatalog.Shared.ModelsOf(provider.Name)];
        return known.Length == 0 ? "Name the model as its server does." : $"Name a model of {provider.Name}, for example {ModelCatalog.Shared.DefaultModel(provider.Name)}.";
    }

    private static JsonElement? ReadFormat(SettingsReader settings)
    {
        if (settings.Find("format") is not { } format)
            return null;
        if (format.ValueKind == JsonValueKind.Object)
            return format;
        settings.Report("format", "'format' is not a JSON Schema.", "Write { type: object, properties: { … } }, or remove it.");
        return null;
    }

    private static JsonElement? ReadSchema(SettingsReader settings)
    {
        if (settings.Find("output") is not { } schema)
            return null;
        if (schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object)
            return schema;
        settings.Report("output", "'output' is not the JSON Schema of an object.", "Write { type: object, required: […], properties: { … } }.");
        return null;
    }

    /// <summary>The schema stands in the prompt as well, for servers that ignore the response format.</summary>
    private static string SystemPrompt(string role, JsonElement? schema) =>
        schema is null ? role.Trim() : $"{role.Trim()}\n\nAnswer with one JSON object that satisfies this JSON Schema, and with nothing else:\n{schema}".TrimStart();
}
