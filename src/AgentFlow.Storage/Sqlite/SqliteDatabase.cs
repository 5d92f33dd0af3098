using System.Collections.Concurrent;
using System.Globalization;
using AgentFlow.Engine.Faults;
using Microsoft.Win32.SafeHandles;

namespace AgentFlow.Storage.Sqlite;

/// <summary>
/// One database file: its lock, its schema, one writing connection and a few reading ones. A file belongs to one process
/// at a time; WAL with <c>synchronous=FULL</c> makes every commit durable before it returns. Or a database in memory, which is gone
/// when it is closed: everybody uses its one connection in turns.
/// </summary>
public sealed class SqliteDatabase : IDisposable
{
#if AF_FAULTS
    // A small load reaches the checkpoint's crash points.
    private const int CheckpointPages = 200;
#else
    private const int CheckpointPages = 4_000;
#endif

    /// <summary>What SQLite calls a database in memory. Each one that is opened is another one.</summary>
    public const string InMemory = ":memory:";

    private readonly ConcurrentBag<SqliteConnection> _readers = [];
    private readonly Lock _checkpointGate = new();
    private readonly FileStream? _lock;
    private readonly SqliteConnection _writer;
    private readonly string _path;
    private int _checkpointing;
    private long _pagesWritten;
    private volatile bool _disposed;

    private SqliteDatabase(string path, FileStream? fileLock)
    {
        _path = path;
        _lock = fileLock;
        Shared = new SharedCommits(this);
        _writer = new SqliteConnection(path, readOnly: false);
        if (IsDurable)
        {
            _writer.Execute("PRAGMA journal_mode=WAL");
            _writer.Execute("PRAGMA synchronous=FULL");
            _writer.Execute("PRAGMA wal_autocheckpoint=0");
        }

        _writer.Execute("PRAGMA temp_store=MEMORY");
        _writer.Execute("PRAGMA cache_size=-65536");
    }

    /// <summary>Held by whoever uses the writing connection.</summary>
    internal Lock WriteGate { get; } = new();

    /// <summary>For small writes of which many come at once.</summary>
    internal SharedCommits Shared { get; }

    internal SqliteRunCounts RunCounts { get; } = new();

    internal SqliteConnection Writer => _writer;

    /// <summary>Whether it is a file.</summary>
    internal bool IsDurable => _lock is not null;

    /// <summary>Opens or creates the file and brings its schema up to date.</summary>
    /// <param name="path">The file; <see cref="InMemory"/> for an empty database that nobody else sees and nothing outlives.</param>
    /// <exception cref="DatabaseLockedException">Another process has it open.</exception>
    /// <exception cref="SqliteException">It is no database, or the disk refuses.</exception>
    public static SqliteDatabase Open(string path)
    {
        if (path == InMemory)
        {
            var memory = new SqliteDatabase(path, fileLock: null);
            memory.Migrate();
            return memory;
        }

        string full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        FileStream fileLock = TakeLock(full);
        try
        {
            var database = new SqliteDatabase(full, fileLock);
            database.Migrate();
            return database;
        }
        catch
        {
            fileLock.Dispose();
            throw;
        }
    }

