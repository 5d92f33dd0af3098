using System.Collections.Concurrent;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Journals, run rows, inbox and timers in PostgreSQL, shared by any number of processes. A commit is one transaction and
/// one round trip; it is on disk (<c>synchronous_commit=on</c>) when it returns.
/// </summary>
public sealed partial class PostgresRunStore(PostgresDatabase database) : IRunStore, IAsyncDisposable
{
    private const int Attempts = 5;
    private const string LostSession = "AF001";
    private const string MustCount = "AF002";

    private readonly ConcurrentStack<CommitWriter> _writers = new();
    private readonly RunKeys _keys = new(database);

    /// <summary>Two: one batch is written while the engine computes the runs of the other one.</summary>
    public int ParallelCommits => 2;

    public bool IsShared => true;

    public event Action<StoreNews> News
    {
        add => database.News.Arrived += value;
        remove => database.News.Arrived -= value;
    }

    /// <inheritdoc/>
    /// <exception cref="StoreUnavailableException">The server does not answer or refuses; nothing is known about the batch.</exception>
    public async ValueTask CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
    {
        try
        {
            foreach (RunAppend append in batch.Frames)
            {
                await EnsureKeyAsync(append, cancellationToken).ConfigureAwait(false);
                foreach (RunAppend child in append.Cross?.Children ?? [])
                {
                    await EnsureKeyAsync(child, cancellationToken).ConfigureAwait(false);
                }
            }

            (List<Ulid> elsewhere, bool queued) = await WriteAsync(batch, cancellationToken).ConfigureAwait(false);
            Announce(batch, elsewhere, queued);
        }
        catch (Exception e)
        {
            batch.Touched.Clear();
            batch.Frames.ForEach(f => f.Outcome = CommitOutcome.Pending);
            batch.Inbox.ForEach(i => i.Outcome = CommitOutcome.Pending);
            database.Distrust(e);
            if (StoreUnavailableException.From(e, database.Server) is { } known && !ReferenceEquals(known, e))
            {
                throw known;
            }

            throw;
        }
    }

    /// <summary>Lets the connections go that commits have used.</summary>
    public async ValueTask DisposeAsync()
    {
        while (_writers.TryPop(out CommitWriter? writer))
        {
            await writer.DisposeAsync().ConfigureAwait(false);
        }

        _keys.Dispose();
    }

    /// <summary>A creation that is written again after an unknown outcome keeps its key.</summary>
    private async ValueTask EnsureKeyAsync(RunAppend append, CancellationToken cancellationToken)
    {
        if (append.Change != RowChange.None && append.Key == 0)
        {
            append.Key = new RunKey(await _keys.NextAsync(cancellationToken).ConfigureAwait(false), Epoch: 1).Packed;
        }
    }

    private async Task<(List<Ulid> Elsewhere, bool Queued)> WriteAsync(CommitBatch batch, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            long session = database.Session.Id;
            CommitWriter? writer = null;
            try
            {
                if (!_writers.TryPop(out writer))
                {
                    writer = new CommitWriter(await database.Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false), database.CountsRuns);
                }

                (List<Ulid>, bool) written = await writer.WriteAsync(batch, session, repeated: attempt > 1, cancellationToken).ConfigureAwait(false);
                _writers.Push(writer);
                return written;
            }
            catch (Exception e)
            {
                if (writer is not null)
                {
                    await writer.DisposeAsync().ConfigureAwait(false);
                }

                switch ((e as PostgresException)?.SqlState)
                {
                    // Nothing was written, and what the old session owned will be fenced. The rest is written by the new one.
                    case LostSession:
                        await database.Session.ReplaceAsync(session, cancellationToken).ConfigureAwait(false);
                        break;
                    // Nothing was written. What was written before without counting is in the count, and from here on this process counts.
                    case MustCount:
                        database.CountsRuns = true;
                        break;
                    // A frame or run stands already: an earlier try of this batch got through without our hearing of it.
                    case PostgresErrorCodes.UniqueViolation when attempt == 1:
                        break;
                    case PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected when attempt < Attempts:
                        await Task.Delay(Random.Shared.Next(5, 50), cancellationToken).ConfigureAwait(false);
                        break;
                    default:
                        throw;
                }
            }
        }
    }

    private void Announce(CommitBatch batch, List<Ulid> elsewhere, bool work)
    {
        foreach (RunAppend append in batch.Frames)
        {
            if (append.Outcome == CommitOutcome.Committed && append.Then == RowChange.End)
            {
                database.News.AnnounceEnd(append.Run);
            }
            else
            {
                work |= append.Outcome == CommitOutcome.Committed && append.Change == RowChange.CreateQueued;
            }
        }

        foreach (InboxAppend item in batch.Inbox)
        {
            work |= item.Outcome == CommitOutcome.Committed && item.StatusBefore is RunStatus.Waiting or RunStatus.Paused;
        }

        Announce(elsewhere, work);
    }

    /// <param name="elsewhere">Runs of other processes with something new in their inbox.</param>
    /// <param name="work">Whether a run can be claimed that could not before.</param>
    private void Announce(IEnumerable<Ulid> elsewhere, bool work)
    {
        foreach (Ulid run in elsewhere)
        {
            database.News.AnnounceItem(run);
        }

        if (work)
        {
            database.News.AnnounceWork();
        }
    }
}
