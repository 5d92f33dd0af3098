using System.Net;
using System.Net.ServerSentEvents;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Runs;

public sealed class StreamEndpointTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Sse_EndedRun_GivesTheJournalAndTheEnd()
    {
        await _server.SaveAsync(Flows.Loop(5));
        string id = await _server.StartAsync("loop");
        await _server.EndAsync(id);
        Answer answer = await _server.GetAsync($"/api/v1/runs/{id}/stream", ("Accept", "text/event-stream"));
        Assert.Equal((HttpStatusCode.OK, "text/event-stream"), (answer.Status, answer.Type));
        List<SseItem<string>> items = [.. SseParser.Create(new MemoryStream(answer.Body)).Enumerate()];
        JsonElement[] journal = await JournalAsync(id);
        Assert.Equal(journal.Select(e => e.GetRawText()), items.SkipLast(1).Select(i => i.Data));
        Assert.Equal(journal.Select(e => e.GetProperty("seq").ToString()), items.SkipLast(1).Select(i => i.EventId!));
        Assert.Equal(journal.Select(e => e.GetProperty("type").GetString()), items.SkipLast(1).Select(i => i.EventType));
        Assert.Equal("end", items[^1].EventType);
        Assert.Equal($$"""{"seq":{{journal.Length - 1}},"status":"completed"}""", items[^1].Data);
    }

    [Theory]
    [InlineData("?from=7", null, 7)]
    [InlineData("", "6", 7)]
    [InlineData("?from=2", "6", 7)]
    [InlineData("?from=100000", null, 100_000)]
    public async Task Sse_Resume_BeginsAfterWhatWasSeen(string query, string? lastEventId, int first)
    {
        await _server.SaveAsync(Flows.Loop(5));
        string id = await _server.StartAsync("loop");
        await _server.EndAsync(id);
        Answer answer = lastEventId is null
            ? await _server.GetAsync($"/api/v1/runs/{id}/stream{query}")
            : await _server.GetAsync($"/api/v1/runs/{id}/stream{query}", ("Last-Event-ID", lastEventId));
        List<SseItem<string>> items = [.. SseParser.Create(new MemoryStream(answer.Body)).Enumerate()];
        Assert.Equal("end", items[^1].EventType);
        Assert.Equal((await JournalAsync(id)).Skip(first).Select(e => e.GetRawText()), items.SkipLast(1).Select(i => i.Data));
    }

    [Fact]
    public async Task Sse_ImpossibleStart_Is400()
    {
        await _server.SaveAsync(Flows.Wait);
        string id = await _server.StartAsync("wait");
        (await _server.GetAsync($"/api/v1/runs/{id}/stream?from=-1")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
        (await _server.GetAsync($"/api/v1/runs/{id}/stream", ("Last-Event-ID", "x"))).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
        (await _server.GetAsync($"/api/v1/runs/{id}/stream", ("Accept", "application/json"))).Problem(HttpStatusCode.NotAcceptable, "NOT_ACCEPTABLE");
    }

    [Fact]
    public async Task Sse_LiveRun_GivesEventsAsTheyCome()
    {
        await _server.SaveAsync(Flows.Wait);
        string id = await _server.StartAsync("wait");
        await using IAsyncEnumerator<SseItem<string>> items = OpenAsync(id, 0, CancellationToken.None).GetAsyncEnumerator();
        for (string? type = null; type != "node_entered" || !items.Current.Data.Contains("hold#1", StringComparison.Ordinal); type = items.Current.EventType)
        {
            Assert.True(await items.MoveNextAsync());
        }

        await _server.PostAsync($"/api/v1/runs/{id}/signal", "{\"name\":\"go\",\"payload\":{\"pretty\":\r\n true}}");
        List<string> rest = [];
        while (await items.MoveNextAsync())
        {
            rest.Add(items.Current.EventType);
        }

        Assert.Equal("signal_received", rest[0]);
        Assert.Equal(["run_completed", "end"], rest[^2..]);
    }

    [Fact]
    public async Task Sse_RandomReconnects_LoseAndRepeatNothing()
    {
        int seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await _server.SaveAsync(Flows.Loop(600));
        string[] ids = [.. await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => _server.StartAsync("loop")))];
        int reconnects = 0;
        foreach (string id in ids)
        {
            List<string> seen = [];
            bool ended = false;
            while (!ended)
            {
                using var leave = new CancellationTokenSource();
                int most = random.Next(1, 60);
                await foreach (SseItem<string> item in OpenAsync(id, seen.Count, leave.Token))
                {
                    if (item.EventType == "end")
                    {
                        ended = true;
                        break;
                    }

                    Assert.Equal(seen.Count.ToString(), item.EventId);
                    seen.Add(item.Data);
                    if (--most == 0)
                    {
                        break;
                    }
                }

                reconnects++;
            }

            Assert.Equal((await JournalAsync(id)).Select(e => e.GetRawText()), seen);
        }

        Assert.True(reconnects >= 100, $"only {reconnects} reconnects");
    }

    [Fact]
    public async Task Streams_OpenedWhileTheRunCommits_AllSeeTheSame()
    {
        await _server.SaveAsync(Flows.Loop(400));
        string id = await _server.StartAsync("loop");
        List<Task<List<string>>> readers = [];
        for (int i = 0; i < 24; i++)
        {
            readers.Add(i % 2 == 0 ? ReadSseAsync(id) : ReadSocketAsync(id));
            await Task.Yield();
        }

        await _server.EndAsync(id);
        string[] journal = [.. (await JournalAsync(id)).Select(e => e.GetRawText())];
        foreach (List<string> seen in await Task.WhenAll(readers))
        {
            Assert.Equal(journal, seen);
        }
    }

    [Fact]
    public async Task Socket_EndedRun_ClosesNormally()
    {
        await _server.SaveAsync(Flows.Loop(5));
        string id = await _server.StartAsync("loop");
        await _server.EndAsync(id);
        using ClientWebSocket socket = await ConnectAsync(id, 4);
        List<string> messages = await ReadAsync(socket);
        Assert.Equal((await JournalAsync(id)).Skip(4).Select(e => e.GetRawText()), messages);
        Assert.Equal((WebSocketCloseStatus.NormalClosure, "run ended"), (socket.CloseStatus, socket.CloseStatusDescription));
    }

    [Fact]
    public async Task Socket_ClosedByTheClient_IsLetGo()
    {
        await _server.SaveAsync(Flows.Wait);
        string id = await _server.StartAsync("wait");
        using ClientWebSocket socket = await ConnectAsync(id, 0);
        await socket.SendAsync("hello?"u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "enough", CancellationToken.None);
        Assert.Equal(WebSocketState.Closed, socket.State);
    }

    [Fact]
    public async Task Socket_SlowReader_IsDroppedAndCanResume()
    {
        await _server.SaveAsync(Flows.Loop(4000).Replace("initial_state: again", "initial_state: hold") + "\n  hold: { wait: { signal: go }, on_success: again }");
        string id = await _server.StartAsync("loop", "{\"text\":\"" + new string('x', 2000) + "\"}");
        await _server.UntilAsync("/api/v1/runs?filter[status]=waiting", p => p.GetProperty("total_count").GetInt32() > 0);
        int history = (await JournalAsync(id)).Length;
        using var handler = new SocketsHttpHandler { ConnectCallback = SmallReceiverAsync };
        using var invoker = new HttpMessageInvoker(handler);
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://{_server.Address.Authority}/api/v1/runs/{id}/stream"), invoker, CancellationToken.None);

        // With the history read, all that follows is live: it piles up while nobody reads.
        List<string> seen = await ReadAsync(socket, history);
        Assert.Equal(HttpStatusCode.Accepted, (await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go"}""")).Status);
        await _server.UntilAsync("/api/v1/runs?filter[status]=completed", p => p.GetProperty("total_count").GetInt32() > 0);
        seen.AddRange(await ReadAsync(socket));
        Assert.Equal((1013, $"too slow, resume after {seen.Count - 1}"), ((int)socket.CloseStatus!.Value, socket.CloseStatusDescription));
        Assert.Equal(seen.Count - 1, JsonElement.Parse(seen[^1]).GetProperty("seq").GetInt32());
        seen.AddRange(await ReadSocketAsync(id, seen.Count));
        JsonElement[] journal = await JournalAsync(id);
        Assert.Equal(journal.Length, seen.Count);
        Assert.Equal(journal.Select(e => e.GetRawText()), seen);
    }

    [Fact]
    public async Task Streams_StoppingServer_AreClosed()
    {
        await _server.SaveAsync(Flows.Wait);
        string id = await _server.StartAsync("wait");
        await using IAsyncEnumerator<SseItem<string>> sse = OpenAsync(id, 0, CancellationToken.None).GetAsyncEnumerator();
        Assert.True(await sse.MoveNextAsync());
        using ClientWebSocket socket = await ConnectAsync(id, 0);
        Assert.Single(await ReadAsync(socket, 1));
        Task stopping = _server.StopAsync();
        await ReadAsync(socket);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, socket.CloseStatus);
        while (await sse.MoveNextAsync())
        {
            Assert.NotEqual("end", sse.Current.EventType);
        }

        await stopping;
    }

    private static async ValueTask<Stream> SmallReceiverAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private static async Task<List<string>> ReadAsync(ClientWebSocket socket, int atMost = int.MaxValue)
    {
        List<string> messages = [];
        byte[] buffer = new byte[64 * 1024];
        int length = 0;
        while (messages.Count < atMost)
        {
            ValueWebSocketReceiveResult result = await socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
            if (result.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
                return messages;
            }

            length += result.Count;
            if (result.EndOfMessage)
            {
                messages.Add(Encoding.UTF8.GetString(buffer, 0, length));
                length = 0;
            }
        }

        return messages;
    }

    private async Task<ClientWebSocket> ConnectAsync(string id, int from)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://{_server.Address.Authority}/api/v1/runs/{id}/stream?from={from}"), CancellationToken.None);
        return socket;
    }

    private async Task<List<string>> ReadSocketAsync(string id, int from = 0)
    {
        using ClientWebSocket socket = await ConnectAsync(id, from);
        List<string> messages = await ReadAsync(socket);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
        return messages;
    }

    private async Task<List<string>> ReadSseAsync(string id)
    {
        List<string> seen = [];
        await foreach (SseItem<string> item in OpenAsync(id, 0, CancellationToken.None))
        {
            if (item.EventType != "end")
            {
                seen.Add(item.Data);
            }
        }

        return seen;
    }

    private async IAsyncEnumerable<SseItem<string>> OpenAsync(string id, int from, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/runs/{id}/stream");
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (from > 0)
        {
            request.Headers.Add("Last-Event-ID", (from - 1).ToString());
        }

        using HttpResponseMessage response = await _server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (SseItem<string> item in SseParser.Create(body).EnumerateAsync(cancellationToken))
        {
            yield return item;
        }
    }

    private async Task<JsonElement[]> JournalAsync(string id)
    {
        List<JsonElement> events = [];
        for (string? from = "0"; from is not null;)
        {
            JsonElement page = (await _server.GetAsync($"/api/v1/runs/{id}/events?limit=1000&from={from}")).Json;
            events.AddRange(page.GetProperty("items").EnumerateArray());
            from = page.GetProperty("next_cursor").GetString();
        }

        return [.. events];
    }
}
