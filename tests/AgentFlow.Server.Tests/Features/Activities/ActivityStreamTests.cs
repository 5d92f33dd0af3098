using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using AgentFlow.Server.Features.Activities;
using AgentFlow.Server.Tests.Features.Access;
using static AgentFlow.Server.Tests.Features.Activities.ActivityClient;

namespace AgentFlow.Server.Tests.Features.Activities;

public sealed class ActivityStreamTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static ActivityEvent Event(int number, string tenant = "default", int pad = 0) =>
        new(tenant, "agent.activated", Encoding.UTF8.GetBytes($$"""{"n":{{number}},"pad":"{{new string('x', pad)}}"}""")) { AgentId = $"a{number % 3}", Role = "tester" };

    private static int Number(JsonElement message) => message.GetProperty("data").GetProperty("n").GetInt32();

    [Fact]
    public async Task Socket_RunAndCommand_AreToldWithoutTheirValues()
    {
        await _server.SaveAsync(Flows.Loop(1));
        await using IAsyncEnumerator<JsonElement> messages = SocketAsync(_server, "", Cancelled).GetAsyncEnumerator(Cancelled);
        Assert.True(await messages.MoveNextAsync());
        Assert.Equal("stream.opened", TypeOf(messages.Current));
        string id = await _server.StartAsync("loop", """{"secret":"a-value-that-must-not-be-told"}""");
        List<JsonElement> seen = [];
        while (seen.Count == 0 || TypeOf(seen[^1]) != "run.completed")
        {
            Assert.True(await messages.MoveNextAsync());
            seen.Add(messages.Current);
        }

        Assert.Equal(Enumerable.Range(1, seen.Count), seen.Select(m => m.GetProperty("seq").GetInt32()));
        JsonElement started = Assert.Single(seen, m => TypeOf(m) == "run.started");
        Assert.Equal((id, "loop"), (started.GetProperty("data").GetProperty("run_id").GetString(), started.GetProperty("data").GetProperty("workflow").GetString()));
        JsonElement allowed = Assert.Single(seen, m => TypeOf(m) == "access.allowed");
        Assert.Equal("workflow.execute", allowed.GetProperty("data").GetProperty("action").GetString());
        Assert.Contains(seen, m => TypeOf(m) == "step.started");
        Assert.Contains(seen, m => TypeOf(m) == "step.succeeded");
        Assert.DoesNotContain(seen, m => m.GetRawText().Contains("must-not-be-told", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Socket_Filter_LetsThroughWhatWasAskedFor()
    {
        await using IAsyncEnumerator<JsonElement> messages = SocketAsync(_server, "?agent_id=a1,a2&type=agent.*&role=tester", Cancelled).GetAsyncEnumerator(Cancelled);
        await messages.MoveNextAsync();
        for (int i = 0; i < 6; i++)
        {
            _server.Activity.Publish(Event(i));
            _server.Activity.Publish(Event(i) with { Type = "metric.recorded" });
        }

        foreach (int expected in (int[])[1, 2, 4, 5])
        {
            await messages.MoveNextAsync();
            Assert.Equal(expected, Number(messages.Current));
        }
    }

    [Fact]
    public async Task Socket_OfAnotherTenant_SeesNothing()
    {
        await using IAsyncEnumerator<JsonElement> theirs = SocketAsync(_server, "", Cancelled, ("X-Tenant-ID", "other")).GetAsyncEnumerator(Cancelled);
        await theirs.MoveNextAsync();
        await using IAsyncEnumerator<JsonElement> mine = SocketAsync(_server, "", Cancelled).GetAsyncEnumerator(Cancelled);
        await mine.MoveNextAsync();
        _server.Activity.Publish(Event(1));
        _server.Activity.Publish(Event(2, "other"));
        await theirs.MoveNextAsync();
        Assert.Equal((1, 2), (theirs.Current.GetProperty("seq").GetInt32(), Number(theirs.Current)));
        await mine.MoveNextAsync();
        Assert.Equal(1, Number(mine.Current));
    }

    [Theory]
    [InlineData("?after=7", "PARAMETER_INVALID")]
    [InlineData("?from=7", "PARAMETER_INVALID")]
    [InlineData("?after=x&after=y", "PARAMETER_INVALID")]
    public async Task Stream_ImpossibleRequest_Is400(string query, string code) => (await _server.GetAsync(Address + query, ("Accept", "text/event-stream"))).Problem(HttpStatusCode.BadRequest, code);

    [Fact]
    public async Task Stream_NeitherSocketNorEvents_Is406() => (await _server.GetAsync(Address, ("Accept", "application/json"))).Problem(HttpStatusCode.NotAcceptable, "NOT_ACCEPTABLE");

    [Fact]
    public async Task Stream_AfterARestart_SaysThatNumbersBeganAnew()
    {
        string place;
        await using (IAsyncEnumerator<(string? Id, JsonElement Json)> events = EventsAsync(_server, "", null, Cancelled).GetAsyncEnumerator(Cancelled))
        {
            await events.MoveNextAsync();
            place = events.Current.Id!;
            Assert.False(events.Current.Json.TryGetProperty("gap", out _));
        }

        _server = await _server.RestartAsync();
        await using IAsyncEnumerator<(string? Id, JsonElement Json)> again = EventsAsync(_server, "", place, Cancelled).GetAsyncEnumerator(Cancelled);
        await again.MoveNextAsync();
        JsonElement gap = again.Current.Json.GetProperty("gap");
        Assert.Equal((place, "restarted"), (gap.GetProperty("after").GetString(), gap.GetProperty("reason").GetString()));
    }

    [Fact]
    public async Task Stream_HundredRandomReconnects_LoseAndRepeatNothing()
    {
        int seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        const int Events = 6000;
        List<int> seen = [];
        string? place = null;
        int connections = 0;
        Task publishing = Task.CompletedTask;
        while (seen.Count < Events)
        {
            int most = random.Next(1, 100);
            using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
            IAsyncEnumerable<(string? Id, JsonElement Json)> messages = random.Next(2) == 0
                ? EventsAsync(_server, "", place, leave.Token)
                : SocketAsync(_server, place is null ? "" : "?after=" + place, leave.Token).Select(m => ((string?)m.GetProperty("id").GetString(), m));
            await foreach ((string? id, JsonElement json) in messages)
            {
                place = id;
                if (TypeOf(json).StartsWith("stream.", StringComparison.Ordinal))
                {
                    Assert.False(json.TryGetProperty("gap", out _));
                    if (connections++ == 0)
                    {
                        publishing = PublishAsync();
                    }

                    continue;
                }

                seen.Add(Number(json));
                if (--most == 0 || seen.Count == Events)
                {
                    break;
                }
            }
        }

        await publishing;
        Assert.Equal(Enumerable.Range(0, Events), seen);
        Assert.True(connections >= 100, $"only {connections} connections");

        async Task PublishAsync()
        {
            for (int i = 0; i < Events; i++)
            {
                _server.Activity.Publish(Event(i));
                if (i % 20 == 0)
                {
                    await Task.Delay(1, Cancelled);
                }
            }
        }
    }

    [Fact]
    public async Task Socket_SlowReader_IsDroppedWithAReasonAndOthersGetEverything()
    {
        // More than the ring and every buffer between the two can hold.
        const int Events = 60_000;
        using ClientWebSocket slow = await ConnectAsync(_server, "", Cancelled);
        Task<int>[] quick = [.. Enumerable.Range(0, 4).Select(_ => CountAsync())];
        while (_server.Activity.Readers < 5)
        {
            await Task.Delay(5, Cancelled);
        }

        for (int i = 0; i < Events; i++)
        {
            _server.Activity.Publish(Event(i, pad: 300));
            if (i % 200 == 0)
            {
                // The others get a chance to read; how long the machine takes for it is not known.
                await Task.Delay(10, Cancelled);
            }
        }

        Assert.All(await Task.WhenAll(quick), count => Assert.Equal(Events, count));
        int received = 0;
        await foreach (ReadOnlyMemory<byte> message in MessagesAsync(slow, Cancelled))
        {
            received++;
        }

        Assert.Equal((WebSocketCloseStatus)1013, slow.CloseStatus);
        Assert.Matches($"^too slow, resume after [0-9a-f]{{16}}-{received - 1}$", slow.CloseStatusDescription);
        Assert.InRange(received, 1, Events - 1);

        async Task<int> CountAsync()
        {
            int count = 0;
            await foreach (JsonElement message in SocketAsync(_server, "", Cancelled))
            {
                if (TypeOf(message) == "agent.activated")
                {
                    Assert.Equal(count, Number(message));
                    if (++count == Events)
                    {
                        break;
                    }
                }
            }

            return count;
        }
    }

    [Fact]
    public async Task Stream_CallerWithoutThePermission_IsRefusedAndOneWhoLosesItIsLetGo()
    {
        await using GuardedServer guarded = await GuardedServer.StartAsync();
        (string, string) agent = await guarded.AddUserAsync(guarded.Admin, "robot", "agent");
        (string, string) nobody = await guarded.AddUserAsync(guarded.Admin, "nobody");
        (await guarded.Server.GetAsync(Address, nobody, ("Accept", "text/event-stream"))).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        (await guarded.Server.GetAsync(Address, ("Accept", "text/event-stream"))).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        using ClientWebSocket socket = await ConnectAsync(guarded.Server, "", Cancelled, agent);
        Answer disabled = await guarded.Server.PostAsync("/api/v1/access/users/robot/disable", "{}", guarded.Admin);
        Assert.Equal(HttpStatusCode.OK, disabled.Status);
        await foreach (ReadOnlyMemory<byte> _ in MessagesAsync(socket, Cancelled))
        {
        }

        Assert.Equal(WebSocketCloseStatus.PolicyViolation, socket.CloseStatus);
    }
}
