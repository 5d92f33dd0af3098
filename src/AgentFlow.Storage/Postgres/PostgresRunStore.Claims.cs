using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

public sealed partial class PostgresRunStore
{
    /// <inheritdoc/>
    /// <remarks>
    /// Fair over tenants: each one that has something waiting gets the same share of <paramref name="max"/>, by rank; what
    /// one does not need goes to the others. Where there are more tenants than places, they come in turns. Takes over the runs of processes whose lease has run out.
    /// </remarks>
    public async ValueTask<IReadOnlyList<ClaimedRun>> ClaimAsync(int max, CancellationToken cancellationToken)
    {
        ClaimTicket ticket = database.Claims;
        await ticket.Gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var claimed = new List<ClaimedRun>();
            while (claimed.Count < max)
            {
                int before = claimed.Count;
                try
                {
                    await ClaimShareAsync(ticket, claimed, max - claimed.Count, cancellationToken).ConfigureAwait(false);
                }
                catch (StoreUnavailableException) when (before > 0)
                {
                    break;
                }

                if (claimed.Count == before)
                {
                    break;
                }
            }

            return ClaimTurns.Order(claimed);
        }
        finally
        {
            ticket.Gate.Release();
        }
    }

    public async ValueTask<IReadOnlyList<Ulid>> SetAsideAsync(ClaimedRun run, string reason, CancellationToken cancellationToken)
    {
        RunKey key = RunKey.From(run.Key);
        long session = database.Session.Id;
        var touched = new List<TouchedRun>();
        CrashPoint.Reach("set_aside.before");
        try
        {
            // Only the run itself asks for places, and it does nothing any more: these are all.
            const string Held = "FROM (SELECT DISTINCT p.tenant, p.kind, p.name FROM places p WHERE p.tenant = $1 AND p.run = $2) n";
            List<(short Kind, string Name)> places = await QueryAsync(
                $"SELECT n.kind, n.name {Held}",
                p => p.Value(run.Tenant).Value(key.Row),
                async (reader, token) =>
                {
                    var found = new List<(short, string)>();
                    while (await reader.ReadAsync(token).ConfigureAwait(false))
                    {
                        found.Add((reader.GetInt16(0), reader.GetString(1)));
                    }

                    return found;
                },
                cancellationToken).ConfigureAwait(false);
            await database.ReadAsync(
                async (connection, token) =>
                {
                    touched.Clear();
                    using var batch = new NpgsqlBatch(connection);
                    batch.Add("SELECT hold_session($1)").Value(session);
                    if (places.Count > 0)
                    {
                        batch.Add($"SELECT lock_places(array_agg(n.tenant), array_agg(n.kind), array_agg(n.name)) {Held}").Value(run.Tenant).Value(key.Row);
                    }

                    // Nobody executes it any more: it takes no place.
                    batch.Add("""
                        WITH aside AS (
                            UPDATE runs SET status = $4, result = $5 WHERE key = $1 AND owner = $2 AND epoch = $3 AND status = 1 RETURNING tenant)
                        UPDATE run_counts c SET active = c.active - 1 FROM aside a WHERE c.tenant = a.tenant
                        """).Value(key.Row).Value(session).Value(key.Epoch).Value((int)RunStatus.Diverged).Value(reason);
                    if (places.Count == 0)
                    {
                        return await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
                    }

                    batch.Add("DELETE FROM places p USING runs r WHERE r.key = $1 AND r.status = $2 AND p.run = r.key AND p.tenant = $3").Value(key.Row).Value((int)RunStatus.Diverged).Value(run.Tenant);
                    foreach ((short kind, string name) in places)
                    {
                        batch.Add("SELECT s.id, s.status, s.owner FROM settle_places($1, $2::smallint, $3) s").Value(run.Tenant).Value((int)kind).Value(name);
                    }

                    NpgsqlDataReader reader = await batch.ExecuteReaderAsync(token).ConfigureAwait(false);
                    await using (reader.ConfigureAwait(false))
                    {
                        // Two results of functions stand before those of the settling.
                        await reader.NextResultAsync(token).ConfigureAwait(false);
                        while (await reader.NextResultAsync(token).ConfigureAwait(false))
                        {
                            await CrossStatements.ReadAsync(reader, touched, token).ConfigureAwait(false);
                        }
                    }

                    return touched.Count;
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException e) when (e.SqlState == LostSession)
        {
            // The run is somebody else's, who will find the same.
            await database.Session.ReplaceAsync(session, cancellationToken).ConfigureAwait(false);
        }

        CrashPoint.Reach("set_aside.after");
        Announce(touched.Where(t => t.IsElsewhere(session)).Select(t => t.Run), touched.Exists(t => t.WasParked));
        return [.. touched.Select(t => t.Run)];
    }

    public ValueTask<(int Fired, long? NextDue)> FireTimersAsync(long now, int max, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            CrashPoint.Reach("timers.before");
            using var batch = new NpgsqlBatch(connection);
            batch.Add("""
                WITH due AS MATERIALIZED (
                    SELECT t.due, t.run, t.timer FROM timers t WHERE t.due <= $1 ORDER BY t.due LIMIT $2 FOR UPDATE SKIP LOCKED),
                gone AS (
                    DELETE FROM timers t USING due d WHERE t.due = d.due AND t.run = d.run AND t.timer = d.timer RETURNING 1),
                parked AS MATERIALIZED (
                    SELECT r.key FROM runs r WHERE r.key IN (SELECT d.run FROM due d) AND r.status IN (2, 3) ORDER BY r.key FOR NO KEY UPDATE OF r),
                woken AS (
                    UPDATE runs r SET status = 0 FROM parked p WHERE r.key = p.key RETURNING 1)
                SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM woken)
                """).Value(now).Value(max);
            batch.Add("SELECT min(due) FROM timers");
            NpgsqlDataReader reader = await batch.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                int fired = (int)reader.GetInt64(0);
                bool woken = reader.GetInt64(1) > 0;
                await reader.NextResultAsync(token).ConfigureAwait(false);
                await reader.ReadAsync(token).ConfigureAwait(false);
                long? next = reader.IsDBNull(0) ? null : reader.GetInt64(0);
                await reader.NextResultAsync(token).ConfigureAwait(false);
                if (woken)
                {
                    CrashPoint.Reach("timers.after");
                    database.News.AnnounceWork();
                }

                return (fired, next);
            }
        },
        cancellationToken);

    public ValueTask<int> CountQueuedAsync(int atMost, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var count = new NpgsqlCommand("SELECT count(*) FROM (SELECT FROM runs WHERE status = 0 LIMIT $1) q", connection);
            count.Parameters.Value((long)atMost);
            return (int)(long)(await count.ExecuteScalarAsync(token).ConfigureAwait(false))!;
        },
        cancellationToken);

    public ValueTask<IReadOnlyList<Ulid>> FindWokenAsync(CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<Ulid>>(
        async (connection, token) =>
        {
            using var find = new NpgsqlCommand("SELECT r.id FROM runs r WHERE r.owner = $1 AND r.status = 1 AND EXISTS (SELECT FROM inbox i WHERE i.run = r.key AND NOT i.consumed)", connection);
            find.Parameters.Value(database.Session.Id);
            var runs = new List<Ulid>();
            NpgsqlDataReader reader = await find.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    runs.Add(Parameters.ToUlid(reader.GetGuid(0)));
                }
            }

            return runs;
        },
        cancellationToken);

    /// <summary>One claim. Its number makes it repeatable: when the answer is lost, asking again gives the same runs.</summary>
    private async Task ClaimShareAsync(ClaimTicket ticket, List<ClaimedRun> claimed, int max, CancellationToken cancellationToken)
    {
        if (!ticket.IsOpen && !await database.ReadAsync(AnyToClaimAsync, cancellationToken).ConfigureAwait(false))
        {
            return;
        }

        long number = ticket.Open();
        while (true)
        {
            long session = database.Session.Id;
            try
            {
                CrashPoint.Reach("claim.before");
                List<ClaimedRun> share = await database.ReadAsync((connection, token) => ClaimOnceAsync(connection, session, number, max, ticket.LastTenant, token), cancellationToken).ConfigureAwait(false);
                CrashPoint.Reach("claim.after");
                claimed.AddRange(share);
                ticket.Close(share);
                return;
            }
            catch (PostgresException e) when (e.SqlState == LostSession)
            {
                await database.Session.ReplaceAsync(session, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static async Task<List<ClaimedRun>> ClaimOnceAsync(NpgsqlConnection connection, long session, long number, int max, string lastTenant, CancellationToken cancellationToken)
    {
        using var batch = new NpgsqlBatch(connection);
        batch.Add("SELECT hold_session($1)").Value(session);
        PostgresSession.AddSweep(batch, session);
        batch.Add("UPDATE sessions SET claim = $2, claimed = NULL WHERE id = $1 AND claim < $2").Value(session).Value(number);
        // Tenants with something waiting are found by one index step each, from the one behind the last claim's on, and no more
        // of them than there are places.
        string claim = $"""
            WITH RECURSIVE waiting (tenant, wrapped) AS (
                SELECT f.tenant, f.wrapped FROM (
                    (SELECT r.tenant, false AS wrapped FROM runs r WHERE r.status = 0 AND r.tenant > $4 ORDER BY r.tenant LIMIT 1)
                    UNION ALL
                    (SELECT r.tenant, true FROM runs r WHERE r.status = 0 AND r.tenant <= $4 ORDER BY r.tenant LIMIT 1)
                    ORDER BY wrapped LIMIT 1) f
                WHERE EXISTS (SELECT FROM sessions s WHERE s.id = $1 AND s.claim = $2 AND s.claimed IS NULL)
                UNION ALL
                SELECT n.tenant, n.wrapped FROM waiting w CROSS JOIN LATERAL (
                    (SELECT r.tenant, w.wrapped AS wrapped FROM runs r
                     WHERE r.status = 0 AND r.tenant > w.tenant AND (NOT w.wrapped OR r.tenant <= $4) ORDER BY r.tenant LIMIT 1)
                    UNION ALL
                    (SELECT r.tenant, true FROM runs r WHERE NOT w.wrapped AND r.status = 0 AND r.tenant <= $4 ORDER BY r.tenant LIMIT 1)
                    ORDER BY wrapped LIMIT 1) n),
            heads AS MATERIALIZED (
                SELECT w.tenant, greatest($3 / count(*) OVER (), 1) AS share FROM (SELECT tenant FROM waiting LIMIT $3) w),
            taken AS MATERIALIZED (
                SELECT f.key FROM heads h CROSS JOIN LATERAL (
                    SELECT r.key FROM runs r WHERE r.tenant = h.tenant AND r.status = 0
                    ORDER BY r.rank, r.id LIMIT h.share FOR NO KEY UPDATE SKIP LOCKED) f),
            owned AS (
                UPDATE runs r SET status = 1, owner = $1, epoch = (r.epoch + 1) & {RunKey.EpochMask} FROM taken t WHERE r.key = t.key RETURNING r.key)
            UPDATE sessions SET claimed = ARRAY(SELECT o.key FROM owned o) WHERE id = $1 AND claim = $2 AND claimed IS NULL
            """;
        Planted.Change(Bug.ClaimKeepsEpoch, ref claim, claim.Replace("r.epoch + 1", "r.epoch", StringComparison.Ordinal));
        batch.Add(claim).Value(session).Value(number).Value((long)max).Value(lastTenant);
        batch.Add("""
            SELECT r.key, r.epoch, r.id, r.tenant, r.workflow, r.version, r.definition
            FROM sessions s JOIN runs r ON r.key = ANY (s.claimed)
            WHERE s.id = $1 AND s.claim = $2 AND r.owner = $1 AND r.status = 1
            ORDER BY r.rank, r.id
            """).Value(session).Value(number);
        var runs = new List<ClaimedRun>();
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                runs.Add(new ClaimedRun(
                    new RunKey(reader.GetInt64(0), reader.GetInt32(1)).Packed,
                    Parameters.ToUlid(reader.GetGuid(2)),
                    reader.GetString(3),
                    reader.GetString(4),
                    reader.GetString(5),
                    Convert.ToHexStringLower(reader.GetFieldValue<byte[]>(6))));
            }

            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        }

        return runs;
    }

    /// <summary>Most looks find nothing, and a look that writes nothing costs no disk.</summary>
    private async Task<bool> AnyToClaimAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand("""
            SELECT EXISTS (SELECT FROM runs WHERE status = 0)
                OR EXISTS (SELECT FROM sessions WHERE id <> $1 AND expires_at < clock_timestamp() AND clock_timestamp() - pg_postmaster_start_time() > lease)
            """, connection);
        command.Parameters.Value(database.Session.Id);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }
}
