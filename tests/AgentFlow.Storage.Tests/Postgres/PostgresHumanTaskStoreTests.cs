using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresHumanTaskStoreTests(PostgresFixture fixture) : HumanTaskStoreCompliance
{
    private TemporaryPostgres? _postgres;

    protected override IHumanTaskStore Tasks => new PostgresHumanTaskStore(_postgres!.Database);

    public override async ValueTask InitializeAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture, new PostgresOptions());

    public override async ValueTask DisposeAsync()
    {
        if (_postgres is not null)
        {
            await _postgres.DisposeAsync();
        }
    }
}
