using System.Net;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Http;

/// <summary>Alone, because what a request allocates can only be told while nothing else does.</summary>
[CollectionDefinition(nameof(HostileInputTests), DisableParallelization = true)]
[Collection(nameof(HostileInputTests))]
public sealed class HostileInputTests : IAsyncLifetime
{
    private const long Megabyte = 1024 * 1024;

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("/api/v1/workflows", "application/yaml", true)]
    [InlineData("/api/v1/workflows/x/execute", "application/json", true)]
    [InlineData("/api/v1/workflows/x/execute", "application/json", false)]
    [InlineData("/api/v1/runs/x/signal", "application/json", false)]
    public async Task HugeBody_Is413InBoundedMemory(string path, string type, bool announced)
    {
        await _server.GetAsync("/healthz");
        long before = GC.GetTotalAllocatedBytes(precise: true);
        string answer = await UploadAsync(path, type, 100 * Megabyte, announced);
        long allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        Assert.StartsWith("HTTP/1.1 413", answer);
        Assert.Contains("PAYLOAD_TOO_LARGE", answer);
        Assert.InRange(allocated, 0, 64 * Megabyte);
        Assert.Equal(HttpStatusCode.OK, (await _server.GetAsync("/healthz")).Status);
    }

    [Fact]
    public async Task LargestBody_IsTaken()
    {
        string filler = new('x', (int)(10 * Megabyte) - 30);
        Answer answer = await _server.PostAsync("/api/v1/workflows/x/execute", "{\"input\":{\"m\":\"" + filler + "\"}}");
        answer.Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
    }

    [Fact]
    public async Task DeepJson_Is400WithItsPlace()
    {
        string json = """{"input":""" + new string('[', 100_000) + new string(']', 100_000) + "}";
        JsonElement problem = (await _server.PostAsync("/api/v1/workflows/x/execute", json)).Problem(HttpStatusCode.BadRequest, "JSON_INVALID");
        JsonElement fault = problem.GetProperty("errors")[0];
        Assert.Equal(1, fault.GetProperty("line").GetInt32());
        Assert.InRange(fault.GetProperty("column").GetInt32(), 256, 280);
    }

    [Theory]
    [InlineData("""{"input":{"a":1,"a":2}}""")]
    [InlineData("""{"input":{},"input":{}}""")]
    [InlineData("""{"input":{"a":"\ud800"}}""")]
    [InlineData("""{"input":{},}""")]
    [InlineData("""{"input":{}} x""")]
    [InlineData("not json")]
    public async Task AmbiguousJson_Is400(string json) => (await _server.PostAsync("/api/v1/workflows/x/execute", json)).Problem(HttpStatusCode.BadRequest, "JSON_INVALID");

    [Fact]
    public async Task ManyNames_CostNoMoreThanTheyAreWorth()
    {
        var json = new StringBuilder("""{"input":{""");
        for (int i = 0; i < 500_000; i++)
        {
            json.Append($"\"n{i}\":1,");
        }

        json.Append("\"z\":1}}");
        long before = GC.GetTotalAllocatedBytes(precise: true);
        (await _server.PostAsync("/api/v1/workflows/x/execute", json.ToString())).Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 150 * Megabyte);
    }

    [Fact]
    public async Task ManyUnknownMembers_GiveAShortAnswer()
    {
        string members = string.Join(",", Enumerable.Range(0, 90).Select(i => $"\"m{i}\":1"));
        JsonElement problem = (await _server.PostAsync("/api/v1/workflows/x/execute", "{" + members + "}")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Equal(50, problem.GetProperty("errors").GetArrayLength());
        string more = string.Join(",", Enumerable.Range(0, 100_000).Select(i => $"\"m{i}\":1"));
        (await _server.PostAsync("/api/v1/workflows/x/execute", "{" + more + "}")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
    }

    [Theory]
    [InlineData("application/json", "JSON_INVALID")]
    [InlineData("application/yaml", "TEXT_INVALID")]
    public async Task InvalidUtf8_Is400(string type, string code)
    {
        byte[] body = [.. "{\"yaml\": \""u8, 0xFF, 0xFE, .. "\"}"u8];
        Answer answer = await _server.SendAsync(HttpMethod.Post, "/api/v1/workflows", RunningServer.Content(body, type));
        JsonElement problem = answer.Problem(HttpStatusCode.BadRequest, code);
        Assert.Equal(11, problem.GetProperty("errors")[0].GetProperty("column").GetInt32());
    }

    [Fact]
    public async Task YamlBomb_Is422InBoundedMemory()
    {
        var yaml = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (int i = 1; i < 12; i++)
        {
            yaml.Append($"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n");
        }

        long before = GC.GetTotalAllocatedBytes(precise: true);
        (await _server.PostYamlAsync("/api/v1/workflows", yaml.ToString())).Problem(HttpStatusCode.UnprocessableEntity, "WORKFLOW_INVALID");
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 200 * Megabyte);
    }

    [Theory]
    [InlineData("../secrets.txt")]
    [InlineData("data/../../x")]
    [InlineData("/etc/passwd")]
    [InlineData("data//x")]
    [InlineData("./x")]
    [InlineData("C:\\x")]
    [InlineData("a\\b")]
    [InlineData("a\u0000b")]
    [InlineData("")]
    public async Task AssetOutsideTheFolder_Is422(string name)
    {
        string body = JsonSerializer.Serialize(new { yaml = Flows.Echo, assets = new Dictionary<string, string> { [name] = "eA==" } });
        JsonElement problem = (await _server.PostAsync("/api/v1/workflows", body)).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.StartsWith("/assets/", problem.GetProperty("errors")[0].GetProperty("pointer").GetString());
    }

    [Fact]
    public async Task AssetThatIsNoBase64_Is422()
    {
        string body = JsonSerializer.Serialize(new { yaml = Flows.Echo, assets = new Dictionary<string, string> { ["a/b"] = "%%%" } });
        JsonElement problem = (await _server.PostAsync("/api/v1/workflows", body)).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Equal("/assets/a~1b", problem.GetProperty("errors")[0].GetProperty("pointer").GetString());
    }

    [Fact]
    public async Task HugeHeaders_AreRefused()
    {
        string request = $"GET /healthz HTTP/1.1\r\nHost: {_server.Address.Authority}\r\nX-Big: {new string('x', 100_000)}\r\n\r\n";
        Assert.StartsWith("HTTP/1.1 431", await RawHttp.AskAsync(_server.Address, Encoding.ASCII.GetBytes(request)));
        Assert.Equal(HttpStatusCode.OK, (await _server.GetAsync("/healthz")).Status);
    }

    [Fact]
    public async Task HugeAddress_IsRefused()
    {
        string request = $"GET /{new string('x', 100_000)} HTTP/1.1\r\nHost: {_server.Address.Authority}\r\n\r\n";
        Assert.StartsWith("HTTP/1.1 414", await RawHttp.AskAsync(_server.Address, Encoding.ASCII.GetBytes(request)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\tb")]
    public async Task ImpossibleIdempotencyKey_Is400(string key)
    {
        await _server.SaveAsync(Flows.Echo);
        Answer answer = await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""", ("Idempotency-Key", key));
        answer.Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
    }

    /// <summary>Sends a body of spaces without ever holding it, and gives the answer's text.</summary>
    private async Task<string> UploadAsync(string path, string type, long length, bool announced)
    {
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(_server.Address.Host, _server.Address.Port);
        System.Net.Sockets.NetworkStream stream = client.GetStream();
        string framing = announced ? $"Content-Length: {length}" : "Transfer-Encoding: chunked";
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: {_server.Address.Authority}\r\nContent-Type: {type}\r\n{framing}\r\n\r\n"));
        byte[] spaces = new byte[64 * 1024];
        spaces.AsSpan().Fill((byte)' ');
        byte[] chunkHead = Encoding.ASCII.GetBytes($"{spaces.Length:x}\r\n");
        Task writing = Task.Run(async () =>
        {
            try
            {
                for (long sent = 0; sent < length; sent += spaces.Length)
                {
                    if (!announced)
                    {
                        await stream.WriteAsync(chunkHead);
                    }

                    await stream.WriteAsync(spaces);
                    if (!announced)
                    {
                        await stream.WriteAsync("\r\n"u8.ToArray());
                    }
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // The server has closed the door.
            }
        });
        byte[] answer = new byte[4096];
        int read = 0;
        while (!Encoding.UTF8.GetString(answer, 0, read).Contains("PAYLOAD_TOO_LARGE", StringComparison.Ordinal))
        {
            int more = await stream.ReadAsync(answer.AsMemory(read));
            if (more == 0)
            {
                break;
            }

            read += more;
        }

        client.Close();
        await writing;
        return Encoding.UTF8.GetString(answer, 0, read);
    }
}
