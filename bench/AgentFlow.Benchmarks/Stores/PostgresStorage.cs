using AgentFlow.Benchmarks.Floors;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;

namespace AgentFlow.Benchmarks.Stores;

/// <summary>Schemas on a server that is started for them.</summary>
internal sealed class PostgresStorage : IStorage
{
    private PostgresStorage(PostgresServer server) => Server = server;

    public PostgresServer Server { get; }

    public string Name => "PostgreSQL";

    public static async Task<PostgresStorage> StartAsync() => new(await PostgresServer.StartAsync());

    public async Task<IBenchStore> OpenAsync()
    {
        string schema = await Server.CreateSchemaAsync();
        return new Opened(Server, schema, await PostgresDatabase.OpenAsync(Server.Dsn(schema)));
    }

    public async Task<Floor> OpenFloorAsync(int callers) => await PostgresFloor.OpenAsync(Server, callers);

    public TimeSpan ProcessorTime() => Server.ProcessorTime();

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    private sealed class Opened(PostgresServer server, string schema, PostgresDatabase database) : IBenchStore
    {
        private readonly PostgresRunStore _runs = new(database);

        public IRunStore Runs => _runs;

        public ICatalogue Catalogue { get; } = new PostgresCatalogue(database);

        public async Task<long> BytesAsync() =>
            (long)(decimal)(await server.ExecuteAsync($"SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = '{schema}'::regnamespace"))!;

        public async ValueTask DisposeAsync()
        {
            await _runs.DisposeAsync();
            await database.DisposeAsync();
            await server.ExecuteAsync($"DROP SCHEMA {schema} CASCADE");
        }
    }
}
