using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;

namespace AgentFlow.Storage.Sqlite;

/// <summary>Tenants, users, roles and API keys in the same file as the runs.</summary>
public sealed class SqliteAccessStore(SqliteDatabase database) : IAccessStore
{
    private const string Bound = "(SELECT group_concat(b.role, char(10)) FROM role_bindings b WHERE b.tenant = s.tenant AND b.subject = s.id)";
    private const string UserColumns = $"s.id, s.name, s.password_hash, s.created_at, s.disabled_at, {Bound}";
    private const string KeyColumns = $"s.id, s.name, s.secret_hash, s.owner, s.scopes, s.created_by, s.created_at, s.expires_at, s.disabled_at, {Bound}";

    private const string InsertUser = "INSERT OR IGNORE INTO users (tenant, id, name, password_hash, created_at, disabled_at) VALUES (?, ?, ?, ?, ?, ?)";
    private const string InsertFirstUser = "INSERT INTO users (tenant, id, name, password_hash, created_at, disabled_at) SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM users WHERE tenant = ?1)";

    public ValueTask<bool> AddTenantAsync(TenantAccount tenant, CancellationToken cancellationToken) => ChangeAsync(connection => Insert(connection, tenant));

    public ValueTask<AddOutcome> AddTenantOnceAsync(string tenant, TenantAccount account, UserAccount admin, AccessRequest request, CancellationToken cancellationToken) => AddOnceAsync(tenant, request, connection =>
    {
        if (!Insert(connection, account))
        {
            return false;
        }

        Insert(connection, InsertFirstUser, account.Name, admin);
        return true;
    });

    public ValueTask<AccessRequest?> FindRequestAsync(string tenant, string key, CancellationToken cancellationToken) => FindAsync(
        connection => connection.Prepare("SELECT key, request_hash, resource, created_at FROM access_requests WHERE tenant = ? AND key = ?").Bind(tenant).Bind(key),
        static row => new AccessRequest(row.Text(0), row.Text(1), row.Text(2), row.Int64(3)));

    public ValueTask<TenantAccount?> FindTenantAsync(string tenant, CancellationToken cancellationToken) => FindAsync(
        connection => connection.Prepare("SELECT name, description, created_at, disabled_at FROM tenants WHERE name = ?").Bind(tenant), ToTenant);

    public ValueTask<AccessPage<TenantAccount>> ListTenantsAsync(string? after, int size, CancellationToken cancellationToken) => PageAsync(
        connection => connection.Prepare("SELECT name, description, created_at, disabled_at FROM tenants WHERE name > ? ORDER BY name LIMIT ?").Bind(after ?? "").Bind(size + 1),
        connection => connection.Prepare("SELECT count(*) FROM tenants"),
        size,
        ToTenant);

    public ValueTask<bool> DisableTenantAsync(string tenant, long? at, CancellationToken cancellationToken) => ChangeAsync(connection =>
        connection.Prepare("UPDATE tenants SET disabled_at = ? WHERE name = ?").BindOptional(at).Bind(tenant).Run());

    public ValueTask<bool> AddUserAsync(string tenant, UserAccount user, CancellationToken cancellationToken) => ChangeAsync(connection => Insert(connection, InsertUser, tenant, user));

    public ValueTask<AddOutcome> AddUserOnceAsync(string tenant, UserAccount user, AccessRequest request, CancellationToken cancellationToken) =>
        AddOnceAsync(tenant, request, connection => Insert(connection, InsertUser, tenant, user));

    public ValueTask<bool> AddFirstUserAsync(string tenant, UserAccount user, CancellationToken cancellationToken) => ChangeAsync(connection => Insert(connection, InsertFirstUser, tenant, user));

    public ValueTask<UserAccount?> FindUserAsync(string tenant, Ulid id, CancellationToken cancellationToken) => FindAsync(
        connection => connection.Prepare($"SELECT {UserColumns} FROM users s WHERE s.tenant = ? AND s.id = ?").Bind(tenant).Bind(id), ToUser);

