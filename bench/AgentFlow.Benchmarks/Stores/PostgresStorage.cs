using AgentFlow.Benchmarks.Floors;

namespace AgentFlow.Benchmarks.Stores;

/// <summary>Schemas on a server that is started for them.</summary>
internal sealed class PostgresStorage : IStorage
{
    private readonly PostgresServer _server;

    private PostgresStorage(PostgresServer server) => _server = server;

    public string Name => "PostgreSQL";

    public static async Task<PostgresStorage> StartAsync() => new(await PostgresServer.StartAsync());

    public async Task<IPlace> CreateAsync() => new Schema(_server, await _server.CreateSchemaAsync());

    public async Task<Floor> OpenFloorAsync(int callers) => await PostgresFloor.OpenAsync(_server, callers);

    public TimeSpan ProcessorTime() => _server.ProcessorTime();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private sealed class Schema(PostgresServer server, string name) : IPlace
    {
        public string Address => server.Uri(name);

        public async Task<long> BytesAsync() =>
            (long)(decimal)(await server.ExecuteAsync($"SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = '{name}'::regnamespace"))!;

        public async ValueTask DisposeAsync() => await server.ExecuteAsync($"DROP SCHEMA {name} CASCADE");
    }
}
