using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn.Http;

namespace AgentFlow.Tools.Tests.BuiltIn.Http;

public class RedirectTests
{
    [Theory]
    [InlineData(301, "POST", "GET")]
    [InlineData(302, "POST", "GET")]
    [InlineData(301, "PUT", "PUT")]
    [InlineData(302, "DELETE", "DELETE")]
    [InlineData(303, "POST", "GET")]
    [InlineData(303, "PUT", "GET")]
    [InlineData(303, "HEAD", "HEAD")]
    [InlineData(307, "POST", "POST")]
    [InlineData(308, "PATCH", "PATCH")]
    [InlineData(301, "GET", "GET")]
    public void Follow_Status_DecidesAboutMethodAndBody(int status, string method, string expected)
    {
        HttpCallRequest request = Request("http://a.example/x", method, ("Content-Language", "de"), ("Accept", "text/plain"));

        HttpCallRequest next = Redirect.Follow(request, status, "/y?z=1").Next!;

        Assert.Equal(expected, next.Method);
        Assert.Equal("http://a.example/y?z=1", next.Url.AbsoluteUri);
        bool changed = expected != method;
        Assert.Equal(changed, next.Body is null != (request.Body is null));
        Assert.Equal(changed ? null : request.IdempotencyKey, next.IdempotencyKey);
        Assert.Equal(changed ? ["Accept"] : ["Content-Language", "Accept"], next.Headers.Select(h => h.Key));
    }

    [Theory]
    [InlineData("http://a.example/y", true)]
    [InlineData("/y", true)]
    [InlineData("http://a.example:80/y", true)]
    [InlineData("http://b.example/y", false)]
    [InlineData("http://sub.a.example/y", false)]
    [InlineData("http://a.example:81/y", false)]
    [InlineData("https://a.example/y", false)]
    [InlineData("//b.example/y", false)]
    public void Follow_OtherOrigin_DropsCredentials(string location, bool kept)
    {
        (string, string)[] credentials =
        [
            ("Authorization", "Bearer x"), ("Cookie", "x"), ("Proxy-Authorization", "x"), ("x-api-key", "x"), ("X-Auth-Token", "x"), ("X-Hub-Signature", "x"),
        ];
        HttpCallRequest request = Request("http://a.example/x", "GET", [.. credentials, ("Accept", "*/*")]);

        HttpCallRequest next = Redirect.Follow(request, 302, location).Next!;

        Assert.Equal(kept ? 7 : 1, next.Headers.Count);
        Assert.Contains(next.Headers, h => h.Key == "Accept");
    }

    [Theory]
    [InlineData("https://a.example/", "http://a.example/")]
    [InlineData("https://a.example/", "http://b.example/")]
    [InlineData("http://a.example/", "ftp://b.example/")]
    [InlineData("http://a.example/", "file:///etc/passwd")]
    [InlineData("http://a.example/", "javascript:alert(1)")]
    [InlineData("http://a.example/", "http://user:secret@b.example/")]
    [InlineData("http://a.example/", "//user@b.example/")]
    [InlineData("http://a.example/", "http://b.example\\@c.example/")]
    [InlineData("http://a.example/", "http://127%2e0%2e0%2e1/")]
    public void Follow_WrongTarget_IsRefused(string from, string location)
    {
        (HttpCallRequest? next, StepError? error) = Redirect.Follow(Request(from, "GET"), 302, location);

        Assert.Null(next);
        Assert.Equal("NETWORK_BLOCKED", error!.Code);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Follow_QueryHoldingAnotherUrl_StaysRelative() =>
        Assert.Equal("http://a.example/login?to=https://b.example/", Redirect.Follow(Request("http://a.example/", "GET"), 302, "/login?to=https://b.example/").Next!.Url.AbsoluteUri);

    private static HttpCallRequest Request(string url, string method, params (string Name, string Value)[] headers) => new()
    {
        Method = method,
        Url = new Uri(url),
        Headers = [.. headers.Select(h => KeyValuePair.Create(h.Name, h.Value))],
        Body = method is "GET" or "HEAD" ? null : new byte[] { 1 },
        BodyType = "text/plain",
        Timeout = TimeSpan.FromSeconds(1),
        IdempotencyKey = method is "GET" or "HEAD" ? null : "key",
        Retry = new RetryPlan(1, TimeSpan.Zero, TimeSpan.Zero, 0),
    };
}