    public ValueTask<UserAccount?> FindUserAsync(string tenant, string name, CancellationToken cancellationToken) => FindAsync(
        connection => connection.Prepare($"SELECT {UserColumns} FROM users s WHERE s.tenant = ? AND s.name = ?").Bind(tenant).Bind(name), ToUser);

    public ValueTask<AccessPage<UserAccount>> ListUsersAsync(string tenant, string? after, int size, CancellationToken cancellationToken) => PageAsync(
        connection => connection.Prepare($"SELECT {UserColumns} FROM users s WHERE s.tenant = ? AND s.name > ? ORDER BY s.name LIMIT ?").Bind(tenant).Bind(after ?? "").Bind(size + 1),
        connection => connection.Prepare("SELECT count(*) FROM users WHERE tenant = ?").Bind(tenant),
        size,
        ToUser);

    public ValueTask<bool> SetPasswordAsync(string tenant, Ulid user, string hash, string? expected, CancellationToken cancellationToken) => ChangeAsync(connection =>
        connection.Prepare("UPDATE users SET password_hash = ?1 WHERE tenant = ?2 AND id = ?3 AND (?4 IS NULL OR password_hash = ?4)").Bind(hash).Bind(tenant).Bind(user).BindOptional(expected).Run());

    public ValueTask<bool> DisableUserAsync(string tenant, Ulid user, long? at, CancellationToken cancellationToken) => ChangeAsync(connection =>
        connection.Prepare("UPDATE users SET disabled_at = ? WHERE tenant = ? AND id = ?").BindOptional(at).Bind(tenant).Bind(user).Run());

    public ValueTask<bool> SetUserRolesAsync(string tenant, Ulid user, IReadOnlyList<string> roles, CancellationToken cancellationToken)
    {
        bool found = false;
        database.Write(connection =>
        {
            SqliteStatement exists = connection.Prepare("SELECT 1 FROM users WHERE tenant = ? AND id = ?").Bind(tenant).Bind(user);
            found = exists.Read();
            exists.Reset();
            if (found)
            {
                connection.Prepare("DELETE FROM role_bindings WHERE tenant = ? AND subject = ?").Bind(tenant).Bind(user).Run();
                Bind(connection, tenant, user, roles);
            }
        });
        return new(found);
    }

    public ValueTask<bool> SaveRoleAsync(string tenant, Role role, CancellationToken cancellationToken)
    {
        bool isNew = false;
        database.Write(connection =>
        {
            connection.Prepare("DELETE FROM roles WHERE tenant = ? AND name = ?").Bind(tenant).Bind(role.Name).Run();
            isNew = connection.Changes == 0;
            connection.Prepare("INSERT INTO roles (tenant, name, description, grants, tools, workflows, max_cost) VALUES (?, ?, ?, ?, ?, ?, ?)")
                .Bind(tenant).Bind(role.Name).Bind(role.Description).Bind(Join(role.Permissions.Names)!).BindOptional(Join(role.AllowedTools?.Patterns))
                .BindOptional(Join(role.Policies.Workflows?.Patterns)).BindOptional(role.Policies.MaxRunNanoDollars).Run();
        });
        return new(isNew);
    }

    public ValueTask<IReadOnlyList<Role>> ListRolesAsync(string tenant, CancellationToken cancellationToken) => new(database.Read(connection => ReadAll(
        connection.Prepare("SELECT name, description, grants, tools, workflows, max_cost FROM roles WHERE tenant = ? ORDER BY name").Bind(tenant), ToRole)));

    public ValueTask<bool> RemoveRoleAsync(string tenant, string role, CancellationToken cancellationToken) => ChangeAsync(connection =>
    {
        connection.Prepare("DELETE FROM role_bindings WHERE tenant = ? AND role = ?").Bind(tenant).Bind(role).Run();
        connection.Prepare("DELETE FROM roles WHERE tenant = ? AND name = ?").Bind(tenant).Bind(role).Run();
    });

