using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresMetricStoreTests(PostgresFixture fixture) : MetricStoreCompliance
{
    private TemporaryPostgres? _postgres;

    protected override IMetricStore Metrics => new PostgresMetricStore(_postgres!.Database);

    protected override IAgentStore Agents => new PostgresAgentStore(_postgres!.Database);

    public override async ValueTask InitializeAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture, new PostgresOptions());

    public override ValueTask DisposeAsync() => _postgres?.DisposeAsync() ?? default;
}
