using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Tests.Postgres;

[assembly: AssemblyFixture(typeof(PostgresFixture))]

namespace AgentFlow.Storage.Tests.Postgres;

/// <summary>The server that all tests share, started by the first one that needs it.</summary>
public sealed class PostgresFixture : IAsyncDisposable
{
    private readonly Lazy<Task<PostgresCluster>> _cluster = new(PostgresCluster.StartAsync);

    public async Task<PostgresCluster> ClusterAsync()
    {
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        return await _cluster.Value;
    }

    public async ValueTask DisposeAsync()
    {
        if (_cluster.IsValueCreated)
        {
            await (await _cluster.Value).DisposeAsync();
        }
    }
}

/// <summary>A schema of its own on the shared server, and one process's store over it.</summary>
public sealed class TemporaryPostgres : IAsyncDisposable
{
    private readonly string _dsn;

    private TemporaryPostgres(PostgresCluster cluster, string schema, string dsn)
    {
        Cluster = cluster;
        Schema = schema;
        _dsn = dsn;
    }

    public PostgresCluster Cluster { get; }

    public string Schema { get; }

    public PostgresDatabase Database { get; private set; } = null!;

    public PostgresRunStore Store { get; private set; } = null!;

    public static async Task<TemporaryPostgres> CreateAsync(PostgresFixture fixture, PostgresOptions? options = null)
    {
        PostgresCluster cluster = await fixture.ClusterAsync();
        return await CreateAsync(cluster, options);
    }

    public static async Task<TemporaryPostgres> CreateAsync(PostgresCluster cluster, PostgresOptions? options = null, LossyProxy? through = null)
    {
        string schema = await cluster.CreateSchemaAsync();
        var postgres = new TemporaryPostgres(cluster, schema, cluster.Dsn(schema, through?.Port));
        await postgres.OpenAsync(options);
        return postgres;
    }

    /// <summary>Another process on the same tables.</summary>
    public async Task<TemporaryPostgres> JoinAsync(PostgresOptions? options = null)
    {
        var other = new TemporaryPostgres(Cluster, Schema, Cluster.Dsn(Schema));
        await other.OpenAsync(options);
        return other;
    }

    /// <summary>The process dies without a word, its lease runs out, and it is started again.</summary>
    public async Task ReopenAsync()
    {
        await DisposeAsync();
        await ExpireAsync();
        await OpenAsync(null);
    }

    /// <summary>Lets this process's lease be over, although it lives.</summary>
    public Task<int> ExpireAsync() =>
        Cluster.ExecuteAsync($"UPDATE {Schema}.sessions SET lease = '0', expires_at = clock_timestamp() - interval '1 minute' WHERE tag = '{Database.Tag}'");

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        await Database.DisposeAsync();
    }

    private async Task OpenAsync(PostgresOptions? options)
    {
        Database = await PostgresDatabase.OpenAsync(_dsn, options);
        Store = new PostgresRunStore(Database);
    }
}
