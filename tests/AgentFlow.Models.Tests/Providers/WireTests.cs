using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Providers;
using AgentFlow.Models.Tests.Support;
using static AgentFlow.Models.Tests.Support.HttpDouble;

namespace AgentFlow.Models.Tests.Providers;

/// <summary>What every remote provider must do alike, whatever its format.</summary>
public class WireTests
{
    private static readonly string[] Strange =
    [
        "", "{oops", "{}", "[]", "null", "\"text\"", "{\"choices\":[]}", "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":null}}]}",
        "{\"message\":{\"content\":5}}", "{\"content\":\"text\"}", "{\"id\":\"m\",\"type\":\"message\",\"content\":[{\"type\":\"text\"}]}",
    ];

    private static readonly ModelMessage[] Hello = [new(ModelRole.User, "hello")];

    public static TheoryData<string, string> OtherFormats
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (string provider in (string[])["openai", "anthropic", "ollama"])
            {
                foreach (string body in Strange)
                    cases.Add(provider, body);
            }

            return cases;
        }
    }

    [Theory, MemberData(nameof(Wire.Providers), MemberType = typeof(Wire))]
    public async Task Invoke_Success_GivesTextTokensAndProvider(string provider)
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.Success(provider, "Hi there, “friend”")));

        var answer = await AskAsync(server, provider);

        Assert.Null(answer.Error);
        Assert.Equal("Hi there, “friend”", answer.Text);
        Assert.Equal((provider, "the-model", 12, 5), (answer.Provider, answer.Model, answer.InputTokens, answer.OutputTokens));
        Assert.Equal("POST", server.Only.Method);
        Assert.Equal(Wire.Path(provider), server.Only.Path);
        Assert.Equal("m-1", server.Only.Json.GetProperty("model").GetString());
    }

    [Theory, MemberData(nameof(Wire.Providers), MemberType = typeof(Wire))]
    public async Task Invoke_RateLimited_IsTransientAndKeepsTheDelay(string provider)
    {
        await using var server = new HttpDouble(new Reply(429, Wire.Error(provider, "slow down"), Ending.Complete, ("Retry-After", "7")));

        var error = await FailAsync(server, provider);

        Assert.Equal(("MODEL_RATE_LIMITED", ErrorCategory.Transient, TimeSpan.FromSeconds(7)), (error.Code, error.Category, error.RetryAfter));
        Assert.Contains("slow down", error.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Wire.Providers), MemberType = typeof(Wire))]
    public async Task Invoke_ServerError_IsUnavailableAndNotRetriedHere(string provider)
    {
        await using var server = new HttpDouble(new Reply(500, "<html>oops</html>"));

        var error = await FailAsync(server, provider);

        Assert.Equal(("MODEL_UNAVAILABLE", ErrorCategory.Transient), (error.Code, error.Category));
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData("openai", 529), InlineData("anthropic", 529), InlineData("ollama", 503), InlineData("openai", 408), InlineData("anthropic", 409)]
    public async Task Invoke_Overloaded_IsUnavailableWithItsDelay(string provider, int status)
    {
        await using var server = new HttpDouble(new Reply(status, Wire.Error(provider, "overloaded"), Ending.Complete, ("Retry-After", "2")));

        var error = await FailAsync(server, provider);

        Assert.Equal(("MODEL_UNAVAILABLE", TimeSpan.FromSeconds(2)), (error.Code, error.RetryAfter));
        Assert.Single(server.Requests);
    }

    [Theory, MemberData(nameof(Wire.Providers), MemberType = typeof(Wire))]
    public async Task Invoke_KeyRefused_NamesTheVariableAndNotTheKey(string provider)
    {
        await using var server = new HttpDouble(new Reply(401, Wire.Error(provider, "Incorrect API key provided: secret-key")));

        var error = await FailAsync(server, provider);

        Assert.Equal(("PERMISSION_DENIED", ErrorCategory.Permission), (error.Code, error.Category));
        Assert.Contains("_API_KEY", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Wire.Providers), MemberType = typeof(Wire))]
    public async Task Invoke_UnknownModel_IsNotRetryable(string provider)
    {
        await using var server = new HttpDouble(new Reply(404, Wire.Error(provider, "model 'm-1' not found")));

        var error = await FailAsync(server, provider);

        Assert.Equal("MODEL_NOT_FOUND", error.Code);
        Assert.False(error.Retryable);
        Assert.Contains("model 'm-1' not found", error.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Wire.Providers), MemberType = typeof(Wire))]
    public async Task Invoke_BadRequest_QuotesTheProviderOnOneShortLine(string provider)
    {
        await using var server = new HttpDouble(new Reply(400, Wire.Error(provider, "temperature\n is " + new string('x', 5000))));

        var error = await FailAsync(server, provider);

        Assert.Equal(("MODEL_REQUEST_REJECTED", ErrorCategory.Validation), (error.Code, error.Category));
        Assert.Contains("temperature is xxx", error.Message, StringComparison.Ordinal);
        Assert.InRange(error.Message.Length, 100, 500);
    }

    [Theory, MemberData(nameof(OtherFormats))]
    public async Task Invoke_AnswerInAnotherFormat_IsInvalid(string provider, string body)
    {
        await using var server = new HttpDouble(Reply.Ok(body));

        var error = await FailAsync(server, provider);

        Assert.Equal(("MODEL_ANSWER_INVALID", ErrorCategory.Transient), (error.Code, error.Category));
    }

    [Theory, MemberData(nameof(Wire.Providers), MemberType = typeof(Wire))]
    public async Task Invoke_CutOffAtTheTokenLimit_SaysWhichSettingToRaise(string provider)
    {
        await using var server = new HttpDouble(Reply.Ok(Wire.CutOff(provider)));

        var error = await FailAsync(server, provider);

        Assert.Equal("MODEL_ANSWER_INVALID", error.Code);
        Assert.Contains("max_tokens", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("openai", Ending.Truncated), InlineData("openai", Ending.Reset)]
    [InlineData("anthropic", Ending.Truncated), InlineData("anthropic", Ending.Reset)]
    [InlineData("ollama", Ending.Truncated), InlineData("ollama", Ending.Reset)]
    public async Task Invoke_ConnectionBreaksInTheAnswer_IsUnavailable(string provider, Ending ending)
    {
        await using var server = new HttpDouble(new Reply(200, Wire.Success(provider, "never complete"), ending));

        var error = await FailAsync(server, provider);

        Assert.Equal(("MODEL_UNAVAILABLE", ErrorCategory.Transient), (error.Code, error.Category));
        Assert.Single(server.Requests);
    }

    [Theory, MemberData(nameof(Wire.Providers), MemberType = typeof(Wire))]
    public async Task Invoke_NobodyListens_SaysWhere(string provider)
    {
        Uri gone;
        await using (var server = new HttpDouble(Reply.Ok("")))
            gone = server.BaseUrl;
        using var providers = new ModelProviders(Wire.Options(provider, gone));

        var answer = await new ModelInvoker(providers).InvokeAsync(Request(provider), CancellationToken.None);

        Assert.Equal("MODEL_UNAVAILABLE", answer.Error?.Code);
        Assert.Contains($"127.0.0.1:{gone.Port}", answer.Error!.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Wire.Providers), MemberType = typeof(Wire))]
    public async Task Invoke_SlowerThanTheTimeout_IsUnavailable(string provider)
    {
        await using var server = new HttpDouble(new Reply(200, "", Ending.Silent));
        using var providers = new ModelProviders(Wire.Options(provider, server.BaseUrl) with { RequestTimeout = TimeSpan.FromMilliseconds(100) });

        var answer = await new ModelInvoker(providers).InvokeAsync(Request(provider), CancellationToken.None);

        Assert.Equal(("MODEL_UNAVAILABLE", ErrorCategory.Transient), (answer.Error?.Code, answer.Error?.Category));
        Assert.Contains("did not answer within", answer.Error!.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Wire.Providers), MemberType = typeof(Wire))]
    public async Task Invoke_CancelledByTheCaller_ThrowsCancellation(string provider)
    {
        using var cancel = new CancellationTokenSource();
        await using var server = new HttpDouble(_ =>
        {
            cancel.Cancel();
            return new Reply(200, "", Ending.Silent);
        });
        using var providers = new ModelProviders(Wire.Options(provider, server.BaseUrl));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await new ModelInvoker(providers).InvokeAsync(Request(provider), cancel.Token));
    }

    [Theory, MemberData(nameof(Wire.Providers), MemberType = typeof(Wire))]
    public async Task Invoke_GiganticAnswer_IsNotReadToItsEnd(string provider)
    {
        await using var server = new HttpDouble(Reply.Ok(new string(' ', 17 * 1024 * 1024)));

        var error = await FailAsync(server, provider);

        Assert.Equal("MODEL_ANSWER_INVALID", error.Code);
        Assert.Contains("16 MiB", error.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Wire.Providers), MemberType = typeof(Wire))]
    public async Task Invoke_Redirect_IsNotFollowed(string provider)
    {
        await using var elsewhere = new HttpDouble(Reply.Ok(Wire.Success(provider, "stolen")));
        await using var server = new HttpDouble(new Reply(307, "", Ending.Complete, ("Location", elsewhere.BaseUrl.ToString())));

        var error = await FailAsync(server, provider);

        Assert.Equal("MODEL_REQUEST_REJECTED", error.Code);
        Assert.Empty(elsewhere.Requests);
    }

    [Theory]
    [InlineData("Retry-After", "Thu, 01 Jan 1970 00:00:00 GMT", 0), InlineData("Retry-After", "999999", 3600), InlineData("retry-after-ms", "1500", 1.5)]
    public async Task Invoke_RetryAfterInOtherForms_IsReadAndBounded(string header, string value, double seconds)
    {
        await using var server = new HttpDouble(new Reply(429, "", Ending.Complete, (header, value)));

        var error = await FailAsync(server, "openai");

        Assert.Equal(TimeSpan.FromSeconds(seconds), error.RetryAfter);
    }

    [Theory, InlineData("soon"), InlineData("-5")]
    public async Task Invoke_RetryAfterUnreadable_IsLeftOut(string value)
    {
        await using var server = new HttpDouble(new Reply(429, "", Ending.Complete, ("Retry-After", value)));

        Assert.Null((await FailAsync(server, "openai")).RetryAfter);
    }

    private static ModelRequest Request(string provider) => new() { Provider = provider, Model = "m-1", Messages = Hello, Temperature = 0.1, MaxTokens = 50 };

    private static async Task<ModelAnswer> AskAsync(HttpDouble server, string provider)
    {
        using var providers = new ModelProviders(Wire.Options(provider, server.BaseUrl));
        return await new ModelInvoker(providers).InvokeAsync(Request(provider), CancellationToken.None);
    }

    private static async Task<StepError> FailAsync(HttpDouble server, string provider)
    {
        var answer = await AskAsync(server, provider);
        Assert.NotNull(answer.Error);
        Assert.Equal(provider, answer.Provider);
        return answer.Error;
    }
}
