using AgentFlow.Benchmarks.Floors;
using AgentFlow.Storage.Sqlite;

namespace AgentFlow.Benchmarks.Stores;

/// <summary>SQLite files in folders of their own.</summary>
/// <param name="isInMemory">On the memory file system, where nothing outlives the machine and no sync takes time.</param>
internal sealed class SqliteStorage(bool isInMemory = false) : IStorage
{
    public const string Prefix = "sqlite:";

    /// <summary>Linux has it; elsewhere nothing is measured in memory.</summary>
    public const string MemoryFileSystem = "/dev/shm";

    public const string InMemory = "SQLite in memory";

    public string Name => isInMemory ? InMemory : "SQLite";

    public Task<IPlace> CreateAsync() => Task.FromResult<IPlace>(new Folder(NewFolder("af-bench-")));

    public Task<Floor> OpenFloorAsync(int callers) => Task.FromResult<Floor>(new SqliteFloor(callers, NewFolder("af-floor-")));

    public TimeSpan ProcessorTime() => TimeSpan.Zero;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private string NewFolder(string prefix) => isInMemory
        ? Directory.CreateDirectory(Path.Combine(MemoryFileSystem, prefix + Path.GetRandomFileName())).FullName
        : Directory.CreateTempSubdirectory(prefix).FullName;

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
