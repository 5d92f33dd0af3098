using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Sqlite;

public sealed class SqliteBridgeTaskStoreTests : BridgeTaskStoreCompliance
{
    private readonly TemporarySqlite _sqlite = new();

    protected override IBridgeTaskStore Tasks => new SqliteBridgeTaskStore(_sqlite.Database);

    protected override IRunStore Runs => new SqliteRunStore(_sqlite.Database);

    public override ValueTask InitializeAsync() => default;

    public override ValueTask DisposeAsync()
    {
        _sqlite.Dispose();
        return default;
    }
}
