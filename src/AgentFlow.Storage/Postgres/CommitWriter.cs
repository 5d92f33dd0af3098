using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// One connection that commits batches. All statements of a batch travel together and run in one transaction, so a commit
/// takes one round trip; only when something was refused does a second one ask what became of each item.
/// </summary>
/// <param name="counting">Whether runs are counted (<see cref="RunCounts"/>); without it a commit fails once they must be.</param>
internal sealed class CommitWriter(NpgsqlConnection connection, bool counting) : IAsyncDisposable
{
    private readonly NpgsqlBatch _batch = new(connection);
    private readonly HoldStatement _hold = new(counting);
    private readonly RunLocks _locks = new();
    private readonly PlaceLocks _placeLocks = new();
    private readonly InboxStatement _inbox = new();
    private readonly NotesStatement _notes = new();
    private readonly PlainAppends _plain = new();
    private readonly RunCounts? _counts = counting ? new RunCounts() : null;
    private readonly List<CommitWave> _waves = [new(counting)];
    private int _used;

    // Results before those of the waves, and those of the waves.
    private int _skipped, _crossed;

    /// <summary>Writes a batch for a session and sets every outcome.</summary>
    /// <param name="repeated">The batch was tried before, so that some of it may stand already.</param>
    /// <returns>Runs that another session owns and that have something new in their inbox, and whether frames have made runs claimable.</returns>
    public async Task<(List<Ulid> Elsewhere, bool Queued)> WriteAsync(CommitBatch batch, long session, bool repeated, CancellationToken cancellationToken)
    {
        List<Ulid> elsewhere = [];
        List<TouchedRun> touched = [];
        CrashPoint.Reach("postgres.commit.before");
        try
        {
            if (!repeated && _plain.TryFill(batch, session))
            {
                _batch.BatchCommands.Add(_plain.Command);
                await _batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                CrashPoint.Reach("postgres.commit.after");
                if (_plain.AllWritten)
                {
                    batch.Frames.ForEach(append => append.Outcome = CommitOutcome.Committed);
                    return (elsewhere, false);
                }

                // Some were refused, or the session is lost. Writing again finds out, and finds what is written already.
                _batch.BatchCommands.Clear();
                repeated = true;
            }

            Compose(batch, session, repeated);
            if (batch.Inbox.Count == 0 && _crossed == 0)
            {
                await _batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
            else
            {
                NpgsqlDataReader reader = await _batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    // These statements give rows: the hold, the locks, what the waves do to other runs, the inbox. The commit is confirmed after the last one.
                    for (int i = 0; i < _skipped; i++)
                    {
                        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                    }

                    for (int i = 0; i < _crossed; i++)
                    {
                        await CrossStatements.ReadAsync(reader, touched, cancellationToken).ConfigureAwait(false);
                        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                    }

                    if (batch.Inbox.Count > 0)
                    {
                        elsewhere = await _inbox.ReadOutcomesAsync(reader, batch.Inbox, session, cancellationToken).ConfigureAwait(false);
                        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                    }
                }
            }

            CrashPoint.Reach("postgres.commit.after");
            foreach (CommitWave wave in _waves.Take(_used))
            {
                await SetOutcomesAsync(wave, session, cancellationToken).ConfigureAwait(false);
            }

            return (elsewhere, Touch(batch, touched, elsewhere, session));
        }
        finally
        {
            Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _batch.DisposeAsync().ConfigureAwait(false);
        await connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Says which runs the frames of a batch have touched.</summary>
    private static bool Touch(CommitBatch batch, List<TouchedRun> touched, List<Ulid> elsewhere, long session)
    {
        bool queued = false;
        foreach (TouchedRun run in touched)
        {
            batch.Touched.Add(run.Run);
            queued |= run.WasParked;
            if (run.IsElsewhere(session))
            {
                elsewhere.Add(run.Run);
            }
        }

        foreach (RunAppend append in batch.Frames)
        {
            if (append is { Cross.Children: { Count: > 0 } children, Outcome: CommitOutcome.Committed or CommitOutcome.CommittedAwake })
            {
                batch.Touched.AddRange(children.Select(c => c.Run));
                queued = true;
            }
        }

        return queued;
    }

    private void Compose(CommitBatch batch, long session, bool repeated)
    {
        _used = 1;
        foreach (RunAppend append in batch.Frames)
        {
            if (!_waves[_used - 1].TryAdd(append))
            {
                if (_waves.Count == _used)
                {
                    _waves.Add(new CommitWave(counting));
                }

                _waves[_used++].TryAdd(append);
            }
        }

        _hold.Session = session;
        _batch.BatchCommands.Add(_hold.Command);
        _inbox.Fill(batch.Inbox);
        bool places = _placeLocks.Fill(batch.Frames);
        if (places)
        {
            _batch.BatchCommands.Add(_placeLocks.Command);
        }

        if (_locks.Fill(_waves.Take(_used), batch, places ? _placeLocks : null, fewest: counting ? 1 : 2))
        {
            _batch.BatchCommands.Add(_locks.Command);
        }

        if (_counts is not null && _counts.Fill(batch.Frames))
        {
            _batch.BatchCommands.Add(_counts.Command);
        }

        _skipped = _batch.BatchCommands.Count;
        _crossed = 0;
        for (int i = 0; i < _used; i++)
        {
            _crossed += _waves[i].AddTo(_batch, session, repeated);
        }

        if (batch.Inbox.Count > 0)
        {
            _batch.BatchCommands.Add(_inbox.Command);
        }

        if (_notes.Fill(batch.Notes))
        {
            _batch.BatchCommands.Add(_notes.Command);
        }
    }

    private void Clear()
    {
        _batch.BatchCommands.Clear();
        _inbox.Clear();
        foreach (CommitWave wave in _waves.Take(_used))
        {
            wave.Clear();
        }
    }

    private async Task SetOutcomesAsync(CommitWave wave, long session, CancellationToken cancellationToken)
    {
        if (wave.AllWritten)
        {
            foreach (RunAppend append in wave.Appends)
            {
                append.Outcome = CommitOutcome.Committed;
            }

            if (wave.AllParked)
            {
                return;
            }
        }

        RunAppend[] open = wave.AllWritten
            ? [.. wave.Appends.Where(a => a.Then == RowChange.Park && a.Change == RowChange.None)]
            : [.. wave.Appends];
        await DecideAsync(open, session, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads what became of items of which some were refused.</summary>
    private async Task DecideAsync(RunAppend[] appends, long session, CancellationToken cancellationToken)
    {
        CrashPoint.Reach("postgres.undecided");
        using var command = new NpgsqlCommand("""
            SELECT r.owner, r.epoch, r.status, j.data = u.frame, k.id, k.request_hash
            FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[], $5::text[]) WITH ORDINALITY AS u (key, first_seq, frame, tenant, idempotency_key, n)
            LEFT JOIN runs r ON r.key = u.key
            LEFT JOIN journal j ON j.run = u.key AND j.first_seq = u.first_seq
            LEFT JOIN runs k ON k.tenant = u.tenant AND k.idempotency_key = u.idempotency_key
            ORDER BY u.n
            """, connection);
        command.Parameters
            .Values(appends.Select(a => RunKey.From(a.Key).Row), Bigint)
            .Values(appends.Select(a => a.FirstSeq), Bigint)
            .Values(appends.Select(a => a.Frame), Bytea)
            .Values(appends.Select(a => Parameters.Storable(a.Tenant)), Text)
            .Values(appends.Select(a => a.Creation?.IdempotencyKey is { } key ? Parameters.Storable(key) : null), Text);
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            foreach (RunAppend append in appends)
            {
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                Decide(append, reader, session);
            }
        }
    }

    private static void Decide(RunAppend append, NpgsqlDataReader row, long session)
    {
        bool mine = !row.IsDBNull(0) && row.GetInt64(0) == session && row.GetInt32(1) == RunKey.From(append.Key).Epoch;
        RunStatus? status = row.IsDBNull(2) ? null : (RunStatus)row.GetInt16(2);
        bool stands = !append.Frame.IsEmpty && !row.IsDBNull(3) && row.GetBoolean(3);
        bool held = mine && status == RunStatus.Running;
        if (append.Change != RowChange.None && !row.IsDBNull(4) && Parameters.ToUlid(row.GetGuid(4)) is var existing && existing != append.Run)
        {
            append.ExistingRun = (existing, row.GetString(5));
            append.Outcome = CommitOutcome.Duplicate;
            return;
        }

        if (append.Creation?.MaxRuns is not null && row.IsDBNull(0))
        {
            append.Outcome = CommitOutcome.OverQuota;
            return;
        }

        if (append is { Cross.Withdraws: true, Change: RowChange.None } && held && !stands)
        {
            append.Outcome = CommitOutcome.Woken;
            return;
        }

        append.Outcome = append.Then switch
        {
            RowChange.Park when append.Change == RowChange.None && held && (stands || append.Frame.IsEmpty) => CommitOutcome.CommittedAwake,
            RowChange.Park when append.Frame.IsEmpty => mine ? CommitOutcome.Committed : CommitOutcome.Fenced,
            RowChange.End when held && !stands => CommitOutcome.Woken,
            _ when append.Frame.IsEmpty => held || (mine && status == append.Status) ? CommitOutcome.Committed : CommitOutcome.Fenced,
            _ => stands ? CommitOutcome.Committed : CommitOutcome.Fenced,
        };
    }
}
