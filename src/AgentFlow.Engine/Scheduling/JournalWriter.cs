using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Engine.Scheduling;

/// <summary>
/// Gathers what runs want to write and commits it in batches, one at a time. Whoever finds no run left to compute commits
/// (<see cref="TryCommit"/>): an idle engine writes on the caller's thread, a busy one gathers without waiting.
/// </summary>
internal sealed partial class JournalWriter(IRunStore store, TimeProvider clock, ILogger log, Action wake)
{
    private readonly Lock _gate = new();
    private CommitBatch _pending = new();
    private CommitBatch _spare = new();
    private bool _committing;
    private volatile bool _closed;
    private volatile Exception? _failure;

    /// <summary>Why the store takes nothing at present; <see langword="null"/> while it does.</summary>
    public Exception? Failure => _failure;

    public bool IsIdle
    {
        get
        {
            lock (_gate)
            {
                return !_committing && _pending.IsEmpty;
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
                return !_committing && (_closed || _pending.IsEmpty);
            }
        }
    }

    public bool HasWork
    {
        get
        {
            lock (_gate)
            {
                return !_closed && !_committing && !_pending.IsEmpty;
            }
        }
    }

    /// <summary>Frames and inbox items that wait for a commit.</summary>
    public int Backlog
    {
        get
        {
            lock (_gate)
            {
                return _pending.Frames.Count + _pending.Inbox.Count;
            }
        }
    }

    /// <summary>Nothing is written any more.</summary>
    public void Close() => _closed = true;

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

        wake();
    }

    /// <summary>Commits what has gathered, unless a commit is under way already.</summary>
    /// <returns>True when a batch was committed on this thread.</returns>
    public bool TryCommit()
    {
        CommitBatch batch;
        lock (_gate)
        {
            if (_closed || _committing || _pending.IsEmpty)
            {
                return false;
            }

            _committing = true;
            batch = _pending;
            _pending = _spare;
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
            Deliver(batch);
            return true;
        }

        _ = FinishAsync(commit, batch);
        return false;
    }

    private async Task FinishAsync(ValueTask commit, CommitBatch batch)
    {
        try
        {
            await commit.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            CommitUnknown(log, batch.Frames.Count, e);
            await ResolveAsync(batch).ConfigureAwait(false);
        }

        Deliver(batch);
        wake();
    }

    private void Deliver(CommitBatch batch)
    {
        foreach (RunAppend append in batch.Frames)
        {
            CrashPoint.Reach(append, "after");
            append.Done?.Invoke(append);
        }

        foreach (InboxAppend item in batch.Inbox)
        {
            CrashPoint.Reach(item, "after");
            item.Done?.Invoke(item);
        }

        batch.Clear();
        lock (_gate)
        {
            _spare = batch;
            _committing = false;
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
        Planted.Do(Bug.ItemAcknowledgedUnwritten, items.Clear);
        while (open.Count + items.Count > 0 && !_closed)
        {
            try
            {
                if (open.TryPeek(out RunAppend? append))
                {
                    bool? stands = append.Frame.IsEmpty ? null : await store.HasFrameAsync(append.Tenant, append.Run, append.FirstSeq, append.Frame, CancellationToken.None).ConfigureAwait(false);
                    if (stands is { } equal)
                    {
                        append.Outcome = !equal ? CommitOutcome.Fenced
                            : append.Then == RowChange.Park ? CommitOutcome.CommittedUnsure
                            : CommitOutcome.Committed;
                    }
                    else
                    {
                        single.Clear();
                        single.Frames.Add(append);
                        await store.CommitAsync(single, CancellationToken.None).ConfigureAwait(false);
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

    /// <summary>Whoever waits for an answer hears that there is none for now. What they sent stays and is written later.</summary>
    private void TellWaiting(IEnumerable<RunAppend> open, IEnumerable<InboxAppend> items, Exception failure)
    {
        Action<Exception>[] waiting;
        lock (_gate)
        {
            waiting = [.. open.Concat(_pending.Frames).Select(f => f.Unanswered).Concat(items.Concat(_pending.Inbox).Select(i => i.Unanswered)).OfType<Action<Exception>>()];
        }

        foreach (Action<Exception> tell in waiting)
        {
            tell(failure);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "A commit of {Frames} frame(s) ended without an answer; reading what is on disk")]
    private static partial void CommitUnknown(ILogger logger, int frames, Exception exception);

    [LoggerMessage(2, LogLevel.Error, "The store does not answer; trying again in {Milliseconds} ms")]
    private static partial void StoreDown(ILogger logger, double milliseconds, Exception exception);
}
