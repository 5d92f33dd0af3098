using AgentFlow.Contracts.Ids;
using SQLitePCL;

namespace AgentFlow.Storage.Sqlite;

/// <summary>One SQLite connection over the raw API; used by one thread at a time. Statements are prepared once and kept.</summary>
internal sealed class SqliteConnection : IDisposable
{
    private readonly sqlite3 _db;
    private readonly Dictionary<string, SqliteStatement> _statements = new(StringComparer.Ordinal);

    public SqliteConnection(string path, bool readOnly)
    {
        SqliteEngine.Load();
        int flags = raw.SQLITE_OPEN_NOMUTEX | (readOnly ? raw.SQLITE_OPEN_READONLY : raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE);
        int rc = raw.sqlite3_open_v2(path, out _db, flags, null);
        if (rc != raw.SQLITE_OK)
        {
            string message = raw.sqlite3_errmsg(_db).utf8_to_string();
            _db.Dispose();
            throw new SqliteException(rc, $"{path} cannot be opened: {message}");
        }

        raw.sqlite3_extended_result_codes(_db, 1);
        raw.sqlite3_busy_timeout(_db, 10_000);
    }

    /// <summary>Rows that the last statement changed.</summary>
    public int Changes => raw.sqlite3_changes(_db);

    public long LastRowId => raw.sqlite3_last_insert_rowid(_db);

    public bool InTransaction => raw.sqlite3_get_autocommit(_db) == 0;

    /// <summary>The prepared statement for a text; reset and without bindings left from an earlier use.</summary>
    public SqliteStatement Prepare(string sql)
    {
        if (!_statements.TryGetValue(sql, out SqliteStatement? statement))
        {
            int rc = raw.sqlite3_prepare_v2(_db, sql, out sqlite3_stmt stmt);
            Check(rc);
            statement = new SqliteStatement(this, stmt);
            _statements.Add(sql, statement);
        }

        return statement;
    }

    /// <summary>Runs statements that give no rows.</summary>
    public void Execute(string sql)
    {
        int rc = raw.sqlite3_exec(_db, sql);
        Check(rc);
    }

    /// <summary>Ends every read that was not read to its end.</summary>
    public void Reset()
    {
        foreach (SqliteStatement statement in _statements.Values)
        {
            statement.Reset();
        }
    }

    public void Check(int rc)
    {
        if (rc is not (raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE))
        {
            throw new SqliteException(rc, raw.sqlite3_errmsg(_db).utf8_to_string());
        }
    }

    public void Dispose()
    {
        foreach (SqliteStatement statement in _statements.Values)
        {
            statement.Finalize_();
        }

        _db.Dispose();
    }
}

/// <summary>A prepared statement: bind in order, step, read, and it resets itself.</summary>
internal sealed class SqliteStatement(SqliteConnection connection, sqlite3_stmt stmt)
{
    private int _next = 1;

    public SqliteStatement Bind(long value)
    {
        raw.sqlite3_bind_int64(stmt, _next++, value);
        return this;
    }

    public SqliteStatement Bind(double value)
    {
        raw.sqlite3_bind_double(stmt, _next++, value);
        return this;
    }

    /// <param name="value"><see langword="null"/> becomes NULL.</param>
    public SqliteStatement Bind(string? value)
    {
        raw.sqlite3_bind_text(stmt, _next++, value);
        return this;
    }

    public SqliteStatement Bind(ReadOnlySpan<byte> value)
    {
        raw.sqlite3_bind_blob(stmt, _next++, value);
        return this;
    }

    public SqliteStatement Bind(Ulid value)
    {
        Span<byte> bytes = stackalloc byte[Ulid.ByteLength];
        value.TryWriteBytes(bytes);
        return Bind(bytes);
    }

    public SqliteStatement BindOptional(long? value) => value is { } number ? Bind(number) : BindNull();

    public SqliteStatement BindOptional(string? value) => value is { } text ? Bind(text) : BindNull();

    public SqliteStatement BindOptional(Ulid? value) => value is { } id ? Bind(id) : BindNull();

    /// <summary>Runs a statement that gives no rows.</summary>
    public void Run()
    {
        int rc = raw.sqlite3_step(stmt);
        Reset();
        connection.Check(rc);
    }

    /// <summary>Moves to the next row; resets at the end.</summary>
    public bool Read()
    {
        int rc = raw.sqlite3_step(stmt);
        if (rc == raw.SQLITE_ROW)
        {
            return true;
        }

        Reset();
        connection.Check(rc);
        return false;
    }

    public long Int64(int column) => raw.sqlite3_column_int64(stmt, column);

    public double Double(int column) => raw.sqlite3_column_double(stmt, column);

    public bool IsNull(int column) => raw.sqlite3_column_type(stmt, column) == raw.SQLITE_NULL;

    public long? OptionalInt64(int column) => IsNull(column) ? null : Int64(column);

    public string? OptionalText(int column) => IsNull(column) ? null : Text(column);

    /// <summary>The text; empty for NULL.</summary>
    public string Text(int column) => raw.sqlite3_column_text(stmt, column).utf8_to_string() ?? "";

    /// <summary>The text, without a copy when it is the one of the row before.</summary>
    public string Text(int column, ref string? last) => last is not null && System.Text.Ascii.Equals(Blob(column), last) ? last : last = Text(column);

    public ReadOnlySpan<byte> Blob(int column) => raw.sqlite3_column_blob(stmt, column);

    /// <summary>Ends a read before its last row.</summary>
    public void Reset()
    {
        raw.sqlite3_reset(stmt);
        raw.sqlite3_clear_bindings(stmt);
        _next = 1;
    }

    internal void Finalize_() => stmt.Dispose();

    private SqliteStatement BindNull()
    {
        raw.sqlite3_bind_null(stmt, _next++);
        return this;
    }
}

/// <summary>SQLite said no.</summary>
/// <param name="code">Extended result code.</param>
public sealed class SqliteException(int code, string message) : Exception($"SQLite error {code}: {message}")
{
    public int Code { get; } = code;

    /// <summary>The disk is full: the transaction was rolled back. The log's index (<c>-shm</c>) has no room to grow on it either.</summary>
    public bool IsFull => (Code & 0xFF) == raw.SQLITE_FULL || Code == raw.SQLITE_IOERR_SHMSIZE;

    /// <summary>A constraint forbids it: the statement was undone.</summary>
    public bool IsConstraint => (Code & 0xFF) == raw.SQLITE_CONSTRAINT;

    /// <summary>Reading or writing the file itself failed; what is on disk is unknown.</summary>
    public bool IsIoError => (Code & 0xFF) == raw.SQLITE_IOERR && !IsFull;
}