    /// <summary>Runs a read on a connection of its own, in one consistent view.</summary>
    internal T Read<T>(Func<SqliteConnection, T> read)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!IsDurable)
        {
            return ReadInTurn(read);
        }

        if (!_readers.TryTake(out SqliteConnection? connection))
        {
            connection = new SqliteConnection(_path, readOnly: true);
        }

        try
        {
            connection.Prepare("BEGIN").Run();
            T result = read(connection);
            connection.Prepare("COMMIT").Run();
            _readers.Add(connection);
            return result;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Runs a write transaction. Rolls back and throws when the action or the commit does.</summary>
    /// <param name="durable">False lets a power cut undo the transaction, until the next durable one or <see cref="Flush"/>.</param>
    internal void Write(Action<SqliteConnection> write, bool durable = true)
    {
        lock (WriteGate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            bool relaxed = !durable && IsDurable;
            if (relaxed)
            {
                _writer.Execute("PRAGMA synchronous=NORMAL");
            }

            try
            {
                _writer.Prepare("BEGIN IMMEDIATE").Run();
                CrashPoint.Reach("sqlite.begun");
                write(_writer);
                CrashPoint.Reach("sqlite.commit.before");
                _writer.Prepare("COMMIT").Run();
                CrashPoint.Reach("sqlite.commit.after");
            }
            catch (Exception e)
            {
                if (e is SqliteException { IsIoError: true })
                {
                    Fail(e);
                }

                // A statement that was left halfway would go on there.
                _writer.Reset();
                if (_writer.InTransaction)
                {
                    _writer.Prepare("ROLLBACK").Run();
                }

#if AF_FAULTS
                if (Planted.Is(Bug.CommitErrorSwallowed))
                {
                    return;
                }
#endif
                throw;
            }
            finally
            {
                if (relaxed)
                {
                    _writer.Execute("PRAGMA synchronous=FULL");
                }
            }
        }
    }

    /// <summary>Puts on disk whatever was written without waiting for it. Nobody who writes has to stand still.</summary>
    internal void Flush()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!IsDurable)
        {
            return;
        }

        CrashPoint.Reach("sqlite.flush.before");
        try
        {
            // Closing a file gives up the process's locks of it: SQLite has none of this one.
            using SafeFileHandle log = File.OpenHandle(_path + "-wal", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            RandomAccess.FlushToDisk(log);
        }
        catch (IOException e)
        {
            Fail(e);
        }

        CrashPoint.Reach("sqlite.flush.after");
    }

    /// <summary>
    /// Counts written rows and moves the log into the file when it has grown: most of it beside the writer, the rest while
    /// the writer stands still, so that the log starts over.
    /// </summary>
    internal void NoteWritten(int rows)
    {
        if (IsDurable && Interlocked.Add(ref _pagesWritten, rows) >= CheckpointPages && Interlocked.CompareExchange(ref _checkpointing, 1, 0) == 0)
        {
            Interlocked.Exchange(ref _pagesWritten, 0);
            ThreadPool.UnsafeQueueUserWorkItem(static d => d.Checkpoint(), this, preferLocal: false);
        }
    }

    public void Dispose()
    {
        _disposed = true;
        lock (_checkpointGate)
        {
            lock (WriteGate)
            {
                while (_readers.TryTake(out SqliteConnection? reader))
                {
                    reader.Dispose();
                }

                _writer.Dispose();
                _lock?.Dispose();
            }
        }
    }

    private T ReadInTurn<T>(Func<SqliteConnection, T> read)
    {
        T result = default!;
        Write(connection => result = read(connection));
        return result;
    }

    private void Checkpoint()
    {
        try
        {
            lock (_checkpointGate)
            {
                if (_disposed)
                {
                    return;
                }

                CrashPoint.Reach("sqlite.checkpoint.before");
                using (var connection = new SqliteConnection(_path, readOnly: false))
                {
                    connection.Execute("PRAGMA wal_checkpoint(PASSIVE)");
                }

                CrashPoint.Reach("sqlite.checkpoint.halfway");
                lock (WriteGate)
                {
                    _writer.Execute("PRAGMA wal_checkpoint(PASSIVE)");
                }

                CrashPoint.Reach("sqlite.checkpoint.after");
            }
        }
        catch (SqliteException e) when (!e.IsIoError)
        {
            // A busy or full disk only delays the checkpoint; the log holds everything.
        }
        finally
        {
            Interlocked.Exchange(ref _checkpointing, 0);
        }
    }

    /// <summary>After a failed fsync nobody knows what is on disk, and a second fsync may lie. A restart reads it.</summary>
    private void Fail(Exception failure) => Environment.FailFast($"The database {_path} failed to write: {failure.Message}");

    private static FileStream TakeLock(string path)
    {
        FileStream taken;
        try
        {
            taken = new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new DatabaseLockedException(path, File.Exists(OwnerFile(path)) ? File.ReadAllText(OwnerFile(path)) : null);
        }

        // Beside the lock, because a locked file cannot be read by the one who wants to know.
        File.WriteAllText(OwnerFile(path), Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        return taken;
    }

    private static string OwnerFile(string path) => path + ".owner";

    private void Migrate()
    {
        _writer.Execute("CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)");
        long applied = 0;
        SqliteStatement newest = _writer.Prepare("SELECT coalesce(max(version), 0) FROM schema_migrations");
        while (newest.Read())
        {
            applied = newest.Int64(0);
        }

        IReadOnlyList<Migration> migrations = Migration.All("Sqlite");
        if (applied > migrations[^1].Version)
        {
            throw new SqliteException(SQLitePCL.raw.SQLITE_ERROR, $"{_path} has schema version {applied}; this build knows {migrations[^1].Version}. Use the newer build that wrote it.");
        }

        foreach (Migration migration in migrations.Where(m => m.Version > applied))
        {
            Write(connection =>
            {
                connection.Execute(migration.Sql);
                connection.Prepare("INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, ?)")
                    .Bind(migration.Version).Bind(migration.Name).Bind(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()).Run();
            });
        }

        CrashPoint.Reach("sqlite.release.before");
        // Whatever an earlier process had claimed is free again: it is gone, the file's lock proves it.
        Write(connection => connection.Execute("UPDATE runs SET status = 0 WHERE status = 1"), durable: false);
        CrashPoint.Reach("sqlite.release.after");
        RunCounts.Load(_writer);
    }
}

/// <summary>Another process has the database file open.</summary>
public sealed class DatabaseLockedException(string path, string? owner) : Exception(
    $"{path} is in use by {(owner is null ? "another process" : $"process {owner}")}. One process owns a database file: talk to it with --server URL (or AF_SERVER), stop it, or set AF_DB_DSN to another file.")
{
    public const string Code = "DATABASE_LOCKED";
}
