using AgentFlow.Storage.Sqlite;

namespace AgentFlow.Benchmarks.Floors;

/// <summary>Bare SQLite: the product's own connection over the raw API, WAL, <c>synchronous=FULL</c>, two tables; or the same in memory.</summary>
internal sealed class SqliteFloor : Floor
{
    private readonly string? _folder;
    private readonly SqliteConnection _connection;

    /// <param name="folder">Empty; removed in the end. <see langword="null"/>: in memory.</param>
    public SqliteFloor(int callers, string? folder)
        : base(callers, writers: 1)
    {
        _folder = folder;
        _connection = new SqliteConnection(folder is null ? SqliteDatabase.InMemory : Path.Combine(folder, "floor.db"), readOnly: false);
        if (folder is not null)
        {
            _connection.Execute("PRAGMA journal_mode=WAL");
            _connection.Execute("PRAGMA synchronous=FULL");
        }

        _connection.Execute("""
            CREATE TABLE runs (key INTEGER PRIMARY KEY, id BLOB NOT NULL, workflow TEXT NOT NULL, status INTEGER NOT NULL);
            CREATE UNIQUE INDEX runs_by_id ON runs (id);
            CREATE TABLE journal (frame INTEGER PRIMARY KEY, run INTEGER NOT NULL, first_seq INTEGER NOT NULL, data BLOB NOT NULL);
            CREATE UNIQUE INDEX journal_by_run ON journal (run, first_seq);
            """);
    }

    protected override ValueTask CommitAsync(List<Write> batch)
    {
        Span<byte> id = stackalloc byte[16];
        _connection.Prepare("BEGIN IMMEDIATE").Run();
        foreach (Write write in batch)
        {
            if (write.IsFirst)
            {
                BitConverter.TryWriteBytes(id, write.Run);
                _connection.Prepare("INSERT INTO runs (key, id, workflow, status) VALUES (?, ?, ?, ?)").Bind(write.Run).Bind(id).Bind("floor").Bind(write.IsLast ? 6 : 1).Run();
            }
            else if (write.IsLast)
            {
                _connection.Prepare("UPDATE runs SET status = 6 WHERE key = ?").Bind(write.Run).Run();
            }

            _connection.Prepare("INSERT INTO journal (run, first_seq, data) VALUES (?, ?, ?)").Bind(write.Run).Bind(write.Index).Bind(write.Frame).Run();
        }

        _connection.Prepare("COMMIT").Run();
        return ValueTask.CompletedTask;
    }

    public override ValueTask DisposeAsync()
    {
        _connection.Dispose();
        if (_folder is not null)
        {
            Directory.Delete(_folder, recursive: true);
        }

        return ValueTask.CompletedTask;
    }
}
