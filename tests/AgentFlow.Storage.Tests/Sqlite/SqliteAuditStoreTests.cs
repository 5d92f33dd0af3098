using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Sqlite;

public sealed class SqliteAuditStoreTests : AuditStoreCompliance
{
    private readonly TemporarySqlite _sqlite = new();

    protected override IAuditStore Audit => new SqliteAuditStore(_sqlite.Database);

    protected override IRunStore Runs => new SqliteRunStore(_sqlite.Database);

    public override ValueTask InitializeAsync() => default;

    public override ValueTask DisposeAsync()
    {
        _sqlite.Dispose();
        return default;
    }
}

public sealed class SqliteAuditChainTests : AuditChainCompliance
{
    private readonly TemporarySqlite _sqlite = new();

    protected override IAuditStore Audit => new SqliteAuditStore(_sqlite.Database);

    protected override IRunStore Runs => new SqliteRunStore(_sqlite.Database);

    protected override ICatalogue Catalogue => new SqliteCatalogue(_sqlite.Database);

    protected override Task ExecuteAsync(string sql)
    {
        _sqlite.Database.Write(connection => connection.Execute(sql), durable: false);
        return Task.CompletedTask;
    }

    protected override string Literal(byte[] bytes) => $"x'{Convert.ToHexString(bytes)}'";

    protected override ValueTask OpenAsync() => default;

    protected override ValueTask CloseAsync()
    {
        _sqlite.Dispose();
        return default;
    }
}
