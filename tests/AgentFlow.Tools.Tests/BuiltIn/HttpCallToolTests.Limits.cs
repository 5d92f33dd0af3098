using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.Tests.BuiltIn;

public sealed partial class HttpCallToolTests
{
    private static readonly ToolPolicy Small = ToolPolicy.GrantAll with { MaxResponseBytes = 100_000 };

    [Theory]
    [InlineData(100_000, true)]
    [InlineData(100_001, false)]
    public async Task InvokeAsync_BodyAtItsLimit_IsTakenAndOneByteMoreIsNot(int length, bool taken)
    {
        await using var stated = new ScriptedServer(_ => ScriptedServer.Reply(200, new string('x', length)));
        await using var unstated = new ScriptedServer(_ => "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + new string('x', length));

        foreach (ScriptedServer server in (ScriptedServer[])[stated, unstated])
        {
            StepOutcome outcome = await Get(server.Url, policy: Small);

            Assert.Equal(taken ? null : "RESPONSE_TOO_LARGE", outcome.Error?.Code);
            if (!taken)
                Assert.Contains("larger than 100000 bytes", outcome.Error!.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task InvokeAsync_DefaultPolicy_TakesOneMebibyte()
    {
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(200, new string('x', (1 << 20) + 1)));

        Assert.Contains("larger than 1048576 bytes", (await Get(server.Url)).Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InvokeAsync_EndlessBody_IsCutOff()
    {
        var hungUp = new TaskCompletionSource();
        await using var server = new ScriptedServer(async (_, stream, token) =>
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray(), token);
            try
            {
                while (true)
                    await stream.WriteAsync(new byte[8_192], token);
            }
            catch (IOException)
            {
                hungUp.SetResult();
                throw;
            }
        });

        StepOutcome outcome = await Get(server.Url, policy: Small);

        Assert.Equal("RESPONSE_TOO_LARGE", outcome.Error!.Code);
        Assert.False(outcome.Error.Retryable);
        await hungUp.Task.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task InvokeAsync_GiantHeaders_AreRefused()
    {
        await using var one = new ScriptedServer(_ => ScriptedServer.Reply(200, "", "X-Big: " + new string('x', 70_000)));
        await using var many = new ScriptedServer(_ => ScriptedServer.Reply(200, "", [.. Enumerable.Range(0, 10_000).Select(n => $"X-{n}: x")]));

        foreach (ScriptedServer server in (ScriptedServer[])[one, many])
        {
            StepError error = (await Get(server.Url)).Error!;

            Assert.Equal("RESPONSE_TOO_LARGE", error.Code);
            Assert.Contains("headers", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task InvokeAsync_SlowDrip_EndsAtTheTotalLimit()
    {
        // Each byte comes in time; only all of them together don't.
        await using var server = new ScriptedServer(async (_, stream, token) =>
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"u8.ToArray(), token);
            while (true)
            {
                await stream.WriteAsync("x"u8.ToArray(), token);
                await Task.Delay(20, token);
            }
        });

        StepError error = (await Tool().Run($$"""{"url":"{{server.Url}}","timeout_ms":300}""")).Error!;

        Assert.Equal("STEP_TIMEOUT", error.Code);
        Assert.Equal(ErrorCategory.Transient, error.Category);
        Assert.Contains("within 300 ms", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InvokeAsync_SilentServer_EndsAtTheEarliestOfAllLimits()
    {
        await using var server = new ScriptedServer((_, _, token) => Task.Delay(Timeout.Infinite, token));
        ToolPolicy quick = ToolPolicy.GrantAll with { TimeLimit = TimeSpan.FromMilliseconds(150) };

        StepOutcome policy = await Get(server.Url, policy: quick);
        StepOutcome deadline = await Tool().InvokeAsync(
            Skill.Call($$"""{"url":"{{server.Url}}"}""", deadline: DateTimeOffset.UtcNow.AddMilliseconds(200)), CancellationToken.None);
        StepOutcome past = await Tool().InvokeAsync(Skill.Call($$"""{"url":"{{server.Url}}"}""", deadline: DateTimeOffset.MinValue), CancellationToken.None);

        Assert.Contains("within 150 ms", policy.Error!.Message, StringComparison.Ordinal);
        Assert.Equal("STEP_TIMEOUT", deadline.Error!.Code);
        Assert.Contains("within 0 ms", past.Error!.Message, StringComparison.Ordinal);
        Assert.Equal(2, server.Requests.Count);
    }

    [Fact]
    public async Task InvokeAsync_Cancelled_Throws()
    {
        using var cancel = new CancellationTokenSource();
        await using var server = new ScriptedServer(async (_, _, token) =>
        {
            await cancel.CancelAsync();
            await Task.Delay(Timeout.Infinite, token);
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await Tool().InvokeAsync(Skill.Call($$"""{"url":"{{server.Url}}"}"""), cancel.Token));
    }

    [Fact]
    public async Task InvokeAsync_ConnectionThatNeverComes_IsConnectFailed()
    {
        using var transport = new HttpTransport(new HttpTransportOptions
        {
            ConnectTimeout = TimeSpan.FromMilliseconds(100),
            Resolve = async (_, token) =>
            {
                await Task.Delay(Timeout.Infinite, token);
                return [];
            },
        });

        StepError error = (await Get("http://slow.test/", transport)).Error!;

        Assert.Equal("CONNECT_FAILED", error.Code);
        Assert.Contains("took too long", error.Message, StringComparison.Ordinal);
    }
}
