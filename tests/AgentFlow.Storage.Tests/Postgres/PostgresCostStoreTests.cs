using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresCostStoreTests(PostgresFixture fixture) : CostStoreCompliance
{
    private TemporaryPostgres? _postgres;

    protected override ICostStore Costs => new PostgresCostStore(_postgres!.Database);

    public override async ValueTask InitializeAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture, new PostgresOptions());

    public override ValueTask DisposeAsync() => _postgres?.DisposeAsync() ?? default;
}
