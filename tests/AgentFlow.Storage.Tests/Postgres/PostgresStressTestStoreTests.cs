using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresStressTestStoreTests(PostgresFixture fixture) : StressTestStoreCompliance
{
    private TemporaryPostgres? _postgres;

    protected override IStressTestStore Store => new PostgresStressTestStore(_postgres!.Database);

    public override async ValueTask InitializeAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture, new PostgresOptions());

    public override ValueTask DisposeAsync() => _postgres?.DisposeAsync() ?? default;
}
