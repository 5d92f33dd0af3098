using System.Net;
using System.Net.Sockets;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.Tests.BuiltIn;

public sealed partial class HttpCallToolTests
{
    [Theory]
    [InlineData("http://127.0.0.1:{port}/")]
    [InlineData("http://127.1:{port}/")]
    [InlineData("http://127.0.1:{port}/")]
    [InlineData("http://2130706433:{port}/")]
    [InlineData("http://017700000001:{port}/")]
    [InlineData("http://0x7f000001:{port}/")]
    [InlineData("http://0x7F.1:{port}/")]
    [InlineData("http://0177.0.0.1:{port}/")]
    [InlineData("http://0x7f.0.0.0x1:{port}/")]
    [InlineData("http://127.0.0.1.:{port}/")]
    [InlineData("http://localhost:{port}/")]
    [InlineData("http://LOCALHOST:{port}/")]
    [InlineData("http://localhost.:{port}/")]
    [InlineData("http://0.0.0.0:{port}/")]
    [InlineData("http://0:{port}/")]
    [InlineData("http://[::1]:{port}/")]
    [InlineData("http://[0:0:0:0:0:0:0:1]:{port}/")]
    [InlineData("http://[::]:{port}/")]
    [InlineData("http://[::127.0.0.1]:{port}/")]
    [InlineData("http://[::ffff:127.0.0.1]:{port}/")]
    [InlineData("http://[::FFFF:7f00:1]:{port}/")]
    [InlineData("http://[64:ff9b::127.0.0.1]:{port}/")]
    [InlineData("http://[2002:7f00:1::]:{port}/")]
    [InlineData("http://[2001:0:7f00:1::]:{port}/")]
    [InlineData("http://[fe80::1]:{port}/")]
    [InlineData("http://[fc00::1]:{port}/")]
    [InlineData("http://mapped.test:{port}/")]
    [InlineData("http://nat64.test:{port}/")]
    [InlineData("http://10.0.0.1/")]
    [InlineData("http://172.16.0.1/")]
    [InlineData("http://192.168.0.1/")]
    [InlineData("http://100.100.100.200/latest/meta-data/")]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://2852039166/latest/meta-data/")]
    [InlineData("http://metadata.google.internal/computeMetadata/v1/")]
    [InlineData("http://[fd00:ec2::254]/latest/meta-data/")]
    [InlineData("http://168.63.129.16/machine")]
    [InlineData("http://224.0.0.1/")]
    [InlineData("http://255.255.255.255/")]
    [InlineData("https://127.0.0.1:{port}/")]
    public async Task InvokeAsync_PlaceThatIsNotPublic_IsBlocked(string url)
    {
        await using var inside = new ScriptedServer(_ => ScriptedServer.Reply(200, "secret"));
        using var closed = new HttpTransport(new HttpTransportOptions { Resolve = ResolveAsync });

        StepError error = (await Get(url.Replace("{port}", inside.Port.ToString(), StringComparison.Ordinal), closed)).Error!;

        Assert.Equal("NETWORK_BLOCKED", error.Code);
        Assert.Equal(ErrorCategory.Permission, error.Category);
        Assert.Contains("AF_HTTP_ALLOW=", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, inside.Connections);
    }

    [Theory]
    [InlineData("127.0.0.1:{port}", "http://127.0.0.1:{port}/", true)]
    [InlineData("127.0.0.1:{port}", "http://2130706433:{port}/", true)]
    [InlineData("127.0.0.0/8", "http://127.0.0.1:{port}/", true)]
    [InlineData("127.0.0.0/8", "http://[::ffff:127.0.0.1]:{port}/", true)]
    [InlineData("localhost:{port}", "http://localhost:{port}/", true)]
    [InlineData("127.0.0.1:{port}", "http://localhost:{port}/", true)]
    [InlineData("localhost:{port}", "http://127.0.0.1:{port}/", false)]
    [InlineData("127.0.0.1:1", "http://127.0.0.1:{port}/", false)]
    [InlineData("10.0.0.0/8", "http://127.0.0.1:{port}/", false)]
    [InlineData("other.test:{port}", "http://localhost:{port}/", false)]
    public async Task InvokeAsync_AllowList_OpensThatPlaceOnly(string allow, string url, bool open)
    {
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(200));
        string With(string text) => text.Replace("{port}", server.Port.ToString(), StringComparison.Ordinal);
        using var transport = new HttpTransport(new HttpTransportOptions { Allow = [With(allow)], Resolve = ResolveAsync });

        StepOutcome outcome = await Get(With(url), transport);

