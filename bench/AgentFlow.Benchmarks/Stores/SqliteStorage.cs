using AgentFlow.Benchmarks.Floors;
using AgentFlow.Storage.Sqlite;

namespace AgentFlow.Benchmarks.Stores;

/// <summary>SQLite files in folders of their own.</summary>
/// <param name="isInMemory">No files: memory, where nothing outlives the process.</param>
internal sealed class SqliteStorage(bool isInMemory = false) : IStorage
{
    public const string Prefix = "sqlite:";

    public const string InMemory = "SQLite in memory";

    public string Name => isInMemory ? InMemory : "SQLite";

    public Task<IPlace> CreateAsync() => Task.FromResult<IPlace>(isInMemory ? new Memory() : new Folder(NewFolder("af-bench-")));

    public Task<Floor> OpenFloorAsync(int callers) => Task.FromResult<Floor>(new SqliteFloor(callers, isInMemory ? null : NewFolder("af-floor-")));

    public TimeSpan ProcessorTime() => TimeSpan.Zero;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static string NewFolder(string prefix) => Directory.CreateTempSubdirectory(prefix).FullName;

    private sealed class Memory : IPlace
    {
        public string Address => Prefix + SqliteDatabase.InMemory;

        public Task<long> BytesAsync() => Task.FromResult(0L);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class Folder(string folder) : IPlace
    {
        public string Address => Prefix + DatabasePath;

        private string DatabasePath => Path.Combine(folder, "bench.db");

        public Task<long> BytesAsync()
        {
            using (var connection = new SqliteConnection(DatabasePath, readOnly: false))
            {
                connection.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
            }

            return Task.FromResult(new FileInfo(DatabasePath).Length);
        }

        public ValueTask DisposeAsync()
        {
            Directory.Delete(folder, recursive: true);
            return ValueTask.CompletedTask;
        }
    }
}
