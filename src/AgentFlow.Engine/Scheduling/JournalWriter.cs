using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Engine.Scheduling;

/// <summary>
/// Gathers what runs want to write and commits it in batches: one at a time, or as many as the store takes side by side.
/// Whoever finds no run left to compute commits (<see cref="TryCommit"/>): an idle engine writes on the caller's thread, a
/// busy one gathers without waiting.
/// </summary>
internal sealed partial class JournalWriter(IRunStore store, EngineOptions options, TimeProvider clock, ILogger log, TurnQueue turns)
{
    /// <summary>
    /// Longest that an inbox item waits for a frame to be put on disk with. The frame that takes it usually follows within a
    /// fraction of that; a run whose history is long, or whose workflow has to be compiled first, takes longer.
    /// </summary>
    private static readonly TimeSpan FlushAfter = TimeSpan.FromMilliseconds(2);

    private readonly Lock _gate = new();
    private readonly Stack<CommitBatch> _spare = new();
    private readonly List<InboxAppend> _deferred = [];
    private readonly int _lanes = store.ParallelCommits;
    private CommitBatch _pending = new();
    private ITimer? _flush;
    private long _flushed;
    private int _probing;
    private int _committing;
    private int _itemsUnderWay;
    private bool _inboxUnderWay;
    private volatile bool _closed;
    private volatile Exception? _failure;

    /// <summary>Hears of runs that frames of others have touched, once that is durable; <see langword="null"/>: nobody can tell which.</summary>
    public Action<IReadOnlyList<Ulid>?>? Touched { get; init; }

    /// <summary>Why the store takes nothing at present; <see langword="null"/> while it does.</summary>
    public Exception? Failure => _failure;

    public bool IsIdle
    {
        get
        {
            lock (_gate)
            {
                return _committing == 0 && _pending.IsEmpty && _deferred.Count == 0;
            }
        }
    }

    /// <summary>No commit is under way, and none will be begun for what waits.</summary>
    public bool IsQuiet
    {
        get
        {
            lock (_gate)
            {
                return _committing == 0 && (_closed || _pending.IsEmpty);
            }
        }
    }

    /// <summary>Whether <see cref="TryCommit"/> would begin a batch.</summary>
    /// <param name="ready">Runs that wait to be computed; they will have something to write too.</param>
    public bool HasWork(int ready)
    {
        lock (_gate)
        {
            return MayCommit(ready);
        }
    }

    /// <summary>Frames, inbox items and notes that wait for a commit.</summary>
    public int Backlog
    {
        get
        {
            lock (_gate)
            {
                return Pending;
            }
        }
    }

    /// <summary>Whether batches may be committed beside each other, and so before everything is computed.</summary>
    public bool IsParallel => _lanes > 1;

    private int Pending => _pending.Frames.Count + _pending.Inbox.Count + _pending.Notes.Count;

    /// <summary>Nothing is written any more.</summary>
    public void Close()
    {
        _closed = true;
        lock (_gate)
        {
            _flush?.Dispose();
        }
    }

    public void Add(RunAppend append)
    {
        lock (_gate)
        {
            _pending.Frames.Add(append);
        }
    }

    public void Add(InboxAppend item)
    {
        lock (_gate)
        {
            _pending.Inbox.Add(item);
        }

        CommitSoon();
    }

    public void Add(NoteAppend note)
    {
        lock (_gate)
        {
            _pending.Notes.Add(note);
        }

        CommitSoon();
    }

    /// <summary>Commits what has gathered, unless that had better wait.</summary>
    /// <param name="ready">Runs that wait to be computed.</param>
    /// <returns>True when a batch was committed on this thread.</returns>
    public bool TryCommit(int ready)
    {
        CommitBatch batch;
        int items;
        lock (_gate)
        {
            if (!MayCommit(ready))
            {
                return false;
            }

            batch = Take();
            // Who gets an item has something to write because of it, and writing that waits for the disk anyway.
            batch.IsDeferred = store.CanDefer && batch.Frames.Count + batch.Notes.Count == 0;
            items = batch.Frames.Count + batch.Inbox.Count + batch.Notes.Count;
            _committing++;
            _itemsUnderWay += items;
        }

        CrashPoint.ReachAll(batch, "before");
        ValueTask commit;
        try
        {
            commit = store.CommitAsync(batch, CancellationToken.None);
        }
        catch (Exception e)
        {
            commit = ValueTask.FromException(e);
        }

        if (commit.IsCompletedSuccessfully)
        {
            Deliver(batch, items, flushed: !batch.IsDeferred);
            turns.Wake(items - 1);
            return true;
        }

        _ = FinishAsync(commit, batch, items);
        return false;
    }

    /// <summary>
    /// The sender of an idle engine writes itself: one commit, and no change of threads before it. A worker that looked
    /// meanwhile has found the writer busy and gone.
    /// </summary>
    private void CommitSoon()
    {
        if (!turns.IsIdle || !TryCommit(0) || turns.Ready > 0 || HasWork(0))
        {
            turns.Wake();
        }
    }

