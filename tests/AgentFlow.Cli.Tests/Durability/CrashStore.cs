using AgentFlow.Cli.Tests.Support;
using AgentFlow.Contracts.Ids;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Storage.Tests.Postgres;
using SQLitePCL;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>What the lives of one lane share.</summary>
internal abstract class CrashStore
{
    /// <summary>Whether a living process could find others on it.</summary>
    public abstract bool IsShared { get; }

    /// <summary>Points a server to it.</summary>
    public abstract void Configure(Af af);

    /// <summary>Somebody's hand in the database: makes a run's frames unreadable and lets the next server claim it.</summary>
    public abstract Task DamageAsync(Af af, string run);

    private static string Hex(string run) => Convert.ToHexString(Ulid.Parse(run).ToByteArray());

    /// <summary>The file that <c>af serve</c> makes by itself.</summary>
    internal sealed class SqliteFile : CrashStore
    {
        static SqliteFile() => SqliteEngine.Load();

        public override bool IsShared => false;

        public override void Configure(Af af)
        {
        }

        public override Task DamageAsync(Af af, string run)
        {
            Assert.Equal(raw.SQLITE_OK, raw.sqlite3_open(Path.Combine(af.Folder, ".af", "agentflow.db"), out sqlite3 db));
            using (db)
            {
                Assert.Equal(raw.SQLITE_OK, raw.sqlite3_exec(db, $"UPDATE journal SET data = x'00' WHERE run = (SELECT key FROM runs WHERE id = x'{Hex(run)}')"));
                Assert.Equal(1, raw.sqlite3_changes(db));
                Assert.Equal(raw.SQLITE_OK, raw.sqlite3_exec(db, $"UPDATE runs SET status = 0 WHERE id = x'{Hex(run)}'"));
            }

            return Task.CompletedTask;
        }
    }

    /// <summary>A schema on a server.</summary>
    internal sealed class PostgresSchema(PostgresCluster cluster, string schema) : CrashStore
    {
        public override bool IsShared => true;

        public override void Configure(Af af)
        {
            af.Environment["AF_DB_DSN"] = cluster.Uri(schema);
            af.Environment["AF_LEASE"] = "1s";
            af.Environment["AF_DRAIN"] = "1s";
        }

        public override async Task DamageAsync(Af af, string run)
        {
            Assert.Equal(1, await cluster.ExecuteAsync($"UPDATE {schema}.journal SET data = '\\x00' WHERE run = (SELECT key FROM {schema}.runs WHERE id = '{Hex(run)}')"));
            await cluster.ExecuteAsync($"UPDATE {schema}.runs SET status = 0 WHERE id = '{Hex(run)}'");
        }
    }
}
