using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

public sealed partial class PostgresRunStore
{
    private const string RowColumns = "id, workflow, version, definition, status, result, cost, ended_at, parent, priority";

    /// <summary>Above every ULID of this millennium: "before any".</summary>
    private static readonly Ulid Last = new(Enumerable.Repeat(byte.MaxValue, Ulid.ByteLength).ToArray());

    public ValueTask<bool?> HasFrameAsync(RunAppend append, CancellationToken cancellationToken) => QueryAsync<bool?>(
        // Nobody else creates a run under this id; whatever follows is this process's only while the run is.
        "SELECT j.data = $4 AND ($5 OR (r.owner = $6 AND r.epoch = $7)) FROM runs r JOIN journal j ON j.run = r.key WHERE r.tenant = $1 AND r.id = $2 AND j.first_seq = $3",
        p => p.Value(append.Tenant).Value(append.Run).Value(append.FirstSeq).Value(append.Frame)
            .Value(append.Change is RowChange.Create or RowChange.CreateQueued).Value(database.Session.Id).Value(RunKey.From(append.Key).Epoch),
        async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) ? reader.GetBoolean(0) : null,
        cancellationToken);

    public ValueTask<RunHistory> LoadAsync(ClaimedRun run, CancellationToken cancellationToken) => QueryAsync(
        // One statement, because one statement sees one state of the database.
        """
        SELECT 0, s.seq, s.data, NULL::smallint, NULL::text FROM snapshots s WHERE s.run = $1
        UNION ALL
        SELECT 1, j.first_seq, j.data, NULL, NULL FROM journal j
        WHERE j.run = $1 AND j.first_seq >= coalesce((SELECT s.seq FROM snapshots s WHERE s.run = $1), 0)
        UNION ALL
        SELECT 2, i.id, i.data, i.kind, i.dedupe FROM inbox i WHERE i.run = $1 AND NOT i.consumed
        UNION ALL
        SELECT 3, r.wake_seq, NULL, NULL, NULL FROM runs r WHERE r.key = $1
        ORDER BY 1, 2
        """,
        p => p.Value(RunKey.From(run.Key).Row),
        async (reader, token) =>
        {
            StoredSnapshot? snapshot = null;
            var frames = new List<StoredFrame>();
            var items = new List<StoredItem>();
            long wake = 0;
            while (await reader.ReadAsync(token).ConfigureAwait(false))
            {
                long number = reader.GetInt64(1);
                switch (reader.GetInt32(0))
                {
                    case 0:
                        snapshot = new StoredSnapshot(number, reader.GetFieldValue<byte[]>(2));
                        break;
                    case 1:
                        frames.Add(new StoredFrame(number, reader.GetFieldValue<byte[]>(2)));
                        break;
                    case 2:
                        items.Add(new StoredItem(number, (InboxKind)reader.GetInt16(3), reader.GetString(4), reader.GetFieldValue<byte[]>(2)));
                        break;
                    default:
                        wake = number;
                        break;
                }
            }

            return new RunHistory(snapshot, frames, items, wake);
        },
        cancellationToken);

    public ValueTask<string?> FindTenantAsync(Ulid run, CancellationToken cancellationToken) => QueryAsync(
        // One step into the index for each tenant: an index by id alone would cost every new run.
        """
        WITH RECURSIVE t (tenant) AS (
            (SELECT tenant FROM runs ORDER BY tenant LIMIT 1)
            UNION ALL SELECT (SELECT r.tenant FROM runs r WHERE r.tenant > t.tenant ORDER BY r.tenant LIMIT 1) FROM t WHERE t.tenant IS NOT NULL)
        SELECT r.tenant FROM t JOIN runs r ON r.tenant = t.tenant AND r.id = $1 LIMIT 1
        """,
        p => p.Value(run),
        async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) ? reader.GetString(0) : null,
        cancellationToken);

    public ValueTask<RunRow?> FindAsync(string tenant, Ulid run, CancellationToken cancellationToken) => QueryAsync(
        $"SELECT {RowColumns} FROM runs WHERE tenant = $1 AND id = $2",
        p => p.Value(tenant).Value(run),
        async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) ? ToRow(reader) : null,
        cancellationToken);

    public ValueTask<IReadOnlyList<SharedPlace>> ListPlacesAsync(string tenant, SharedKind kind, int max, CancellationToken cancellationToken) => QueryAsync<IReadOnlyList<SharedPlace>>(
        """
        SELECT p.name, p.number, r.id, p.step, p.size, p.held FROM places p JOIN runs r ON r.key = p.run
        WHERE p.tenant = $1 AND p.kind = $2 ORDER BY p.name, p.number LIMIT $3
        """,
        p => p.Value(tenant).Value((int)kind).Value(max),
        async (reader, token) =>
        {
            var places = new List<SharedPlace>();
            while (await reader.ReadAsync(token).ConfigureAwait(false))
            {
                places.Add(new SharedPlace(kind, reader.GetString(0), reader.GetInt64(1), Parameters.ToUlid(reader.GetGuid(2)), reader.GetInt32(3), reader.GetInt32(4), reader.GetBoolean(5)));
            }

            return places;
        },
        cancellationToken);

    public ValueTask<RunPage> ListAsync(string tenant, RunFilter filter, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            // '' and -1 stand for "any": one statement, prepared once, whatever is filtered.
            const string where = "tenant = $1 AND ($2 = '' OR workflow = $2) AND ($3 < 0 OR status = $3) AND ($4::uuid IS NULL OR parent = $4)";
            string workflow = filter.Workflow ?? "";
            int status = filter.Status is { } s ? (int)s : -1;
            using var batch = new NpgsqlBatch(connection) { Timeout = database.Options.LongestAnswerSeconds };
            batch.Add($"SELECT {RowColumns} FROM runs WHERE {where} AND id < $5 ORDER BY id DESC LIMIT $6")
                .Value(tenant).Value(workflow).Value(status).Optional(filter.Parent).Value(filter.Before ?? Last).Value(filter.Size + 1);
            batch.Add($"SELECT count(*) FROM runs WHERE {where}").Value(tenant).Value(workflow).Value(status).Optional(filter.Parent);
            var rows = new List<RunRow>();
            NpgsqlDataReader reader = await batch.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    rows.Add(ToRow(reader));
                }

                await reader.NextResultAsync(token).ConfigureAwait(false);
                await reader.ReadAsync(token).ConfigureAwait(false);
                bool more = rows.Count > filter.Size;
                return new RunPage(more ? rows[..filter.Size] : rows, reader.GetInt64(0), more);
            }
        },
        cancellationToken);

    public ValueTask<IReadOnlyList<StoredFrame>> ReadFramesAsync(string tenant, Ulid run, long fromSeq, int max, CancellationToken cancellationToken) => QueryAsync<IReadOnlyList<StoredFrame>>(
        // The frame that holds fromSeq may begin before it.
        """
        SELECT j.first_seq, j.data FROM runs r JOIN journal j ON j.run = r.key
        WHERE r.tenant = $1 AND r.id = $2
          AND j.first_seq >= coalesce((SELECT max(p.first_seq) FROM journal p WHERE p.run = r.key AND p.first_seq <= $3), 0)
        ORDER BY j.first_seq LIMIT $4
        """,
        p => p.Value(tenant).Value(run).Value(fromSeq).Value(max),
        async (reader, token) =>
        {
            var found = new List<StoredFrame>();
            while (await reader.ReadAsync(token).ConfigureAwait(false))
            {
                found.Add(new StoredFrame(reader.GetInt64(0), reader.GetFieldValue<byte[]>(1)));
            }

            return found;
        },
        cancellationToken);

    public ValueTask<StoredFrame?> ReadLastFrameAsync(string tenant, Ulid run, CancellationToken cancellationToken) => QueryAsync(
        "SELECT j.first_seq, j.data FROM runs r JOIN journal j ON j.run = r.key WHERE r.tenant = $1 AND r.id = $2 ORDER BY j.first_seq DESC LIMIT 1",
        p => p.Value(tenant).Value(run),
        async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) ? new StoredFrame(reader.GetInt64(0), reader.GetFieldValue<byte[]>(1)) : null,
        cancellationToken);

    public Payload? ReadBlob(string tenant, ReadOnlyMemory<byte> hash) => database.Read(connection =>
    {
        using var command = new NpgsqlCommand("SELECT data FROM blobs WHERE tenant = $1 AND hash = $2", connection);
        command.Parameters.Value(tenant).Value(hash);
        return command.ExecuteScalar() is byte[] data ? new Payload(data) : null;
    });

    private ValueTask<T> QueryAsync<T>(string sql, Action<NpgsqlParameterCollection> bind, Func<NpgsqlDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (connection, token) =>
            {
                using var command = new NpgsqlCommand(sql, connection);
                bind(command.Parameters);
                NpgsqlDataReader reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    return await read(reader, token).ConfigureAwait(false);
                }
            },
            cancellationToken);

    private static RunRow ToRow(NpgsqlDataReader row) => new(
        Parameters.ToUlid(row.GetGuid(0)),
        row.GetString(1),
        row.GetString(2),
        Convert.ToHexStringLower(row.GetFieldValue<byte[]>(3)),
        (RunStatus)row.GetInt16(4),
        row.GetString(5),
        row.GetInt64(6),
        row.IsDBNull(7) ? null : row.GetInt64(7))
    {
        Parent = row.IsDBNull(8) ? null : Parameters.ToUlid(row.GetGuid(8)),
        Priority = row.GetInt16(9),
    };
}
