using System.Net;
using System.Net.WebSockets;

namespace AgentFlow.Server.Tests.Http;

public sealed class LoopbackGuardTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("evil.example")]
    [InlineData("localhost.evil.example")]
    [InlineData("10.0.0.1")]
    public async Task ForeignHost_IsRefused(string host) =>
        (await _server.GetAsync("/api/v1/runs", ("Host", $"{host}:{_server.Address.Port}"))).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");

    [Theory]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]")]
    public async Task OwnHost_IsAnswered(string host) =>
        Assert.Equal(HttpStatusCode.OK, (await _server.GetAsync("/healthz", ("Host", $"{host}:{_server.Address.Port}"))).Status);

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("http://localhost:1")]
    [InlineData("null")]
    public async Task ForeignOrigin_IsRefused(string origin)
    {
        Answer answer = await _server.PostYamlAsync("/api/v1/workflows", Flows.Echo, ("Origin", origin));
        answer.Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        (await _server.GetAsync("/api/v1/workflows/echo")).Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
    }

    [Fact]
    public async Task OwnOrigin_IsAnswered() =>
        Assert.Equal(HttpStatusCode.Created, (await _server.PostYamlAsync("/api/v1/workflows", Flows.Echo, ("Origin", $"http://{_server.Address.Authority}"))).Status);

    [Fact]
    public async Task WebSocketOfAForeignPage_IsRefused()
    {
        await _server.SaveAsync(Flows.Wait);
        string id = await _server.StartAsync("wait");
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Origin", "https://evil.example");
        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(new Uri($"ws://{_server.Address.Authority}/api/v1/runs/{id}/stream"), CancellationToken.None));
        Assert.NotEqual(WebSocketState.Open, socket.State);
    }
}
