using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;
using Npgsql;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresDatabaseTests(PostgresFixture fixture)
{
    private static async Task<StoreUnavailableException> Refused(string dsn) =>
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await (await PostgresDatabase.OpenAsync(dsn)).DisposeAsync());

    [Fact]
    public async Task Open_Uri_Works()
    {
        PostgresCluster cluster = await fixture.ClusterAsync();
        string schema = await cluster.CreateSchemaAsync();
        await using PostgresDatabase database = await PostgresDatabase.OpenAsync(cluster.Uri(schema));
        await using var store = new PostgresRunStore(database);
        Assert.Equal(CommitOutcome.Committed, (await store.WriteAsync(Writing.Creation())).Outcome);
    }

    /// <summary>A process that is only starting has no lease that it could lose meanwhile.</summary>
    [Fact]
    public async Task Open_ServerSlowerThanALease_IsWaitedFor()
    {
        PostgresCluster cluster = await fixture.ClusterAsync();
        string schema = await cluster.CreateSchemaAsync();
        var options = new PostgresOptions { Lease = TimeSpan.FromSeconds(1) };
        await (await PostgresDatabase.OpenAsync(cluster.Uri(schema), options)).DisposeAsync();
        await using NpgsqlConnection connection = await cluster.Admin.OpenConnectionAsync();
        Task<PostgresDatabase> opened;
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync())
        {
            await using var hold = new NpgsqlCommand($"LOCK TABLE {schema}.sessions IN ACCESS EXCLUSIVE MODE", connection);
            await hold.ExecuteNonQueryAsync();
            opened = PostgresDatabase.OpenAsync(cluster.Uri(schema), options);
            await Task.Delay(2500);
            Assert.False(opened.IsCompleted);
        }

        await using PostgresDatabase database = await opened;
        await using var store = new PostgresRunStore(database);
        Assert.Equal(CommitOutcome.Committed, (await store.WriteAsync(Writing.Creation())).Outcome);
    }

    [Fact]
    public async Task Open_NobodyListens_SaysWhereAndWhatToDo()
    {
        StoreUnavailableException thrown = await Refused("postgres://ann:secret@127.0.0.1:1/flows");
        Assert.Contains("ann@127.0.0.1:1/flows cannot be reached", thrown.Message);
        Assert.Contains("AF_DB_DSN", thrown.Message);
        Assert.DoesNotContain("secret", thrown.Message);
        Assert.True(thrown.MayPass);
    }

    [Fact]
    public async Task Open_WrongLoginOrDatabase_SaysWhich()
    {
        PostgresCluster cluster = await fixture.ClusterAsync();
        StoreUnavailableException password = await Refused(cluster.Uri("public", password: "wrong-one"));
        Assert.Contains("refuses the login", password.Message);
        Assert.DoesNotContain("wrong-one", password.Message);
        Assert.False(password.MayPass);
        Assert.Contains("asks for a password", (await Refused($"host=127.0.0.1 port={cluster.Port} user=agentflow dbname=postgres")).Message);
        Assert.Contains("CREATE DATABASE", (await Refused(cluster.Uri("public", database: "nowhere"))).Message);
        Assert.Contains("CREATE SCHEMA", (await Refused(cluster.Uri("nowhere"))).Message);
    }

    [Fact]
    public async Task Open_NoRightToCreateTables_SaysWhatToGrant()
    {
        PostgresCluster cluster = await fixture.ClusterAsync();
        string schema = await cluster.CreateSchemaAsync();
        await cluster.ExecuteAsync("CREATE ROLE guest LOGIN PASSWORD 'guest'");
        await cluster.ExecuteAsync($"GRANT USAGE ON SCHEMA {schema} TO guest");
        StoreUnavailableException thrown = await Refused(cluster.Uri(schema, user: "guest", password: "guest"));
        Assert.Contains("permission denied", thrown.Message);
        Assert.Contains("Grant", thrown.Message);
    }

    [Fact]
    public async Task Open_ReadOnlyServer_SaysSo()
    {
        PostgresCluster cluster = await fixture.ClusterAsync();
        string schema = await cluster.CreateSchemaAsync();
        StoreUnavailableException thrown = await Refused(cluster.Uri(schema, query: "&options=-c%20default_transaction_read_only=on"));
        Assert.Contains("read-only", thrown.Message);
        Assert.Contains("primary", thrown.Message);
    }

    [Fact]
    public void Open_ServerTooOld_SaysWhichIsNeeded()
    {
        var thrown = Assert.Throws<StoreUnavailableException>(() => PostgresDatabase.CheckVersion(new Version(13, 9), "ann@db:5432/flows"));
        Assert.Contains("version 13.9; 14 or newer is needed", thrown.Message);
        PostgresDatabase.CheckVersion(new Version(14, 0), "ann@db:5432/flows");
    }

    [Fact]
    public async Task Open_NewerSchema_IsRefused()
    {
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(fixture);
        await postgres.Cluster.ExecuteAsync($"INSERT INTO {postgres.Schema}.schema_migrations (version, name) VALUES (9999, 'future')");
        Assert.Contains("9999", (await Refused(postgres.Cluster.Dsn(postgres.Schema))).Message);
    }

    [Fact]
    public async Task Open_ManyProcessesAtOnce_OneMigratesAndAllWork()
    {
        PostgresCluster cluster = await fixture.ClusterAsync();
        string schema = await cluster.CreateSchemaAsync();
        PostgresDatabase[] databases = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => PostgresDatabase.OpenAsync(cluster.Dsn(schema))));
        Assert.Equal(1L, await cluster.QueryAsync<long>($"SELECT count(*) FROM {schema}.schema_migrations WHERE version = 1"));
        Assert.Equal(8L, await cluster.QueryAsync<long>($"SELECT count(*) FROM {schema}.sessions"));
        foreach (PostgresDatabase database in databases)
        {
            await using var store = new PostgresRunStore(database);
            Assert.Equal(CommitOutcome.Committed, (await store.WriteAsync(Writing.Creation())).Outcome);
        }

        foreach (PostgresDatabase database in databases)
        {
            await database.DisposeAsync();
        }
    }
}
