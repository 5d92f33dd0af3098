using SQLitePCL;

namespace AgentFlow.Cli.Tests.Support.Disks;

/// <summary>A database file as SQLite's own tools see it.</summary>
internal static class StoreFile
{
    /// <summary>Asserts that every page and index is sound.</summary>
    public static void Check(string path)
    {
        AgentFlow.Storage.Sqlite.SqliteEngine.Load();
        Assert.Equal(raw.SQLITE_OK, raw.sqlite3_open(path, out sqlite3 db));
        using (db)
        {
            Assert.Equal(raw.SQLITE_OK, raw.sqlite3_prepare_v2(db, "PRAGMA integrity_check", out sqlite3_stmt stmt));
            using (stmt)
            {
                Assert.Equal(raw.SQLITE_ROW, raw.sqlite3_step(stmt));
                Assert.Equal("ok", raw.sqlite3_column_text(stmt, 0).utf8_to_string());
            }
        }
    }
}
