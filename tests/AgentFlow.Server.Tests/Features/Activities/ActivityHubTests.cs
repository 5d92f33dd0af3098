using System.Text;
using System.Text.Json;
using AgentFlow.Server.Features.Activities;
using FsCheck;
using FsCheck.Fluent;

namespace AgentFlow.Server.Tests.Features.Activities;

public sealed class ActivityHubTests : IDisposable
{
    private readonly ManualTime _clock = new();
    private readonly ActivityHub _hub;

    public ActivityHubTests() => _hub = new ActivityHub(_clock) { LaneItems = 1000 };

    public void Dispose() => _hub.Dispose();

    private static ActivityEvent Event(string tenant = "t1", string type = "agent.activated", string data = "{}") => new(tenant, type, Encoding.UTF8.GetBytes(data));

    private static long[] Taken(ActivityReader reader) => [.. reader.Take()!.Select(i => i.Seq)];

    [Fact]
    public void Publish_WhatNobodyWatches_IsNotKept()
    {
        _hub.Publish(Event());
        Assert.False(_hub.IsWatched("t1"));
        using ActivityReader reader = _hub.Open("t1", null, ActivityFilter.Everything);
        Assert.True(_hub.IsWatched("t1"));
        Assert.Equal(0, reader.Place.Seq);
        Assert.Empty(reader.Take()!);
    }

    [Fact]
    public void Open_WithoutAPlace_BeginsNow()
    {
        using ActivityReader first = _hub.Open("t1", null, ActivityFilter.Everything);
        _hub.Publish(Event());
        using ActivityReader second = _hub.Open("t1", null, ActivityFilter.Everything);
        _hub.Publish(Event());
        Assert.Equal([1, 2], Taken(first));
        Assert.Equal([2], Taken(second));
    }

    [Fact]
    public void Publish_ToOneTenant_IsSeenByNoOther()
    {
        using ActivityReader mine = _hub.Open("t1", null, ActivityFilter.Everything);
        using ActivityReader theirs = _hub.Open("t2", null, ActivityFilter.Everything);
        _hub.Publish(Event("t2"));
        Assert.Empty(mine.Take()!);
        Assert.Equal([1], Taken(theirs));
        // Their place means nothing here, although its number does exist.
        _hub.Publish(Event());
        using ActivityReader curious = _hub.Open("t1", theirs.Place, ActivityFilter.Everything);
        Assert.Equal(ActivityGap.Restarted, curious.Gap);
    }

    [Fact]
    public void Resume_AfterAnyPlace_GivesWhatIsBehindIt()
    {
        using ActivityReader first = _hub.Open("t1", null, ActivityFilter.Everything);
        ulong epoch = first.Place.Epoch;
        for (int i = 0; i < 50; i++)
        {
            _hub.Publish(Event());
        }

        for (long seen = 0; seen <= 50; seen++)
        {
            using ActivityReader again = _hub.Open("t1", new ActivityCursor(epoch, seen), ActivityFilter.Everything);
            Assert.Null(again.Gap);
            Assert.Equal(Enumerable.Range((int)seen + 1, 50 - (int)seen).Select(i => (long)i), Taken(again));
        }
    }

    [Fact]
    public void Resume_FromTooFarBack_SaysSoAndGivesWhatIsThere()
    {
        using ActivityReader first = _hub.Open("t1", null, ActivityFilter.Everything);
        ActivityCursor start = first.Place;
        for (int i = 0; i < 1500; i++)
        {
            _hub.Publish(Event());
        }

        using ActivityReader again = _hub.Open("t1", start, ActivityFilter.Everything);
        Assert.Equal(ActivityGap.TooOld, again.Gap);
        Assert.Equal(501, again.Take()![0].Seq);
        using ActivityReader exact = _hub.Open("t1", start with { Seq = 500 }, ActivityFilter.Everything);
        Assert.Null(exact.Gap);
    }

    [Fact]
    public void Resume_FromTheFuture_SaysThatNumbersBeganAnew()
    {
        using ActivityReader first = _hub.Open("t1", null, ActivityFilter.Everything);
        using ActivityReader again = _hub.Open("t1", first.Place with { Seq = 7 }, ActivityFilter.Everything);
        Assert.Equal(ActivityGap.Restarted, again.Gap);
    }

