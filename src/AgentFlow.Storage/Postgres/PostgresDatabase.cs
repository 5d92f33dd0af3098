using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// One process's way to a PostgreSQL database: its connections, the schema brought up to date, and the session under which
/// the process owns runs. Connections that break are opened again by themselves.
/// </summary>
public sealed class PostgresDatabase : IAsyncDisposable
{
    private const int OldestVersion = 14;

    private PostgresSession? _session;
    private PostgresNews? _news;
    private bool _countsRuns;
    private int _disposed;
    private bool _answers;

    private PostgresDatabase(NpgsqlDataSource source, string server, string tag, PostgresOptions options, ILogger log)
    {
        Source = source;
        Server = server;
        Tag = tag;
        Options = options;
        Log = log;
    }

    internal NpgsqlDataSource Source { get; }

    /// <summary>How messages name the server.</summary>
    internal string Server { get; }

    /// <summary>The application name of this process's connections, which no other process has.</summary>
    internal string Tag { get; }

    internal PostgresOptions Options { get; }

    internal ILogger Log { get; }

    internal PostgresSession Session => _session!;

    internal PostgresNews News => _news!;

    internal ClaimTicket Claims { get; } = new();

    /// <summary>Whether this process knows that runs must be counted. Once they must, they must for good.</summary>
    internal bool CountsRuns
    {
        get => Volatile.Read(ref _countsRuns);
        set => Volatile.Write(ref _countsRuns, value);
    }

