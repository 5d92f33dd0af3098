using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Providers;
using AgentFlow.Models.Tests.Support;
using static AgentFlow.Models.Tests.Support.HttpDouble;

namespace AgentFlow.Models.Tests.Providers;

public class ModelProvidersTests
{
    private static readonly ModelMessage[] Hello = [new(ModelRole.User, "hello")];

    [Theory, InlineData("openai", "OPENAI_API_KEY"), InlineData("anthropic", "ANTHROPIC_API_KEY")]
    public async Task Invoke_NoKey_NamesTheVariableAndTheWayWithout(string provider, string variable)
    {
        var error = await FailAsync(new ModelOptions(), provider);

        Assert.Equal(("PERMISSION_DENIED", ErrorCategory.Permission), (error.Code, error.Category));
        Assert.Contains(variable, error.Message, StringComparison.Ordinal);
        Assert.Contains("'local'", error.Message, StringComparison.Ordinal);
    }

    [Theory, InlineData("vllm", "VLLM_BASE_URL"), InlineData("tgi", "TGI_BASE_URL")]
    public async Task Invoke_NoAddress_NamesTheVariable(string provider, string variable)
    {
        var error = await FailAsync(new ModelOptions(), provider);

        Assert.Contains(variable, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invoke_UnknownProvider_SuggestsOne()
    {
        var error = await FailAsync(new ModelOptions(), "opnai");

        Assert.Equal("MODEL_PROVIDER_UNKNOWN", error.Code);
        Assert.Contains("Did you mean 'openai'?", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invoke_ProviderNotAmongTheBackends_IsRefused()
    {
        var error = await FailAsync(new ModelOptions { Backends = ["ollama", "local"] }, "openai");

        Assert.Equal("PERMISSION_DENIED", error.Code);
        Assert.Contains("AF_MODEL_BACKENDS", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invoke_AddressOfAnAgent_GetsNoKeyOfTheHost()
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success("openai", "hi")));
        using var providers = new ModelProviders(new ModelOptions { Accounts = Account("openai", new("secret-key")) });

        var answer = await new ModelInvoker(providers).AskAsync(
            new ModelInvoker.Target("openai", "m", server.BaseUrl), [new(Microsoft.Extensions.AI.ChatRole.User, "hi")], new(), CancellationToken.None);

        Assert.Null(answer.Error);
        Assert.DoesNotContain("Authorization", server.Only.Headers.Keys);
    }

    [Theory, InlineData("ANTHROPIC_API_KEY"), InlineData("ANTHROPIC_AUTH_TOKEN")]
    public async Task Invoke_AnthropicAtAnAgentsAddress_GetsNoKeyEvenFromTheEnvironment(string variable)
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success("anthropic", "hi")));
        string? before = Environment.GetEnvironmentVariable(variable);
        Environment.SetEnvironmentVariable(variable, "key-of-the-process");
        try
        {
            using var providers = new ModelProviders(new ModelOptions { Accounts = Account("anthropic", new("secret-key")) });
            await new ModelInvoker(providers).AskAsync(
                new ModelInvoker.Target("anthropic", "m", server.BaseUrl), [new(Microsoft.Extensions.AI.ChatRole.User, "hi")], new(), CancellationToken.None);
        }
        finally
        {
            Environment.SetEnvironmentVariable(variable, before);
        }

        Assert.DoesNotContain(server.Only.Headers.Values, value => value.Contains("key", StringComparison.OrdinalIgnoreCase) && value.Contains("secret", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Only.Headers.Values, value => value.Contains("key-of-the-process", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("openai", null), InlineData("anthropic", null), InlineData("openai", "https://llm.example.com/v1"), InlineData("ollama", "http://203.0.113.7:11434")]
    [InlineData("vllm", "http://172.32.0.1/v1"), InlineData("vllm", "http://[2001:db8::1]/v1"), InlineData("vllm", "http://10.0.0.1.example.com/v1")]
    public async Task Invoke_StrictResidency_RefusesWhatMayLeaveThePremises(string provider, string? baseUrl)
    {
        var options = new ModelOptions
        {
            Residency = Residency.Strict,
            Accounts = Account(provider, new("secret-key", baseUrl is null ? null : new Uri(baseUrl))),
        };

        var error = await FailAsync(options, provider);

        Assert.Equal(("RESIDENCY_VIOLATION", ErrorCategory.Permission), (error.Code, error.Category));
    }

    [Theory]
    [InlineData("http://127.0.0.1:1/v1"), InlineData("http://localhost:1/v1"), InlineData("http://10.1.2.3/v1"), InlineData("http://192.168.4.4/v1")]
    [InlineData("http://172.31.0.9/v1"), InlineData("http://[::1]/v1"), InlineData("http://[fd00::5]/v1"), InlineData("http://vllm:8000/v1")]
    [InlineData("http://vllm.models.svc.cluster.local/v1"), InlineData("https://gpu.corp.example/v1"), InlineData("http://[::ffff:10.0.0.1]/v1")]
    public void BaseUrl_StrictResidency_AllowsThePremises(string baseUrl)
    {
        using var providers = new ModelProviders(new ModelOptions { Residency = Residency.Strict, OnPremisesHosts = ["gpu.corp.example"] });

        Assert.Equal(new Uri(baseUrl), providers.BaseUrl(ProviderProfile.Find("vllm")!, new Uri(baseUrl)));
    }

    [Fact]
    public async Task Invoke_StrictResidency_AllowsLocal()
    {
        using var providers = new ModelProviders(new ModelOptions { Residency = Residency.Strict });

        var answer = await new ModelInvoker(providers).InvokeAsync(
            new ModelRequest { Provider = "local", Messages = [new(ModelRole.User, """{"question":"Where is the key?","passages":["The key is under the mat."]}""")] },
            CancellationToken.None);

        Assert.Equal("The key is under the mat. [1]", answer.Text);
    }

    [Fact]
    public void Route_NoAccountAtAll_IsLocal()
    {
        using var providers = new ModelProviders(new ModelOptions());

        Assert.Equal("local", providers.Route().Name);
    }

    [Fact]
    public void Route_Accounts_TakesTheFirstWithOne()
    {
        using var providers = new ModelProviders(new ModelOptions { Accounts = Account("anthropic", new("k")) });

        Assert.Equal("anthropic", providers.Route().Name);
    }

    [Fact]
    public async Task Invoke_NoProviderNamed_GoesToTheFirstBackendWithItsDefaultModel()
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success("ollama", "hi")));
        using var providers = new ModelProviders(new ModelOptions
        {
            Backends = ["ollama", "local"],
            Accounts = Account("ollama", new(null, server.BaseUrl, "small-model")),
        });

        var answer = await new ModelInvoker(providers).InvokeAsync(new ModelRequest { Messages = Hello }, CancellationToken.None);

        Assert.Equal(("ollama", null), (answer.Provider, answer.Error?.Code));
        Assert.Equal("small-model", server.Only.Json.GetProperty("model").GetString());
    }

    [Fact]
    public async Task Invoke_NoModelAndNoDefault_NamesTheVariable()
    {
        using var providers = new ModelProviders(new ModelOptions());

        var answer = await new ModelInvoker(providers).InvokeAsync(new ModelRequest { Provider = "ollama", Messages = Hello }, CancellationToken.None);

        Assert.Equal("MODEL_NOT_FOUND", answer.Error?.Code);
        Assert.Contains("AF_MODEL_DEFAULT_OLLAMA", answer.Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Account_ToString_HidesTheKey() => Assert.DoesNotContain("secret", new ProviderAccount("secret-key").ToString(), StringComparison.Ordinal);

    private static Dictionary<string, ProviderAccount> Account(string provider, ProviderAccount account) => new(StringComparer.Ordinal) { [provider] = account };

    private static async Task<StepError> FailAsync(ModelOptions options, string provider)
    {
        using var providers = new ModelProviders(options);
        var answer = await new ModelInvoker(providers).InvokeAsync(new ModelRequest { Provider = provider, Model = "m", Messages = Hello }, CancellationToken.None);
        Assert.NotNull(answer.Error);
        return answer.Error;
    }
}
