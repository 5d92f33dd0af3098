using System.Globalization;
using System.Text;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Reads what <c>AF_DB_DSN</c> may hold for PostgreSQL: a URI (<c>postgres://user:password@host:5432/database?sslmode=require</c>),
/// libpq's words (<c>host=… dbname=…</c>), or Npgsql's (<c>Host=…;Database=…</c>).
/// </summary>
internal static class PostgresDsn
{
    /// <summary>What libpq calls a setting, and what Npgsql does.</summary>
    private static readonly Dictionary<string, string> Words = new(StringComparer.OrdinalIgnoreCase)
    {
        ["host"] = "Host",
        ["port"] = "Port",
        ["user"] = "Username",
        ["password"] = "Password",
        ["dbname"] = "Database",
        ["passfile"] = "Passfile",
        ["sslmode"] = "SSL Mode",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["sslpassword"] = "SSL Password",
        ["connect_timeout"] = "Timeout",
        ["target_session_attrs"] = "Target Session Attributes",
        ["options"] = "Options",
        ["search_path"] = "Search Path",
        ["pool_max"] = "Maximum Pool Size",
    };

    /// <exception cref="FormatException">The text is none of the forms; the message says where and what is expected, without the password.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string dsn)
    {
        NpgsqlConnectionStringBuilder settings = dsn switch
        {
            _ when dsn.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase) => FromUri(dsn["postgres://".Length..]),
            _ when dsn.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase) => FromUri(dsn["postgresql://".Length..]),
            _ when dsn.Contains(';', StringComparison.Ordinal) => FromNpgsql(dsn),
            _ => FromWords(dsn),
        };
        if (string.IsNullOrEmpty(settings.Host))
        {
            throw new FormatException("AF_DB_DSN names no host. Write postgres://user:password@host:5432/database.");
        }

        return settings;
    }

    /// <summary>How messages name the server.</summary>
    public static string Describe(NpgsqlConnectionStringBuilder settings) =>
        string.Create(CultureInfo.InvariantCulture, $"{settings.Username}@{settings.Host}:{settings.Port}/{settings.Database ?? settings.Username}");

    private static NpgsqlConnectionStringBuilder FromUri(string rest)
    {
        // Not System.Uri: it knows neither several hosts nor an empty one, and messages of its exceptions may hold the password.
        var settings = new NpgsqlConnectionStringBuilder();
        int question = rest.IndexOf('?', StringComparison.Ordinal);
        string query = question < 0 ? "" : rest[(question + 1)..];
        string before = question < 0 ? rest : rest[..question];
        int slash = before.IndexOf('/', StringComparison.Ordinal);
        string authority = slash < 0 ? before : before[..slash];
        if (slash >= 0 && slash + 1 < before.Length)
        {
            Set(settings, "dbname", Decode(before[(slash + 1)..]));
        }

        int at = authority.LastIndexOf('@');
        if (at >= 0)
        {
            string[] user = authority[..at].Split(':', 2);
            Set(settings, "user", Decode(user[0]));
            if (user.Length == 2)
            {
                Set(settings, "password", Decode(user[1]));
            }
        }

        SetHosts(settings, authority[(at + 1)..]);
        foreach (string pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = pair.Split('=', 2);
            Set(settings, Decode(parts[0]), parts.Length == 2 ? Decode(parts[1]) : "");
        }

        return settings;
    }

    private static void SetHosts(NpgsqlConnectionStringBuilder settings, string hosts)
    {
        if (hosts.Contains(',', StringComparison.Ordinal))
        {
            settings.Host = hosts;
            return;
        }

        // An IPv6 address stands in brackets, because it has colons of its own.
        int close = hosts.LastIndexOf(']');
        int colon = hosts.IndexOf(':', Math.Max(close, 0));
        string host = Decode(colon < 0 ? hosts : hosts[..colon]).Trim('[', ']');
        if (host.Length > 0)
        {
            settings.Host = host;
        }

        if (colon >= 0)
        {
            Set(settings, "port", hosts[(colon + 1)..]);
        }
    }

    private static NpgsqlConnectionStringBuilder FromNpgsql(string dsn)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(dsn);
        }
        catch (ArgumentException e)
        {
            throw new FormatException($"AF_DB_DSN cannot be read: {e.Message} Write postgres://user:password@host:5432/database.");
        }
    }

    /// <summary>libpq's form: <c>word=value</c> between spaces; a value with spaces stands in single quotes, a backslash escapes.</summary>
    private static NpgsqlConnectionStringBuilder FromWords(string dsn)
    {
        var settings = new NpgsqlConnectionStringBuilder();
        int i = 0;
        while (true)
        {
            while (i < dsn.Length && char.IsWhiteSpace(dsn[i]))
            {
                i++;
            }

            if (i == dsn.Length)
            {
                return settings;
            }

            int equals = dsn.IndexOf('=', i);
            if (equals < 0)
            {
                throw new FormatException("AF_DB_DSN is neither sqlite:… nor a PostgreSQL DSN. Write postgres://user:password@host:5432/database.");
            }

            string word = dsn[i..equals].Trim();
            i = equals + 1;
            bool quoted = i < dsn.Length && dsn[i] == '\'';
            i += quoted ? 1 : 0;
            var value = new StringBuilder();
            while (i < dsn.Length && !(quoted ? dsn[i] == '\'' : char.IsWhiteSpace(dsn[i])))
            {
                i += dsn[i] == '\\' && i + 1 < dsn.Length ? 1 : 0;
                value.Append(dsn[i++]);
            }

            if (quoted && i == dsn.Length)
            {
                throw new FormatException($"AF_DB_DSN: the quote of '{word}' is never closed.");
            }

            i += quoted ? 1 : 0;
            Set(settings, word, value.ToString());
        }
    }

    private static void Set(NpgsqlConnectionStringBuilder settings, string word, string value)
    {
        if (!Words.TryGetValue(word, out string? name))
        {
            throw new FormatException($"AF_DB_DSN: '{word}' is not a setting. Known are: {string.Join(", ", Words.Keys)}.");
        }

        try
        {
            settings[name] = name is "SSL Mode" or "Target Session Attributes" ? value.Replace("verify-", "Verify", StringComparison.Ordinal) : value;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException or InvalidCastException)
        {
            throw new FormatException(word.Equals("password", StringComparison.OrdinalIgnoreCase)
                ? "AF_DB_DSN: the password cannot be used."
                : $"AF_DB_DSN: '{value}' is no value for '{word}'.");
        }
    }

    private static string Decode(string text)
    {
        try
        {
            return Uri.UnescapeDataString(text);
        }
        catch (UriFormatException)
        {
            throw new FormatException("AF_DB_DSN: a part of the URI is not percent-encoded correctly. Encode @ : / ? # and % of a password as %40 %3A %2F %3F %23 and %25.");
        }
    }
}