    [Fact]
    public void Take_AfterTheRingHasPassed_EndsTheReaderAndNoOther()
    {
        using ActivityReader slow = _hub.Open("t1", null, ActivityFilter.Everything);
        using ActivityReader quick = _hub.Open("t1", null, ActivityFilter.Everything);
        List<long> seen = [];
        for (int i = 0; i < 3000; i++)
        {
            _hub.Publish(Event());
            seen.AddRange(Taken(quick));
        }

        Assert.Null(slow.Take());
        Assert.Equal(0, slow.Place.Seq);
        Assert.Equal(Enumerable.Range(1, 3000).Select(i => (long)i), seen);
    }

    [Fact]
    public void Publish_LargeEvents_KeepsWithinTheBytes()
    {
        using var hub = new ActivityHub(_clock) { LaneBytes = 100_000 };
        using ActivityReader reader = hub.Open("t1", null, ActivityFilter.Everything);
        string data = JsonSerializer.Serialize(new string('x', 10_000));
        for (int i = 0; i < 50; i++)
        {
            hub.Publish(Event(data: data));
        }

        using ActivityReader again = hub.Open("t1", reader.Place, ActivityFilter.Everything);
        Assert.InRange(again.Take()!.Sum(i => i.Json.Length), 80_000, 100_000);
    }

    [Fact]
    public void Publish_DataBeyondTheLimit_IsLeftOut()
    {
        using ActivityReader reader = _hub.Open("t1", null, ActivityFilter.Everything);
        _hub.Publish(Event(data: JsonSerializer.Serialize(new string('x', ActivityLane.MaxData))));
        JsonElement json = JsonElement.Parse(reader.Take()![0].Json);
        Assert.Equal(ActivityLane.MaxData + 2, json.GetProperty("data").GetProperty("omitted_bytes").GetInt32());
    }

    [Fact]
    public void Publish_LineEnds_StayOffTheLine()
    {
        using ActivityReader reader = _hub.Open("t1", null, ActivityFilter.Everything);
        _hub.Publish(Event(type: "a\ndata: {}\r\n", data: "{\r\n\"a\": 1\n}"));
        ActivityItem item = reader.Take()![0];
        Assert.Equal("a_data:_{}__", item.Type);
        Assert.DoesNotContain((byte)'\n', item.Json);
        Assert.DoesNotContain((byte)'\r', item.Json);
        Assert.Equal(1, JsonElement.Parse(item.Json).GetProperty("data").GetProperty("a").GetInt32());
    }

    [Fact]
    public async Task Lane_ThatNobodyCameBackTo_IsForgottenInTime()
    {
        bool? watching = null;
        _hub.Watching = any => watching = any;
        ActivityCursor place;
        using (ActivityReader reader = _hub.Open("t1", null, ActivityFilter.Everything))
        {
            place = reader.Place;
            Assert.True(watching);
            _clock.Advance(TimeSpan.FromHours(1));
            Assert.True(_hub.IsWatched("t1"));
        }

        _clock.Advance(ActivityHub.Keep - TimeSpan.FromSeconds(1));
        _hub.Publish(Event());
        using (ActivityReader back = _hub.Open("t1", place, ActivityFilter.Everything))
        {
            Assert.Null(back.Gap);
            Assert.Equal([1], Taken(back));
            await back.ArrivalAsync().WaitAsync(TimeSpan.Zero).ContinueWith(static _ => { }, TaskScheduler.Default);
        }

        _clock.Advance(ActivityHub.Keep + TimeSpan.FromMinutes(1));
        Assert.False(_hub.IsWatched("t1"));
        Assert.False(watching);
        using ActivityReader late = _hub.Open("t1", place, ActivityFilter.Everything);
        Assert.Equal(ActivityGap.Restarted, late.Gap);
    }

    [Fact]
    public void Open_MoreThanTheLimit_IsRefused()
    {
        using var hub = new ActivityHub(_clock) { MaxReaders = 2 };
        using ActivityReader one = hub.Open("t1", null, ActivityFilter.Everything);
        ActivityReader two = hub.Open("t2", null, ActivityFilter.Everything);
        Assert.Equal("RATE_LIMITED", Assert.Throws<AgentFlow.Server.Http.ProblemException>(() => hub.Open("t1", null, ActivityFilter.Everything)).Problem.Code);
        two.Dispose();
        two.Dispose();
        Assert.Equal(1, hub.Readers);
        hub.Open("t1", null, ActivityFilter.Everything).Dispose();
    }