        Assert.Equal(open ? null : "NETWORK_BLOCKED", outcome.Error?.Code);
        Assert.Equal(open ? 1 : 0, server.Requests.Count);
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("10.0.0.1")]
    [InlineData("10.0.0.1/8")]
    [InlineData("10.0.0.0/33")]
    [InlineData("http://10.0.0.1:80")]
    [InlineData("127.1:80")]
    [InlineData("")]
    public void Transport_MalformedAllowEntry_StopsTheStart(string entry)
    {
        var e = Assert.Throws<ToolConfigurationException>(() => new HttpTransport(new HttpTransportOptions { Allow = [entry] }));

        Assert.Contains($"allow entry '{entry}': write host:port", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InvokeAsync_NameThatMovesInside_IsBlockedAtTheNextConnection()
    {
        // 127.0.0.2 plays the public address: it is open, 127.0.0.1 is not.
        await using var outside = new ScriptedServer(_ => ScriptedServer.Reply(200, "public"), IPAddress.Parse("127.0.0.2"));
        int lookups = 0;
        using var transport = new HttpTransport(new HttpTransportOptions
        {
            Allow = ["127.0.0.2/32"],
            Resolve = (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse(Interlocked.Increment(ref lookups) == 1 ? "127.0.0.2" : "127.0.0.1")]),
        });

        StepOutcome first = await Get($"http://rebind.test:{outside.Port}/", transport);
        StepOutcome second = await Get($"http://rebind.test:{outside.Port}/", transport);

        Assert.Equal("public", first.Json().GetProperty("body").GetString());
        Assert.Equal("NETWORK_BLOCKED", second.Error!.Code);
        Assert.Contains("rebind.test:", second.Error.Message, StringComparison.Ordinal);
        // One look-up a connection: between the check and the connection there is none that could answer differently.
        Assert.Equal(2, lookups);
    }

    [Fact]
    public async Task InvokeAsync_NameWithInnerAndOuterAddresses_ReachesTheOuterOnly()
    {
        await using var outside = new ScriptedServer(_ => ScriptedServer.Reply(200, "public"), IPAddress.Parse("127.0.0.2"));
        using var transport = new HttpTransport(new HttpTransportOptions
        {
            Allow = ["127.0.0.2/32"],
            Resolve = (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse("10.0.0.1"), IPAddress.Loopback, IPAddress.Parse("127.0.0.2")]),
        });

        Assert.Equal("public", (await Get($"http://both.test:{outside.Port}/", transport)).Json().GetProperty("body").GetString());
    }

    [Fact]
    public async Task InvokeAsync_NameWithoutAddress_IsNotFound() =>
        Assert.Equal("HOST_NOT_FOUND", (await Get("http://empty.test/")).Error!.Code);

    [Fact]
    public async Task InvokeAsync_HostOutsideThePolicy_IsBlockedBeforeAnyLookup()
    {
        using var transport = new HttpTransport(new HttpTransportOptions { Resolve = (host, _) => throw new SocketException((int)SocketError.HostNotFound) });
        ToolPolicy policy = ToolPolicy.GrantAll with { AllowedHosts = ["*.example.com"] };

        StepError outside = (await Get("http://example.org/", transport, policy)).Error!;
        StepError inside = (await Get("http://api.example.com/", transport, policy)).Error!;

        Assert.Equal("NETWORK_BLOCKED", outside.Code);
        Assert.Contains("add 'example.org' to allowed_hosts", outside.Message, StringComparison.Ordinal);
        Assert.Equal("HOST_NOT_FOUND", inside.Code);
    }

    [Fact]
    public async Task InvokeAsync_ProxyOfTheProcess_IsNotUsed()
    {
        await using var proxy = new ScriptedServer(_ => ScriptedServer.Reply(200, "proxied"));
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(200, "direct"));
        // What http_proxy and its like end up in, once a process.
        IWebProxy before = HttpClient.DefaultProxy;
        HttpClient.DefaultProxy = new EveryRequestProxy(new Uri(proxy.Url));
        try
        {
            using var transport = new HttpTransport(new HttpTransportOptions { Allow = ["127.0.0.1/32"] });

            Assert.Equal("direct", (await Get(server.Url, transport)).Json().GetProperty("body").GetString());
        }
        finally
        {
            HttpClient.DefaultProxy = before;
        }
    }

    [Fact]
    public async Task InvokeAsync_CookieOfAnEarlierAnswer_IsNotSentBack()
    {
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(200, "", "Set-Cookie: session=1"));

        await Get(server.Url);
        await Get(server.Url);

        Assert.False(server.Requests[1].Headers.ContainsKey("Cookie"));
    }

    private sealed class EveryRequestProxy(Uri proxy) : IWebProxy
    {
        public ICredentials? Credentials { get; set; }

        public Uri? GetProxy(Uri destination) => proxy;

        public bool IsBypassed(Uri host) => false;
    }
}
