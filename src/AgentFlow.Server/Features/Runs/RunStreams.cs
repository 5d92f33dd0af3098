using System.Runtime.CompilerServices;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Messaging.InProcess;

namespace AgentFlow.Server.Features.Runs;

/// <summary>
/// The durable events of a run as they come: first from the journal, then live from the bus, without a gap and without
/// a repetition. Whatever the bus does not bring is found by reading the journal, which is also looked at every few seconds.
/// </summary>
internal sealed class RunStreams(RunReader reader, InProcessBus bus, TimeProvider clock)
{
    /// <summary>Frames of one run that may wait for one reader.</summary>
    internal const int Capacity = 1024;

    /// <summary>How often the journal is looked at, whatever the bus brings.</summary>
    internal required TimeSpan PollInterval { get; init; }

    /// <summary>After how much silence a heartbeat is given; a multiple of the poll interval.</summary>
    internal TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(15);

    // A frame is rendered once, however many read it: all of them render it alike.
    private readonly ConditionalWeakTable<CommittedFrame, EventText[]> _rendered = [];

    /// <summary>Follows a run. The last item is <see cref="StreamItem.Ended"/> or <see cref="StreamItem.TooSlow"/>, unless the token ends it.</summary>
    /// <param name="from">First sequence to give.</param>
    public async IAsyncEnumerable<StreamItem> FollowAsync(string tenant, RunRow row, long from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var follower = new Follower(this, tenant, row.Run, from, new Visits(await reader.DefinitionAsync(tenant, row, cancellationToken).ConfigureAwait(false)));

        // A long history is read before anything can pile up behind it.
        await foreach (EventText[] texts in follower.CatchUpAsync(cancellationToken).ConfigureAwait(false))
        {
            yield return new StreamItem.Events(texts);
        }

        using InProcessBus.Subscription subscription = bus.Subscribe(Capacity, follower.Wants);
        Task<bool> arrival = Task.FromResult(false);
        Task poll = Task.CompletedTask;
        long lastSent = clock.GetTimestamp();
        while (!follower.HasEnded)
        {
            if (poll.IsCompleted)
            {
                await foreach (EventText[] texts in follower.CatchUpAsync(cancellationToken).ConfigureAwait(false))
                {
                    lastSent = clock.GetTimestamp();
                    yield return new StreamItem.Events(texts);
                }

                if (follower.HasEnded || await follower.IsSetAsideAsync(cancellationToken).ConfigureAwait(false))
                {
                    break;
                }

                if (clock.GetElapsedTime(lastSent) >= HeartbeatInterval)
                {
                    lastSent = clock.GetTimestamp();
                    yield return new StreamItem.Heartbeat();
                }

                poll = Task.Delay(PollInterval, clock, cancellationToken);
            }

            while (!follower.HasEnded && subscription.Frames.TryRead(out CommittedFrame? frame))
            {
                await foreach (EventText[] texts in follower.TakeAsync(frame, cancellationToken).ConfigureAwait(false))
                {
                    lastSent = clock.GetTimestamp();
                    yield return new StreamItem.Events(texts);
                }
            }

            if (follower.HasEnded)
            {
                break;
            }

            if (arrival.IsCompleted)
            {
                arrival = subscription.Frames.WaitToReadAsync(cancellationToken).AsTask();
            }

            await Task.WhenAny(arrival, poll).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            if (arrival is { IsFaulted: true, Exception.InnerException: SlowConsumerException })
            {
                yield return new StreamItem.TooSlow(follower.LastSeq);
                yield break;
            }
        }

        yield return new StreamItem.Ended(follower.End ?? RunStatus.Diverged, follower.LastSeq);
    }

    /// <summary>How far one reader has come.</summary>
    private sealed class Follower(RunStreams streams, string tenant, Ulid run, long from, Visits visits)
    {
        public RunStatus? End { get; private set; }

        public bool HasEnded => End is not null;

        public long LastSeq => visits.NextSeq - 1;

