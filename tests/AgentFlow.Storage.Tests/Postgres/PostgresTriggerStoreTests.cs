using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresTriggerStoreTests(PostgresFixture fixture) : TriggerStoreCompliance
{
    private TemporaryPostgres? _postgres;

    protected override ITriggerStore Triggers => new PostgresTriggerStore(_postgres!.Database);

    public override async ValueTask InitializeAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture, new PostgresOptions());

    public override async ValueTask DisposeAsync()
    {
        if (_postgres is not null)
        {
            await _postgres.DisposeAsync();
        }
    }
}
