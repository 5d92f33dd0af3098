using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Sqlite;

public sealed class SqliteCostStoreTests : CostStoreCompliance
{
    private readonly TemporarySqlite _sqlite = new();

    protected override ICostStore Costs => new SqliteCostStore(_sqlite.Database);

    public override ValueTask InitializeAsync() => default;

    public override ValueTask DisposeAsync()
    {
        _sqlite.Dispose();
        return default;
    }
}
