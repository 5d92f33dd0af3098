using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Sqlite;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server;

/// <summary>A server's store, open.</summary>
internal sealed class OpenStore : IAsyncDisposable
{
    public required IRunStore Runs { get; init; }

    public required ICatalogue Catalogue { get; init; }

    public required IAccessStore Access { get; init; }

    public required ITokenStore Tokens { get; init; }

    public required IAuditStore Audit { get; init; }

    public required IConfigStore Config { get; init; }

    public required IQuotaStore Quotas { get; init; }

    public required IAgentStore Agents { get; init; }

    public required IMetricStore Metrics { get; init; }

    public required IAlertStore Alerts { get; init; }

    public required ICostStore Costs { get; init; }

    public required IAgentPresence Presence { get; init; }

    public required IBridgeTaskStore BridgeTasks { get; init; }

    public required IBridgeEventStore BridgeEvents { get; init; }

    public required IHumanTaskStore HumanTasks { get; init; }

    public required ITriggerStore Triggers { get; init; }

    public required IStressTestStore StressTests { get; init; }

    /// <summary>What lets others go on.</summary>
    private Func<CancellationToken, Task> Parting { get; init; } = static _ => Task.CompletedTask;

    private Func<ValueTask> Closing { get; init; } = static () => default;

    /// <exception cref="DatabaseLockedException">Another process has the SQLite file open.</exception>
    /// <exception cref="SqliteException">The file is no database, or the disk refuses.</exception>
    /// <exception cref="StoreUnavailableException">PostgreSQL does not answer or refuses.</exception>
    public static async Task<OpenStore> OpenAsync(ServerOptions options, ILogger log, CancellationToken cancellationToken)
    {
        switch (options.Store)
        {
            case StoreAddress.Sqlite file:
                return On(SqliteDatabase.Open(file.Path), folder: null);
            case StoreAddress.Memory memory:
                return On(SqliteDatabase.Open(SqliteDatabase.InMemory), memory.Folder);
            case StoreAddress.Postgres server:
                PostgresDatabase shared = await PostgresDatabase.OpenAsync(server.Dsn, new PostgresOptions { Lease = options.Lease }, log, cancellationToken).ConfigureAwait(false);
                var runs = new PostgresRunStore(shared);
                return new OpenStore
                {
                    Runs = runs,
                    Catalogue = new PostgresCatalogue(shared),
                    Access = new PostgresAccessStore(shared),
                    Tokens = new PostgresTokenStore(shared),
                    Audit = new PostgresAuditStore(shared),
                    Config = new PostgresConfigStore(shared),
                    Quotas = new PostgresQuotaStore(shared),
                    Agents = new PostgresAgentStore(shared),
                    Metrics = new PostgresMetricStore(shared),
                    Alerts = new PostgresAlertStore(shared),
                    Costs = new PostgresCostStore(shared),
                    Presence = new PostgresAgentPresence(shared),
                    BridgeTasks = new PostgresBridgeTaskStore(shared),
                    BridgeEvents = new PostgresBridgeEventStore(shared),
                    HumanTasks = new PostgresHumanTaskStore(shared),
                    Triggers = new PostgresTriggerStore(shared),
                    StressTests = new PostgresStressTestStore(shared),
                    Parting = async token =>
                    {
                        await runs.DisposeAsync().ConfigureAwait(false);
                        await shared.CloseAsync(token).ConfigureAwait(false);
                    },
                    Closing = async () =>
                    {
                        await runs.DisposeAsync().ConfigureAwait(false);
                        await shared.DisposeAsync().ConfigureAwait(false);
                    },
                };
            default:
                throw new NotSupportedException($"There is no store for {options.Store}.");
        }
    }

    /// <summary>Lets others go on at once with what this process owns; it writes nothing any more.</summary>
    public Task HandOverAsync(CancellationToken cancellationToken) => Parting(cancellationToken);

    public ValueTask DisposeAsync() => Closing();

    /// <param name="folder">Goes with the database.</param>
    private static OpenStore On(SqliteDatabase database, string? folder) => new()
    {
        Runs = new SqliteRunStore(database),
        Catalogue = new SqliteCatalogue(database),
        Access = new SqliteAccessStore(database),
        Tokens = new SqliteTokenStore(database),
        Audit = new SqliteAuditStore(database),
        Config = new SqliteConfigStore(database),
        Quotas = new SqliteQuotaStore(database),
        Agents = new SqliteAgentStore(database),
        Metrics = new SqliteMetricStore(database),
        Alerts = new SqliteAlertStore(database),
        Costs = new SqliteCostStore(database),
        Presence = new SqliteAgentPresence(database),
        BridgeTasks = new SqliteBridgeTaskStore(database),
        BridgeEvents = new SqliteBridgeEventStore(database),
        HumanTasks = new SqliteHumanTaskStore(database),
        Triggers = new SqliteTriggerStore(database),
        StressTests = new SqliteStressTestStore(database),
        Closing = () =>
        {
            database.Dispose();
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            return default;
        },
    };
}
