using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Storage.Sqlite;

/// <summary>Journals, run rows, inbox and timers in one SQLite file. Commits are durable when they return.</summary>
public sealed partial class SqliteRunStore(SqliteDatabase database) : IRunStore
{
    // Something deferred may not be on disk yet. Commits come one at a time.
    private bool _hasDeferred;

    public bool CanDefer => database.IsDurable;

    public ValueTask CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
    {
        int rows = 0;
        try
        {
            database.Write(connection =>
            {
                foreach (RunAppend append in batch.Frames)
                {
                    append.Outcome = Append(connection, append, database.RunCounts, batch.Touched);
                    rows += append.Cross is null ? 2 : 8;
                }

                foreach (InboxAppend item in batch.Inbox)
                {
                    item.Outcome = Enqueue(connection, item);
                    rows += 2;
                }

                foreach (NoteAppend note in batch.Notes)
                {
                    SqliteAuditStore.InsertNote(connection, note.Note);
                    rows++;
                }
            }, durable: !batch.IsDeferred);
        }
        catch
        {
            // Nothing was written: the outcomes belong to a transaction that is gone.
            batch.Touched.Clear();
            batch.Frames.ForEach(f => f.Outcome = CommitOutcome.Pending);
            batch.Inbox.ForEach(i => (i.Outcome, i.Claimed) = (CommitOutcome.Pending, null));
            throw;
        }

        if (!batch.IsDeferred && _hasDeferred && !Wrote(batch))
        {
            // A transaction that changed nothing is not synced.
            database.Flush();
        }

        _hasDeferred = batch.IsDeferred;
        database.NoteWritten(rows);
        return ValueTask.CompletedTask;
    }

    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        database.Flush();
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<Ulid>> SetAsideAsync(ClaimedRun run, string reason, CancellationToken cancellationToken)
    {
        var touched = new List<Ulid>();
        CrashPoint.Reach("set_aside.before");
        database.Write(connection =>
        {
            connection.Prepare("UPDATE runs SET status = ?, result = ? WHERE key = ? AND status < 6").Bind((long)RunStatus.Diverged).Bind(reason).Bind(run.Key).Run();
            if (connection.Changes == 1)
            {
                // Nobody executes it any more: it takes no place.
                database.RunCounts.Add(connection, run.Tenant, -1);
                SqliteCross.Vacate(connection, run.Tenant, run.Key, touched);
            }
        });
        CrashPoint.Reach("set_aside.after");
        return ValueTask.FromResult<IReadOnlyList<Ulid>>(touched);
    }

    public ValueTask<(int Fired, long? NextDue)> FireTimersAsync(long now, int max, CancellationToken cancellationToken)
    {
        (List<(long Due, long Run, long Timer)> due, long? next) = database.Read(connection =>
        {
            var found = new List<(long, long, long)>();
            SqliteStatement timers = connection.Prepare("SELECT due, run, timer FROM timers ORDER BY due LIMIT ?").Bind(max + 1);
            long? after = null;
            while (timers.Read())
            {
                if (timers.Int64(0) > now || found.Count == max)
                {
                    after = timers.Int64(0);
                    timers.Reset();
                    break;
                }

                found.Add((timers.Int64(0), timers.Int64(1), timers.Int64(2)));
            }

            return (found, after);
        });
        if (due.Count > 0)
        {
            CrashPoint.Reach("timers.before");
            database.Write(connection =>
            {
                foreach ((long at, long run, long timer) in due)
                {
                    connection.Prepare("DELETE FROM timers WHERE due = ? AND run = ? AND timer = ?").Bind(at).Bind(run).Bind(timer).Run();
                    CrashPoint.Reach("sqlite.timer_deleted");
                    connection.Prepare("UPDATE runs SET status = 0 WHERE key = ? AND status IN (2, 3)").Bind(run).Run();
                }
            });
            CrashPoint.Reach("timers.after");
        }

        return ValueTask.FromResult((due.Count, next));
    }

    /// <summary>Whether a batch has certainly added a row.</summary>
    private static bool Wrote(CommitBatch batch) =>
        batch.Notes.Count > 0
        || batch.Inbox.Exists(i => i.Outcome == CommitOutcome.Committed)
        || batch.Frames.Exists(f => !f.Frame.IsEmpty && f.Outcome is CommitOutcome.Committed or CommitOutcome.CommittedAwake);

