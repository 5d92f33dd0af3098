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
    private readonly Func<CancellationToken, Task> _handOver;
    private readonly Func<ValueTask> _dispose;

    private OpenStore(IRunStore runs, ICatalogue catalogue, IAccessStore access, ITokenStore tokens, IAuditStore audit, IConfigStore config, IQuotaStore quotas, IAgentStore agents, IMetricStore metrics, IAlertStore alerts, IAgentPresence presence, IBridgeTaskStore bridgeTasks, IBridgeEventStore bridgeEvents, Func<CancellationToken, Task> handOver, Func<ValueTask> dispose) =>
        (Runs, Catalogue, Access, Tokens, Audit, Config, Quotas, Agents, Metrics, Alerts, Presence, BridgeTasks, BridgeEvents, _handOver, _dispose) = (runs, catalogue, access, tokens, audit, config, quotas, agents, metrics, alerts, presence, bridgeTasks, bridgeEvents, handOver, dispose);

    public IRunStore Runs { get; }

    public ICatalogue Catalogue { get; }

    public IAccessStore Access { get; }

    public ITokenStore Tokens { get; }

    public IAuditStore Audit { get; }

    public IConfigStore Config { get; }

    public IQuotaStore Quotas { get; }

    public IAgentStore Agents { get; }

    public IMetricStore Metrics { get; }

    public IAlertStore Alerts { get; }

    public IAgentPresence Presence { get; }

    public IBridgeTaskStore BridgeTasks { get; }

    public IBridgeEventStore BridgeEvents { get; }

    /// <exception cref="DatabaseLockedException">Another process has the SQLite file open.</exception>
    /// <exception cref="SqliteException">The file is no database, or the disk refuses.</exception>
    /// <exception cref="StoreUnavailableException">PostgreSQL does not answer or refuses.</exception>
    public static async Task<OpenStore> OpenAsync(ServerOptions options, ILogger log, CancellationToken cancellationToken)
    {
        switch (options.Store)
        {
            case StoreAddress.Sqlite file:
                SqliteDatabase database = SqliteDatabase.Open(file.Path);
                return new OpenStore(
                    new SqliteRunStore(database),
                    new SqliteCatalogue(database),
                    new SqliteAccessStore(database),
                    new SqliteTokenStore(database),
                    new SqliteAuditStore(database),
                    new SqliteConfigStore(database),
                    new SqliteQuotaStore(database),
                    new SqliteAgentStore(database),
                    new SqliteMetricStore(database),
                    new SqliteAlertStore(database),
                    new SqliteAgentPresence(database),
                    new SqliteBridgeTaskStore(database),
                    new SqliteBridgeEventStore(database),
                    static _ => Task.CompletedTask,
                    () =>
                    {
                        database.Dispose();
                        return default;
                    });
            case StoreAddress.Postgres server:
                PostgresDatabase shared = await PostgresDatabase.OpenAsync(server.Dsn, new PostgresOptions { Lease = options.Lease }, log, cancellationToken).ConfigureAwait(false);
                var runs = new PostgresRunStore(shared);
                return new OpenStore(
                    runs,
                    new PostgresCatalogue(shared),
                    new PostgresAccessStore(shared),
                    new PostgresTokenStore(shared),
                    new PostgresAuditStore(shared),
                    new PostgresConfigStore(shared),
                    new PostgresQuotaStore(shared),
                    new PostgresAgentStore(shared),
                    new PostgresMetricStore(shared),
                    new PostgresAlertStore(shared),
                    new PostgresAgentPresence(shared),
                    new PostgresBridgeTaskStore(shared),
                    new PostgresBridgeEventStore(shared),
                    async token =>
                    {
                        await runs.DisposeAsync().ConfigureAwait(false);
                        await shared.CloseAsync(token).ConfigureAwait(false);
                    },
                    async () =>
                    {
                        await runs.DisposeAsync().ConfigureAwait(false);
                        await shared.DisposeAsync().ConfigureAwait(false);
                    });
            default:
                throw new NotSupportedException($"There is no store for {options.Store}.");
        }
    }

    /// <summary>Lets others go on at once with what this process owns; it writes nothing any more.</summary>
    public Task HandOverAsync(CancellationToken cancellationToken) => _handOver(cancellationToken);

    public ValueTask DisposeAsync() => _dispose();
}
