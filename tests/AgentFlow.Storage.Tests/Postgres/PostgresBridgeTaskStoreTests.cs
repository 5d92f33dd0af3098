using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresBridgeTaskStoreTests(PostgresFixture fixture) : BridgeTaskStoreCompliance
{
    private TemporaryPostgres? _postgres;
    private PostgresRunStore? _runs;

    protected override IBridgeTaskStore Tasks => new PostgresBridgeTaskStore(_postgres!.Database);

    protected override IRunStore Runs => _runs!;

    public override async ValueTask InitializeAsync()
    {
        _postgres = await TemporaryPostgres.CreateAsync(fixture, new PostgresOptions());
        _runs = new PostgresRunStore(_postgres.Database);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_runs is not null)
        {
            await _runs.DisposeAsync();
        }

        if (_postgres is not null)
        {
            await _postgres.DisposeAsync();
        }
    }
}
