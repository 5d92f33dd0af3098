using AgentFlow.Farm.Platform;
using AgentFlow.Farm.StressTests;
using AgentFlow.Farm.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace AgentFlow.Farm.Tests.Platform;

public sealed class EventFeedTests
{
    [Fact]
    public async Task Follow_AStreamThatBreaksAfterEachEvent_ResumesAfterTheLastOne()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.EventsPerConnection = 1;
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url));
        EventObservation events = run.Observed!.Events;
        // Nothing twice and nothing left out, over as many connections as events.
        Assert.Equal((5L, 1L, 0L), (events.ByType["workflow.completed"], events.ByType["scenario.completed"], events.Unreadable));
        Assert.True(events.Connections >= events.Received, $"{events.Connections} connections, {events.Received} events");
        Assert.Equal([null, "0", "1", "2"], platform.LastEventIds.Take(4));
        // With gaps between connections the count of events proves nothing.
        Assert.Contains("workflow_events", run.Validation!.NotReported);
    }

    [Fact]
    public async Task Follow_APlatformThatOffersAWebSocket_TakesIt()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.Habit = async context =>
        {
            if (context.WebSockets.IsWebSocketRequest || !context.Request.Path.Value!.EndsWith("/events", StringComparison.Ordinal))
            {
                return false;
            }

            await ForeignPlatform.WriteAsync(context, "upgrade", "text/plain", StatusCodes.Status426UpgradeRequired);
            return true;
        };
        EventObservation events = (await Bench.RunAsync(Bench.Request(platform.Url))).Observed!.Events;
        Assert.Equal(("websocket", 5L), (events.Transport, events.ByType["workflow.completed"]));
    }

    [Fact]
    public async Task Follow_APlatformWithoutEvents_IsTestedAllTheSame()
    {
        await using ForeignPlatform platform = await ForeignPlatform.StartAsync();
        platform.Habit = async context =>
        {
            if (!context.Request.Path.Value!.EndsWith("/events", StringComparison.Ordinal))
            {
                return false;
            }

            await ForeignPlatform.WriteAsync(context, "what?", "text/plain", 404);
            return true;
        };
        StressTestRun run = await Bench.RunAsync(Bench.Request(platform.Url));
        Assert.Equal((StressTestOutcome.Passed, "none", 0), (run.Outcome, run.Observed!.Events.Transport, run.Observed.Events.Connections));
        Assert.NotNull(run.Observed.Events.Problem);
    }

    [Fact]
    public async Task Follow_EventsThatAreNoJson_AreCountedAndPassedOver()
    {
        List<string> seen = [];
        var enough = new TaskCompletionSource();
        using var platform = new RawServer((stream, head, stop) => stream.WriteAsync(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n: hi\rdata: nonsense\r\rdata: [1]\n\nevent: named\ndata: {}\n\nevent: x\n\ndata: {\"event_type\":\"other\"}\r\n\r\n: end\n\ndata: {\"type\":\"unfinished\"}\n"u8.ToArray(), stop).AsTask());
        Assert.True(Target.TryParse(platform.Url, null, out Target? target, out _));
        var feed = new EventFeed(target, EventTransport.Sse, TimeProvider.System, e =>
        {
            seen.Add(e.Type);
            if (e.Type == "other") enough.TrySetResult();
        });
        using var stop = new CancellationTokenSource();
        Task following = feed.FollowAsync(stop.Token);
        await enough.Task.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(["named", "other"], seen);
        Assert.Equal(2, feed.Unreadable);
        await stop.CancelAsync();
        await following;
    }

    [Fact]
    public async Task Follow_AnEventWithoutEnd_IsNotSwallowed()
    {
        using var platform = new RawServer(async (stream, head, stop) =>
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\n\r\ndata: "u8.ToArray(), stop);
            byte[] more = [.. Enumerable.Repeat((byte)'x', 1 << 16)];
            while (true) await stream.WriteAsync(more, stop);
        });
        Assert.True(Target.TryParse(platform.Url, null, out Target? target, out _));
        var feed = new EventFeed(target, EventTransport.Sse, TimeProvider.System, _ => { });
        using var stop = new CancellationTokenSource();
        Task following = feed.FollowAsync(stop.Token);
        while (feed.Problem is null) await Task.Yield();
        Assert.Equal("GET /api/v1/aoa/events broke: an event is larger than 1 MiB.", feed.Problem);
        await stop.CancelAsync();
        await following;
    }
}
