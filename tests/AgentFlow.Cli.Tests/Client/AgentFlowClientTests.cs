using System.Net;
using System.Text;
using System.Text.Json;
using AgentFlow.Client;

namespace AgentFlow.Cli.Tests.Client;

/// <summary>What the client does when the network fails it; everything else is tested against the real server.</summary>
public sealed class AgentFlowClientTests
{
    private const string Accepted = """{"job_id":"R","run_id":"R","trace_id":"T"}""";

    [Fact]
    public async Task Start_ConnectionLost_RepeatsUnderTheSameKey()
    {
        var server = new Script(Lost, Lost, Json(HttpStatusCode.Accepted, Accepted));
        using AgentFlowClient client = server.Client();
        Assert.Equal("R", (await client.StartAsync(new RunRequest("w", JsonElement.Parse("{}")))).RunId);
        Assert.Equal(3, server.Requests.Count);
        Assert.Single(server.Requests.Select(r => r.Headers.GetValues("Idempotency-Key").Single()).Distinct());
    }

    [Fact]
    public async Task Signal_ConnectionLost_IsNotRepeated()
    {
        var server = new Script(Lost, Json(HttpStatusCode.Accepted, "{}"));
        using AgentFlowClient client = server.Client();
        await Assert.ThrowsAsync<ServerUnreachableException>(() => client.SignalAsync("R", "go"));
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task Get_NeverAnswered_SaysWhichServer()
    {
        using AgentFlowClient client = new Script(Lost, Lost, Lost).Client();
        ServerUnreachableException error = await Assert.ThrowsAsync<ServerUnreachableException>(() => client.GetRunAsync("R"));
        Assert.Contains("http://test.invalid", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_Unavailable_TriesAgain()
    {
        var server = new Script(Json(HttpStatusCode.ServiceUnavailable, "{}"), Json(HttpStatusCode.OK, """{"id":"R","workflow":"w","status":"running"}"""));
        using AgentFlowClient client = server.Client();
        Assert.False((await client.GetRunAsync("R")).IsEnded);
    }

    [Fact]
    public async Task Get_ProblemDocument_BecomesItsCode()
    {
        const string Problem = """{"type":"urn:x","title":"t","status":404,"detail":"No such run.","code":"RUN_NOT_FOUND","retryable":false,"later_member":1}""";
        using AgentFlowClient client = new Script(Json(HttpStatusCode.NotFound, Problem, "application/problem+json")).Client();
        AgentFlowException error = await Assert.ThrowsAsync<AgentFlowException>(() => client.GetRunAsync("R"));
        Assert.Equal(("RUN_NOT_FOUND", "No such run."), (error.Code, error.Message));
    }

    [Theory]
    [InlineData(HttpStatusCode.OK, "<html>hello</html>")]
    [InlineData(HttpStatusCode.BadGateway, "<html>proxy</html>")]
    public async Task Get_SomebodyElsesAnswer_IsNamedAsThat(HttpStatusCode status, string body)
    {
        using AgentFlowClient client = new Script(Json(status, body, "text/html")).Client();
        AgentFlowException error = await Assert.ThrowsAsync<AgentFlowException>(() => client.GetRunAsync("R"));
        Assert.Contains("http://test.invalid", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_ConnectionLost_GoesOnAfterTheLastEvent()
    {
        var server = new Script(
            Stream(Event(0), Event(1)),
            Lost,
            Stream(Event(1), Event(2), ": heartbeat\n\n"),
            Stream(Event(3), "event: end\ndata: {}\n\n"));
        using AgentFlowClient client = server.Client();
        var seen = new List<long>();
        await foreach (RunEvent happened in client.StreamAsync("R"))
        {
            seen.Add(happened.Seq);
        }

        Assert.Equal([0, 1, 2, 3], seen);
        Assert.Equal(["0", "2", "2", "3"], server.Requests.Select(r => r.RequestUri!.Query["?from=".Length..]));
    }

    [Fact]
    public async Task Stream_NothingNewAndLostAgain_GivesUp()
    {
        using AgentFlowClient client = new Script(Stream(Event(0)), Stream(), Stream(), Stream()).Client();
        await Assert.ThrowsAsync<ServerUnreachableException>(async () =>
        {
            await foreach (RunEvent _ in client.StreamAsync("R"))
            {
                // Until it fails.
            }
        });
    }

    [Theory]
    [InlineData("http://127.0.0.1:8000", "http://127.0.0.1:8000", "http://127.0.0.1:8000/api/v1/runs/a%2Fb")]
    [InlineData("https://host/behind/", "https://host/behind", "https://host/behind/api/v1/runs/a%2Fb")]
    [InlineData("unix:/run/af.sock", "unix:/run/af.sock", "http://localhost/api/v1/runs/a%2Fb")]
    public async Task Server_Addresses_AreBases(string text, string shown, string requested)
    {
        Assert.True(ServerAddress.TryParse(text, out ServerAddress? address));
        Assert.Equal(shown, address.ToString());
        var server = new Script(Json(HttpStatusCode.OK, """{"id":"R","workflow":"w","status":"running"}"""));
        using AgentFlowClient client = server.Client(address);
        await client.GetRunAsync("a/b");
        Assert.Equal(requested, server.Requests[0].RequestUri!.AbsoluteUri);
    }

    [Theory]
    [InlineData("127.0.0.1:8000")]
    [InlineData("ftp://host")]
    [InlineData("unix:relative")]
    [InlineData("http://host/?x=1")]
    [InlineData("")]
    public void Server_NoAddress_IsRefused(string text) => Assert.False(ServerAddress.TryParse(text, out _));

    private static HttpResponseMessage Lost() => throw new HttpRequestException("Connection refused");

    private static Func<HttpResponseMessage> Json(HttpStatusCode status, string body, string type = "application/json") =>
        () => new HttpResponseMessage(status) { Content = new StringContent(body, Encoding.UTF8, type) };

    private static Func<HttpResponseMessage> Stream(params string[] parts) => Json(HttpStatusCode.OK, string.Concat(parts), "text/event-stream");

    private static string Event(int seq) => $"id: {seq}\nevent: x\ndata: {{\"seq\":{seq},\"type\":\"x\"}}\n\n";

    /// <summary>Answers requests with what the test wrote down, in order.</summary>
    private sealed class Script(params Func<HttpResponseMessage>[] answers) : HttpMessageHandler
    {
        public List<HttpRequestMessage> Requests { get; } = [];

        public AgentFlowClient Client(ServerAddress? server = null)
        {
            ServerAddress.TryParse("http://test.invalid", out ServerAddress? usual);
            return new AgentFlowClient(new AgentFlowClientOptions(server ?? usual!) { RetryDelay = TimeSpan.Zero }, this);
        }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var copy = new HttpRequestMessage(request.Method, request.RequestUri);
            foreach (var (name, values) in request.Headers)
            {
                copy.Headers.TryAddWithoutValidation(name, values);
            }

            Requests.Add(copy);
            return Task.FromResult(answers[Requests.Count - 1]());
        }
    }
}
