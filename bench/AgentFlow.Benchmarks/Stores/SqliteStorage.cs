using AgentFlow.Benchmarks.Floors;
using AgentFlow.Storage.Sqlite;

namespace AgentFlow.Benchmarks.Stores;

/// <summary>SQLite files in folders of their own.</summary>
internal sealed class SqliteStorage : IStorage
{
    public const string Prefix = "sqlite:";

    public string Name => "SQLite";

    public Task<IPlace> CreateAsync() => Task.FromResult<IPlace>(new Folder());

    public Task<Floor> OpenFloorAsync(int callers) => Task.FromResult<Floor>(new SqliteFloor(callers));

    public TimeSpan ProcessorTime() => TimeSpan.Zero;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private sealed class Folder : IPlace
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("af-bench-").FullName;

        public string Address => Prefix + DatabasePath;

        private string DatabasePath => Path.Combine(_folder, "bench.db");

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
            Directory.Delete(_folder, recursive: true);
            return ValueTask.CompletedTask;
        }
    }
}