    private static CommitOutcome Append(SqliteConnection connection, RunAppend append, SqliteRunCounts counts, List<Ulid> touched)
    {
        bool ends = append.Then == RowChange.End;
        if (append.Change is RowChange.Create or RowChange.CreateQueued)
        {
            if (Create(connection, append, counts) is { } refused)
            {
                return refused;
            }
        }
        else if (ends && !End(connection, append, counts))
        {
            return CommitOutcome.Woken;
        }
        else if (!ends && append.Cross is { Withdraws: true } && !IsAsleep(connection, append))
        {
            return CommitOutcome.Woken;
        }

        if (!append.Frame.IsEmpty)
        {
            connection.Prepare("INSERT INTO journal (run, first_seq, data) VALUES (?, ?, ?)").Bind(append.Key).Bind(append.FirstSeq).Bind(append.Frame.Span).Run();
            CrashPoint.Reach("sqlite.frame_inserted");
        }

        foreach (Payload blob in append.Blobs)
        {
            connection.Prepare("INSERT OR IGNORE INTO blobs (tenant, hash, data) VALUES (?, ?, ?)").Bind(append.Tenant).Bind(blob.Hash.Span).Bind(blob.Utf8.Span).Run();
            CrashPoint.Reach("sqlite.blob_inserted");
        }

        foreach (long item in append.Consumed)
        {
            connection.Prepare("UPDATE inbox SET consumed = 1 WHERE id = ?").Bind(item).Run();
            CrashPoint.Reach("sqlite.item_consumed");
        }

        if (append.Snapshot is { } snapshot)
        {
            connection.Prepare("INSERT OR REPLACE INTO snapshots (run, seq, data) VALUES (?, ?, ?)").Bind(append.Key).Bind(append.NextSeq).Bind(snapshot.Span).Run();
            CrashPoint.Reach("sqlite.snapshot_written");
        }

        if (append.Cross is { } cross)
        {
            // Before a parking, which is refused when the run itself is given something here.
            SqliteCross.Write(connection, append, cross, child => Append(connection, child, counts, touched), touched);
        }

        return append.Then == RowChange.Park ? Park(connection, append) : CommitOutcome.Committed;
    }

    /// <summary>Whether nothing has arrived that the frame does not know.</summary>
    private static bool IsAsleep(SqliteConnection connection, RunAppend append)
    {
        SqliteStatement row = connection.Prepare("SELECT 1 FROM runs WHERE key = ? AND wake_seq = ?").Bind(append.Key).Bind(append.WakeSeq);
        bool asleep = row.Read();
        row.Reset();
        return asleep;
    }

    private static CommitOutcome? Create(SqliteConnection connection, RunAppend append, SqliteRunCounts counts)
    {
        RunCreation creation = append.Creation!;
        Span<byte> id = stackalloc byte[Ulid.ByteLength];
        append.Run.TryWriteBytes(id);
        string? key = creation.IdempotencyKey;
        if (key is not null)
        {
            Planted.Change(Bug.RunDuplicated, ref key, key + append.Run);
            SqliteStatement known = connection.Prepare("SELECT run, request_hash FROM idempotency WHERE tenant = ? AND key = ?").Bind(append.Tenant).Bind(key);
            if (known.Read())
            {
                append.ExistingRun = (new Ulid(known.Blob(0)), known.Text(1));
                known.Reset();
                return CommitOutcome.Duplicate;
            }
        }

        // After the keys: whoever asks again for a run that there is gets it, however many are going.
        if (!counts.TryTake(connection, append.Tenant, creation.MaxRuns, stays: append.Then != RowChange.End))
        {
            return CommitOutcome.OverQuota;
        }

        if (key is not null)
        {
            connection.Prepare("INSERT INTO idempotency (tenant, key, request_hash, run) VALUES (?, ?, ?, ?)").Bind(append.Tenant).Bind(key).Bind(creation.RequestHash).Bind(id).Run();
            CrashPoint.Reach("sqlite.key_inserted");
        }

        RunStatus status = append.Then switch
        {
            RowChange.End => append.Status,
            RowChange.Park => append.Status,
            _ => append.Change == RowChange.CreateQueued ? RunStatus.Queued : RunStatus.Running,
        };
        Span<byte> definition = stackalloc byte[32];
        Convert.FromHexString(creation.DefinitionHash, definition, out _, out int length);
        SqliteStatement insert = connection.Prepare("INSERT INTO runs (id, tenant, workflow, version, definition, status, result, cost, ended_at, parent, priority, rank) VALUES (?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), ?, ?, ?)");
        insert.Bind(id).Bind(append.Tenant).Bind(creation.Workflow).Bind(creation.Version).Bind(definition[..length]).Bind((long)status);
        insert.Bind(append.Result).Bind(append.CostNanoDollars).Bind(append.Then == RowChange.End ? append.At : 0);
        insert.BindOptional(creation.Parent).Bind(creation.Priority).Bind(RunPriority.Rank(append.Run, creation.Priority)).Run();
        append.Key = connection.LastRowId;
        CrashPoint.Reach("sqlite.run_inserted");
        return null;
    }

