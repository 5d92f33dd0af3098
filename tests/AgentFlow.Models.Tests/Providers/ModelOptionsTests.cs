using AgentFlow.Models.Providers;

namespace AgentFlow.Models.Tests.Providers;

public class ModelOptionsTests
{
    [Fact]
    public void FromEnvironment_Nothing_GivesTheDefaults()
    {
        var options = ModelOptions.FromEnvironment(_ => null);

        Assert.Empty(options.Backends);
        Assert.Equal((Residency.Off, TimeSpan.FromSeconds(120)), (options.Residency, options.RequestTimeout));
        Assert.All(options.Accounts.Values, account => Assert.Equal(new ProviderAccount(), account));
    }

    [Fact]
    public void FromEnvironment_Everything_IsRead()
    {
        var options = Read(
            ("AF_MODEL_BACKENDS", "vllm, ollama"), ("AF_RESIDENCY_POLICY", "Strict"), ("AF_RESIDENCY_HOSTS", "a.example,b.example"), ("AF_MODEL_TIMEOUT", "30"),
            ("OPENAI_API_KEY", " k "), ("OPENAI_BASE_URL", "https://proxy.example/v1"), ("AF_MODEL_DEFAULT_VLLM", "m"), ("ANTHROPIC_API_KEY", ""));

        Assert.Equal(["vllm", "ollama"], options.Backends);
        Assert.Equal(Residency.Strict, options.Residency);
        Assert.Equal(["a.example", "b.example"], options.OnPremisesHosts);
        Assert.Equal(TimeSpan.FromSeconds(30), options.RequestTimeout);
        Assert.Equal(new ProviderAccount("k", new Uri("https://proxy.example/v1")), options.Accounts["openai"]);
        Assert.Equal("m", options.Accounts["vllm"].DefaultModel);
        Assert.Null(options.Accounts["anthropic"].ApiKey);
    }

    [Theory]
    [InlineData("127.0.0.1", "http://127.0.0.1:11434/"), InlineData("0.0.0.0:9999", "http://127.0.0.1:9999/"), InlineData("gpu", "http://gpu:11434/")]
    [InlineData("http://gpu:80", "http://gpu/"), InlineData("https://ollama.example", "https://ollama.example/")]
    public void FromEnvironment_OllamaHost_IsReadAsOllamaDoes(string value, string expected) =>
        Assert.Equal(expected, Read(("OLLAMA_HOST", value)).Accounts["ollama"].BaseUrl!.ToString());

    [Theory]
    [InlineData("AF_MODEL_BACKENDS", "openai,lama", "ollama"), InlineData("AF_RESIDENCY_POLICY", "strikt", "strict, lenient or off")]
    [InlineData("AF_MODEL_TIMEOUT", "0", "1 to 3600"), InlineData("OPENAI_BASE_URL", "localhost:8000", "absolute http or https")]
    [InlineData("VLLM_BASE_URL", "http://user:pass@gpu/v1", "user name"), InlineData("TGI_BASE_URL", "http://gpu/v1?x=1", "query")]
    public void FromEnvironment_ImpossibleValue_NamesTheVariableAndTheRemedy(string name, string value, string remedy)
    {
        var e = Assert.Throws<FormatException>(() => Read((name, value)));

        Assert.Contains(name, e.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, e.Message, StringComparison.Ordinal);
    }

    private static ModelOptions Read(params (string Name, string Value)[] variables) =>
        ModelOptions.FromEnvironment(name => variables.Where(v => v.Name == name).Select(v => v.Value).FirstOrDefault());
}
