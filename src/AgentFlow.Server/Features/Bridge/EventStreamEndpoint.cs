using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Hosting;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>
/// <c>GET /orchestrator/events/stream</c>: what remote agents tell, as it comes, as server-sent events. The numbers of events are their
/// ids: whoever reconnects goes on after the last one, without loss or repetition.
/// </summary>
internal sealed class EventStreamEndpoint(IBridgeEventStore events, EventSignal signal, IHostApplicationLifetime lifetime, TimeProvider clock)
{
    private const int PageSize = 100;

    // Events that another process took are seen at the latest then.
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Alive = TimeSpan.FromSeconds(15);

    public async Task HandleAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        var filter = new BridgeEventFilter(Patterns(query.Text("type"), "type"), Patterns(query.Text("source"), "source"));
        long after = query.Number("after", -1, 0, long.MaxValue);
        query.End();
        string seen = context.Request.Headers["Last-Event-ID"].ToString();
        if (seen.Length > 0)
        {
            after = long.TryParse(seen, NumberStyles.None, CultureInfo.InvariantCulture, out long last) ? last : throw ProblemException.Parameter("Last-Event-ID", "is no event's number", "Send the id of the last event that was received.");
        }

        if (!MediaTypes.Accepts(context, EventStream.MediaType))
        {
            throw new ProblemException(ErrorCode.NotAcceptable, $"A stream needs {EventStream.MediaType} in Accept.");
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        CallerWatch watch = CallerWatch.Begin(context, Permission.BridgeRead, stop, clock);
        await using ConfiguredAsyncDisposable watching = watch.ConfigureAwait(false);
        if (after < 0)
        {
            after = await events.LastAsync(tenant, stop.Token).ConfigureAwait(false);
        }

        await EventStream.ServeAsync(context, watch, body => WriteAsync(body, tenant, filter, after, stop.Token), stop.Token, ErrorCode.InvalidToken).ConfigureAwait(false);
    }

    private async Task WriteAsync(PipeWriter body, string tenant, BridgeEventFilter filter, long after, CancellationToken stop)
    {
        long written = clock.GetTimestamp();
        while (true)
        {
            Task next = signal.Next;
            IReadOnlyList<BridgeEvent> page = await events.ReadAsync(tenant, after, PageSize, stop).ConfigureAwait(false);
            bool any = false;
            foreach (BridgeEvent happened in page)
            {
                after = happened.Number;
                if (filter.Wants(happened))
                {
                    any = true;
                    EventStream.Write(body, string.Create(CultureInfo.InvariantCulture, $"id: {happened.Number}\nevent: {Line(happened.Type)}\ndata: "));
                    body.Write(BridgeEventText.Write(happened).Span);
                    EventStream.Write(body, "\n\n");
                }
            }

            if (!any && clock.GetElapsedTime(written) >= Alive)
            {
                any = true;
                EventStream.Write(body, string.Create(CultureInfo.InvariantCulture, $"id: {after}\n: alive\n\n"));
            }

            if (any)
            {
                written = clock.GetTimestamp();
                await body.FlushAsync(stop).ConfigureAwait(false);
            }

            if (page.Count < PageSize)
            {
                await Task.WhenAny(next, Task.Delay(Poll, clock, stop)).ConfigureAwait(false);
                stop.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>Several are separated by commas.</summary>
    private static NamePatterns? Patterns(string? text, string name)
    {
        if (text is null)
        {
            return null;
        }

        string[] patterns = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return patterns.Select(NamePatterns.Problem).FirstOrDefault(p => p is not null) is { } problem ? throw ProblemException.Parameter(name, "is no pattern", problem) : new NamePatterns(patterns);
    }

    // A line of the stream ends where the text does.
    private static string Line(string text) => text.AsSpan().IndexOfAny('\r', '\n') < 0 ? text : text.Replace('\r', ' ').Replace('\n', ' ');
}