    /// <returns>False when something had arrived for the run.</returns>
    private static bool End(SqliteConnection connection, RunAppend append, SqliteRunCounts counts)
    {
        connection.Prepare("UPDATE runs SET status = ?, result = ?, cost = ?, ended_at = ? WHERE key = ? AND wake_seq = ?")
            .Bind((long)append.Status).Bind(append.Result).Bind(append.CostNanoDollars).Bind(append.At).Bind(append.Key).Bind(append.WakeSeq).Run();
        CrashPoint.Reach("sqlite.run_ended");
        if (connection.Changes != 1)
        {
            return false;
        }

        counts.Add(connection, append.Tenant, -1);
        return true;
    }

    private static CommitOutcome Park(SqliteConnection connection, RunAppend append)
    {
        if (append.Change == RowChange.None)
        {
            string park = "UPDATE runs SET status = ? WHERE key = ? AND wake_seq = ?";
            Planted.Change(Bug.ParkedOverWork, ref park, "UPDATE runs SET status = ? WHERE key = ? AND wake_seq >= ?");
            connection.Prepare(park).Bind((long)append.Status).Bind(append.Key).Bind(append.WakeSeq).Run();
            if (connection.Changes == 0)
            {
                return CommitOutcome.CommittedAwake;
            }
        }

        CrashPoint.Reach("sqlite.run_parked");

        foreach ((long due, int node) in append.Timers)
        {
            connection.Prepare("INSERT OR IGNORE INTO timers (due, run, timer) VALUES (?, ?, ?)").Bind(due).Bind(append.Key).Bind(node).Run();
            CrashPoint.Reach("sqlite.timer_inserted");
        }

        return CommitOutcome.Committed;
    }

    private static CommitOutcome Enqueue(SqliteConnection connection, InboxAppend item)
    {
        Span<byte> id = stackalloc byte[Ulid.ByteLength];
        item.Run.TryWriteBytes(id);
        SqliteStatement find = connection.Prepare("SELECT key, status, wake_seq, workflow, version, definition FROM runs WHERE tenant = ? AND id = ?").Bind(item.Tenant).Bind(id);
        if (!find.Read())
        {
            return CommitOutcome.Missing;
        }

        long key = find.Int64(0);
        item.StatusBefore = (RunStatus)find.Int64(1);
        item.WakeSeq = find.Int64(2) + 1;
        bool claims = item.Claims && item.StatusBefore is RunStatus.Waiting or RunStatus.Paused;
        item.Claimed = claims ? new ClaimedRun(key, item.Run, item.Tenant, find.Text(3), find.Text(4), Convert.ToHexStringLower(find.Blob(5))) : null;
        find.Reset();
        if (item.StatusBefore.IsTerminal() || item.StatusBefore == RunStatus.Diverged)
        {
            return CommitOutcome.Ignored;
        }

        if (Put(connection, key, item.Kind, item.Dedupe, item.Data, claims ? RunStatus.Running : RunStatus.Queued) is not { } number)
        {
            item.Claimed = null;
            return CommitOutcome.Ignored;
        }

        item.Item = number;
        return CommitOutcome.Committed;
    }

    /// <summary>Puts an item into the inbox of a run that has not ended, and wakes the run.</summary>
    /// <param name="woken">What a parked run becomes.</param>
    /// <returns>The item's number; <see langword="null"/> when it is there already.</returns>
    internal static long? Put(SqliteConnection connection, long key, InboxKind kind, string dedupe, ReadOnlyMemory<byte> data, RunStatus woken)
    {
        connection.Prepare("INSERT OR IGNORE INTO inbox (run, kind, dedupe, data) VALUES (?, ?, ?, ?)").Bind(key).Bind((long)kind).Bind(dedupe).Bind(data.Span).Run();
        if (connection.Changes == 0)
        {
            return null;
        }

        long number = connection.LastRowId;
        CrashPoint.Reach("sqlite.item_inserted");
        connection.Prepare("UPDATE runs SET wake_seq = wake_seq + 1, status = CASE WHEN status IN (2, 3) THEN ? ELSE status END WHERE key = ?")
            .Bind((long)woken).Bind(key).Run();
        CrashPoint.Reach("sqlite.run_woken");
        return number;
    }
}
