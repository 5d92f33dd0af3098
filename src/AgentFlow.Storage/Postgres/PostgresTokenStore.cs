using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>What tokens need to be remembered, in the same database as the runs.</summary>
public sealed class PostgresTokenStore(PostgresDatabase database) : ITokenStore
{
    public async ValueTask AddFamilyAsync(string tenant, TokenFamily family, CancellationToken cancellationToken) => await database.ExecuteAsync(
        "INSERT INTO token_families (tenant, id, subject, current, created_at, expires_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        p => p.Value(tenant).Value(family.Id).Value(family.Subject).Value(family.Current).Value(family.CreatedAt).Value(family.ExpiresAt).Optional(family.RevokedAt),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<TokenFamily?> FindFamilyAsync(string tenant, Ulid id, CancellationToken cancellationToken) => (await database.QueryAsync(
        "SELECT subject, current, created_at, expires_at, revoked_at FROM token_families WHERE tenant = $1 AND id = $2",
        p => p.Value(tenant).Value(id),
        row => new TokenFamily(id, row.GetString(0), row.GetFieldValue<byte[]>(1), row.GetInt64(2), row.GetInt64(3), Optional(row, 4)),
        cancellationToken).ConfigureAwait(false)).FirstOrDefault();

    public ValueTask<RotateOutcome> RotateAsync(string tenant, Ulid id, ReadOnlyMemory<byte> presented, ReadOnlyMemory<byte> next, long now, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var batch = new NpgsqlBatch(connection);
            batch.Add("UPDATE token_families SET current = $4 WHERE tenant = $1 AND id = $2 AND current = $3 AND revoked_at IS NULL AND expires_at > $5")
                .Value(tenant).Value(id).Value(presented).Value(next).Value(now);
            // Nobody else knows the next token: where it stands, this exchange has happened, perhaps when the batch was sent before.
            NpgsqlBatchCommand reuse = batch.AddCommand("UPDATE token_families SET revoked_at = $4 WHERE tenant = $1 AND id = $2 AND current <> $3 AND revoked_at IS NULL AND expires_at > $4");
            reuse.Parameters.Value(tenant).Value(id).Value(next).Value(now);
            batch.Add("SELECT current = $3 AND revoked_at IS NULL FROM token_families WHERE tenant = $1 AND id = $2").Value(tenant).Value(id).Value(next);
            object? rotated = await batch.ExecuteScalarAsync(token).ConfigureAwait(false);
            return rotated switch
            {
                null => RotateOutcome.Missing,
                true => RotateOutcome.Rotated,
                _ when reuse.RecordsAffected > 0 => RotateOutcome.Reused,
                _ => RotateOutcome.Ended,
            };
        },
        cancellationToken);

    public async ValueTask<bool> RevokeFamilyAsync(string tenant, Ulid id, long now, CancellationToken cancellationToken) => await database.ExecuteAsync(
        "UPDATE token_families SET revoked_at = $3 WHERE tenant = $1 AND id = $2 AND revoked_at IS NULL AND expires_at > $3",
        p => p.Value(tenant).Value(id).Value(now),
        cancellationToken).ConfigureAwait(false) > 0;

    public async ValueTask RevokeFamiliesAsync(string tenant, string subject, long now, CancellationToken cancellationToken) => await database.ExecuteAsync(
        "UPDATE token_families SET revoked_at = $3 WHERE tenant = $1 AND subject = $2 AND revoked_at IS NULL",
        p => p.Value(tenant).Value(subject).Value(now),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask RevokeAsync(string tenant, Revocation revocation, CancellationToken cancellationToken) => await database.ExecuteAsync(
        """
        INSERT INTO revocations (tenant, key, at, until) VALUES ($1, $2, $3, $4)
        ON CONFLICT (tenant, key) DO UPDATE SET at = greatest(revocations.at, excluded.at), until = greatest(revocations.until, excluded.until)
        """,
        p => p.Value(tenant).Value(revocation.Key).Value(revocation.At).Value(revocation.Until),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<(string Tenant, Revocation Revocation)>> RevocationsAsync(long now, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT tenant, key, at, until FROM revocations WHERE until > $1 ORDER BY tenant, key",
        p => p.Value(now),
        static row => (row.GetString(0), new Revocation(row.GetString(1), row.GetInt64(2), row.GetInt64(3))),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask ForgetExpiredAsync(long now, CancellationToken cancellationToken) => await database.ReadAsync(
        async (connection, token) =>
        {
            using var batch = new NpgsqlBatch(connection);
            batch.Add("DELETE FROM revocations WHERE until <= $1").Value(now);
            batch.Add("DELETE FROM token_families WHERE expires_at <= $1").Value(now);
            batch.Add("DELETE FROM signing_keys WHERE retires_at <= $1").Value(now);
            return await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
        },
        cancellationToken).ConfigureAwait(false);

    public ValueTask<bool> AddSigningKeyAsync(SigningKey key, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var batch = new NpgsqlBatch(connection);
            batch.Add("INSERT INTO signing_keys (id, algorithm, public_key, private_key, created_at, retires_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING")
                .Value(key.Id).Value(key.Algorithm).Value(key.PublicKey).Value(key.PrivateKey).Value(key.CreatedAt).Optional(key.RetiresAt);
            // By content, not by what was inserted: the batch may have been sent a second time.
            batch.Add("SELECT public_key = $2 FROM signing_keys WHERE id = $1").Value(key.Id).Value(key.PublicKey);
            return (bool)(await batch.ExecuteScalarAsync(token).ConfigureAwait(false))!;
        },
        cancellationToken);

    public async ValueTask<IReadOnlyList<SigningKey>> ListSigningKeysAsync(CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT id, algorithm, public_key, private_key, created_at, retires_at FROM signing_keys ORDER BY created_at DESC, id DESC",
        static _ => { },
        static row => new SigningKey(row.GetString(0), row.GetString(1), row.GetFieldValue<byte[]>(2), row.GetFieldValue<byte[]>(3), row.GetInt64(4), Optional(row, 5)),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<bool> RetireSigningKeyAsync(string id, long at, CancellationToken cancellationToken) =>
        await database.ExecuteAsync("UPDATE signing_keys SET retires_at = least(coalesce(retires_at, $2), $2) WHERE id = $1", p => p.Value(id).Value(at), cancellationToken).ConfigureAwait(false) == 1;

    private static long? Optional(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);
}
