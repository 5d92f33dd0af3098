using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.Tests.BuiltIn;

public sealed partial class HttpCallToolTests
{
    [Fact]
    public async Task InvokeAsync_Redirects_AreFollowedFiveTimes()
    {
        await using var server = new ScriptedServer(r => r.Target == "/0"
            ? ScriptedServer.Reply(200, "there")
            : ScriptedServer.Reply(302, "", $"Location: /{int.Parse(r.Target[1..]) - 1}"));

        StepOutcome five = await Get($"{server.Url}/5");
        StepOutcome six = await Get($"{server.Url}/6");

        Assert.Equal("there", five.Json().GetProperty("body").GetString());
        Assert.Equal("TOO_MANY_REDIRECTS", six.Error!.Code);
        Assert.Equal(6 + 6, server.Requests.Count);
    }

    [Theory]
    [InlineData("http://127.0.0.1:{inside}/")]
    [InlineData("http://localhost:{inside}/")]
    [InlineData("http://[::1]:{inside}/")]
    [InlineData("http://2130706433:{inside}/")]
    [InlineData("//127.0.0.1:{inside}/")]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("file:///etc/passwd")]
    [InlineData("http://u:p@127.0.0.1:{inside}/")]
    public async Task InvokeAsync_RedirectInside_IsBlocked(string location)
    {
        await using var inside = new ScriptedServer(_ => ScriptedServer.Reply(200, "secret"));
        await using var outside = new ScriptedServer(_ => ScriptedServer.Reply(302, "", "Location: " + location.Replace("{inside}", inside.Port.ToString(), StringComparison.Ordinal)));
        using var transport = new HttpTransport(new HttpTransportOptions { Allow = [$"127.0.0.1:{outside.Port}"], Resolve = ResolveAsync });

        StepOutcome outcome = await Get(outside.Url, transport);

        Assert.Equal("NETWORK_BLOCKED", outcome.Error!.Code);
        Assert.Single(outside.Requests);
        Assert.Equal(0, inside.Connections);
    }

    [Fact]
    public async Task InvokeAsync_RedirectOutsideThePolicysHosts_IsBlocked()
    {
        await using var other = new ScriptedServer(_ => ScriptedServer.Reply(200));
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(307, "", $"Location: {other.Url}"));

        StepOutcome outcome = await Get(server.Url, policy: ToolPolicy.GrantAll with { AllowedHosts = [$"127.0.0.1:{server.Port}"] });

        Assert.Equal("NETWORK_BLOCKED", outcome.Error!.Code);
        Assert.Equal(0, other.Connections);
    }

    [Fact]
    public async Task InvokeAsync_RedirectToAnotherOrigin_LosesCredentialsAndKeepsTheRest()
    {
        await using var other = new ScriptedServer(_ => ScriptedServer.Reply(200));
        await using var server = new ScriptedServer(r => ScriptedServer.Reply(307, "", $"Location: {(r.Target == "/" ? "/same" : other.Url)}"));

        await Tool().Run($$"""
            {
              "method": "POST", "url": "{{server.Url}}/", "body": "data",
              "headers": { "Authorization": "Bearer a", "Cookie": "b", "X-Api-Key": "c", "Proxy-Authorization": "d", "X-Plain": "e" }
            }
            """);

        ReceivedRequest same = server.Requests[1];
        Assert.Equal(["Bearer a", "b", "c", "d", "e"], [same.Headers["Authorization"], same.Headers["Cookie"], same.Headers["X-Api-Key"], same.Headers["Proxy-Authorization"], same.Headers["X-Plain"]]);
        ReceivedRequest crossed = Assert.Single(other.Requests);
        Assert.Equal(("POST", "data", "e"), (crossed.Method, crossed.Body, crossed.Headers["X-Plain"]));
        Assert.DoesNotContain(crossed.Headers.Keys, k => k.ToUpperInvariant() is "AUTHORIZATION" or "COOKIE" or "X-API-KEY" or "PROXY-AUTHORIZATION");
    }

    [Fact]
    public async Task InvokeAsync_RedirectWithEndlessBody_IsFollowedWithoutReadingIt()
    {
        await using var server = new ScriptedServer(async (request, stream, token) =>
        {
            if (request.Target == "/end")
            {
                await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"u8.ToArray(), token);
                return;
            }

            await stream.WriteAsync("HTTP/1.1 302 Found\r\nLocation: /end\r\n\r\n"u8.ToArray(), token);
            while (true)
                await stream.WriteAsync(new byte[8_192], token);
        });

        Assert.Equal("ok", (await Get(server.Url, policy: Small)).Json().GetProperty("body").GetString());
    }

    [Fact]
    public async Task InvokeAsync_RedirectWithoutLocation_IsTheAnswer()
    {
        await using var server = new ScriptedServer(_ => ScriptedServer.Reply(302, "look elsewhere"));

        Assert.Equal(302, (await Get(server.Url)).Json().GetProperty("status_code").GetInt32());
    }
}