    public ValueTask AddKeyAsync(string tenant, ApiKey key, CancellationToken cancellationToken)
    {
        database.Write(connection => Insert(connection, tenant, key));
        return default;
    }

    public ValueTask<AddOutcome> AddKeyOnceAsync(string tenant, ApiKey key, AccessRequest request, CancellationToken cancellationToken) =>
        AddOnceAsync(tenant, request, connection => Insert(connection, tenant, key));

    public ValueTask<ApiKey?> FindKeyAsync(string tenant, Ulid id, CancellationToken cancellationToken) => FindAsync(
        connection => connection.Prepare($"SELECT {KeyColumns} FROM api_keys s WHERE s.tenant = ? AND s.id = ?").Bind(tenant).Bind(id), ToKey);

    public ValueTask<AccessPage<ApiKey>> ListKeysAsync(string tenant, Ulid? owner, Ulid? before, int size, CancellationToken cancellationToken) => PageAsync(
        connection => connection.Prepare($"SELECT {KeyColumns} FROM api_keys s WHERE s.tenant = ?1 AND (?2 IS NULL OR s.owner = ?2) AND (?3 IS NULL OR s.id < ?3) ORDER BY s.id DESC LIMIT ?4")
            .Bind(tenant).BindOptional(owner).BindOptional(before).Bind(size + 1),
        connection => connection.Prepare("SELECT count(*) FROM api_keys WHERE tenant = ?1 AND (?2 IS NULL OR owner = ?2)").Bind(tenant).BindOptional(owner),
        size,
        ToKey);

    public ValueTask<bool> DisableKeyAsync(string tenant, Ulid id, long at, CancellationToken cancellationToken) => ChangeAsync(connection =>
        connection.Prepare("UPDATE api_keys SET disabled_at = ? WHERE tenant = ? AND id = ? AND disabled_at IS NULL").Bind(at).Bind(tenant).Bind(id).Run());

    /// <summary>Whether the last statement of a transaction changed a row.</summary>
    private ValueTask<bool> ChangeAsync(Action<SqliteConnection> change)
    {
        bool changed = false;
        database.Write(connection =>
        {
            change(connection);
            changed = connection.Changes > 0;
        });
        return new(changed);
    }

    private ValueTask<bool> ChangeAsync(Func<SqliteConnection, bool> change)
    {
        bool changed = false;
        database.Write(connection => changed = change(connection));
        return new(changed);
    }

    private ValueTask<AddOutcome> AddOnceAsync(string tenant, AccessRequest request, Func<SqliteConnection, bool> add)
    {
        var outcome = AddOutcome.Added;
        database.Write(connection =>
        {
            connection.Prepare("DELETE FROM access_requests WHERE created_at < ?").Bind(request.At - (long)AccessRequest.RememberedFor.TotalMilliseconds).Run();
            SqliteStatement known = connection.Prepare("SELECT 1 FROM access_requests WHERE tenant = ? AND key = ?").Bind(tenant).Bind(request.Key);
            bool repeated = known.Read();
            known.Reset();
            outcome = repeated ? AddOutcome.Repeated : add(connection) ? AddOutcome.Added : AddOutcome.Exists;
            if (outcome == AddOutcome.Added)
            {
                connection.Prepare("INSERT INTO access_requests (tenant, key, request_hash, resource, created_at) VALUES (?, ?, ?, ?, ?)")
                    .Bind(tenant).Bind(request.Key).Bind(request.Hash).Bind(request.Resource).Bind(request.At).Run();
            }
        });
        return new(outcome);
    }

    private static bool Insert(SqliteConnection connection, TenantAccount tenant)
    {
        connection.Prepare("INSERT OR IGNORE INTO tenants (name, description, created_at, disabled_at) VALUES (?, ?, ?, ?)")
            .Bind(tenant.Name).Bind(tenant.Description).Bind(tenant.CreatedAt).BindOptional(tenant.DisabledAt).Run();
        return connection.Changes > 0;
    }

