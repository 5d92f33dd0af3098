using AgentFlow.Tools.BuiltIn.Http;

namespace AgentFlow.Tools.Tests.BuiltIn.Http;

public class UrlRuleTests
{
    [Theory]
    [InlineData("https://api.example.com", "https://api.example.com/")]
    [InlineData("HTTPS://API.Example.com:443/A?b=C", "https://api.example.com/A?b=C")]
    [InlineData("http://example.com:8080/ü?x=%C3%BC", "http://example.com:8080/%C3%BC?x=%C3%BC")]
    [InlineData("http://example.com./a", "http://example.com/a")]
    [InlineData("http://example.com?a@b", "http://example.com/?a@b")]
    [InlineData("http://xn--mnchen-3ya.de/", "http://xn--mnchen-3ya.de/")]
    [InlineData("http://[2606:4700::1]:81/", "http://[2606:4700::1]:81/")]
    // Short and numeric notations become the address that is then judged.
    [InlineData("http://127.1/", "http://127.0.0.1/")]
    [InlineData("http://2130706433/", "http://127.0.0.1/")]
    [InlineData("http://0x7f.0.0.1/", "http://127.0.0.1/")]
    [InlineData("http://0177.0.0.01/", "http://127.0.0.1/")]
    [InlineData("http://127.0.0.1./", "http://127.0.0.1/")]
    [InlineData("http://127.0.0.0x1g/", "http://127.0.0.0x1g/")]
    public void Read_AcceptableUrl_GivesItsCanonicalForm(string text, string expected)
    {
        Uri? url = UrlRule.Read(text, out string? problem);

        Assert.Null(problem);
        Assert.Equal(expected, url!.AbsoluteUri);
    }

    [Theory]
    [InlineData("", "must begin with http:// or https://")]
    [InlineData("example.com", "must begin with")]
    [InlineData("//example.com", "must begin with")]
    [InlineData("http:/example.com", "must begin with")]
    [InlineData("ftp://example.com", "must begin with")]
    [InlineData("file:///etc/passwd", "must begin with")]
    [InlineData("gopher://127.0.0.1:25/", "must begin with")]
    [InlineData("javascript:alert(1)", "must begin with")]
    [InlineData(" http://example.com", "blanks or control")]
    [InlineData("http://example.com/a b", "blanks or control")]
    [InlineData("http://exa\tmple.com", "blanks or control")]
    [InlineData("http://example.com/\r\nX: y", "blanks or control")]
    [InlineData("http://user@example.com", "user information")]
    [InlineData("http://example.com@127.0.0.1", "user information")]
    [InlineData("http://example.com:80@127.0.0.1/", "user information")]
    [InlineData("http://example.com\\@127.0.0.1/", "backslash")]
    [InlineData("http://127.0.0.1\\.example.com/", "backslash")]
    [InlineData("http://127%2e0%2e0%2e1/", "percent-encoding")]
    [InlineData("http://%6cocalhost/", "percent-encoding")]
    [InlineData("http://[fe80::1%25eth0]/", "percent-encoding")]
    [InlineData("http://１２７.０.０.１/", "outside ASCII")]
    [InlineData("http://127。0。0。1/", "outside ASCII")]
    [InlineData("http://①②⑦.⓪.⓪.①/", "outside ASCII")]
    [InlineData("http://ⓛocalhost/", "outside ASCII")]
    [InlineData("http://münchen.de/", "outside ASCII")]
    [InlineData("http:///path", "names no host")]
    [InlineData("http://:80/", "names no host")]
    [InlineData("http://./", "no valid URL")]
    [InlineData("http://example.com:0/", "no valid URL")]
    [InlineData("http://example.com:99999/", "no valid URL")]
    [InlineData("http://[::1/", "no valid URL")]
    [InlineData("http://256.0.0.1/", "ends in a number")]
    [InlineData("http://1.2.3.4.5/", "ends in a number")]
    [InlineData("http://example.0x7f/", "ends in a number")]
    public void Read_AnythingElse_IsRefused(string text, string expected)
    {
        Uri? url = UrlRule.Read(text, out string? problem);

        Assert.Null(url);
        Assert.Contains(expected, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_VeryLongUrl_IsRefused()
    {
        Assert.Null(UrlRule.Read("http://example.com/" + new string('a', 20_000), out string? problem));
        Assert.Contains("longer than 16384", problem, StringComparison.Ordinal);
    }
}