    [Theory]
    [InlineData("agent.activated", null, null, null, "1")]
    [InlineData("agent.*,run.completed", null, null, null, "1,2,4")]
    [InlineData(null, "a1", null, null, "1,3")]
    [InlineData(null, null, "tester", null, "3")]
    [InlineData(null, null, null, "quality", "2,3")]
    [InlineData("metric.recorded", "a1", "tester", "quality", "3")]
    [InlineData("metric.recorded", "a2", null, null, "")]
    public void Filter_Words_LetThroughWhatHasThem(string? types, string? agents, string? roles, string? categories, string expected)
    {
        var filter = new ActivityFilter { Types = types?.Split(','), Agents = agents?.Split(','), Roles = roles?.Split(','), Categories = categories?.Split(',') };
        using ActivityReader reader = _hub.Open("t1", null, filter);
        _hub.Publish(Event() with { AgentId = "a1", Role = "developer" });
        _hub.Publish(Event(type: "agent.completed") with { AgentId = "a2", Category = "quality" });
        _hub.Publish(Event(type: "metric.recorded") with { AgentId = "a1", Role = "tester", Category = "quality" });
        _hub.Publish(Event(type: "run.completed"));
        Assert.Equal(expected, string.Join(',', reader.Take()!.Select(i => i.Seq)));
        // What was not wanted counts as seen.
        Assert.Equal(4, reader.Place.Seq);
    }

    [Fact]
    public void Cursor_AnyPlace_IsReadAsWritten() => Prop.ForAll<ulong, NonNegativeInt>(static (epoch, seq) =>
        ActivityCursor.TryParse(new ActivityCursor(epoch, seq.Get).ToString(), out ActivityCursor? read) && read == new ActivityCursor(epoch, seq.Get)).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("")]
    [InlineData("7")]
    [InlineData("0123456789abcdef")]
    [InlineData("0123456789abcdef-")]
    [InlineData("0123456789abcdef--1")]
    [InlineData("0123456789abcdeg-1")]
    [InlineData("0123456789abcdef-9223372036854775807")]
    [InlineData("+123456789abcdef-1")]
    public void Cursor_AnythingElse_IsNone(string text) => Assert.False(ActivityCursor.TryParse(text, out _));

    [Fact]
    public async Task Publish_FromManyThreads_EveryReaderSeesTheSameInOrder()
    {
        using var hub = new ActivityHub(TimeProvider.System) { LaneItems = 100_000 };
        const int Threads = 4, Each = 2000;
        ActivityReader[] readers = [.. Enumerable.Range(0, 8).Select(_ => hub.Open("t1", null, ActivityFilter.Everything))];
        Task<List<string>>[] reading = [.. readers.Select(ReadAsync)];
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(t => Task.Run(() =>
        {
            for (int i = 0; i < Each; i++)
            {
                hub.Publish(Event(data: $$"""{"t":{{t}},"i":{{i}}}"""));
            }
        })));
        List<string>[] seen = await Task.WhenAll(reading).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(Enumerable.Range(1, Threads * Each), seen[0].Select(s => JsonElement.Parse(s).GetProperty("seq").GetInt32()));
        Assert.All(seen, s => Assert.Equal(seen[0], s));
        // Of one thread, its own order.
        Assert.All(seen[0].Select(s => JsonElement.Parse(s).GetProperty("data")).GroupBy(d => d.GetProperty("t").GetInt32()), g => Assert.Equal(Enumerable.Range(0, Each), g.Select(d => d.GetProperty("i").GetInt32())));

        async Task<List<string>> ReadAsync(ActivityReader reader)
        {
            List<string> items = [];
            while (items.Count < Threads * Each)
            {
                await reader.ArrivalAsync();
                items.AddRange(reader.Take()!.Select(i => Encoding.UTF8.GetString(i.Json)));
            }

            return items;
        }
    }
}
