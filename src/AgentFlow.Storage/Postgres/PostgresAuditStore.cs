using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// The audit chains in the same database as the runs. Frames are found in the journal by the transactions that wrote them.
/// Whoever holds the lease chains; a holder that was silent for too long appends nothing any more, because each append holds
/// the lease's row, in which it also stands how far the journal is chained.
/// </summary>
public sealed class PostgresAuditStore(PostgresDatabase database) : IAuditStore
{
    private const string Columns = "tenant, at, actor, action, resource, decision, trace, details";

    private static readonly AuditConditions Conditions = new(static n => $"${n}", static column => $"({column} || '')");

    // Readers stay below the oldest open transaction, so that none with a smaller number commits later behind their backs.
    private const string Horizon = "(pg_snapshot_xmin(pg_current_snapshot())::text)::bigint";

    // A transaction has tens of frames when the engine is busy.
    private const int FramesPerCommit = 16;
    private const int WidestWindow = 1 << 20;
    private const int ReadsPerSummary = 256;

    // Transactions to look through at once; most of a server's may be somebody else's.
    private long _window = 1;
    private (long Position, long Empty) _seen;
    private int _reads;

    public ValueTask<bool> LeadAsync(TimeSpan lease, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("UPDATE audit_lease SET holder = $1, expires_at = clock_timestamp() + $2 WHERE holder = $1 OR expires_at < clock_timestamp()", connection);
            command.Parameters.Value(database.Tag).Value(lease);
            return await command.ExecuteNonQueryAsync(token).ConfigureAwait(false) == 1;
        },
        cancellationToken);

    public ValueTask<AuditIntake> ReadIntakeAsync(int max, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            var ids = new List<long>();
            var notes = new List<AuditNote>();
            using (var waiting = new NpgsqlCommand($"SELECT {Columns}, id FROM audit_intake ORDER BY id LIMIT $1", connection))
            {
                waiting.Parameters.Value(max);
                NpgsqlDataReader reader = await waiting.ExecuteReaderAsync(token).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    while (await reader.ReadAsync(token).ConfigureAwait(false))
                    {
                        notes.Add(ToNote(reader));
                        ids.Add(reader.GetInt64(8));
                    }
                }
            }

            (long position, List<WaitingFrame> frames, long upTo) = await ReadFramesAsync(connection, max, token).ConfigureAwait(false);
            return new AuditIntake(notes, frames, new Position(ids, position, upTo)) { IsEmpty = ids.Count + frames.Count == 0 };
        },
        cancellationToken);

    public ValueTask<AuditHead> HeadAsync(string tenant, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("""
                (SELECT number + 1, hash FROM audits WHERE tenant = $1 ORDER BY number DESC LIMIT 1)
                UNION ALL
                (SELECT size, hash FROM audit_checkpoints WHERE tenant = $1 AND kind = 2 ORDER BY size DESC LIMIT 1)
                ORDER BY 1 DESC LIMIT 1
                """, connection);
            command.Parameters.Value(tenant);
            NpgsqlDataReader reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                return await reader.ReadAsync(token).ConfigureAwait(false) ? new AuditHead(reader.GetInt64(0), Hash(reader, 1)) : default;
            }
        },
        cancellationToken);

    public async ValueTask<bool> AppendAsync(IReadOnlyList<AuditRecord> records, AuditIntake taken, CancellationToken cancellationToken)
    {
        try
        {
            return await database.ReadAsync((connection, token) => AppendAsync(connection, records, taken.Position as Position, token), cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return false;
        }
    }

    public ValueTask<IReadOnlyList<AuditRecord>> ReadAsync(string tenant, long from, int max, CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<AuditRecord>>(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand($"SELECT {Columns}, number, prev, hash FROM audits WHERE tenant = $1 AND number >= $2 ORDER BY number LIMIT $3", connection);
            command.Parameters.Value(tenant).Value(from).Value(max);
            return await RecordsAsync(command, token).ConfigureAwait(false);
        },
        cancellationToken);

    public ValueTask<AuditPage> SearchAsync(string tenant, AuditFilter filter, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            string where = Conditions.Of(filter);
            using var page = new NpgsqlCommand(
                filter.Ascending
                    ? $"SELECT {Columns}, number, prev, hash FROM audits WHERE tenant = $1{where} AND number > $9 ORDER BY number LIMIT $10"
                    : $"SELECT {Columns}, number, prev, hash FROM audits WHERE tenant = $1{where} AND number < $9 ORDER BY number DESC LIMIT $10",
                connection);
            Bind(page.Parameters, tenant, filter);
            page.Parameters.Value(filter.Cursor ?? (filter.Ascending ? -1 : long.MaxValue)).Value(filter.Size + 1);
            List<AuditRecord> records = await RecordsAsync(page, token).ConfigureAwait(false);
            using var count = new NpgsqlCommand(
                filter.MatchesAll
                    ? "SELECT coalesce((SELECT max(number) FROM audits WHERE tenant = $1) - (SELECT min(number) FROM audits WHERE tenant = $1) + 1, 0)"
                    : $"SELECT count(*) FROM audits WHERE tenant = $1{where}",
                connection);
            if (filter.MatchesAll)
            {
                count.Parameters.Value(tenant);
            }
            else
            {
                Bind(count.Parameters, tenant, filter);
            }

            long total = (long)(await count.ExecuteScalarAsync(token).ConfigureAwait(false))!;
            bool more = records.Count > filter.Size;
            return new AuditPage(more ? records[..filter.Size] : records, total, more);
        },
        cancellationToken);

    public async ValueTask<IReadOnlyList<AuditTally>> TallyAsync(string tenant, AuditFilter filter, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT actor, action, resource, decision, count(*) FROM audits WHERE tenant = $1{Conditions.Of(filter)} GROUP BY actor, action, resource, decision",
        p => Bind(p, tenant, filter),
        static row => new AuditTally(row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetInt64(4)),
        cancellationToken).ConfigureAwait(false);

    public ValueTask<IReadOnlyList<AuditCheckpoint>> CheckpointsAsync(string tenant, CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<AuditCheckpoint>>(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("SELECT kind, size, hash, at, key, signature FROM audit_checkpoints WHERE tenant = $1 ORDER BY size, kind", connection);
            command.Parameters.Value(tenant);
            var found = new List<AuditCheckpoint>();
            NpgsqlDataReader reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    found.Add(new AuditCheckpoint((AuditCheckpointKind)reader.GetInt16(0), tenant, reader.GetInt64(1), Hash(reader, 2), reader.GetInt64(3), reader.GetString(4), reader.GetFieldValue<byte[]>(5)));
                }
            }

            return found;
        },
        cancellationToken);

    public async ValueTask AddCheckpointAsync(AuditCheckpoint checkpoint, CancellationToken cancellationToken) => await database.ReadAsync(
        async (connection, token) =>
        {
            using var batch = new NpgsqlBatch(connection);
            Add(batch, checkpoint);
            return await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
        },
        cancellationToken).ConfigureAwait(false);

    public async ValueTask RetireAsync(AuditCheckpoint retired, CancellationToken cancellationToken) => await database.ReadAsync(
        async (connection, token) =>
        {
            // The statements of a batch are one transaction.
            using var batch = new NpgsqlBatch(connection);
            Add(batch, retired);
            batch.Add("DELETE FROM audits WHERE tenant = $1 AND number < $2").Value(retired.Tenant).Value(retired.Size);
            return await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
        },
        cancellationToken).ConfigureAwait(false);

    private async Task<bool> AppendAsync(NpgsqlConnection connection, IReadOnlyList<AuditRecord> records, Position? taken, CancellationToken cancellationToken)
    {
        NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            using var batch = new NpgsqlBatch(connection);
            NpgsqlBatchCommand lead = batch.AddCommand("UPDATE audit_lease SET position = coalesce($2, position) WHERE holder = $1 AND position = coalesce($3, position)");
            lead.Parameters.Value(database.Tag).Optional(taken?.UpTo).Optional(taken?.From);
            NpgsqlBatchCommand insert = batch.AddCommand($"""
                INSERT INTO audits ({Columns}, number, prev, hash)
                SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::bigint[], $10::bytea[], $11::bytea[])
                """);
            insert.Parameters
                .Values(records.Select(r => r.Note.Tenant), NpgsqlDbType.Text)
                .Values(records.Select(r => r.Note.At), NpgsqlDbType.Bigint)
                .Values(records.Select(r => r.Note.Actor), NpgsqlDbType.Text)
                .Values(records.Select(r => r.Note.Action), NpgsqlDbType.Text)
                .Values(records.Select(r => r.Note.Resource), NpgsqlDbType.Text)
                .Values(records.Select(r => r.Note.Decision), NpgsqlDbType.Text)
                .Values(records.Select(r => r.Note.Trace), NpgsqlDbType.Text)
                .Values(records.Select(r => r.Note.Details.Utf8), NpgsqlDbType.Bytea)
                .Values(records.Select(r => r.Number), NpgsqlDbType.Bigint)
                .Values(records.Select(r => r.Prev.ToArray()), NpgsqlDbType.Bytea)
                .Values(records.Select(r => r.Hash.ToArray()), NpgsqlDbType.Bytea);
            NpgsqlBatchCommand notes = batch.AddCommand("DELETE FROM audit_intake WHERE id = ANY ($1)");
            notes.Parameters.Values(taken?.Notes ?? [], NpgsqlDbType.Bigint);
            await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            if (lead.RecordsAffected == 1 && notes.RecordsAffected == (taken?.Notes.Count ?? 0))
            {
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
                return true;
            }

            await transaction.RollbackAsync(cancellationToken).ConfigureAwait(false);
            return false;
        }
    }

    private static void Bind(NpgsqlParameterCollection parameters, string tenant, AuditFilter filter)
    {
        (string low, string high) = ResourceRange.Of(filter.Resource);
        parameters.Value(tenant).Value(filter.Actor ?? "").Value(filter.Action ?? "").Value(low).Value(high).Value(filter.Decision ?? "")
            .Value(filter.From ?? long.MinValue).Value(filter.To ?? long.MaxValue);
    }

    /// <summary>
    /// The frames of the next transactions that wrote any, whole transactions at a time. Where the journal has none, the window
    /// grows: other databases of the server use up numbers as well.
    /// </summary>
    private async Task<(long Position, List<WaitingFrame> Frames, long UpTo)> ReadFramesAsync(NpgsqlConnection connection, int max, CancellationToken cancellationToken)
    {
        if (++_reads % ReadsPerSummary == 0)
        {
            using var summary = new NpgsqlCommand("SELECT brin_summarize_new_values('journal_by_xid')", connection);
            await summary.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        (long position, long horizon) = await PositionAsync(connection, cancellationToken).ConfigureAwait(false);
        long from = _seen.Position == position ? Math.Max(position, _seen.Empty) : position;
        long least = Math.Max(1, max / FramesPerCommit);
        _window = Math.Max(_window, least);
        while (from + 1 < horizon)
        {
            long upTo = Math.Min(from + _window, horizon - 1);
            List<WaitingFrame> frames = await ReadFramesAsync(connection, from, upTo, cancellationToken).ConfigureAwait(false);
            if (frames.Count > 0)
            {
                _window = frames.Count > max ? Math.Max(1, _window / 2) : _window;
                return (position, frames, upTo);
            }

            _seen = (position, upTo);
            _window = Math.Min(_window * 2, WidestWindow);
            from = upTo;
        }

        _window = least;
        return (position, [], position);
    }

    private static async Task<(long Position, long Horizon)> PositionAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand($"SELECT position, {Horizon} FROM audit_lease", connection);
        NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (row.ConfigureAwait(false))
        {
            await row.ReadAsync(cancellationToken).ConfigureAwait(false);
            return (row.GetInt64(0), row.GetInt64(1));
        }
    }

    private static async Task<List<WaitingFrame>> ReadFramesAsync(NpgsqlConnection connection, long after, long upTo, CancellationToken cancellationToken)
    {
        using var journal = new NpgsqlCommand("""
            SELECT r.tenant, r.id, r.definition, j.first_seq, j.data
            FROM journal j JOIN runs r ON r.key = j.run
            WHERE j.xid > $1 AND j.xid <= $2
            ORDER BY j.xid, j.run, j.first_seq
            """, connection);
        journal.Parameters.Value(after).Value(upTo);
        var frames = new List<WaitingFrame>();
        NpgsqlDataReader rows = await journal.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (rows.ConfigureAwait(false))
        {
            while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                frames.Add(new WaitingFrame(
                    rows.GetString(0), Parameters.ToUlid(rows.GetGuid(1)), Convert.ToHexStringLower(rows.GetFieldValue<byte[]>(2)), rows.GetInt64(3), rows.GetFieldValue<byte[]>(4)));
            }
        }

        return frames;
    }

    private static void Add(NpgsqlBatch batch, AuditCheckpoint checkpoint) =>
        batch.Add("INSERT INTO audit_checkpoints (tenant, size, kind, hash, at, key, signature) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING")
            .Value(checkpoint.Tenant).Value(checkpoint.Size).Typed((short)checkpoint.Kind, NpgsqlDbType.Smallint).Value((ReadOnlyMemory<byte>)checkpoint.Hash.ToArray())
            .Value(checkpoint.At).Value(checkpoint.Key).Value(checkpoint.Signature);

    private static async Task<List<AuditRecord>> RecordsAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var found = new List<AuditRecord>();
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                found.Add(new AuditRecord(reader.GetInt64(8), ToNote(reader), Hash(reader, 9), Hash(reader, 10)));
            }
        }

        return found;
    }

    private static AuditNote ToNote(NpgsqlDataReader row) =>
        new(row.GetString(0), row.GetInt64(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetString(5), new Payload(row.GetFieldValue<byte[]>(7)), row.GetString(6));

    /// <summary>What is no hash any more was tampered with, and the verifier shall say so: it becomes one that fits nothing.</summary>
    private static AuditHash Hash(NpgsqlDataReader row, int column) =>
        row.GetFieldValue<byte[]>(column) is { Length: AuditHash.Length } hash ? new AuditHash(hash) : AuditHash.Of("no hash"u8);

    /// <param name="From">Where the journal was chained up to; the append is refused when it is not any more.</param>
    private sealed record Position(List<long> Notes, long From, long UpTo);
}
