using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// The process as the database knows it: a row with a lease by the database's clock. One connection renews it, takes note of
/// what other processes announce, and takes over from processes whose lease has run out.
/// </summary>
internal sealed partial class PostgresSession : IAsyncDisposable
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(100);

    private readonly PostgresDatabase _database;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _replacing = new(1, 1);
    private readonly TaskCompletionSource _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _loop = Task.CompletedTask;
    private long _id;

    private PostgresSession(PostgresDatabase database) => _database = database;

    /// <summary>The session under which this process owns runs now.</summary>
    public long Id => Volatile.Read(ref _id);

    /// <summary>Takes a session. When it returns, nothing that others announce is missed any more.</summary>
    public static async Task<PostgresSession> OpenAsync(PostgresDatabase database, CancellationToken cancellationToken)
    {
        var session = new PostgresSession(database);
        CrashPoint.Reach("postgres.register.before");
        session._id = await session.RegisterAsync(cancellationToken).ConfigureAwait(false);
        CrashPoint.Reach("postgres.register.after");
        await database.ReadAsync(session.TakeOverEndedAsync, cancellationToken).ConfigureAwait(false);
        session._loop = Task.Run(session.KeepAsync, CancellationToken.None);
        try
        {
            await session._listening.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            return session;
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Takes a new session for one that others have taken over. What the lost one owned stays lost.</summary>
    /// <param name="lost">The session whose loss was seen; nothing happens when it has been replaced since.</param>
    public async Task ReplaceAsync(long lost, CancellationToken cancellationToken)
    {
        await _replacing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Id != lost)
            {
                return;
            }

            long next = await RegisterAsync(cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _id, next);
            LeaseLost(_database.Log, lost, next);
        }
        finally
        {
            _replacing.Release();
        }

        _database.News.Raise(new StoreNews(StoreNewsKind.OwnershipLost));
    }

    /// <summary>Ends the session and frees its runs.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        await StopAsync().ConfigureAwait(false);
        CrashPoint.Reach("postgres.session_end.before");
        await _database.ReadAsync(
            async (connection, token) =>
            {
                using var batch = new NpgsqlBatch(connection);
                batch.Add("DELETE FROM sessions WHERE id = $1").Value(Id);
                batch.Add("UPDATE runs SET status = 0 WHERE owner = $1 AND status = 1").Value(Id);
                return await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
        CrashPoint.Reach("postgres.session_end.after");
        await _database.News.AnnounceWorkNowAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        _stop.Dispose();
        _replacing.Dispose();
    }

    /// <summary>Sweeps, and does not wait for the leases of processes that were on this machine and are not any more.</summary>
    private async Task<int> TakeOverEndedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var ended = new List<long>();
        using (var others = new NpgsqlCommand("SELECT id, process FROM sessions WHERE id <> $1", connection))
        {
            others.Parameters.Value(Id);
            NpgsqlDataReader reader = await others.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    if (LocalProcess.HasEnded(reader.GetString(1)))
                    {
                        ended.Add(reader.GetInt64(0));
                    }
                }
            }
        }

        if (ended.Count > 0)
        {
            using var batch = new NpgsqlBatch(connection);
            // The server may not have noticed yet, and would let the last transaction of one hold its row.
            batch.Add("SELECT pg_terminate_backend(a.pid) FROM sessions s JOIN pg_stat_activity a ON a.application_name = s.tag WHERE s.id = ANY($1)").Values(ended, NpgsqlDbType.Bigint);
            batch.Add("UPDATE sessions SET lease = '0', expires_at = '-infinity' WHERE id = ANY($1)").Values(ended, NpgsqlDbType.Bigint);
            await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        return await SweepAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes expired sessions and frees the runs that nobody owns any more.</summary>
    /// <returns>How many runs became free.</returns>
    public async Task<int> SweepAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        int freed = 0;
        while (true)
        {
            using var batch = new NpgsqlBatch(connection);
            NpgsqlBatchCommand release = AddSweep(batch, Id);
            CrashPoint.Reach("postgres.sweep.before");
            await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            CrashPoint.Reach("postgres.sweep.after");
            freed += release.RecordsAffected;
            if (release.RecordsAffected == 0)
            {
                return freed;
            }
        }
    }

    /// <summary>Adds the two statements of a takeover: they run in one transaction, in this order.</summary>
    /// <returns>The second one, whose count is the runs that became free.</returns>
    internal static NpgsqlBatchCommand AddSweep(NpgsqlBatch batch, long session)
    {
        // Whoever writes for a session holds its row, so that a session in the middle of a transaction is skipped. A server
        // that has just started gives everybody one lease to come back before anybody is taken for dead.
        batch.Add("""
            WITH expired AS MATERIALIZED (
                SELECT id FROM sessions
                WHERE id <> $1 AND expires_at < clock_timestamp() AND clock_timestamp() - pg_postmaster_start_time() > lease
                FOR UPDATE SKIP LOCKED)
            DELETE FROM sessions s USING expired e WHERE s.id = e.id
            """).Value(session);
        // The owners of running runs, one index step each, without those that are alive.
        return batch.AddCommand("""
            WITH RECURSIVE owners (owner) AS (
                (SELECT owner FROM runs WHERE status = 1 ORDER BY owner LIMIT 1)
                UNION ALL
                SELECT (SELECT r.owner FROM runs r WHERE r.status = 1 AND r.owner > o.owner ORDER BY r.owner LIMIT 1)
                FROM owners o WHERE o.owner IS NOT NULL),
            orphans AS MATERIALIZED (
                SELECT f.key FROM owners o CROSS JOIN LATERAL (
                    SELECT r.key FROM runs r WHERE r.owner = o.owner AND r.status = 1 LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED) f
                WHERE NOT EXISTS (SELECT FROM sessions s WHERE s.id = o.owner))
            UPDATE runs r SET status = 0 FROM orphans o WHERE r.key = o.key
            """);
    }

    private Task<long> RegisterAsync(CancellationToken cancellationToken) => _database.ReadAsync(
        async (connection, token) =>
        {
            // Whoever begins to count locks the table and tells every session: one that is made meanwhile waits for the lock, and
            // looks after that.
            using var insert = new NpgsqlCommand("""
                INSERT INTO sessions (name, tag, process, lease, expires_at, counts)
                VALUES ($1, $2, $3, $4, clock_timestamp() + $4, EXISTS (SELECT FROM run_counts)) RETURNING id
                """, connection);
            insert.Parameters.Value(_database.Options.Name).Value(_database.Tag).Value(LocalProcess.Name).Value(_database.Options.Lease);
            return (long)(await insert.ExecuteScalarAsync(token).ConfigureAwait(false))!;
        },
        cancellationToken).AsTask();

    private async Task StopAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
    }

    private async Task KeepAsync()
    {
        TimeSpan retry = FirstRetry;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                NpgsqlConnection connection = await _database.Source.OpenConnectionAsync(_stop.Token).ConfigureAwait(false);
                await using (connection.ConfigureAwait(false))
                {
                    await ListenAsync(connection).ConfigureAwait(false);
                    retry = FirstRetry;
                    while (true)
                    {
                        await RenewAsync(connection).ConfigureAwait(false);
                        _listening.TrySetResult();
                        await WaitForNewsAsync(connection, _database.Options.Lease / 3).ConfigureAwait(false);
                    }
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                _database.Distrust(e);
                _listening.TrySetException(e);
                RenewalFailed(_database.Log, Id, (StoreUnavailableException.From(e, _database.Server) ?? e).Message);
                await Task.Delay(retry, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, (_database.Options.Lease / 3).Ticks));
            }
        }
    }

    private async Task ListenAsync(NpgsqlConnection connection)
    {
        connection.Notification += (_, e) => _database.News.Receive(e.Payload);
        using var listen = new NpgsqlCommand("LISTEN " + _database.News.Channel, connection);
        await listen.ExecuteNonQueryAsync(_stop.Token).ConfigureAwait(false);
        await _database.News.AnnounceSelfAsync(_stop.Token).ConfigureAwait(false);
        // Whatever was announced before now was missed.
        _database.News.Raise(new StoreNews(StoreNewsKind.WorkAvailable));
    }

    private async Task RenewAsync(NpgsqlConnection connection)
    {
        long session = Id;
        using var batch = new NpgsqlBatch(connection);
        NpgsqlBatchCommand renewal = batch.AddCommand("UPDATE sessions SET expires_at = clock_timestamp() + lease WHERE id = $1");
        renewal.Parameters.Value(session);
        batch.Add("SELECT EXISTS (SELECT FROM sessions WHERE id <> $1)").Value(session);
        // A process that stands still in the middle of a transaction keeps its session's row locked, and whatever else it had
        // locked. Its connections are ended; then its row can go.
        batch.Add("""
            SELECT pg_terminate_backend(a.pid) FROM sessions s JOIN pg_stat_activity a ON a.application_name = s.tag
            WHERE s.id <> $1 AND s.expires_at < clock_timestamp() - s.lease / 3 AND clock_timestamp() - pg_postmaster_start_time() > s.lease
            """).Value(session);
        CrashPoint.Reach("postgres.renew.before");
        _database.News.Heard = (bool)(await batch.ExecuteScalarAsync(_stop.Token).ConfigureAwait(false))!;
        CrashPoint.Reach("postgres.renew.after");
        if (renewal.RecordsAffected == 0)
        {
            await ReplaceAsync(session, _stop.Token).ConfigureAwait(false);
        }

        int freed = await SweepAsync(connection, _stop.Token).ConfigureAwait(false);
        if (freed > 0)
        {
            TakenOver(_database.Log, freed);
            _database.News.Raise(new StoreNews(StoreNewsKind.WorkAvailable));
        }
    }

    private async Task WaitForNewsAsync(NpgsqlConnection connection, TimeSpan time)
    {
        long start = Environment.TickCount64;
        while (true)
        {
            TimeSpan left = time - TimeSpan.FromMilliseconds(Environment.TickCount64 - start);
            if (left <= TimeSpan.Zero || !await connection.WaitAsync(left, _stop.Token).ConfigureAwait(false))
            {
                return;
            }
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Session {Lost} was taken over by another process: this one was silent for longer than its lease. Its runs continue elsewhere; it goes on as session {Next}")]
    private static partial void LeaseLost(ILogger logger, long lost, long next);

    [LoggerMessage(2, LogLevel.Warning, "Session {Session} could not be renewed: {Reason}")]
    private static partial void RenewalFailed(ILogger logger, long session, string reason);

    [LoggerMessage(3, LogLevel.Warning, "{Runs} run(s) of processes that are gone can be claimed again")]
    private static partial void TakenOver(ILogger logger, int runs);
}
