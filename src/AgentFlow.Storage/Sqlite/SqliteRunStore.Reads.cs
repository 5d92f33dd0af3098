using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Storage.Sqlite;

public sealed partial class SqliteRunStore
{
    private const string RowColumns = "key, id, workflow, version, definition, status, result, cost, ended_at, parent, priority";

    public ValueTask<bool?> HasFrameAsync(RunAppend append, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read<bool?>(connection =>
        {
            SqliteStatement find = connection.Prepare("SELECT j.data FROM runs r JOIN journal j ON j.run = r.key WHERE r.tenant = ? AND r.id = ? AND j.first_seq = ?")
                .Bind(append.Tenant).Bind(append.Run.ToByteArray()).Bind(append.FirstSeq);
            if (!find.Read())
            {
                return null;
            }

            bool equal = find.Blob(0).SequenceEqual(append.Frame.Span);
            find.Reset();
            return equal;
        }));

    public ValueTask<RunHistory> LoadAsync(ClaimedRun run, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(connection =>
    {
        StoredSnapshot? snapshot = null;
        SqliteStatement newest = connection.Prepare("SELECT seq, data FROM snapshots WHERE run = ?").Bind(run.Key);
        while (newest.Read())
        {
            snapshot = new StoredSnapshot(newest.Int64(0), newest.Blob(1).ToArray());
        }

        var frames = new List<StoredFrame>();
        SqliteStatement journal = connection.Prepare("SELECT first_seq, data FROM journal WHERE run = ? AND first_seq >= ? ORDER BY first_seq").Bind(run.Key).Bind(snapshot?.Seq ?? 0);
        while (journal.Read())
        {
            frames.Add(new StoredFrame(journal.Int64(0), journal.Blob(1).ToArray()));
        }

        var items = new List<StoredItem>();
        SqliteStatement inbox = connection.Prepare("SELECT id, kind, dedupe, data FROM inbox WHERE run = ? AND consumed = 0 ORDER BY id").Bind(run.Key);
        while (inbox.Read())
        {
            items.Add(new StoredItem(inbox.Int64(0), (InboxKind)inbox.Int64(1), inbox.Text(2), inbox.Blob(3).ToArray()));
        }

        long wake = 0;
        SqliteStatement row = connection.Prepare("SELECT wake_seq FROM runs WHERE key = ?").Bind(run.Key);
        while (row.Read())
        {
            wake = row.Int64(0);
        }

        return new RunHistory(snapshot, frames, items, wake);
    }));

    public ValueTask<int> CountQueuedAsync(int atMost, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(connection =>
    {
        SqliteStatement count = connection.Prepare("SELECT count(*) FROM (SELECT 1 FROM runs WHERE status = 0 LIMIT ?)").Bind(atMost);
        int queued = 0;
        while (count.Read())
        {
            queued = (int)count.Int64(0);
        }

        return queued;
    }));

    public ValueTask<string?> FindTenantAsync(Ulid run, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(connection =>
    {
        // One step into the index for each tenant: an index by id alone would cost every new run.
        const string sql = """
            WITH RECURSIVE t (tenant) AS (
                SELECT min(tenant) FROM runs
                UNION ALL SELECT (SELECT min(r.tenant) FROM runs r WHERE r.tenant > t.tenant) FROM t WHERE t.tenant IS NOT NULL)
            SELECT r.tenant FROM t CROSS JOIN runs r ON r.tenant = t.tenant AND r.id = ? LIMIT 1
            """;
        string? tenant = null;
        SqliteStatement found = connection.Prepare(sql).Bind(run);
        while (found.Read())
        {
            tenant = found.Text(0);
        }

        return tenant;
    }));

    public ValueTask<RunRow?> FindAsync(string tenant, Ulid run, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(connection =>
    {
        SqliteStatement find = connection.Prepare($"SELECT {RowColumns} FROM runs WHERE tenant = ? AND id = ?").Bind(tenant).Bind(run.ToByteArray());
        RunRow? row = null;
        while (find.Read())
        {
            row = ToRow(find);
        }

        return row;
    }));

