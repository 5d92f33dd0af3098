using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Sqlite;

/// <summary>The audit chains in the same file as the runs. One process owns a file, and so chains alone.</summary>
public sealed class SqliteAuditStore(SqliteDatabase database) : IAuditStore
{
    private const string Columns = "tenant, at, actor, action, resource, decision, trace, details";

    private static readonly AuditConditions Conditions = new(static n => $"?{n}", static column => "+" + column);

    public ValueTask<AuditIntake> ReadIntakeAsync(int max, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(connection =>
    {
        long lastNote = 0;
        var notes = new List<AuditNote>();
        SqliteStatement waiting = connection.Prepare($"SELECT {Columns}, id FROM audit_intake ORDER BY id LIMIT ?").Bind(max);
        while (waiting.Read())
        {
            notes.Add(ToNote(waiting));
            lastNote = waiting.Int64(8);
        }

        long before = Cursor(connection);
        long lastFrame = before;
        var frames = new List<WaitingFrame>();
        SqliteStatement journal = connection.Prepare("SELECT j.frame, r.tenant, r.id, r.definition, j.first_seq, j.data FROM journal j JOIN runs r ON r.key = j.run WHERE j.frame > ? ORDER BY j.frame LIMIT ?").Bind(before).Bind(max);
        while (journal.Read())
        {
            lastFrame = journal.Int64(0);
            frames.Add(new WaitingFrame(journal.Text(1), new Ulid(journal.Blob(2)), Convert.ToHexStringLower(journal.Blob(3)), journal.Int64(4), journal.Blob(5).ToArray()));
        }

        return new AuditIntake(notes, frames, new Position(notes.Count, lastNote, before, lastFrame));
    }));

    public ValueTask<AuditHead> HeadAsync(string tenant, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(connection =>
    {
        var head = default(AuditHead);
        SqliteStatement retired = connection.Prepare("SELECT size, hash FROM audit_checkpoints WHERE tenant = ? AND kind = 2 ORDER BY size DESC LIMIT 1").Bind(tenant);
        while (retired.Read())
        {
            head = new AuditHead(retired.Int64(0), Hash(retired, 1));
        }

        SqliteStatement last = connection.Prepare("SELECT number, hash FROM audits WHERE tenant = ? ORDER BY number DESC LIMIT 1").Bind(tenant);
        while (last.Read())
        {
            head = last.Int64(0) + 1 >= head.Size ? new AuditHead(last.Int64(0) + 1, Hash(last, 1)) : head;
        }

        return head;
    }));

