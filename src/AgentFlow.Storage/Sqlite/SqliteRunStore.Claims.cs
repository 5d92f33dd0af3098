using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Sqlite;

public sealed partial class SqliteRunStore
{
    // The tenant that the last claim ended with: with more tenants than places, the next one goes on behind it.
    private string _lastTenant = "";

    /// <inheritdoc/>
    /// <remarks>
    /// Fair over tenants: each one that has something waiting gets the same share of <paramref name="max"/>, by rank; what
    /// one does not need goes to the others. Where there are more tenants than places, they come in turns. Costs an index step
    /// for each tenant and each run that it takes, however many wait.
    /// </remarks>
    public ValueTask<IReadOnlyList<ClaimedRun>> ClaimAsync(int max, CancellationToken cancellationToken)
    {
        var claimed = new List<ClaimedRun>();
        bool any = database.Read(c =>
        {
            SqliteStatement some = c.Prepare("SELECT 1 FROM runs WHERE status = 0 LIMIT 1");
            bool found = some.Read();
            some.Reset();
            return found;
        });
        if (any)
        {
            CrashPoint.Reach("claim.before");
            // Need not be durable: a restart frees every claim.
            database.Write(
                connection =>
                {
                    claimed.Clear();
                    Share(connection, Waiting(connection, max), max, claimed);
                    foreach (ClaimedRun run in claimed)
                    {
                        connection.Prepare("UPDATE runs SET status = 1 WHERE key = ?").Bind(run.Key).Run();
                    }
                },
                durable: false);
            CrashPoint.Reach("claim.after");
        }

        return ValueTask.FromResult(ClaimTurns.Order(claimed));
    }

    /// <summary>Tenants that have something waiting, at most <paramref name="max"/>, from the one behind the last claim's on.</summary>
    private List<string> Waiting(SqliteConnection connection, int max)
    {
        var tenants = new List<string>();
        string? next = Next(connection, _lastTenant);
        bool wrapped = false;
        while (tenants.Count < max)
        {
            if (next is null)
            {
                if (wrapped)
                {
                    break;
                }

                wrapped = true;
                next = Next(connection, "");
                continue;
            }

            if (tenants.Count > 0 && next == tenants[0])
            {
                break;
            }

            tenants.Add(next);
            next = Next(connection, next);
        }

        if (tenants.Count > 0)
        {
            _lastTenant = tenants[^1];
        }

        return tenants;
    }

    private static string? Next(SqliteConnection connection, string tenant)
    {
        SqliteStatement behind = connection.Prepare("SELECT tenant FROM runs WHERE status = 0 AND tenant > ? ORDER BY tenant LIMIT 1").Bind(tenant);
        string? found = behind.Read() ? behind.Text(0) : null;
        behind.Reset();
        return found;
    }

    private static void Share(SqliteConnection connection, List<string> tenants, int max, List<ClaimedRun> claimed)
    {
        List<(string Tenant, long Rank, long After)> open = [.. tenants.Select(t => (t, long.MinValue, long.MinValue))];
        while (open.Count > 0 && claimed.Count < max)
        {
            int share = Math.Max(1, (max - claimed.Count) / open.Count);
            var more = new List<(string, long, long)>();
            foreach ((string tenant, long rank, long after) in open)
            {
                int wanted = Math.Min(share, max - claimed.Count);
                int before = claimed.Count;
                SqliteStatement ready = connection.Prepare("SELECT key, id, workflow, version, definition, rank FROM runs WHERE status = 0 AND tenant = ? AND (rank, key) > (?, ?) ORDER BY rank, key LIMIT ?").Bind(tenant).Bind(rank).Bind(after).Bind(wanted);
                long last = rank;
                while (ready.Read())
                {
                    claimed.Add(new ClaimedRun(ready.Int64(0), new Ulid(ready.Blob(1)), tenant, ready.Text(2), ready.Text(3), Convert.ToHexStringLower(ready.Blob(4))));
                    last = ready.Int64(5);
                }

                if (claimed.Count - before == wanted && wanted > 0)
                {
                    more.Add((tenant, last, claimed[^1].Key));
                }
            }

            open = more;
        }
    }
}