    private async Task FinishAsync(ValueTask commit, CommitBatch batch, int items)
    {
        bool flushed = !batch.IsDeferred;
        try
        {
            await commit.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            flushed = batch.IsDeferred = false;
            CommitUnknown(log, batch.Frames.Count, e);
            if (batch.Notes.Count > 0 && Interlocked.Exchange(ref _probing, 1) == 0)
            {
                _failure = e;
                _ = ProbeAsync(Outage(batch.Notes[0].Note));
            }

            Refuse(batch.Notes, e);
            await ResolveAsync(batch).ConfigureAwait(false);
        }

        Deliver(batch, items, flushed);
        turns.Wake(items - 1);
        turns.Work();
    }

    /// <summary>
    /// With nothing under way everything goes once the last run is computed. Beside a batch that is under way, or before,
    /// the next one must be this lane's share of all that is in motion: so lanes settle into equal batches, of which one is
    /// computed while another one is written.
    /// </summary>
    private bool MayCommit(int ready)
    {
        // Inbox items keep the order in which they came: one batch of them at a time.
        int pending = Pending - (_inboxUnderWay ? _pending.Inbox.Count : 0);
        if (_closed || pending == 0 || _committing == _lanes)
        {
            return false;
        }

        return (_committing == 0 && ready == 0)
            || (_lanes > 1 && pending >= options.LeastParallelCommit && pending * _lanes >= pending + _itemsUnderWay + ready);
    }

    private CommitBatch Take()
    {
        CommitBatch batch = _pending;
        _pending = _spare.TryPop(out CommitBatch? spare) ? spare : new CommitBatch();
        if (_inboxUnderWay)
        {
            _pending.Inbox.AddRange(batch.Inbox);
            batch.Inbox.Clear();
        }

        _inboxUnderWay |= batch.Inbox.Count > 0;
        return batch;
    }

    /// <param name="flushed">The commit has put on disk whatever was deferred before.</param>
    private void Deliver(CommitBatch batch, int items, bool flushed)
    {
        if (flushed && _deferred.Count > 0)
        {
            Flushed(long.MaxValue);
        }

        foreach (RunAppend append in batch.Frames)
        {
            CrashPoint.Reach(append, "after");
            append.Done?.Invoke(append);
        }

        foreach (InboxAppend item in batch.Inbox)
        {
            CrashPoint.Reach(item, "after");
            item.Done?.Invoke(item);
            if (batch.IsDeferred && item.IsWaiting)
            {
                Defer(item);
            }
            else
            {
                item.Durable?.Invoke(item);
            }
        }

        foreach (NoteAppend note in batch.Notes)
        {
            note.Done?.Invoke(null);
        }

        if (batch.TouchedUnknown || batch.Touched.Count > 0)
        {
            Touched?.Invoke(batch.TouchedUnknown ? null : batch.Touched);
        }

        lock (_gate)
        {
            _inboxUnderWay &= batch.Inbox.Count == 0;
            batch.Clear();
            _spare.Push(batch);
            _committing--;
            _itemsUnderWay -= items;
        }
    }

