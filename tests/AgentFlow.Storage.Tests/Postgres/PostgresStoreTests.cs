using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresRunStoreTests(PostgresFixture fixture) : RunStoreCompliance
{
    private TemporaryPostgres? _postgres;

    protected override IRunStore Store => _postgres!.Store;

    public override async ValueTask InitializeAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture);

    public override ValueTask DisposeAsync() => _postgres?.DisposeAsync() ?? default;

    protected override async ValueTask ReopenAsync() => await _postgres!.ReopenAsync();
}

public sealed class PostgresCatalogueTests(PostgresFixture fixture) : CatalogueCompliance, IAsyncLifetime
{
    private TemporaryPostgres? _postgres;

    protected override ICatalogue Catalogue => new PostgresCatalogue(_postgres!.Database);

    public async ValueTask InitializeAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture);

    public ValueTask DisposeAsync() => _postgres?.DisposeAsync() ?? default;
}

public sealed class PostgresAccessStoreTests(PostgresFixture fixture) : AccessStoreCompliance, IAsyncLifetime
{
    private TemporaryPostgres? _postgres;

    protected override IAccessStore Store => new PostgresAccessStore(_postgres!.Database);

    public async ValueTask InitializeAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture);

    public ValueTask DisposeAsync() => _postgres?.DisposeAsync() ?? default;
}

public sealed class PostgresTokenStoreTests(PostgresFixture fixture) : TokenStoreCompliance, IAsyncLifetime
{
    private TemporaryPostgres? _postgres;

    protected override ITokenStore Store => new PostgresTokenStore(_postgres!.Database);

    public async ValueTask InitializeAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture);

    public ValueTask DisposeAsync() => _postgres?.DisposeAsync() ?? default;
}

public sealed class PostgresHostTests(PostgresFixture fixture) : HostCompliance
{
    private TemporaryPostgres? _postgres;

    protected override IRunStore Store => _postgres!.Store;

    protected override ICatalogue Catalogue => new PostgresCatalogue(_postgres!.Database);

    public override async ValueTask InitializeAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture);

    protected override ValueTask CloseStoreAsync() => _postgres?.DisposeAsync() ?? default;

    protected override async ValueTask ReopenAsync() => await _postgres!.ReopenAsync();

    protected override async Task<long> BytesOnDiskAsync() => (long)await _postgres!.Cluster.QueryAsync<decimal>(
        $"SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = '{_postgres.Schema}'::regnamespace");
}
