using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Hosting;

namespace AgentFlow.Server.Features.StressTests.Live;

/// <summary><c>GET /aoa/events</c>: what stress tests do, as server-sent events.</summary>
internal sealed class StressEventsEndpoint(StressEvents events, IHostApplicationLifetime lifetime, TimeProvider clock)
{
    private const int Batch = 256;

    private static readonly TimeSpan Alive = TimeSpan.FromSeconds(15);

    public async Task HandleAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string? tenant = StressTenant.OfWatch(context);
        if (!MediaTypes.Accepts(context, EventStream.MediaType))
        {
            throw new ProblemException(ErrorCode.NotAcceptable, $"A stream needs {EventStream.MediaType} in Accept.");
        }

        using IDisposable watched = events.Enter();
        long place = events.Newest;
        string seen = context.Request.Headers["Last-Event-ID"].ToString();
        bool begunAnew = seen.Length > 0 && !events.TryRead(seen, out place);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        CallerWatch watch = CallerWatch.Begin(context, Permission.RunsRead, stop, clock);
        await using ConfiguredAsyncDisposable watching = watch.ConfigureAwait(false);
        await EventStream.ServeAsync(context, watch, body => WriteAsync(body, tenant, place, begunAnew, stop.Token), stop.Token).ConfigureAwait(false);
    }

    private async Task WriteAsync(PipeWriter body, string? tenant, long place, bool begunAnew, CancellationToken stop)
    {
        EventStream.Write(body, begunAnew ? ": the server has begun to count anew; events before may be missing\n\n" : ": connected\n\n");
        await FlushAsync(body, stop).ConfigureAwait(false);
        var items = new List<StressEvents.Item>();
        while (true)
        {
            items.Clear();
            if (events.Take(ref place, tenant, Batch, items, out Task arrival))
            {
                EventStream.Write(body, ": events are missing here; the reader was too slow, or away for too long\n\n");
            }

            foreach (StressEvents.Item item in items)
            {
                EventStream.Write(body, $"id: {events.IdOf(item.Place)}\nevent: {item.Type}\ndata: ");
                body.Write(item.Json.Span);
                EventStream.Write(body, "\n\n");
            }

            if (items.Count == 0)
            {
                try
                {
                    await arrival.WaitAsync(Alive, clock, stop).ConfigureAwait(false);
                    continue;
                }
                catch (TimeoutException)
                {
                    EventStream.Write(body, ": alive\n\n");
                }
            }

            await FlushAsync(body, stop).ConfigureAwait(false);
        }
    }

    /// <summary>Writes out; a client that takes nothing for too long is given up.</summary>
    private static async Task FlushAsync(PipeWriter body, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(LiveSocket.SendLimit);
        await body.FlushAsync(limit.Token).ConfigureAwait(false);
    }
}
