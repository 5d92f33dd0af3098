using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Sqlite;

namespace AgentFlow.Benchmarks.Stores;

/// <summary>One of the product's stores, open.</summary>
internal sealed class OpenedStore : IAsyncDisposable
{
    private readonly SqliteDatabase? _file;
    private readonly PostgresDatabase? _server;

    private OpenedStore(SqliteDatabase file)
    {
        _file = file;
        Runs = new SqliteRunStore(file);
        Catalogue = new SqliteCatalogue(file);
        Audit = new SqliteAuditStore(file);
        Metrics = new SqliteMetricStore(file);
    }

    private OpenedStore(PostgresDatabase server)
    {
        _server = server;
        Runs = new PostgresRunStore(server);
        Catalogue = new PostgresCatalogue(server);
        Audit = new PostgresAuditStore(server);
        Metrics = new PostgresMetricStore(server);
    }

    public IRunStore Runs { get; }

    public ICatalogue Catalogue { get; }

    public IAuditStore Audit { get; }

    public IMetricStore Metrics { get; }

    public static async Task<OpenedStore> OpenAsync(string address) => address.StartsWith(SqliteStorage.Prefix, StringComparison.Ordinal)
        ? new OpenedStore(SqliteDatabase.Open(address[SqliteStorage.Prefix.Length..]))
        : new OpenedStore(await PostgresDatabase.OpenAsync(address, new PostgresOptions()));

    public async ValueTask DisposeAsync()
    {
        _file?.Dispose();
        if (_server is not null)
        {
            await ((PostgresRunStore)Runs).DisposeAsync();
            await _server.CloseAsync(CancellationToken.None);
        }
    }
}
