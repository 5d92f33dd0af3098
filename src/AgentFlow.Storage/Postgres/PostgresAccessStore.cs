using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Storage.Postgres;

/// <summary>Tenants, users, roles and API keys in the same database as the runs.</summary>
public sealed class PostgresAccessStore(PostgresDatabase database) : IAccessStore
{
    private const string Bound = "ARRAY(SELECT b.role FROM role_bindings b WHERE b.tenant = s.tenant AND b.subject = s.id ORDER BY b.role)";
    private const string TenantColumns = "name, description, created_at, disabled_at";
    private const string UserColumns = $"s.id, s.name, s.password_hash, s.created_at, s.disabled_at, {Bound}";
    private const string KeyColumns = $"s.id, s.name, s.secret_hash, s.owner, s.scopes, s.created_by, s.created_at, s.expires_at, s.disabled_at, {Bound}";
    private const string InsertRoles = "INSERT INTO role_bindings (tenant, subject, role) SELECT $1, $2, unnest($3::text[]) WHERE EXISTS (SELECT FROM users u WHERE u.tenant = $1 AND u.id = $2) ON CONFLICT DO NOTHING";
    private const string InsertTenant = "INSERT INTO tenants (name, description, created_at, disabled_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    private const string InsertUser = "INSERT INTO users (tenant, id, name, password_hash, created_at, disabled_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    private const string InsertFirstUser = "INSERT INTO users (tenant, id, name, password_hash, created_at, disabled_at) SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT FROM users WHERE tenant = $1)";

    // Held by whoever looks whether a tenant has users, together with a hash of the schema's name.
    private const int FirstUserLock = 0x4147;

    public ValueTask<bool> AddTenantAsync(TenantAccount tenant, CancellationToken cancellationToken) => ChangeAsync(
        InsertTenant,
        p => Bind(p, tenant),
        cancellationToken);

    public ValueTask<AddOutcome> AddTenantOnceAsync(string tenant, TenantAccount account, UserAccount admin, AccessRequest request, CancellationToken cancellationToken) => AddOnceAsync(
        tenant,
        request,
        batch =>
        {
            NpgsqlBatchCommand added = batch.AddCommand(InsertTenant);
            Bind(added.Parameters, account);
            Add(batch, account.Name, admin, InsertFirstUser);
            return added;
        },
        cancellationToken);

    public ValueTask<AccessRequest?> FindRequestAsync(string tenant, string key, CancellationToken cancellationToken) => FindAsync(
        "SELECT key, request_hash, resource, created_at FROM access_requests WHERE tenant = $1 AND key = $2",
        p => p.Value(tenant).Value(key),
        static row => new AccessRequest(row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3)),
        cancellationToken);

    public ValueTask<TenantAccount?> FindTenantAsync(string tenant, CancellationToken cancellationToken) =>
        FindAsync($"SELECT {TenantColumns} FROM tenants WHERE name = $1", p => p.Value(tenant), ToTenant, cancellationToken);

    public ValueTask<AccessPage<TenantAccount>> ListTenantsAsync(string? after, int size, CancellationToken cancellationToken) => PageAsync(
        $"SELECT {TenantColumns} FROM tenants WHERE name > $1 ORDER BY name LIMIT $2",
        p => p.Value(after ?? "").Value(size + 1),
        "SELECT count(*) FROM tenants",
        static _ => { },
        size,
        ToTenant,
        cancellationToken);

    public ValueTask<bool> DisableTenantAsync(string tenant, long? at, CancellationToken cancellationToken) =>
        ChangeAsync("UPDATE tenants SET disabled_at = $2 WHERE name = $1", p => p.Value(tenant).Optional(at), cancellationToken);

    public ValueTask<bool> AddUserAsync(string tenant, UserAccount user, CancellationToken cancellationToken) =>
        AddUserAsync(tenant, user, InsertUser, cancellationToken);

    public ValueTask<AddOutcome> AddUserOnceAsync(string tenant, UserAccount user, AccessRequest request, CancellationToken cancellationToken) =>
        AddOnceAsync(tenant, request, batch => Add(batch, tenant, user, InsertUser), cancellationToken);

    public ValueTask<bool> AddFirstUserAsync(string tenant, UserAccount user, CancellationToken cancellationToken) =>
        AddUserAsync(tenant, user, InsertFirstUser, cancellationToken);

    public ValueTask<UserAccount?> FindUserAsync(string tenant, Ulid id, CancellationToken cancellationToken) =>
        FindAsync($"SELECT {UserColumns} FROM users s WHERE s.tenant = $1 AND s.id = $2", p => p.Value(tenant).Value(id), ToUser, cancellationToken);

