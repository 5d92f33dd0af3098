using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Sqlite;

public sealed class SqliteQuotaStoreTests : QuotaCompliance
{
    private readonly TemporarySqlite _sqlite = new();

    protected override IQuotaStore Quotas => new SqliteQuotaStore(_sqlite.Database);

    protected override ICatalogue Catalogue => new SqliteCatalogue(_sqlite.Database);

    protected override IReadOnlyList<IRunStore> Stores => [new SqliteRunStore(_sqlite.Database)];

    public override ValueTask InitializeAsync() => default;

    public override ValueTask DisposeAsync()
    {
        _sqlite.Dispose();
        return default;
    }
}
