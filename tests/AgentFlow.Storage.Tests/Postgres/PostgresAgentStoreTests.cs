using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresAgentStoreTests(PostgresFixture fixture) : AgentStoreCompliance
{
    private TemporaryPostgres? _postgres;

    protected override IAgentStore Agents => new PostgresAgentStore(_postgres!.Database);

    public override async ValueTask InitializeAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture, new PostgresOptions());

    public override ValueTask DisposeAsync() => _postgres?.DisposeAsync() ?? default;
}