    public ValueTask<UserAccount?> FindUserAsync(string tenant, string name, CancellationToken cancellationToken) =>
        FindAsync($"SELECT {UserColumns} FROM users s WHERE s.tenant = $1 AND s.name = $2", p => p.Value(tenant).Value(name), ToUser, cancellationToken);

    public ValueTask<AccessPage<UserAccount>> ListUsersAsync(string tenant, string? after, int size, CancellationToken cancellationToken) => PageAsync(
        $"SELECT {UserColumns} FROM users s WHERE s.tenant = $1 AND s.name > $2 ORDER BY s.name LIMIT $3",
        p => p.Value(tenant).Value(after ?? "").Value(size + 1),
        "SELECT count(*) FROM users WHERE tenant = $1",
        p => p.Value(tenant),
        size,
        ToUser,
        cancellationToken);

    public ValueTask<bool> SetPasswordAsync(string tenant, Ulid user, string hash, string? expected, CancellationToken cancellationToken) => ChangeAsync(
        // The new hash itself may stand there when the statement is sent a second time.
        "UPDATE users SET password_hash = $3 WHERE tenant = $1 AND id = $2 AND ($4::text IS NULL OR password_hash IN ($3, $4))",
        p => p.Value(tenant).Value(user).Value(hash).Optional(expected),
        cancellationToken);

    public ValueTask<bool> DisableUserAsync(string tenant, Ulid user, long? at, CancellationToken cancellationToken) =>
        ChangeAsync("UPDATE users SET disabled_at = $3 WHERE tenant = $1 AND id = $2", p => p.Value(tenant).Value(user).Optional(at), cancellationToken);

