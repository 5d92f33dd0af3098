using SQLitePCL;

namespace AgentFlow.Farm.History;

/// <summary>A SQLite file over the raw API. Not safe for concurrent use.</summary>
internal sealed class SqliteFile : IDisposable
{
    private const int BusyMs = 10_000;
    private readonly sqlite3 _db;
    private readonly string _path;

    static SqliteFile() => Batteries_V2.Init();

    /// <summary>Opens the file, makes it when it is not there.</summary>
    /// <exception cref="HistoryException">It cannot be opened.</exception>
    public SqliteFile(string path)
    {
        _path = path;
        int code = raw.sqlite3_open_v2(path, out _db, raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE, null);
        if (code != raw.SQLITE_OK)
        {
            string problem = raw.sqlite3_errmsg(_db).utf8_to_string();
            _db.Dispose();
            throw new HistoryException($"{path} cannot be opened: {problem}. Name another file or make it writable.");
        }

        raw.sqlite3_busy_timeout(_db, BusyMs);
    }

    /// <summary>Rows that the last statement changed.</summary>
    public int Changes => raw.sqlite3_changes(_db);

    /// <summary>Runs one statement and reads its rows.</summary>
    /// <param name="values">Texts and 64-bit integers, in the order of the statement's parameters.</param>
    /// <exception cref="HistoryException">SQLite refuses it.</exception>
    public List<T> Query<T>(string sql, Func<Row, T> read, params ReadOnlySpan<object> values)
    {
        Check(raw.sqlite3_prepare_v2(_db, sql, out sqlite3_stmt statement));
        using (statement)
        {
            for (int i = 0; i < values.Length; i++)
            {
                Check(values[i] is long number ? raw.sqlite3_bind_int64(statement, i + 1, number) : raw.sqlite3_bind_text(statement, i + 1, (string)values[i]));
            }

            List<T> rows = [];
            int code;
            while ((code = raw.sqlite3_step(statement)) == raw.SQLITE_ROW)
            {
                rows.Add(read(new Row(statement)));
            }

            Check(code);
            return rows;
        }
    }

    /// <summary>Runs one statement that gives no rows, or whose rows do not matter.</summary>
    public void Execute(string sql, params ReadOnlySpan<object> values) => Query(sql, static _ => 0, values);

    public void Dispose() => _db.Dispose();

    private void Check(int code)
    {
        if (code is not (raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE))
        {
            throw new HistoryException($"{_path}: {raw.sqlite3_errmsg(_db).utf8_to_string()} (SQLite {code}).");
        }
    }

    internal readonly struct Row(sqlite3_stmt statement)
    {
        public long Number(int column) => raw.sqlite3_column_int64(statement, column);

        public string Text(int column) => raw.sqlite3_column_text(statement, column).utf8_to_string() ?? "";
    }
}

/// <summary>FARM's history cannot be read or written.</summary>
public sealed class HistoryException(string message) : Exception(message);