    public ValueTask<bool> AppendAsync(IReadOnlyList<AuditRecord> records, AuditIntake taken, CancellationToken cancellationToken)
    {
        try
        {
            database.Write(connection =>
            {
                SqliteStatement insert = connection.Prepare($"INSERT INTO audits ({Columns}, number, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
                Span<byte> hash = stackalloc byte[AuditHash.Length];
                foreach (AuditRecord record in records)
                {
                    Bind(insert, record.Note).Bind(record.Number);
                    record.Prev.Write(hash);
                    insert.Bind(hash);
                    record.Hash.Write(hash);
                    insert.Bind(hash).Run();
                }

                if (taken.Position is Position position)
                {
                    Take(connection, position);
                }
            });
        }
        catch (SqliteException e) when (e.IsConstraint)
        {
            return new(false);
        }
        catch (TakenException)
        {
            return new(false);
        }

        database.NoteWritten(records.Count);
        return new(true);
    }

    public ValueTask<IReadOnlyList<AuditRecord>> ReadAsync(string tenant, long from, int max, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<AuditRecord>>(database.Read(connection => Records(
            connection.Prepare($"SELECT {Columns}, number, prev, hash FROM audits WHERE tenant = ? AND number >= ? ORDER BY number LIMIT ?").Bind(tenant).Bind(from).Bind(max))));

    public ValueTask<AuditPage> SearchAsync(string tenant, AuditFilter filter, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(connection =>
    {
        string where = Conditions.Of(filter);
        string from = From(filter);
        SqliteStatement Prepare(string sql) => Bind(connection.Prepare(sql), tenant, filter);
        List<AuditRecord> records = Records(Prepare(filter.Ascending
            ? $"SELECT {Columns}, number, prev, hash {from}{where} AND number > ?9 ORDER BY number LIMIT ?10"
            : $"SELECT {Columns}, number, prev, hash {from}{where} AND number < ?9 ORDER BY number DESC LIMIT ?10")
            .Bind(filter.Cursor ?? (filter.Ascending ? -1 : long.MaxValue)).Bind(filter.Size + 1));
        long total = 0;
        SqliteStatement count = filter.MatchesAll
            ? connection.Prepare("SELECT coalesce((SELECT max(number) FROM audits WHERE tenant = ?1) - (SELECT min(number) FROM audits WHERE tenant = ?1) + 1, 0)").Bind(tenant)
            : Prepare($"SELECT count(*) {from}{where}");
        while (count.Read())
        {
            total = count.Int64(0);
        }

        bool more = records.Count > filter.Size;
        return new AuditPage(more ? records[..filter.Size] : records, total, more);
    }));

    public ValueTask<IReadOnlyList<AuditTally>> TallyAsync(string tenant, AuditFilter filter, CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyList<AuditTally>>(database.Read(connection =>
    {
        var tallies = new List<AuditTally>();
        SqliteStatement rows = Bind(connection.Prepare($"SELECT actor, action, resource, decision, count(*) {From(filter)}{Conditions.Of(filter)} GROUP BY actor, action, resource, decision"), tenant, filter);
        while (rows.Read())
        {
            tallies.Add(new AuditTally(rows.Text(0), rows.Text(1), rows.Text(2), rows.Text(3), rows.Int64(4)));
        }

        return tallies;
    }));

    public ValueTask<IReadOnlyList<AuditCheckpoint>> CheckpointsAsync(string tenant, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<AuditCheckpoint>>(database.Read(connection =>
        {
            var found = new List<AuditCheckpoint>();
            SqliteStatement rows = connection.Prepare("SELECT kind, size, hash, at, key, signature FROM audit_checkpoints WHERE tenant = ? ORDER BY size, kind").Bind(tenant);
            while (rows.Read())
            {
                found.Add(new AuditCheckpoint((AuditCheckpointKind)rows.Int64(0), tenant, rows.Int64(1), Hash(rows, 2), rows.Int64(3), rows.Text(4), rows.Blob(5).ToArray()));
            }

            return found;
        }));

    public ValueTask AddCheckpointAsync(AuditCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        database.Write(connection => Insert(connection, checkpoint));
        return default;
    }

    public ValueTask RetireAsync(AuditCheckpoint retired, CancellationToken cancellationToken)
    {
        database.Write(connection =>
        {
            Insert(connection, retired);
            connection.Prepare("DELETE FROM audits WHERE tenant = ? AND number < ?").Bind(retired.Tenant).Bind(retired.Size).Run();
        });
        return default;
    }

    internal static void InsertNote(SqliteConnection connection, AuditNote note) =>
        Bind(connection.Prepare($"INSERT INTO audit_intake ({Columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"), note.Storable()).Run();

    private static void Take(SqliteConnection connection, Position position)
    {
        connection.Prepare("DELETE FROM audit_intake WHERE id <= ?").Bind(position.LastNote).Run();
        int notes = connection.Changes;
        connection.Prepare("UPDATE audit_cursor SET frame = ? WHERE frame = ?").Bind(position.LastFrame).Bind(position.FrameBefore).Run();
        if (notes != position.Notes || connection.Changes != 1)
        {
            throw new TakenException();
        }
    }

    private static void Insert(SqliteConnection connection, AuditCheckpoint checkpoint) =>
        connection.Prepare("INSERT OR IGNORE INTO audit_checkpoints (tenant, size, kind, hash, at, key, signature) VALUES (?, ?, ?, ?, ?, ?, ?)")
            .Bind(checkpoint.Tenant).Bind(checkpoint.Size).Bind((long)checkpoint.Kind).Bind(checkpoint.Hash.ToArray()).Bind(checkpoint.At).Bind(checkpoint.Key).Bind(checkpoint.Signature.Span).Run();

    private static long Cursor(SqliteConnection connection)
    {
        long frame = 0;
        SqliteStatement cursor = connection.Prepare("SELECT frame FROM audit_cursor");
        while (cursor.Read())
        {
            frame = cursor.Int64(0);
        }

        return frame;
    }

    /// <summary>Without statistics the planner takes the order for more than it is worth.</summary>
    private static string From(AuditFilter filter) =>
        filter.Resource is { } resource && AuditConditions.NamesFew(resource) ? "FROM audits INDEXED BY audits_by_resource WHERE tenant = ?1"
        : filter.Actor is not null ? "FROM audits INDEXED BY audits_by_actor WHERE tenant = ?1"
        : "FROM audits WHERE tenant = ?1";

    private static SqliteStatement Bind(SqliteStatement statement, string tenant, AuditFilter filter)
    {
        (string low, string high) = ResourceRange.Of(filter.Resource);
        return statement.Bind(tenant).Bind(filter.Actor ?? "").Bind(filter.Action ?? "").Bind(low).Bind(high).Bind(filter.Decision ?? "")
            .Bind(filter.From ?? long.MinValue).Bind(filter.To ?? long.MaxValue);
    }

    private static SqliteStatement Bind(SqliteStatement statement, AuditNote note) =>
        statement.Bind(note.Tenant).Bind(note.At).Bind(note.Actor).Bind(note.Action).Bind(note.Resource).Bind(note.Decision).Bind(note.Trace).Bind(note.Details.Utf8.Span);

    private static AuditNote ToNote(SqliteStatement row) =>
        new(row.Text(0), row.Int64(1), row.Text(2), row.Text(3), row.Text(4), row.Text(5), new Payload(row.Blob(7).ToArray()), row.Text(6));

    private static List<AuditRecord> Records(SqliteStatement rows)
    {
        var found = new List<AuditRecord>();
        while (rows.Read())
        {
            found.Add(new AuditRecord(rows.Int64(8), ToNote(rows), Hash(rows, 9), Hash(rows, 10)));
        }

        return found;
    }

    /// <summary>What is no hash any more was tampered with, and the verifier shall say so: it becomes one that fits nothing.</summary>
    private static AuditHash Hash(SqliteStatement row, int column) =>
        row.Blob(column) is { Length: AuditHash.Length } hash ? new AuditHash(hash) : AuditHash.Of("no hash"u8);

    private sealed record Position(int Notes, long LastNote, long FrameBefore, long LastFrame);

    /// <summary>Rolls back: the intake is not what was read.</summary>
    private sealed class TakenException : Exception;
}
