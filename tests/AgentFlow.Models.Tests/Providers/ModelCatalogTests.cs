using AgentFlow.Models.Providers;

namespace AgentFlow.Models.Tests.Providers;

public class ModelCatalogTests
{
    private static readonly ModelCatalog Catalog = ModelCatalog.Shared;

    [Fact]
    public void Price_KnownModel_IsInNanoDollarsPerToken()
    {
        var price = Catalog.Price(ProviderProfile.Find("openai")!, "gpt-4o-mini")!;

        // 0.15 and 0.60 dollars per million tokens.
        Assert.Equal((150, 600), (price.Input, price.Output));
        Assert.Equal(150_000_000 + 600_000_000, price.Cost(1_000_000, 1_000_000));
    }

    [Theory, InlineData("gpt-4o-mini-2024-07-18"), InlineData("gpt-4o-mini-20240718"), InlineData("gpt-4o-mini-latest")]
    public void Price_Snapshot_IsThatOfTheModel(string model) =>
        Assert.Equal(Catalog.Price(ProviderProfile.Find("openai")!, "gpt-4o-mini"), Catalog.Price(ProviderProfile.Find("openai")!, model));

    [Theory, InlineData("gpt-4o-mini-audio"), InlineData("gpt-4o-mi"), InlineData("ft:gpt-4o-mini:acme"), InlineData("gpt-4o-mini-2024-99-99"), InlineData("")]
    public void Price_AnotherModel_IsNotGuessed(string model) => Assert.Null(Catalog.Price(ProviderProfile.Find("openai")!, model));

    [Theory, InlineData("local"), InlineData("ollama"), InlineData("vllm"), InlineData("tgi")]
    public void Price_OwnMachines_IsFree(string provider) => Assert.Equal(0, Catalog.Price(ProviderProfile.Find(provider)!, "anything")!.Cost(1000, 1000));

    [Fact]
    public void Cost_LongPrompt_CostsTheLongPriceForAllTokens()
    {
        var price = Catalog.Price(ProviderProfile.Find("anthropic")!, "claude-haiku-5-5")!;

        Assert.Equal(100_000 * 100 + 10 * 500, price.Cost(100_000, 10));
        Assert.Equal(100_001 * 500 + 10 * 2500, price.Cost(100_001, 10));
    }

    [Theory, InlineData("openai", "gpt-6-sol", false), InlineData("openai", "gpt-4.1-2025-04-14", true), InlineData("vllm", "any", true)]
    public void TakesTemperature_Model_IsKnown(string provider, string model, bool takes) => Assert.Equal(takes, Catalog.TakesTemperature(provider, model));

    [Theory, InlineData("openai"), InlineData("anthropic")]
    public void DefaultModel_PaidProvider_HasAPrice(string provider) =>
        Assert.NotNull(Catalog.Price(ProviderProfile.Find(provider)!, Catalog.DefaultModel(provider)!));
}