    /// <summary>
    /// Connects, brings the schema up to date and takes a session. Several processes may do so at once. A server that is there and
    /// slow is waited for as long as the longest statement may take: whoever is only starting has no lease to lose.
    /// </summary>
    /// <param name="dsn">
    /// <c>postgres://user:password@host:port/database?sslmode=…</c>, libpq's <c>host=… dbname=…</c>, or Npgsql's <c>Host=…;Database=…</c>.
    /// The user needs a schema in which it may create tables. A direct connection or a pooler in session mode: the store
    /// listens for notifications and sets session variables when it connects.
    /// </param>
    /// <exception cref="FormatException">The DSN cannot be read.</exception>
    /// <exception cref="StoreUnavailableException">The server is gone, refuses, is read-only or too old, or its schema is newer than this build.</exception>
    public static async Task<PostgresDatabase> OpenAsync(string dsn, PostgresOptions? options = null, ILogger? log = null, CancellationToken cancellationToken = default)
    {
        options ??= new PostgresOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Lease, TimeSpan.FromSeconds(1));
        NpgsqlConnectionStringBuilder settings = PostgresDsn.Parse(dsn);
        string server = PostgresDsn.Describe(settings);
        string tag = "agentflow-" + Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
        Prepare(settings, options, tag);
        long begin = Stopwatch.GetTimestamp();
        while (true)
        {
            var database = new PostgresDatabase(new NpgsqlDataSourceBuilder(settings.ConnectionString).Build(), server, tag, options, log ?? NullLogger.Instance);
            try
            {
                await database.StartAsync(cancellationToken).ConfigureAwait(false);
                return database;
            }
            catch (Exception e)
            {
                await database.DisposeAsync().ConfigureAwait(false);
                StoreUnavailableException? known = StoreUnavailableException.From(e, server);
                if (known?.InnerException is { InnerException: TimeoutException } && database._answers && Stopwatch.GetElapsedTime(begin).TotalSeconds < options.LongestAnswerSeconds)
                {
                    continue;
                }

                if (known is not null && !ReferenceEquals(known, e))
                {
                    throw known;
                }

                throw;
            }
        }
    }

    /// <summary>How messages name the server of a DSN: user, host, port and database, never the password.</summary>
    /// <exception cref="FormatException">The DSN cannot be read.</exception>
    public static string Describe(string dsn) => PostgresDsn.Describe(PostgresDsn.Parse(dsn));

    /// <summary>Gives the session back, so that others continue its runs at once instead of after the lease.</summary>
    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Session.EndAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Lets go without a word, as if the process had died here: others wait for the lease to run out.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        if (_session is not null)
        {
            await _session.DisposeAsync().ConfigureAwait(false);
        }

        if (_news is not null)
        {
            await _news.DisposeAsync().ConfigureAwait(false);
        }

        Claims.Dispose();
        await Source.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Runs something that may run twice. One connection that turns out to be dead costs a second try, not a failure.</summary>
    internal async ValueTask<T> ReadAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            bool connected = false;
            try
            {
                NpgsqlConnection connection = await Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
                await using (connection.ConfigureAwait(false))
                {
                    connected = true;
                    return await read(connection, cancellationToken).ConfigureAwait(false);
                }
            }
            catch (NpgsqlException e) when (attempt == 1 && connected && IsBroken(e))
            {
                // A server that was restarted leaves every idle connection dead.
                Source.Clear();
            }
            catch (NpgsqlException e) when (attempt < 5 && e.SqlState is PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected)
            {
                await Task.Delay(Random.Shared.Next(5, 50), cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (StoreUnavailableException.From(e, Server) is { } known && !ReferenceEquals(known, e))
            {
                Distrust(e);
                throw known;
            }
        }
    }

    /// <summary>Runs one statement that may run twice.</summary>
    /// <returns>How many rows it concerned.</returns>
    internal ValueTask<int> ExecuteAsync(string sql, Action<NpgsqlParameterCollection> bind, CancellationToken cancellationToken) => ReadAsync(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand(sql, connection);
            bind(command.Parameters);
            return await command.ExecuteNonQueryAsync(token).ConfigureAwait(false);
        },
        cancellationToken);

    /// <summary>Runs one statement that may run twice, and reads each row that it gives.</summary>
    internal ValueTask<List<T>> QueryAsync<T>(string sql, Action<NpgsqlParameterCollection> bind, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken) => ReadAsync(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand(sql, connection);
            bind(command.Parameters);
            var found = new List<T>();
            NpgsqlDataReader rows = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (rows.ConfigureAwait(false))
            {
                while (await rows.ReadAsync(token).ConfigureAwait(false))
                {
                    found.Add(read(rows));
                }
            }

            return found;
        },
        cancellationToken);

    /// <summary><see cref="ReadAsync{T}"/> for the caller that cannot wait otherwise.</summary>
    internal T Read<T>(Func<NpgsqlConnection, T> read)
    {
        for (int attempt = 1; ; attempt++)
        {
            bool connected = false;
            try
            {
                using NpgsqlConnection connection = Source.OpenConnection();
                connected = true;
                return read(connection);
            }
            catch (NpgsqlException e) when (attempt == 1 && connected && IsBroken(e))
            {
                Source.Clear();
            }
            catch (Exception e) when (StoreUnavailableException.From(e, Server) is { } known && !ReferenceEquals(known, e))
            {
                Distrust(e);
                throw known;
            }
        }
    }

    /// <summary>Where one connection got no answer, its idle neighbours may be as dead: none of them is used again.</summary>
    internal void Distrust(Exception failure)
    {
        if (failure is NpgsqlException { InnerException: TimeoutException })
        {
            Source.Clear();
        }
    }

    /// <exception cref="StoreUnavailableException">The server lacks what the store uses.</exception>
    internal static void CheckVersion(Version version, string server)
    {
        if (version.Major < OldestVersion)
        {
            throw new StoreUnavailableException($"PostgreSQL at {server} has version {version}; {OldestVersion} or newer is needed. Upgrade it, or point AF_DB_DSN at a newer one.", mayPass: false);
        }
    }

    private static bool IsBroken(NpgsqlException e) =>
        e is PostgresException ? e.SqlState is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown : e.InnerException is not TimeoutException;

    private static void Prepare(NpgsqlConnectionStringBuilder settings, PostgresOptions options, string tag)
    {
        if (!settings.Host!.Contains(',', StringComparison.Ordinal))
        {
            settings.TargetSessionAttributes = null;
        }
        else
        {
            settings.TargetSessionAttributes ??= "primary";
        }

        if (!settings.ShouldSerialize("Maximum Pool Size"))
        {
            settings.MaxPoolSize = 32;
        }

        settings.ApplicationName = tag;
        // Who hears nothing for a lease has lost it, whatever the answer would have been; a connection whose other end is gone
        // without a word would otherwise hold a commit for the time that the longest statement may take.
        settings.CommandTimeout = Math.Min((int)Math.Ceiling(options.Lease.TotalSeconds), options.LongestAnswerSeconds);
        settings.CancellationTimeout = 500;
        if (!settings.ShouldSerialize("Timeout"))
        {
            settings.Timeout = Math.Clamp(settings.CommandTimeout, 2, settings.Timeout);
        }

        settings.Enlist = false;
        settings.Multiplexing = false;
        settings.NoResetOnClose = true;
        settings.MaxAutoPrepare = 64;
        settings.AutoPrepareMinUsages = 2;
        settings.WriteBufferSize = 65_536;
        settings.ReadBufferSize = 32_768;
        // Every statement finds its rows by an index, and is planned once: without statistics, as on a new database, the
        // planner would choose plans that read whole tables, and keep them.
        settings.Options = string.Create(
            CultureInfo.InvariantCulture,
            $"{settings.Options} -c synchronous_commit=on -c statement_timeout={(long)options.StatementTimeout.TotalMilliseconds} -c idle_in_transaction_session_timeout=60000 -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off").TrimStart();
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            _answers = true;
            CheckVersion(connection.PostgreSqlVersion, Server);
            await PostgresMigrator.MigrateAsync(connection, Server, Options.LongestAnswerSeconds, cancellationToken).ConfigureAwait(false);
        }

        string channel = await ReadAsync(PostgresNews.ChannelAsync, cancellationToken).ConfigureAwait(false);
        _news = new PostgresNews(this, channel);
        _session = await PostgresSession.OpenAsync(this, cancellationToken).ConfigureAwait(false);
    }
}
