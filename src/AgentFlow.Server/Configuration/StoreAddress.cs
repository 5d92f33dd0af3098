using System.Security.Cryptography;
using System.Text;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Sqlite;

namespace AgentFlow.Server.Configuration;

/// <summary>Where runs are kept: what <c>AF_DB_DSN</c> says.</summary>
public abstract record StoreAddress
{
    private const string SqlitePrefix = "sqlite:";

    private StoreAddress()
    {
    }

    /// <summary>Whether several processes may use the store at once.</summary>
    public abstract bool IsShared { get; }

    /// <summary>A file of this deployment's own: beside the SQLite file, else in <c>./.af</c>; what belongs to no file goes with the store.</summary>
    internal string Beside(string what) => this switch
    {
        Memory memory => System.IO.Path.Combine(memory.Folder, what),
        Sqlite file => System.IO.Path.ChangeExtension(System.IO.Path.GetFullPath(file.Path), null) + "." + what,
        // What belongs to two databases must not meet in one file.
        _ => System.IO.Path.GetFullPath(System.IO.Path.Combine(".af", $"postgres-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ToString()!)).AsSpan(0, 4))}.{what}")),
    };

    /// <summary>A file that one process owns.</summary>
    public sealed record Sqlite(string Path) : StoreAddress
    {
        public override bool IsShared => false;

        public override string ToString() => SqlitePrefix + System.IO.Path.GetFullPath(Path);
    }

    /// <summary>Memory: everything is gone when the process ends.</summary>
    /// <param name="Folder">For the keys and the like, which are files; it goes with the store. Made when something is put into it.</param>
    public sealed record Memory(string Folder) : StoreAddress
    {
        public override bool IsShared => false;

        public override string ToString() => SqlitePrefix + SqliteDatabase.InMemory;
    }

    /// <summary>A PostgreSQL database.</summary>
    public sealed record Postgres : StoreAddress
    {
        private readonly string _shown;

        /// <exception cref="FormatException">The DSN cannot be read; the message never has the password.</exception>
        public Postgres(string dsn) => (Dsn, _shown) = (dsn, PostgresDatabase.Describe(dsn));

        /// <summary>Holds the password.</summary>
        public string Dsn { get; }

        public override bool IsShared => true;

        /// <summary>Without the password.</summary>
        public override string ToString() => "postgres://" + _shown;
    }

    /// <summary>Reads <c>sqlite:PATH</c>, <c>sqlite::memory:</c>, or PostgreSQL's <c>postgres://…</c>, <c>host=… dbname=…</c> and <c>Host=…;Database=…</c>.</summary>
    /// <exception cref="FormatException">The text is none of them; the message says what is expected and repeats no password.</exception>
    public static StoreAddress Parse(string dsn)
    {
        ArgumentNullException.ThrowIfNull(dsn);
        if (dsn.StartsWith(SqlitePrefix, StringComparison.Ordinal) && dsn.Length > SqlitePrefix.Length)
        {
            string path = dsn[SqlitePrefix.Length..];
            if (path == SqliteDatabase.InMemory)
            {
                return new Memory(System.IO.Path.Combine(System.IO.Path.GetTempPath(), "agentflow-" + System.IO.Path.GetRandomFileName()));
            }

            return new Sqlite(path.StartsWith("///", StringComparison.Ordinal) ? path[2..] : path);
        }

        int end = dsn.AsSpan().IndexOfAny(':', '=');
        if (end > 0 && (dsn[end] == '=' || dsn.StartsWith("postgres", StringComparison.OrdinalIgnoreCase)))
        {
            return new Postgres(dsn);
        }

        // Whatever it is, it can hold a password: only its scheme is repeated.
        string shown = end > 0 ? dsn[..end] + ":…" : dsn;
        throw new FormatException($"'{shown}' is no store: write sqlite:./.af/agentflow.db, sqlite:/absolute/path.db, sqlite::memory: or postgres://user:password@host:5432/database");
    }
}