    public ValueTask<bool> SetUserRolesAsync(string tenant, Ulid user, IReadOnlyList<string> roles, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var batch = new NpgsqlBatch(connection);
            // The row's lock lets two replacements follow each other.
            NpgsqlBatchCommand locked = batch.AddCommand("UPDATE users SET name = name WHERE tenant = $1 AND id = $2");
            locked.Parameters.Value(tenant).Value(user);
            batch.Add("DELETE FROM role_bindings WHERE tenant = $1 AND subject = $2").Value(tenant).Value(user);
            batch.Add(InsertRoles).Value(tenant).Value(user).Values(roles, NpgsqlDbType.Text);
            await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
            return locked.RecordsAffected > 0;
        },
        cancellationToken);

    public ValueTask<bool> SaveRoleAsync(string tenant, Role role, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand(
                """
                INSERT INTO roles (tenant, name, description, grants, tools, workflows, max_cost) VALUES ($1, $2, $3, $4, $5, $6, $7)
                ON CONFLICT (tenant, name) DO UPDATE
                SET description = excluded.description, grants = excluded.grants, tools = excluded.tools, workflows = excluded.workflows, max_cost = excluded.max_cost
                RETURNING xmax = 0
                """,
                connection);
            command.Parameters.Value(tenant).Value(role.Name).Value(role.Description).Values(role.Permissions.Names, NpgsqlDbType.Text)
                .Optional(role.AllowedTools?.Patterns).Optional(role.Policies.Workflows?.Patterns).Optional(role.Policies.MaxRunNanoDollars);
            return (bool)(await command.ExecuteScalarAsync(token).ConfigureAwait(false))!;
        },
        cancellationToken);

    public ValueTask<IReadOnlyList<Role>> ListRolesAsync(string tenant, CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<Role>>(
        (connection, token) => ReadAsync(connection, "SELECT name, description, grants, tools, workflows, max_cost FROM roles WHERE tenant = $1 ORDER BY name", p => p.Value(tenant), ToRole, token),
        cancellationToken);

    public ValueTask<bool> RemoveRoleAsync(string tenant, string role, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var batch = new NpgsqlBatch(connection);
            batch.Add("DELETE FROM role_bindings WHERE tenant = $1 AND role = $2").Value(tenant).Value(role);
            NpgsqlBatchCommand removed = batch.AddCommand("DELETE FROM roles WHERE tenant = $1 AND name = $2");
            removed.Parameters.Value(tenant).Value(role);
            await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
            return removed.RecordsAffected > 0;
        },
        cancellationToken);

    public async ValueTask AddKeyAsync(string tenant, ApiKey key, CancellationToken cancellationToken) => await database.ReadAsync(
        async (connection, token) =>
        {
            using var batch = new NpgsqlBatch(connection);
            Add(batch, tenant, key);
            return await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
        },
        cancellationToken).ConfigureAwait(false);

    public ValueTask<AddOutcome> AddKeyOnceAsync(string tenant, ApiKey key, AccessRequest request, CancellationToken cancellationToken) =>
        AddOnceAsync(tenant, request, batch => Add(batch, tenant, key), cancellationToken);

    public ValueTask<ApiKey?> FindKeyAsync(string tenant, Ulid id, CancellationToken cancellationToken) =>
        FindAsync($"SELECT {KeyColumns} FROM api_keys s WHERE s.tenant = $1 AND s.id = $2", p => p.Value(tenant).Value(id), ToKey, cancellationToken);

    public ValueTask<AccessPage<ApiKey>> ListKeysAsync(string tenant, Ulid? owner, Ulid? before, int size, CancellationToken cancellationToken) => PageAsync(
        $"SELECT {KeyColumns} FROM api_keys s WHERE s.tenant = $1 AND ($2::uuid IS NULL OR s.owner = $2) AND ($3::uuid IS NULL OR s.id < $3) ORDER BY s.id DESC LIMIT $4",
        p => p.Value(tenant).Optional(owner).Optional(before).Value(size + 1),
        "SELECT count(*) FROM api_keys WHERE tenant = $1 AND ($2::uuid IS NULL OR owner = $2)",
        p => p.Value(tenant).Optional(owner),
        size,
        ToKey,
        cancellationToken);

    public ValueTask<bool> DisableKeyAsync(string tenant, Ulid id, long at, CancellationToken cancellationToken) => ChangeAsync(
        "UPDATE api_keys SET disabled_at = $3 WHERE tenant = $1 AND id = $2 AND disabled_at IS NULL", p => p.Value(tenant).Value(id).Value(at), cancellationToken);

    private async ValueTask<bool> ChangeAsync(string sql, Action<NpgsqlParameterCollection> bind, CancellationToken cancellationToken) =>
        await database.ExecuteAsync(sql, bind, cancellationToken).ConfigureAwait(false) > 0;

    private ValueTask<bool> AddUserAsync(string tenant, UserAccount user, string insert, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var batch = new NpgsqlBatch(connection);
            Add(batch, tenant, user, insert);
            // By the id, not by what was inserted: the batch may have been sent a second time.
            batch.Add("SELECT EXISTS (SELECT FROM users WHERE tenant = $1 AND id = $2)").Value(tenant).Value(user.Id);
            NpgsqlDataReader reader = await batch.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                // The lock's row comes before the answer.
                await reader.NextResultAsync(token).ConfigureAwait(false);
                await reader.ReadAsync(token).ConfigureAwait(false);
                return reader.GetBoolean(0);
            }
        },
        cancellationToken);

    /// <param name="add">Adds the statements, and says which one's count tells whether something was added.</param>
    private ValueTask<AddOutcome> AddOnceAsync(string tenant, AccessRequest request, Func<NpgsqlBatch, NpgsqlBatchCommand> add, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            NpgsqlTransaction transaction = await connection.BeginTransactionAsync(token).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                using var remember = new NpgsqlBatch(connection);
                remember.Add("DELETE FROM access_requests WHERE created_at < $1").Value(request.At - (long)AccessRequest.RememberedFor.TotalMilliseconds);
                // Whoever sends the same key at the same time waits here for this one.
                NpgsqlBatchCommand taken = remember.AddCommand("INSERT INTO access_requests (tenant, key, request_hash, resource, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING");
                taken.Parameters.Value(tenant).Value(request.Key).Value(request.Hash).Value(request.Resource).Value(request.At);
                await remember.ExecuteNonQueryAsync(token).ConfigureAwait(false);
                if (taken.RecordsAffected == 0)
                {
                    using var known = new NpgsqlCommand("SELECT resource FROM access_requests WHERE tenant = $1 AND key = $2", connection);
                    known.Parameters.Value(tenant).Value(request.Key);
                    // This very try may have got through without our hearing of it.
                    return (string?)await known.ExecuteScalarAsync(token).ConfigureAwait(false) == request.Resource ? AddOutcome.Added : AddOutcome.Repeated;
                }

                using var batch = new NpgsqlBatch(connection);
                NpgsqlBatchCommand added = add(batch);
                await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
                if (added.RecordsAffected == 0)
                {
                    return AddOutcome.Exists;
                }

                await transaction.CommitAsync(token).ConfigureAwait(false);
                return AddOutcome.Added;
            }
        },
        cancellationToken);

    private static void Bind(NpgsqlParameterCollection parameters, TenantAccount tenant) =>
        parameters.Value(tenant.Name).Value(tenant.Description).Value(tenant.CreatedAt).Optional(tenant.DisabledAt);

    /// <returns>The statement whose count tells whether the user was added.</returns>
    private static NpgsqlBatchCommand Add(NpgsqlBatch batch, string tenant, UserAccount user, string insert)
    {
        batch.Add($"SELECT pg_advisory_xact_lock({FirstUserLock}, hashtext(current_schema()))");
        NpgsqlBatchCommand added = batch.AddCommand(insert);
        added.Parameters.Value(tenant).Value(user.Id).Value(user.Name).Value(user.PasswordHash).Value(user.CreatedAt).Optional(user.DisabledAt);
        batch.Add(InsertRoles).Value(tenant).Value(user.Id).Values(user.Roles, NpgsqlDbType.Text);
        return added;
    }

    private static NpgsqlBatchCommand Add(NpgsqlBatch batch, string tenant, ApiKey key)
    {
        NpgsqlBatchCommand added = batch.AddCommand("INSERT INTO api_keys (tenant, id, name, secret_hash, owner, scopes, created_by, created_at, expires_at, disabled_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING");
        added.Parameters.Value(tenant).Value(key.Id).Value(key.Name).Value(key.SecretHash).Optional(key.Owner).Optional(key.Scopes)
            .Value(key.CreatedBy).Value(key.CreatedAt).Optional(key.ExpiresAt).Optional(key.DisabledAt);
        batch.Add("INSERT INTO role_bindings (tenant, subject, role) SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING").Value(tenant).Value(key.Id).Values(key.Roles, NpgsqlDbType.Text);
        return added;
    }

    private async ValueTask<T?> FindAsync<T>(string sql, Action<NpgsqlParameterCollection> bind, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
        where T : class =>
        (await database.ReadAsync((connection, token) => ReadAsync(connection, sql, bind, read, token), cancellationToken).ConfigureAwait(false)) is [var first, ..] ? first : null;

    private ValueTask<AccessPage<T>> PageAsync<T>(
        string sql,
        Action<NpgsqlParameterCollection> bind,
        string countSql,
        Action<NpgsqlParameterCollection> bindCount,
        int size,
        Func<NpgsqlDataReader, T> read,
        CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            IReadOnlyList<T> rows = await ReadAsync(connection, sql, bind, read, token).ConfigureAwait(false);
            IReadOnlyList<long> total = await ReadAsync(connection, countSql, bindCount, static row => row.GetInt64(0), token).ConfigureAwait(false);
            return new AccessPage<T>([.. rows.Take(size)], total[0], rows.Count > size);
        },
        cancellationToken);

    private static async Task<IReadOnlyList<T>> ReadAsync<T>(NpgsqlConnection connection, string sql, Action<NpgsqlParameterCollection> bind, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand(sql, connection);
        bind(command.Parameters);
        var found = new List<T>();
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                found.Add(read(reader));
            }
        }

        return found;
    }

    private static TenantAccount ToTenant(NpgsqlDataReader row) => new(row.GetString(0), row.GetString(1), row.GetInt64(2), Number(row, 3));

    private static UserAccount ToUser(NpgsqlDataReader row) =>
        new(Parameters.ToUlid(row.GetGuid(0)), row.GetString(1), row.GetString(2), row.GetFieldValue<string[]>(5), row.GetInt64(3), Number(row, 4));

    private static Role ToRole(NpgsqlDataReader row) => new(row.GetString(0), row.GetString(1), PermissionSet.Parse(row.GetFieldValue<string[]>(2)))
    {
        AllowedTools = Names(row, 3) is { } tools ? new NamePatterns(tools) : null,
        Policies = new RolePolicies { Workflows = Names(row, 4) is { } workflows ? new NamePatterns(workflows) : null, MaxRunNanoDollars = Number(row, 5) },
    };

    private static ApiKey ToKey(NpgsqlDataReader row) => new(
        Parameters.ToUlid(row.GetGuid(0)),
        row.GetString(1),
        row.GetFieldValue<byte[]>(2),
        row.IsDBNull(3) ? null : Parameters.ToUlid(row.GetGuid(3)),
        row.GetFieldValue<string[]>(9),
        Names(row, 4),
        row.GetString(5),
        row.GetInt64(6),
        Number(row, 7),
        Number(row, 8));

    private static long? Number(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    private static string[]? Names(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<string[]>(column);
}
