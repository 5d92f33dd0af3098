using AgentFlow.Contracts.Ids;
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

    /// <summary>Flips the bits of one byte of a frame.</summary>
    /// <param name="index">Which of the run's frames, from 0.</param>
    /// <returns>The sequence of the frame's first event.</returns>
    public static long DamageFrame(string path, Ulid run, int index)
    {
        AgentFlow.Storage.Sqlite.SqliteEngine.Load();
        Assert.Equal(raw.SQLITE_OK, raw.sqlite3_open(path, out sqlite3 db));
        using (db)
        {
            Assert.Equal(raw.SQLITE_OK, raw.sqlite3_prepare_v2(db, "SELECT frame, first_seq, data FROM journal WHERE run = (SELECT key FROM runs WHERE id = ?1) ORDER BY first_seq LIMIT 1 OFFSET ?2", out sqlite3_stmt find));
            using (find)
            {
                raw.sqlite3_bind_blob(find, 1, run.ToByteArray());
                raw.sqlite3_bind_int(find, 2, index);
                Assert.Equal(raw.SQLITE_ROW, raw.sqlite3_step(find));
                byte[] data = raw.sqlite3_column_blob(find, 2).ToArray();
                data[data.Length / 2] ^= 0xFF;
                Assert.Equal(raw.SQLITE_OK, raw.sqlite3_prepare_v2(db, "UPDATE journal SET data = ?1 WHERE frame = ?2", out sqlite3_stmt write));
                using (write)
                {
                    raw.sqlite3_bind_blob(write, 1, data);
                    raw.sqlite3_bind_int64(write, 2, raw.sqlite3_column_int64(find, 0));
                    long seq = raw.sqlite3_column_int64(find, 1);
                    raw.sqlite3_reset(find);
                    Assert.Equal(raw.SQLITE_DONE, raw.sqlite3_step(write));
                    return seq;
                }
            }
        }
    }
}
