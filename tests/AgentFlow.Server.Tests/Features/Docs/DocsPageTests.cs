using System.Net;
using System.Text.RegularExpressions;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Server.Tests.Features.Docs;

public sealed class DocsPageTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Page_LoadsNothingFromElsewhere()
    {
        Answer page = await _server.GetAsync("/docs");
        Assert.Equal((HttpStatusCode.OK, "text/html"), (page.Status, page.Type));
        string[] links = [.. Regex.Matches(page.Text, "(?:href|src)=\"([^\"]+)\"").Select(m => m.Groups[1].Value)];
        Assert.All(links, l => Assert.True(l[0] is '/' or '#' || l.StartsWith("data:", StringComparison.Ordinal), l));
        foreach (string link in links.Where(l => l[0] == '/'))
        {
            Assert.Equal(HttpStatusCode.OK, (await _server.GetAsync(link)).Status);
        }

        Assert.DoesNotMatch("<script(?![^>]*src=)", page.Text);
        Assert.DoesNotMatch(@"\son\w+=|style=", page.Text);
    }

    [Theory]
    [InlineData("/docs", "text/html")]
    [InlineData("/docs/docs.js", "text/javascript")]
    [InlineData("/docs/docs.css", "text/css")]
    public async Task Files_ComeWithAStrictPolicy(string path, string type)
    {
        Answer file = await _server.GetAsync(path);
        Assert.Equal(type, file.Type);
        string policy = Assert.Single(file.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy);
        Assert.DoesNotContain("unsafe", policy);
        Assert.DoesNotContain("http", policy);
        Assert.Equal("nosniff", Assert.Single(file.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal(HttpStatusCode.NotModified, (await _server.GetAsync(path, ("If-None-Match", file.Tag!))).Status);
    }

    [Fact]
    public async Task ErrorPages_ExistForEveryCode()
    {
        foreach (ErrorCode code in ErrorCode.All)
        {
            Answer page = await _server.GetAsync($"/docs/errors/{code.Code}");
            Assert.Equal((HttpStatusCode.OK, "text/plain"), (page.Status, page.Type));
            Assert.StartsWith($"# {code.Code}\n", page.Text);
        }
    }
}
