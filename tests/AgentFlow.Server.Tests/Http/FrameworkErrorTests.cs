using System.Net;
using System.Text;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Tests.Http;

public sealed class FrameworkErrorTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("/")]
    [InlineData("/api/v1/nothing")]
    [InlineData("/api/v2/runs")]
    [InlineData("/docs/../../etc/passwd")]
    [InlineData("/docs/%2e%2e%2fpasswd")]
    [InlineData("/docs/errors/NO_SUCH_CODE")]
    public async Task UnknownAddress_Is404(string path) => (await _server.GetAsync(path)).Problem(HttpStatusCode.NotFound, "NOT_FOUND");

    [Fact]
    public async Task WrongMethod_Is405WithAllow()
    {
        Answer answer = await _server.SendAsync(HttpMethod.Delete, "/api/v1/workflows", null);
        answer.Problem(HttpStatusCode.MethodNotAllowed, "METHOD_NOT_ALLOWED");
        Assert.Equal(["GET", "POST"], answer.ContentHeaders.Allow.Order());
    }

    [Theory]
    [InlineData("/api/v1/workflows", "application/xml")]
    [InlineData("/api/v1/workflows", null)]
    [InlineData("/api/v1/workflows/x/execute", "text/plain")]
    [InlineData("/api/v1/workflows/x/execute", "application/x-www-form-urlencoded")]
    [InlineData("/api/v1/runs/x/cancel", "text/plain")]
    public async Task WrongContentType_Is415(string path, string? type)
    {
        Answer answer = await _server.SendAsync(HttpMethod.Post, path, RunningServer.Content("{}"u8.ToArray(), type));
        answer.Problem(HttpStatusCode.UnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE");
    }

    [Theory]
    [InlineData("/api/v1/runs?page[size]=abc", "page[size]")]
    [InlineData("/api/v1/runs?page[size]=0", "page[size]")]
    [InlineData("/api/v1/runs?page[size]=501", "page[size]")]
    [InlineData("/api/v1/runs?page[size]=5&page[size]=6", "page[size]")]
    [InlineData("/api/v1/runs?page[cursor]=zzz", "page[cursor]")]
    [InlineData("/api/v1/runs?filter[status]=done", "filter[status]")]
    [InlineData("/api/v1/runs?filter[statsu]=failed", "filter[statsu]")]
    [InlineData("/api/v1/runs?sort=name", "sort")]
    [InlineData("/api/v1/workflows?sort=size", "sort")]
    [InlineData("/api/v1/workflows?dry_run=true", "dry_run")]
    [InlineData("/api/v1/tools?limit=3", "limit")]
    public async Task ImpossibleParameter_Is400AndNamed(string path, string parameter)
    {
        var problem = (await _server.GetAsync(path)).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
        Assert.Contains($"'{parameter}'", problem.GetProperty("detail").GetString());
        Assert.NotEqual("", problem.GetProperty("errors")[0].GetProperty("remedy").GetString());
    }

    [Fact]
    public async Task MisspeltParameter_SuggestsTheRightOne()
    {
        var problem = (await _server.GetAsync("/api/v1/runs?filter[statsu]=failed")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
        Assert.Contains("did you mean 'filter[status]'", problem.GetProperty("errors")[0].GetProperty("remedy").GetString());
    }

    [Theory]
    [InlineData("Default")]
    [InlineData("-a")]
    [InlineData("a b")]
    [InlineData("../x")]
    [InlineData("a234567890123456789012345678901234567890123456789012345678901234")]
    public async Task ImpossibleTenant_Is400(string tenant)
    {
        var problem = (await _server.GetAsync("/api/v1/runs", ("X-Tenant-ID", tenant))).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
        Assert.Contains("X-Tenant-ID", problem.GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData(LogLevel.None)]
    [InlineData(LogLevel.Critical)]
    public async Task TraceParent_WithOrWithoutActivities_IsContinued(LogLevel level)
    {
        const string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        await using RunningServer server = await RunningServer.StartAsync(o => o with { LogLevel = level });
        Answer answer = await server.GetAsync("/api/v1/nothing", ("traceparent", $"00-{trace}-00f067aa0ba902b7-01"));
        Assert.Equal(trace, answer.Json.GetProperty("trace_id").GetString());
        Answer malformed = await server.GetAsync("/api/v1/nothing", ("traceparent", "00-xyz-1-01"));
        malformed.Problem(HttpStatusCode.NotFound, "NOT_FOUND");
    }

    [Theory]
    [InlineData("application/vnd.agentflow.v1+json", "application/vnd.agentflow.v1+json")]
    [InlineData("application/vnd.agentflow.v2+json, application/vnd.agentflow.v1+json;q=0.5", "application/vnd.agentflow.v1+json")]
    [InlineData("application/vnd.agentflow.v2+json, */*;q=0.1", "application/json")]
    [InlineData("text/html, */*", "application/json")]
    public async Task Accept_KnownVersion_IsAnswered(string accept, string type)
    {
        Answer answer = await _server.GetAsync("/api/v1/runs", ("Accept", accept));
        Assert.Equal((HttpStatusCode.OK, type), (answer.Status, answer.Type));
    }

    [Fact]
    public async Task Accept_OnlyUnknownVersion_Is406() =>
        (await _server.GetAsync("/api/v1/runs", ("Accept", "application/vnd.agentflow.v2+json"))).Problem(HttpStatusCode.NotAcceptable, "NOT_ACCEPTABLE");

    [Fact]
    public async Task VersionedContentType_IsRead()
    {
        Answer answer = await _server.SendAsync(
            HttpMethod.Post, "/api/v1/workflows/x/execute", RunningServer.Content("{}"u8.ToArray(), "application/vnd.agentflow.v1+json"));
        answer.Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
    }

    [Fact]
    public async Task Body_WithUnknownMembers_ListsThemAll()
    {
        Answer answer = await _server.PostAsync("/api/v1/workflows/x/execute", """{"inptu":{},"version":3,"async":"yes"}""");
        var errors = answer.Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED").GetProperty("errors").EnumerateArray().ToArray();
        Assert.Equal(["/async", "/inptu", "/version"], errors.Select(e => e.GetProperty("pointer").GetString()!).Order());
        Assert.Contains("did you mean 'input'", errors.Single(e => e.GetProperty("pointer").GetString() == "/inptu").GetProperty("message").GetString());
    }

    [Fact]
    public async Task Body_NoObject_IsRefused() =>
        (await _server.PostAsync("/api/v1/workflows/x/execute", "[1]")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");

    [Fact]
    public async Task TruncatedBody_IsAnsweredAsSuch()
    {
        byte[] head = Encoding.ASCII.GetBytes($"POST /api/v1/workflows/x/execute HTTP/1.1\r\nHost: {_server.Address.Authority}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
        string answer = await RawHttp.AskAsync(_server.Address, head);
        Assert.StartsWith("HTTP/1.1 400", answer);
        Assert.Contains("REQUEST_INVALID", answer);
    }
}
