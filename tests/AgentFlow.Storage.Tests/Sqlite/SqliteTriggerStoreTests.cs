using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Sqlite;

public sealed class SqliteTriggerStoreTests : TriggerStoreCompliance
{
    private readonly TemporarySqlite _sqlite = new();

    protected override ITriggerStore Triggers => new SqliteTriggerStore(_sqlite.Database);

    public override ValueTask InitializeAsync() => default;

    public override ValueTask DisposeAsync()
    {
        _sqlite.Dispose();
        return default;
    }
}