    private static bool Insert(SqliteConnection connection, string insert, string tenant, UserAccount user)
    {
        connection.Prepare(insert).Bind(tenant).Bind(user.Id).Bind(user.Name).Bind(user.PasswordHash).Bind(user.CreatedAt).BindOptional(user.DisabledAt).Run();
        if (connection.Changes == 0)
        {
            return false;
        }

        Bind(connection, tenant, user.Id, user.Roles);
        return true;
    }

    private static bool Insert(SqliteConnection connection, string tenant, ApiKey key)
    {
        connection.Prepare("INSERT INTO api_keys (tenant, id, name, secret_hash, owner, scopes, created_by, created_at, expires_at, disabled_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .Bind(tenant).Bind(key.Id).Bind(key.Name).Bind(key.SecretHash.Span).BindOptional(key.Owner).BindOptional(Join(key.Scopes))
            .Bind(key.CreatedBy).Bind(key.CreatedAt).BindOptional(key.ExpiresAt).BindOptional(key.DisabledAt).Run();
        Bind(connection, tenant, key.Id, key.Roles);
        return true;
    }

    private static void Bind(SqliteConnection connection, string tenant, Ulid subject, IReadOnlyList<string> roles)
    {
        foreach (string role in roles)
        {
            connection.Prepare("INSERT OR IGNORE INTO role_bindings (tenant, subject, role) VALUES (?, ?, ?)").Bind(tenant).Bind(subject).Bind(role).Run();
        }
    }

    private ValueTask<T?> FindAsync<T>(Func<SqliteConnection, SqliteStatement> query, Func<SqliteStatement, T> read)
        where T : class => new(database.Read(connection => ReadAll(query(connection), read) is [var first, ..] ? first : null));

    private ValueTask<AccessPage<T>> PageAsync<T>(Func<SqliteConnection, SqliteStatement> query, Func<SqliteConnection, SqliteStatement> count, int size, Func<SqliteStatement, T> read) => new(database.Read(connection =>
    {
        IReadOnlyList<T> rows = ReadAll(query(connection), read);
        long total = ReadAll(count(connection), static row => row.Int64(0))[0];
        return new AccessPage<T>([.. rows.Take(size)], total, rows.Count > size);
    }));

    private static IReadOnlyList<T> ReadAll<T>(SqliteStatement rows, Func<SqliteStatement, T> read)
    {
        var found = new List<T>();
        while (rows.Read())
        {
            found.Add(read(rows));
        }

        return found;
    }

    private static TenantAccount ToTenant(SqliteStatement row) => new(row.Text(0), row.Text(1), row.Int64(2), row.OptionalInt64(3));

    private static UserAccount ToUser(SqliteStatement row) => new(new Ulid(row.Blob(0)), row.Text(1), row.Text(2), Roles(row, 5), row.Int64(3), row.OptionalInt64(4));

    private static Role ToRole(SqliteStatement row) => new(row.Text(0), row.Text(1), PermissionSet.Parse(Split(row.Text(2))!))
    {
        AllowedTools = Split(row.OptionalText(3)) is { } tools ? new NamePatterns(tools) : null,
        Policies = new RolePolicies { Workflows = Split(row.OptionalText(4)) is { } workflows ? new NamePatterns(workflows) : null, MaxRunNanoDollars = row.OptionalInt64(5) },
    };

    private static ApiKey ToKey(SqliteStatement row) => new(
        new Ulid(row.Blob(0)),
        row.Text(1),
        row.Blob(2).ToArray(),
        row.IsNull(3) ? null : new Ulid(row.Blob(3)),
        Roles(row, 9),
        Split(row.OptionalText(4)),
        row.Text(5),
        row.Int64(6),
        row.OptionalInt64(7),
        row.OptionalInt64(8));

    private static string[] Roles(SqliteStatement row, int column) => [.. (Split(row.OptionalText(column)) ?? []).Order(StringComparer.Ordinal)];

    private static string? Join(IReadOnlyList<string>? names) => names is null ? null : string.Join('\n', names);

    private static string[]? Split(string? lines) => lines?.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