        public bool Wants(CommittedFrame frame) => frame.Run == run && frame.Tenant == tenant;

        /// <summary>What the journal has beyond what was taken.</summary>
        public async IAsyncEnumerable<EventText[]> CatchUpAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            // Values of events that nobody asked for are not worth a read.
            if (visits.NextSeq < from)
            {
                await foreach ((long firstSeq, IReadOnlyList<JournalEvent> events) in streams.Reader.FramesAsync(tenant, run, visits.NextSeq, static _ => Payload.Null, cancellationToken).ConfigureAwait(false))
                {
                    if (firstSeq + events.Count > from)
                    {
                        break;
                    }

                    Skip(events);
                }
            }

            await foreach ((long firstSeq, IReadOnlyList<JournalEvent> events) in streams.Reader.FramesAsync(tenant, run, visits.NextSeq, streams.Reader.Blobs(tenant), cancellationToken).ConfigureAwait(false))
            {
                if (Asked(EventText.Render(firstSeq, events, visits)) is { Length: > 0 } texts)
                {
                    yield return texts;
                }

                NoteEnd(events);
            }
        }

        /// <summary>A frame from the bus: what is missing before it comes from the journal, what is known is dropped.</summary>
        public async IAsyncEnumerable<EventText[]> TakeAsync(CommittedFrame frame, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            if (frame.FirstSeq > visits.NextSeq)
            {
                await foreach (EventText[] texts in CatchUpAsync(cancellationToken).ConfigureAwait(false))
                {
                    yield return texts;
                }
            }

            if (frame.FirstSeq == visits.NextSeq)
            {
                if (Asked(streams.Render(frame, visits)) is { Length: > 0 } texts)
                {
                    yield return texts;
                }

                NoteEnd(frame.Events);
            }
        }

        /// <summary>Whether the run was given up (diverged): nothing follows, although its journal has no end.</summary>
        public async ValueTask<bool> IsSetAsideAsync(CancellationToken cancellationToken) =>
            await streams.Reader.Store.FindAsync(tenant, run, cancellationToken).ConfigureAwait(false) is { Status: RunStatus.Diverged };

        private EventText[] Asked(EventText[] texts) => texts.Length > 0 && texts[0].Seq >= from ? texts : [.. texts.Where(t => t.Seq >= from)];

        private void Skip(IReadOnlyList<JournalEvent> events)
        {
            foreach (JournalEvent journalEvent in events)
            {
                visits.Apply(journalEvent);
            }

            NoteEnd(events);
        }

        private void NoteEnd(IReadOnlyList<JournalEvent> events) => End = events[^1] switch
        {
            RunCompleted => RunStatus.Completed,
            RunFailed => RunStatus.Failed,
            RunCancelled => RunStatus.Cancelled,
            _ => null,
        };
    }

    private RunReader Reader => reader;

    private EventText[] Render(CommittedFrame frame, Visits visits)
    {
        if (!_rendered.TryGetValue(frame, out EventText[]? texts))
        {
            texts = EventText.Render(frame.FirstSeq, frame.Events, visits);
            _rendered.TryAdd(frame, texts);
            return texts;
        }

        foreach (JournalEvent journalEvent in frame.Events)
        {
            visits.Apply(journalEvent);
        }

        return texts;
    }
}

/// <summary>What a stream gives.</summary>
internal abstract record StreamItem
{
    private StreamItem()
    {
    }

    /// <summary>Events that became durable together.</summary>
    public sealed record Events(EventText[] Texts) : StreamItem;

    /// <summary>Nothing has happened for a while; the connection should show that it lives.</summary>
    public sealed record Heartbeat : StreamItem;

    /// <summary>Nothing follows: the run has ended, or was given up as diverged, and all was given.</summary>
    public sealed record Ended(RunStatus Status, long LastSeq) : StreamItem;

    /// <summary>The reader did not keep up; it can resume after this sequence.</summary>
    public sealed record TooSlow(long LastSeq) : StreamItem;
}
