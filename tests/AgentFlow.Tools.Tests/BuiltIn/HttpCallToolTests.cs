using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn;

namespace AgentFlow.Tools.Tests.BuiltIn;

/// <summary>skill.http_call against real sockets; what each concern needs stands in its own part.</summary>
public sealed partial class HttpCallToolTests : IDisposable
{
    private readonly HttpTransport _loopbackOpen = new(new HttpTransportOptions { Allow = ["127.0.0.1/32"], Resolve = ResolveAsync });

    public void Dispose() => _loopbackOpen.Dispose();

    [Fact]
    public async Task InvokeAsync_Post_SendsWhatTheInputSays()
    {
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(201, """{"id":7}""", "Content-Type: application/json", "X-B: 2", "x-a: 1", "X-B: 3"));

        StepOutcome outcome = await Tool().Run($$"""
            {
              "method": "POST", "url": "{{server.Url}}/v1/items?fixed=1#part", "params": { "q": "a b&c", "n": [1, true], "none": null },
              "headers": { "X-Trace": "t", "Authorization": "Bearer secret" }, "body": { "name": "é" }
            }
            """);

        ReceivedRequest request = Assert.Single(server.Requests);
        Assert.Equal("POST", request.Method);
        Assert.Equal("/v1/items?fixed=1&q=a%20b%26c&n=1&n=true", request.Target);
        Assert.Equal("""{ "name": "é" }""", request.Body);
        Assert.Equal("application/json", request.Headers["Content-Type"]);
        Assert.Equal("Bearer secret", request.Headers["Authorization"]);
        Assert.Equal($"127.0.0.1:{server.Port}", request.Headers["Host"]);
        Assert.Equal("key-1", request.Headers["Idempotency-Key"]);
        Assert.StartsWith("AgentFlow/", request.Headers["User-Agent"], StringComparison.Ordinal);
        JsonElement output = outcome.Json();
        Assert.Equal(201, output.GetProperty("status_code").GetInt32());
        Assert.Equal(7, output.GetProperty("body").GetProperty("id").GetInt32());
        Assert.Equal(
            ["connection", "content-length", "content-type", "x-a", "x-b"],
            output.GetProperty("headers").EnumerateObject().Select(h => h.Name));
        Assert.Equal("2, 3", output.GetProperty("headers").GetProperty("x-b").GetString());
    }

    [Theory]
    [InlineData("GET", false)]
    [InlineData("HEAD", false)]
    [InlineData("OPTIONS", false)]
    [InlineData("POST", true)]
    [InlineData("PUT", true)]
    [InlineData("PATCH", true)]
    [InlineData("DELETE", true)]
    public async Task InvokeAsync_IdempotencyKey_ComesFromTheInputOrForChangesFromTheStep(string method, bool mutating)
    {
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(200));

        await Tool().Run($$"""{"method":"{{method}}","url":"{{server.Url}}"}""", key: "step-key");
        await Tool().Run($$"""{"method":"{{method}}","url":"{{server.Url}}","idempotency_key":"own"}""", key: "step-key");
        StepOutcome outside = await Tool().Run($$"""{"method":"{{method}}","url":"{{server.Url}}"}""", key: "");

        Assert.Equal(mutating ? "step-key" : null, server.Requests[0].Headers.GetValueOrDefault("Idempotency-Key"));
        Assert.Equal("own", server.Requests[1].Headers["Idempotency-Key"]);
        Assert.Equal(mutating ? "VALIDATION_FAILED" : null, outside.Error?.Code);
    }

    [Fact]
    public async Task InvokeAsync_TextBodyWithItsOwnType_KeepsTheType()
    {
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(200));

        await Tool().Run($$"""{"method":"PUT","url":"{{server.Url}}","body":"a,b","headers":{"content-type":"text/csv","user-agent":"me"} }""");

        Assert.Equal("text/csv", server.Requests[0].Headers["Content-Type"]);
        Assert.Equal("me", server.Requests[0].Headers["User-Agent"]);
        Assert.Equal("a,b", server.Requests[0].Body);
    }

    [Theory]
    [InlineData("""{"url":"http://a.test","method":"TRACE"}""", "input.method: 'TRACE' is none of")]
    [InlineData("""{"method":"GET"}""", "input.url: is required")]
    [InlineData("""{"url":"http://u:p@a.test"}""", "input.url: contains user information")]
    [InlineData("""{"url":"http://a.test","timeout_ms":99}""", "input.timeout_ms: must be an integer from 100 to 300000, not 99")]
    [InlineData("""{"url":"http://a.test","timeout_ms":300001}""", "input.timeout_ms")]
    [InlineData("""{"url":"http://a.test","timeout":1}""", "input.timeout: is no field here")]
    [InlineData("""{"url":"http://a.test","body":"x"}""", "input.body: cannot be sent with GET")]
    [InlineData("""{"url":"http://a.test","params":{"a":{}}}""", "input.params.a: must be a string, a number")]
    [InlineData("""{"url":"http://a.test","params":[]}""", "input.params: must be an object, not an array")]
    [InlineData("""{"url":"http://a.test","headers":{"X-A":"1\r\nX-B: 2"}}""", "input.headers.X-A: holds line breaks")]
    [InlineData("""{"url":"http://a.test","headers":{"X-A":"1\n2"}}""", "input.headers.X-A: holds line breaks")]
    [InlineData("""{"url":"http://a.test","headers":{"X-A":"é"}}""", "input.headers.X-A: holds line breaks, control characters or letters outside ASCII")]
    [InlineData("""{"url":"http://a.test","headers":{"X-A: 1\r\nX-B":"2"}}""", "is no header name")]
    [InlineData("""{"url":"http://a.test","headers":{"":"2"}}""", "is no header name")]
    [InlineData("""{"url":"http://a.test","headers":{"X-A":1}}""", "input.headers.X-A: must be a string, not a number")]
    [InlineData("""{"url":"http://a.test","headers":{"Host":"internal"}}""", "input.headers.Host: is set by the transport")]
    [InlineData("""{"url":"http://a.test","headers":{"content-LENGTH":"1"}}""", "is set by the transport")]
    [InlineData("""{"url":"http://a.test","headers":{"Transfer-Encoding":"chunked"}}""", "is set by the transport")]
    [InlineData("""{"url":"http://a.test","headers":{"Connection":"x"}}""", "is set by the transport")]
    [InlineData("""{"url":"http://a.test","headers":{"Upgrade":"h2c"}}""", "is set by the transport")]
    [InlineData("""{"url":"http://a.test","headers":{"idempotency-key":"x"}}""", "is given as the field 'idempotency_key'")]
    [InlineData("""{"url":"http://a.test","idempotency_key":"a\r\nb"}""", "input.idempotency_key: must be 1 to 255 visible")]
    [InlineData("""{"url":"http://a.test","idempotency_key":""}""", "input.idempotency_key: must be 1 to 255 visible")]
    [InlineData("""{"url":"http://a.test","retry_config":{"max_attempts":0}}""", "input.retry_config.max_attempts")]
    [InlineData("""{"url":"http://a.test","retry_config":{"jitter":1.5}}""", "input.retry_config.jitter: must be a number from 0 to 1, not 1.5")]
    [InlineData("""{"url":"http://a.test","retry_config":{"retries":3}}""", "input.retry_config.retries: is no field here")]
    public async Task InvokeAsync_BadInput_NamesTheFieldAndSendsNothing(string input, string expected)
    {
        using var transport = new HttpTransport(new HttpTransportOptions { Resolve = (host, _) => throw new InvalidOperationException($"{host} was looked up") });

        StepError error = (await Tool(transport).Run(input)).Error!;

        Assert.Equal("VALIDATION_FAILED", error.Code);
        Assert.Equal(ErrorCategory.Validation, error.Category);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InvokeAsync_HundredAndOneHeaders_AreRefused()
    {
        string headers = string.Join(',', Enumerable.Range(0, 101).Select(n => $"\"X-{n}\":\"\""));

        Assert.Contains("101 headers, 100 are allowed", (await Tool().Run($$"""{"url":"http://a.test","headers":{ {{headers}} } }""")).Error!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(204)]
    [InlineData(304)]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(404)]
    [InlineData(422)]
    public async Task InvokeAsync_AnswerBelow500_IsAResult(int status)
    {
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(status));

        Assert.Equal(status, (await Get(server.Url)).Json().GetProperty("status_code").GetInt32());
    }

    [Fact]
    public async Task InvokeAsync_UnknownHost_SaysSo()
    {
        StepError error = (await Get("http://nowhere.test/secret-path?token=1")).Error!;

        Assert.Equal("HOST_NOT_FOUND", error.Code);
        Assert.True(error.Retryable);
        Assert.Contains("nowhere.test", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InvokeAsync_NobodyListens_IsConnectFailed()
    {
        int port;
        await using (var server = new ScriptedServer(_ => ""))
            port = server.Port;

        StepError error = (await Get($"http://127.0.0.1:{port}/")).Error!;

        Assert.Equal("CONNECT_FAILED", error.Code);
        Assert.True(error.Retryable);
    }

    [Theory]
    [InlineData("")]
    [InlineData("SSH-2.0-OpenSSH\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\n\r\nnot gzip at all, but long enough to be read")]
    public async Task InvokeAsync_BrokenResponse_IsBadResponse(string response)
    {
        await using var server = new ScriptedServer(_ => response);

        StepError error = (await Get(server.Url)).Error!;

        Assert.Equal("BAD_RESPONSE", error.Code);
        Assert.True(error.Retryable);
    }

    [Fact]
    public async Task InvokeAsync_PlainServerCalledWithTls_IsTlsFailed()
    {
        await using var speaking = new GreetingServer("220 smtp ready\r\n");

        StepError error = (await Get($"https://127.0.0.1:{speaking.Port}/")).Error!;

        Assert.Equal("TLS_FAILED", error.Code);
        Assert.False(error.Retryable);
    }

    private static Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken) => host switch
    {
        "localhost" or "LOCALHOST" => Task.FromResult<IPAddress[]>([IPAddress.IPv6Loopback, IPAddress.Loopback]),
        "metadata.google.internal" => Task.FromResult<IPAddress[]>([IPAddress.Parse("169.254.169.254")]),
        "mapped.test" => Task.FromResult<IPAddress[]>([IPAddress.Parse("::ffff:127.0.0.1")]),
        "nat64.test" => Task.FromResult<IPAddress[]>([IPAddress.Parse("64:ff9b::10.0.0.1")]),
        "empty.test" => Task.FromResult<IPAddress[]>([]),
        _ => throw new SocketException((int)SocketError.HostNotFound),
    };

    private ITool Tool(HttpTransport? transport = null, ToolPolicy? policy = null, TimeProvider? time = null) =>
        Skill.Create(HttpCallTool.Define(transport ?? _loopbackOpen, time ?? TimeProvider.System), policy);

    private Task<StepOutcome> Get(string url, HttpTransport? transport = null, ToolPolicy? policy = null) =>
        Tool(transport, policy).Run($$"""{"url":{{JsonSerializer.Serialize(url)}}}""");
}
