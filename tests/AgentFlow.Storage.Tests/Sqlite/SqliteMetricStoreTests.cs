using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Sqlite;

public sealed class SqliteMetricStoreTests : MetricStoreCompliance
{
    private readonly TemporarySqlite _sqlite = new();

    protected override IMetricStore Metrics => new SqliteMetricStore(_sqlite.Database);

    protected override IAgentStore Agents => new SqliteAgentStore(_sqlite.Database);

    public override ValueTask InitializeAsync() => default;

    public override ValueTask DisposeAsync()
    {
        _sqlite.Dispose();
        return default;
    }
}
