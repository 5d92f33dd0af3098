using System.Net;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.Tests.BuiltIn;

public sealed partial class HttpCallToolTests
{
    private readonly ManualTime _time = new();

    [Theory]
    [InlineData(429)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task InvokeAsync_PassingStatus_IsTriedAgainWithTheSameKey(int status)
    {
        await using var server = new ScriptedServer(r => ScriptedServer.Reply(r.Index < 2 ? status : 200));
        Task<StepOutcome> run = Tool(time: _time).Run(
            $$"""{"method":"POST","url":"{{server.Url}}","body":"x","retry_config":{"max_attempts":3,"base_ms":100,"max_ms":1000,"jitter":0} }""");

        Assert.Equal(TimeSpan.FromSeconds(30), await _time.NextWait());
        foreach (int expected in (int[])[100, 200])
        {
            Assert.Equal(expected, (await _time.NextWait()).TotalMilliseconds);
            _time.Advance(TimeSpan.FromMilliseconds(expected));
        }

        Assert.Equal(200, (await run).Json().GetProperty("status_code").GetInt32());
        Assert.Equal(["key-1", "key-1", "key-1"], server.Requests.Select(r => r.Headers["Idempotency-Key"]));
    }

    [Theory]
    [InlineData(408)]
    [InlineData(500)]
    [InlineData(501)]
    public async Task InvokeAsync_OtherFailure_IsLeftToTheStep(int status)
    {
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(status, "it broke"));

        StepError error = (await Tool().Run($$"""{"url":"{{server.Url}}","retry_config":{"max_attempts":3} }""")).Error!;

        Assert.Equal("UPSTREAM_ERROR", error.Code);
        Assert.True(error.Retryable);
        Assert.Equal($"GET {server.Url} answered {status}: it broke", error.Message);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task InvokeAsync_NoRetryConfig_TriesOnce()
    {
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(503, "", "Retry-After: 7"));

        StepError error = (await Get(server.Url)).Error!;

        Assert.Single(server.Requests);
        Assert.Equal(TimeSpan.FromSeconds(7), error.RetryAfter);
    }

    [Fact]
    public async Task InvokeAsync_RetriesUsedUp_GivesTheLastFailure()
    {
        await using var server = new ScriptedServer(r => ScriptedServer.Reply(503, $"try {r.Index}"));

        StepError error = (await Tool().Run($$"""{"url":"{{server.Url}}","retry_config":{"max_attempts":3,"base_ms":1,"max_ms":1} }""")).Error!;

        Assert.EndsWith("answered 503: try 2", error.Message, StringComparison.Ordinal);
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task InvokeAsync_RetryAfter_IsWaitedForWhenItIsLonger()
    {
        await using var server = new ScriptedServer(r => r.Index == 0 ? ScriptedServer.Reply(429, "", "Retry-After: 12") : ScriptedServer.Reply(200));
        Task<StepOutcome> run = Tool(time: _time).Run($$"""{"url":"{{server.Url}}","retry_config":{"base_ms":10,"max_ms":10} }""");

        await _time.NextWait();
        Assert.Equal(TimeSpan.FromSeconds(12), await _time.NextWait());
        _time.Advance(TimeSpan.FromSeconds(12));

        Assert.True((await run).Ok);
    }

    [Fact]
    public async Task InvokeAsync_RetryAfterBeyondTheLimit_IsPassedOnAtOnce()
    {
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(503, "", "Retry-After: 31"));

        StepError error = (await Tool(time: _time).Run($$"""{"url":"{{server.Url}}","retry_config":{} }""")).Error!;

        Assert.Equal("UPSTREAM_ERROR", error.Code);
        Assert.Equal(TimeSpan.FromSeconds(31), error.RetryAfter);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task InvokeAsync_WaitBeyondTheLimit_IsNotBegun()
    {
        await using var server = new ScriptedServer(r => ScriptedServer.Reply(503, $"try {r.Index}"));
        Task<StepOutcome> run = Tool(time: _time).Run($$"""{"url":"{{server.Url}}","timeout_ms":1000,"retry_config":{"base_ms":600,"jitter":0} }""");

        await _time.NextWait();
        Assert.Equal(600, (await _time.NextWait()).TotalMilliseconds);
        _time.Advance(TimeSpan.FromMilliseconds(600));

        // The next would be 1,200 ms of the 400 that are left.
        Assert.EndsWith("answered 503: try 1", (await run).Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InvokeAsync_FailedConnection_IsTriedAgain()
    {
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(200));
        int lookups = 0;
        using var transport = new HttpTransport(new HttpTransportOptions
        {
            Allow = ["127.0.0.0/8"],
            // Nobody listens on 127.0.0.3.
            Resolve = (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse(Interlocked.Increment(ref lookups) == 1 ? "127.0.0.3" : "127.0.0.1")]),
        });

        StepOutcome outcome = await Tool(transport).Run($$"""{"url":"http://flaky.test:{{server.Port}}/","retry_config":{"base_ms":1} }""");

        Assert.True(outcome.Ok, outcome.Error?.Message);
        Assert.Equal(2, lookups);
    }

    [Fact]
    public async Task InvokeAsync_BlockedPlace_IsNotTriedAgain()
    {
        int lookups = 0;
        using var transport = new HttpTransport(new HttpTransportOptions
        {
            Resolve = (_, _) =>
            {
                Interlocked.Increment(ref lookups);
                return Task.FromResult<IPAddress[]>([IPAddress.Loopback]);
            },
        });

        await Tool(transport).Run("""{"url":"http://inside.test/","retry_config":{"base_ms":1}}""");

        Assert.Equal(1, lookups);
    }

    [Theory]
    [InlineData("POST", "")]
    [InlineData("POST", ",\"body\":\"x\"")]
    [InlineData("PUT", "")]
    [InlineData("PATCH", ",\"body\":{}")]
    [InlineData("DELETE", "")]
    public async Task InvokeAsync_ConnectionBrokenAfterSendingAChange_IsNotTriedAgainHere(string method, string body)
    {
        // It may have acted: whether to repeat is the step's on_unknown to decide.
        await using var server = new ScriptedServer(_ => "");

        StepError error = (await Tool().Run($$"""{"method":"{{method}}","url":"{{server.Url}}"{{body}},"retry_config":{"base_ms":1} }""")).Error!;

        Assert.Equal("BAD_RESPONSE", error.Code);
        Assert.Single(server.Requests);
    }
}
