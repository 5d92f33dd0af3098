using System.Net;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Secrets;
using AgentFlow.Server.Http;
using AgentFlow.Server.Tests.Features.Access;
using AgentFlow.Server.Tests.Features.Access.Tokens;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentFlow.Server.Tests.Features.Audit;

/// <summary>Whoever has no credentials cannot fill the audit.</summary>
public sealed class AnonymousRefusalTests
{
    private static async Task<JsonElement[]> RefusedAsync(RunningServer server, (string, string) admin)
    {
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/api/v1/audit/verify", null, admin)).Status);
        return [.. (await server.GetAsync("/api/v1/audit?page[size]=500&sort=number&filter[actor]=anonymous", admin)).Json.GetProperty("items").EnumerateArray()];
    }

    [Fact]
    public async Task Flood_OfRequestsWithoutCredentials_IsOneRecordAndACount()
    {
        await using GuardedServer guarded = await GuardedServer.StartAsync();
        for (int i = 0; i < 10; i++)
        {
            Answer[] answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(n => guarded.Server.GetAsync($"/api/v1/runs/{n}", ("Authorization", $"Bearer made-up-{i}-{n}"))));
            Assert.All(answers, a => Assert.Equal(HttpStatusCode.Unauthorized, a.Status));
        }

        await guarded.Server.PostAsync("/api/v1/auth/token", """{"grant_type":"password","username":"admin","password":"wrong guess 1"}""");
        await guarded.Server.PostAsync("/api/v1/auth/token", """{"grant_type":"password","username":"ann","password":"wrong guess 2"}""");
        JsonElement[] first = await RefusedAsync(guarded.Server, guarded.Admin);
        Assert.Equal(["run.read", "auth.login"], first.Select(r => r.GetProperty("action").GetString()));
        Assert.Equal("127.0.0.1", first[0].GetProperty("details").GetProperty("source").GetString());

        // What was counted is written when the server stops, at the latest.
        RunningServer again = await guarded.Server.RestartAsync(o => o with { Access = AgentFlow.Server.Configuration.AccessMode.Required, Credentials = TextWriter.Null });
        await using (again)
        {
            JsonElement[] all = await RefusedAsync(again, guarded.Admin);
            Assert.Equal(4, all.Length);
            JsonElement read = all.Single(r => r.GetProperty("action").GetString() == "run.read" && r.GetProperty("details").TryGetProperty("further", out _));
            Assert.Equal(("source:127.0.0.1", "denied"), (read.GetProperty("resource").GetString(), read.GetProperty("decision").GetString()));
            Assert.Equal((299, "UNAUTHENTICATED"), (read.GetProperty("details").GetProperty("further").GetInt32(), read.GetProperty("details").GetProperty("codes").GetString()));
        }
    }

    [Fact]
    public async Task Refuse_FromManyAddresses_KeepsABoundedNumberOfCounts()
    {
        var clock = new SetTime();
        using var refusals = new AnonymousRefusals(new AuditRecorder(null!, new SecretMask(), clock, NullLogger.Instance, isOn: false, static _ => { }), clock, NullLogger.Instance);
        for (int i = 0; i < 10_000; i++)
        {
            var context = new DefaultHttpContext();
            context.Connection.RemoteIpAddress = new IPAddress([10, 0, (byte)(i >> 8), (byte)i]);
            await refusals.RefuseAsync(context, $"action.{i % 50}", "run:1", Problem.Of(ErrorCode.Unauthenticated));
        }

        Assert.InRange(refusals.Counts, 1, AnonymousRefusals.MostCounts + 1);
        await refusals.WriteAsync(all: false, default);
        Assert.InRange(refusals.Counts, 1, AnonymousRefusals.MostCounts + 1);
        clock.Advance(AnonymousRefusals.Window);
        await refusals.WriteAsync(all: false, default);
        Assert.Equal(0, refusals.Counts);
    }

    [Theory]
    [InlineData("203.0.113.9", "203.0.113.9")]
    [InlineData("::ffff:203.0.113.9", "203.0.113.9")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")]
    [InlineData("::1", "::1")]
    public void Source_Address_IsWhatOneSenderHas(string address, string expected) => Assert.Equal(expected, AnonymousRefusals.SourceOf(IPAddress.Parse(address)));
}