    /// <summary>Has an item wait for the next commit, or for the timer where none follows.</summary>
    private void Defer(InboxAppend item)
    {
        lock (_gate)
        {
            _deferred.Add(item);
            if (_deferred.Count == 1 && !_closed)
            {
                _flush ??= clock.CreateTimer(static writer => _ = ((JournalWriter)writer!).FlushAsync(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _flush.Change(FlushAfter, Timeout.InfiniteTimeSpan);
            }
        }

        Planted.Do(Bug.ItemAcknowledgedDeferred, () => Flushed(long.MaxValue));
    }

    /// <summary>No commit has followed.</summary>
    private async Task FlushAsync()
    {
        long deferred;
        lock (_gate)
        {
            if (_deferred.Count == 0 || _closed)
            {
                return;
            }

            deferred = _flushed + _deferred.Count;
        }

        try
        {
            await store.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            Flushed(deferred);
        }
        catch (Exception e)
        {
            StoreDown(log, FlushAfter.TotalMilliseconds, e);
            TellWaiting([], [], e);
        }

        lock (_gate)
        {
            if (_deferred.Count > 0 && !_closed)
            {
                _flush!.Change(FlushAfter, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>Deferred items are on disk: their senders hear of it.</summary>
    /// <param name="upTo">How many of all that ever were deferred; a commit may have come before a flush.</param>
    private void Flushed(long upTo)
    {
        InboxAppend[] items;
        lock (_gate)
        {
            int count = (int)Math.Clamp(upTo - _flushed, 0, _deferred.Count);
            items = [.. _deferred[..count]];
            _deferred.RemoveRange(0, count);
            _flushed += count;
        }

        foreach (InboxAppend item in items)
        {
            item.Durable?.Invoke(item);
        }
    }

    /// <summary>
    /// The store threw: each item may be on disk or not. Reading decides for frames; inbox items carry a dedupe key, so
    /// that writing them again is harmless. What is not there is written again, item by item, until the store answers.
    /// </summary>
    private async Task ResolveAsync(CommitBatch batch)
    {
        var delay = TimeSpan.FromMilliseconds(50);
        var single = new CommitBatch();
        var open = new Queue<RunAppend>(batch.Frames.Where(f => f.Outcome == CommitOutcome.Pending));
        var items = new Queue<InboxAppend>(batch.Inbox.Where(i => i.Outcome == CommitOutcome.Pending));
        Planted.Do(Bug.ItemAcknowledgedUnwritten, () =>
        {
            batch.Inbox.ForEach(i => i.Outcome = CommitOutcome.Committed);
            items.Clear();
        });
        while (open.Count + items.Count > 0 && !_closed)
        {
            try
            {
                if (open.TryPeek(out RunAppend? append))
                {
                    bool? stands = append.Frame.IsEmpty ? null : await store.HasFrameAsync(append, CancellationToken.None).ConfigureAwait(false);
                    if (stands is { } equal)
                    {
                        append.Outcome = !equal ? CommitOutcome.Fenced
                            : append.Then == RowChange.Park ? CommitOutcome.CommittedUnsure
                            : CommitOutcome.Committed;
                        batch.TouchedUnknown |= append.Cross is not null;
                    }
                    else
                    {
                        single.Clear();
                        single.Frames.Add(append);
                        await store.CommitAsync(single, CancellationToken.None).ConfigureAwait(false);
                        batch.Touched.AddRange(single.Touched);
                    }

                    open.Dequeue();
                }
                else
                {
                    single.Clear();
                    single.Inbox.Add(items.Peek());
                    await store.CommitAsync(single, CancellationToken.None).ConfigureAwait(false);
                    items.Dequeue();
                }

                delay = TimeSpan.FromMilliseconds(50);
                _failure = null;
            }
            catch (Exception e)
            {
                StoreDown(log, delay.TotalMilliseconds, e);
                _failure = e;
                TellWaiting(open, items, e);
                await Task.Delay(delay, clock, CancellationToken.None).ConfigureAwait(false);
                delay = TimeSpan.FromMilliseconds(Math.Min(delay.TotalMilliseconds * 2, 1000));
            }
        }
    }

    /// <summary>Whoever waits for an answer hears that there is none for now. What they sent stays and is written later; notes are not.</summary>
    private void TellWaiting(IEnumerable<RunAppend> open, IEnumerable<InboxAppend> items, Exception failure)
    {
        Action<Exception>[] waiting;
        lock (_gate)
        {
            Refuse(_pending.Notes, failure);
            waiting = [.. open.Concat(_pending.Frames).Select(f => f.Unanswered).Concat(items.Concat(_pending.Inbox).Concat(_deferred).Select(i => i.Unanswered)).OfType<Action<Exception>>()];
        }

        foreach (Action<Exception> tell in waiting)
        {
            tell(failure);
        }
    }

    /// <summary>
    /// A refused note leaves nothing to try the store with: this does, beside whatever can be written, with the record of the
    /// outage itself.
    /// </summary>
    private async Task ProbeAsync(NoteAppend outage)
    {
        var delay = TimeSpan.FromMilliseconds(50);
        var single = new CommitBatch();
        single.Notes.Add(outage);
        while (!_closed)
        {
            await Task.Delay(delay, clock, CancellationToken.None).ConfigureAwait(false);
            try
            {
                await store.CommitAsync(single, CancellationToken.None).ConfigureAwait(false);
                _failure = null;
                break;
            }
            catch (Exception e)
            {
                _failure = e;
                delay = TimeSpan.FromMilliseconds(Math.Min(delay.TotalMilliseconds * 2, 1000));
            }
        }

        Interlocked.Exchange(ref _probing, 0);
    }

    /// <summary>What the audit says of a time in which it could not be written.</summary>
    private static NoteAppend Outage(AuditNote refused) => new()
    {
        Note = refused with
        {
            Actor = "system",
            Action = "audit.unavailable",
            Decision = AuditDecision.Failed,
            Details = new Payload(new CanonicalObject().Text("refused_action"u8, refused.Action).End().ToArray()),
        },
    };

    /// <summary>What a note is about is not done then, and so the note is not written later either.</summary>
    private static void Refuse(List<NoteAppend> notes, Exception failure)
    {
        notes.ForEach(note => note.Done?.Invoke(failure));
        notes.Clear();
    }

    [LoggerMessage(1, LogLevel.Warning, "A commit of {Frames} frame(s) ended without an answer; reading what is on disk")]
    private static partial void CommitUnknown(ILogger logger, int frames, Exception exception);

    [LoggerMessage(2, LogLevel.Error, "The store does not answer; trying again in {Milliseconds} ms")]
    private static partial void StoreDown(ILogger logger, double milliseconds, Exception exception);
}