    public ValueTask<IReadOnlyList<SharedPlace>> ListPlacesAsync(string tenant, SharedKind kind, int max, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read<IReadOnlyList<SharedPlace>>(connection =>
        {
            var places = new List<SharedPlace>();
            SqliteStatement rows = connection.Prepare("""
                SELECT p.name, p.number, r.id, p.step, p.size, p.held FROM places p JOIN runs r ON r.key = p.run
                WHERE p.tenant = ? AND p.kind = ? ORDER BY p.name, p.number LIMIT ?
                """).Bind(tenant).Bind((long)kind).Bind(max);
            while (rows.Read())
            {
                places.Add(new SharedPlace(kind, rows.Text(0), rows.Int64(1), new Ulid(rows.Blob(2)), (int)rows.Int64(3), (int)rows.Int64(4), rows.Int64(5) != 0));
            }

            return places;
        }));

    public ValueTask<RunPage> ListAsync(string tenant, RunFilter filter, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(connection =>
    {
        // '' and -1 stand for "any": one statement, prepared once, whatever is filtered.
        const string where = "tenant = ?1 AND (?2 = '' OR workflow = ?2) AND (?3 < 0 OR status = ?3) AND (?4 = x'' OR parent = ?4)";
        string workflow = filter.Workflow ?? "";
        long status = filter.Status is { } s ? (long)s : -1;
        byte[] parent = filter.Parent is { } p ? p.ToByteArray() : [];
        var rows = new List<RunRow>();
        SqliteStatement page = connection.Prepare($"SELECT {RowColumns} FROM runs WHERE {where} AND (?5 = x'' OR id < ?5) ORDER BY id DESC LIMIT ?6")
            .Bind(tenant).Bind(workflow).Bind(status).Bind(parent).Bind(filter.Before is { } before ? before.ToByteArray() : []).Bind(filter.Size + 1);
        while (page.Read())
        {
            rows.Add(ToRow(page));
        }

        long total = 0;
        SqliteStatement count = connection.Prepare($"SELECT count(*) FROM runs WHERE {where}").Bind(tenant).Bind(workflow).Bind(status).Bind(parent);
        while (count.Read())
        {
            total = count.Int64(0);
        }

        bool more = rows.Count > filter.Size;
        return new RunPage(more ? rows[..filter.Size] : rows, total, more);
    }));

    public ValueTask<IReadOnlyList<StoredFrame>> ReadFramesAsync(string tenant, Ulid run, long fromSeq, int max, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read<IReadOnlyList<StoredFrame>>(connection =>
        {
            // The frame that holds fromSeq may begin before it.
            SqliteStatement frames = connection.Prepare("""
                SELECT j.first_seq, j.data FROM runs r JOIN journal j ON j.run = r.key
                WHERE r.tenant = ?1 AND r.id = ?2
                  AND j.first_seq >= coalesce((SELECT max(p.first_seq) FROM journal p WHERE p.run = r.key AND p.first_seq <= ?3), 0)
                ORDER BY j.first_seq LIMIT ?4
                """).Bind(tenant).Bind(run.ToByteArray()).Bind(fromSeq).Bind(max);
            var found = new List<StoredFrame>();
            while (frames.Read())
            {
                found.Add(new StoredFrame(frames.Int64(0), frames.Blob(1).ToArray()));
            }

            return found;
        }));

    public ValueTask<StoredFrame?> ReadLastFrameAsync(string tenant, Ulid run, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(connection =>
    {
        SqliteStatement last = connection.Prepare("SELECT j.first_seq, j.data FROM runs r JOIN journal j ON j.run = r.key WHERE r.tenant = ? AND r.id = ? ORDER BY j.first_seq DESC LIMIT 1")
            .Bind(tenant).Bind(run.ToByteArray());
        StoredFrame? frame = null;
        while (last.Read())
        {
            frame = new StoredFrame(last.Int64(0), last.Blob(1).ToArray());
        }

        return frame;
    }));

    public Payload? ReadBlob(string tenant, ReadOnlyMemory<byte> hash) => database.Read(connection =>
    {
        SqliteStatement find = connection.Prepare("SELECT data FROM blobs WHERE tenant = ? AND hash = ?").Bind(tenant).Bind(hash.Span);
        Payload? blob = null;
        while (find.Read())
        {
            blob = new Payload(find.Blob(0).ToArray());
        }

        return blob;
    });

    private static RunRow ToRow(SqliteStatement row) => new(
        new Ulid(row.Blob(1)),
        row.Text(2),
        row.Text(3),
        Convert.ToHexStringLower(row.Blob(4)),
        (RunStatus)row.Int64(5),
        row.Text(6),
        row.Int64(7),
        row.IsNull(8) ? null : row.Int64(8))
    {
        Parent = row.IsNull(9) ? null : new Ulid(row.Blob(9)),
        Priority = (int)row.Int64(10),
    };
}
