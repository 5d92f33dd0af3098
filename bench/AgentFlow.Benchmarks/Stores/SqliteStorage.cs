using AgentFlow.Benchmarks.Floors;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Sqlite;

namespace AgentFlow.Benchmarks.Stores;

/// <summary>SQLite files in folders of their own.</summary>
internal sealed class SqliteStorage : IStorage
{
    public string Name => "SQLite";

    public Task<IBenchStore> OpenAsync() => Task.FromResult<IBenchStore>(new Opened());

    public Task<Floor> OpenFloorAsync(int callers) => Task.FromResult<Floor>(new SqliteFloor(callers));

    public TimeSpan ProcessorTime() => TimeSpan.Zero;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private sealed class Opened : IBenchStore
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("af-bench-").FullName;
        private readonly SqliteDatabase _database;

        public Opened()
        {
            _database = SqliteDatabase.Open(DatabasePath);
            Runs = new SqliteRunStore(_database);
            Catalogue = new SqliteCatalogue(_database);
        }

        public IRunStore Runs { get; }

        public ICatalogue Catalogue { get; }

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
            _database.Dispose();
            Directory.Delete(_folder, recursive: true);
            return ValueTask.CompletedTask;
        }
    }
}
