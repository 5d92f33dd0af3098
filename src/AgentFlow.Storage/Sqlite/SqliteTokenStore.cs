using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;

namespace AgentFlow.Storage.Sqlite;

/// <summary>What tokens need to be remembered, in the same file as the runs.</summary>
public sealed class SqliteTokenStore(SqliteDatabase database) : ITokenStore
{
    public ValueTask AddFamilyAsync(string tenant, TokenFamily family, CancellationToken cancellationToken)
    {
        database.Write(connection => connection.Prepare("INSERT INTO token_families (tenant, id, subject, current, created_at, expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?)")
            .Bind(tenant).Bind(family.Id).Bind(family.Subject).Bind(family.Current.Span).Bind(family.CreatedAt).Bind(family.ExpiresAt).BindOptional(family.RevokedAt).Run());
        return default;
    }

    public ValueTask<TokenFamily?> FindFamilyAsync(string tenant, Ulid id, CancellationToken cancellationToken) => new(database.Read(connection => Find(connection, tenant, id)));

    public ValueTask<RotateOutcome> RotateAsync(string tenant, Ulid id, ReadOnlyMemory<byte> presented, ReadOnlyMemory<byte> next, long now, CancellationToken cancellationToken)
    {
        var outcome = RotateOutcome.Missing;
        database.Write(connection =>
        {
            if (Find(connection, tenant, id) is not { } family)
            {
                return;
            }

            if (family.RevokedAt is not null || family.ExpiresAt <= now)
            {
                outcome = RotateOutcome.Ended;
            }
            else if (family.Current.Span.SequenceEqual(presented.Span))
            {
                outcome = RotateOutcome.Rotated;
                connection.Prepare("UPDATE token_families SET current = ? WHERE tenant = ? AND id = ?").Bind(next.Span).Bind(tenant).Bind(id).Run();
            }
            else
            {
                outcome = RotateOutcome.Reused;
                Revoke(connection, tenant, id, now);
            }
        });
        return new(outcome);
    }

    public ValueTask<bool> RevokeFamilyAsync(string tenant, Ulid id, long now, CancellationToken cancellationToken)
    {
        bool revoked = false;
        database.Write(connection => revoked = Revoke(connection, tenant, id, now));
        return new(revoked);
    }

    public ValueTask RevokeFamiliesAsync(string tenant, string subject, long now, CancellationToken cancellationToken)
    {
        database.Write(connection =>
            connection.Prepare("UPDATE token_families SET revoked_at = ? WHERE tenant = ? AND subject = ? AND revoked_at IS NULL").Bind(now).Bind(tenant).Bind(subject).Run());
        return default;
    }

    public ValueTask RevokeAsync(string tenant, Revocation revocation, CancellationToken cancellationToken)
    {
        database.Write(connection => connection.Prepare("INSERT INTO revocations (tenant, key, at, until) VALUES (?, ?, ?, ?) ON CONFLICT (tenant, key) DO UPDATE SET at = max(at, excluded.at), until = max(until, excluded.until)")
            .Bind(tenant).Bind(revocation.Key).Bind(revocation.At).Bind(revocation.Until).Run());
        return default;
    }

    public ValueTask<IReadOnlyList<(string Tenant, Revocation Revocation)>> RevocationsAsync(long now, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        var found = new List<(string, Revocation)>();
        SqliteStatement rows = connection.Prepare("SELECT tenant, key, at, until FROM revocations WHERE until > ? ORDER BY tenant, key").Bind(now);
        while (rows.Read())
        {
            found.Add((rows.Text(0), new Revocation(rows.Text(1), rows.Int64(2), rows.Int64(3))));
        }

        return (IReadOnlyList<(string, Revocation)>)found;
    }));

    public ValueTask ForgetExpiredAsync(long now, CancellationToken cancellationToken)
    {
        database.Write(connection =>
        {
            connection.Prepare("DELETE FROM revocations WHERE until <= ?").Bind(now).Run();
            connection.Prepare("DELETE FROM token_families WHERE expires_at <= ?").Bind(now).Run();
            connection.Prepare("DELETE FROM signing_keys WHERE retires_at <= ?").Bind(now).Run();
        });
        return default;
    }

    public ValueTask<bool> AddSigningKeyAsync(SigningKey key, CancellationToken cancellationToken)
    {
        bool added = false;
        database.Write(connection =>
        {
            connection.Prepare("INSERT OR IGNORE INTO signing_keys (id, algorithm, public_key, private_key, created_at, retires_at) VALUES (?, ?, ?, ?, ?, ?)")
                .Bind(key.Id).Bind(key.Algorithm).Bind(key.PublicKey.Span).Bind(key.PrivateKey.Span).Bind(key.CreatedAt).BindOptional(key.RetiresAt).Run();
            added = connection.Changes > 0;
        });
        return new(added);
    }

    public ValueTask<IReadOnlyList<SigningKey>> ListSigningKeysAsync(CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        var found = new List<SigningKey>();
        SqliteStatement rows = connection.Prepare("SELECT id, algorithm, public_key, private_key, created_at, retires_at FROM signing_keys ORDER BY created_at DESC, id DESC");
        while (rows.Read())
        {
            found.Add(new SigningKey(rows.Text(0), rows.Text(1), rows.Blob(2).ToArray(), rows.Blob(3).ToArray(), rows.Int64(4), rows.OptionalInt64(5)));
        }

        return (IReadOnlyList<SigningKey>)found;
    }));

    public ValueTask<bool> RetireSigningKeyAsync(string id, long at, CancellationToken cancellationToken)
    {
        bool found = false;
        database.Write(connection =>
        {
            connection.Prepare("UPDATE signing_keys SET retires_at = min(coalesce(retires_at, ?1), ?1) WHERE id = ?2").Bind(at).Bind(id).Run();
            found = connection.Changes == 1;
        });
        return new(found);
    }

    private static bool Revoke(SqliteConnection connection, string tenant, Ulid id, long now)
    {
        connection.Prepare("UPDATE token_families SET revoked_at = ?1 WHERE tenant = ?2 AND id = ?3 AND revoked_at IS NULL AND expires_at > ?1").Bind(now).Bind(tenant).Bind(id).Run();
        return connection.Changes > 0;
    }

    private static TokenFamily? Find(SqliteConnection connection, string tenant, Ulid id)
    {
        TokenFamily? found = null;
        SqliteStatement rows = connection.Prepare("SELECT subject, current, created_at, expires_at, revoked_at FROM token_families WHERE tenant = ? AND id = ?").Bind(tenant).Bind(id);
        while (rows.Read())
        {
            found = new TokenFamily(id, rows.Text(0), rows.Blob(1).ToArray(), rows.Int64(2), rows.Int64(3), rows.OptionalInt64(4));
        }

        return found;
    }
}
