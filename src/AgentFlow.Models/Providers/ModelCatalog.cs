using System.Globalization;
using System.Text.Json;

namespace AgentFlow.Models.Providers;

/// <summary>Prices of one model in 10⁻⁹ dollars per token.</summary>
/// <param name="CachedInput">For input that the provider took from its cache; <see langword="null"/> where it is not billed apart.</param>
/// <param name="LongAbove">Prompts with more input tokens than this cost the long prices for all their tokens; 0 where there are none.</param>
/// <param name="AsOf">When the vendor's price list said so.</param>
internal sealed record ModelPrice(long Input, long Output, long? CachedInput, long LongAbove, long LongInput, long LongOutput, string AsOf)
{
    public static ModelPrice Free { get; } = new(0, 0, null, 0, 0, 0, "");

    public long Cost(long inputTokens, long outputTokens, long cachedInputTokens = 0)
    {
        bool isLong = LongAbove > 0 && inputTokens > LongAbove;
        if (isLong)
            return checked(inputTokens * LongInput + outputTokens * LongOutput);
        long cached = CachedInput is null ? 0 : Math.Clamp(cachedInputTokens, 0, inputTokens);
        return checked((inputTokens - cached) * Input + cached * (CachedInput ?? 0) + outputTokens * Output);
    }
}

/// <summary>What is known of the vendors' models: prices, defaults, and which of them take a temperature. Read from <c>models.json</c>.</summary>
internal sealed class ModelCatalog
{
    private readonly Dictionary<(string Provider, string Model), (ModelPrice Price, bool TakesTemperature)> _models = [];
    private readonly Dictionary<string, string> _defaults = new(StringComparer.Ordinal);

    private ModelCatalog(JsonElement root)
    {
        foreach (var model in root.GetProperty("models").EnumerateArray())
        {
            string provider = model.GetProperty("provider").GetString()!, name = model.GetProperty("model").GetString()!;
            bool isLong = model.TryGetProperty("long", out var beyond);
            var price = new ModelPrice(
                PerToken(model.GetProperty("input")),
                PerToken(model.GetProperty("output")),
                model.TryGetProperty("cached", out var cached) ? PerToken(cached) : null,
                isLong ? beyond.GetProperty("above").GetInt64() : 0,
                isLong ? PerToken(beyond.GetProperty("input")) : 0,
                isLong ? PerToken(beyond.GetProperty("output")) : 0,
                model.GetProperty("as_of").GetString()!);
            bool takesTemperature = !model.TryGetProperty("temperature", out var temperature) || temperature.GetBoolean();
            _models.Add((provider, name), (price, takesTemperature));
            if (model.TryGetProperty("default", out var isDefault) && isDefault.GetBoolean())
                _defaults.Add(provider, name);
        }
    }

    public static ModelCatalog Shared { get; } = Load();

    public IEnumerable<string> ModelsOf(string provider) => _models.Keys.Where(k => k.Provider == provider).Select(k => k.Model);

    public string? DefaultModel(string provider) => _defaults.GetValueOrDefault(provider);

    /// <summary>The price, 0 for providers that run on one's own machines, or <see langword="null"/> for a model that isn't listed.</summary>
    public ModelPrice? Price(ProviderProfile provider, string model) =>
        !provider.IsPaid ? ModelPrice.Free : Find(provider.Name, model)?.Price;

    /// <summary>False for models that refuse the parameter.</summary>
    public bool TakesTemperature(string provider, string model) => Find(provider, model)?.TakesTemperature ?? true;

    private (ModelPrice Price, bool TakesTemperature)? Find(string provider, string model) =>
        _models.TryGetValue((provider, model), out var found) || _models.TryGetValue((provider, WithoutSnapshot(model)), out found) ? found : null;

    /// <summary>
    /// Cuts <c>-latest</c> and a dated suffix (<c>-20251001</c>, <c>-2024-07-18</c>), and nothing else: a longer name is another model at
    /// another price.
    /// </summary>
    private static string WithoutSnapshot(string model)
    {
        if (model.EndsWith("-latest", StringComparison.Ordinal))
            return model[..^7];
        foreach (string format in (string[])["-yyyyMMdd", "-yyyy-MM-dd"])
        {
            if (model.Length > format.Length && DateOnly.TryParseExact(model.AsSpan(model.Length - format.Length), format, CultureInfo.InvariantCulture, DateTimeStyles.None, out _))
                return model[..^format.Length];
        }

        return model;
    }

    /// <summary>A dollar per million tokens is a thousand 10⁻⁹ dollars per token.</summary>
    private static long PerToken(JsonElement dollarsPerMillion)
    {
        decimal nano = decimal.Parse(dollarsPerMillion.GetString()!, CultureInfo.InvariantCulture) * 1000;
        return decimal.IsInteger(nano) && nano >= 0 ? (long)nano : throw new FormatException($"The price {dollarsPerMillion} has more than three decimals.");
    }

    private static ModelCatalog Load()
    {
        using var stream = typeof(ModelCatalog).Assembly.GetManifestResourceStream("AgentFlow.Models.Providers.models.json")!;
        using var document = JsonDocument.Parse(stream);
        return new ModelCatalog(document.RootElement);
    }
}
