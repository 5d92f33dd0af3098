using System.Net.Sockets;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>The database refuses or does not answer. The message says why and what to do about it.</summary>
/// <param name="mayPass">Whether the same call can succeed later without anybody changing the configuration.</param>
public sealed class StoreUnavailableException(string message, bool mayPass, Exception? inner = null) : Exception(message, inner)
{
    public const string Code = "STORE_UNAVAILABLE";

    /// <summary>Whether the same call can succeed later without anybody changing the configuration.</summary>
    public bool MayPass { get; } = mayPass;

    /// <summary>Says what a failure means; <see langword="null"/> when it is no failure of the database but a bug.</summary>
    /// <param name="server">The server as messages name it: user, host, port and database, never the password.</param>
    internal static StoreUnavailableException? From(Exception failure, string server) => failure switch
    {
        StoreUnavailableException known => known,
        PostgresException e => FromServer(e, server),
        NpgsqlException { InnerException: TimeoutException } e => new($"PostgreSQL at {server} did not answer in time. Look for long transactions and a slow disk, or raise the time limit.", true, e),
        NpgsqlException { InnerException: SocketException s } e => new($"PostgreSQL at {server} cannot be reached ({s.Message}). Start it, or correct host and port in AF_DB_DSN.", true, e),
        NpgsqlException { InnerException: System.Security.Authentication.AuthenticationException a } e => new($"PostgreSQL at {server}: TLS failed ({a.Message}). Correct sslmode and sslrootcert in AF_DB_DSN.", false, e),
        NpgsqlException { InnerException: null } e when e.Message.Contains("assword", StringComparison.Ordinal) => new($"PostgreSQL at {server} asks for a password and AF_DB_DSN holds none. Write postgres://user:password@host/database.", false, e),
        NpgsqlException e => new($"The connection to PostgreSQL at {server} broke ({(e.InnerException ?? e).Message}). It is opened again by itself.", true, e),
        TimeoutException e => new($"PostgreSQL at {server} did not answer in time. Look for long transactions and a slow disk, or raise the time limit.", true, e),
        _ => null,
    };

    private static StoreUnavailableException? FromServer(PostgresException e, string server) => e.SqlState switch
    {
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            new($"PostgreSQL at {server} refuses the login ({e.MessageText}). Correct user and password in AF_DB_DSN.", false, e),
        PostgresErrorCodes.InvalidCatalogName => new($"PostgreSQL at {server}: {e.MessageText}. Create it (CREATE DATABASE), or correct AF_DB_DSN.", false, e),
        PostgresErrorCodes.InvalidSchemaName => new($"PostgreSQL at {server}: {e.MessageText}. Create the schema (CREATE SCHEMA), or correct search_path in AF_DB_DSN.", false, e),
        PostgresErrorCodes.InsufficientPrivilege => new($"PostgreSQL at {server}: {e.MessageText}. Grant the user of AF_DB_DSN its own schema: it creates tables, a function and a sequence.", false, e),
        PostgresErrorCodes.ReadOnlySqlTransaction => new($"PostgreSQL at {server} is read-only: a standby, or default_transaction_read_only is on. Point AF_DB_DSN at the primary (with several hosts: target_session_attrs=primary).", true, e),
        PostgresErrorCodes.TooManyConnections => new($"PostgreSQL at {server} has no connection left. Raise max_connections, or lower 'Maximum Pool Size' in AF_DB_DSN.", true, e),
        PostgresErrorCodes.CannotConnectNow => new($"PostgreSQL at {server} is starting up or recovering ({e.MessageText}). Wait until it is ready.", true, e),
        PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown => new($"PostgreSQL at {server} is going down ({e.MessageText}).", true, e),
        PostgresErrorCodes.QueryCanceled => new($"PostgreSQL at {server} gave a statement up ({e.MessageText}). Look for long transactions and a slow disk, or raise the time limit.", true, e),
        PostgresErrorCodes.LockNotAvailable => new($"PostgreSQL at {server} has had a transaction open for seconds that holds what is needed ({e.MessageText}). Look for long transactions.", true, e),
        PostgresErrorCodes.DiskFull => new($"PostgreSQL at {server}: the disk is full ({e.MessageText}). Make room; nothing was written.", true, e),
        PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected => new($"PostgreSQL at {server} kept refusing a transaction ({e.MessageText}). It is written again.", true, e),
        ['0', '8', ..] or ['5', '3', ..] or ['5', '7', ..] or ['5', '8', ..] => new($"PostgreSQL at {server}: {e.MessageText}.", true, e),
        _ => null,
    };
}
