using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Ports;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>What was observed of the use of steps, in the same database as the runs.</summary>
public sealed class PostgresCostStore(PostgresDatabase database) : ICostStore
{
    public async ValueTask AddAsync(string tenant, IReadOnlyCollection<KeyValuePair<CostKey, Moments>> observed, CancellationToken cancellationToken) => await database.ReadAsync(
        async (connection, token) =>
        {
            // The statements of a batch are one transaction. Ordered, so that two processes never wait for each other in a circle.
            using var batch = new NpgsqlBatch(connection);
            foreach ((CostKey key, Moments moments) in observed.OrderBy(o => o.Key.Subject, StringComparer.Ordinal).ThenBy(o => o.Key.Measure, StringComparer.Ordinal))
            {
                batch.Add(
                    """
                    INSERT INTO cost_observations (tenant, subject, measure, count, sum, square_sum) VALUES ($1, $2, $3, $4, $5, $6)
                    ON CONFLICT (tenant, subject, measure) DO UPDATE SET
                        count = cost_observations.count + excluded.count, sum = cost_observations.sum + excluded.sum, square_sum = cost_observations.square_sum + excluded.square_sum
                    """)
                    .Value(tenant).Value(key.Subject).Value(key.Measure).Value(moments.Count).Value(moments.Sum).Value(moments.SquareSum);
            }

            return batch.BatchCommands.Count == 0 ? 0 : await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
        },
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<KeyValuePair<CostKey, Moments>>> ReadAsync(string tenant, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT subject, measure, count, sum, square_sum FROM cost_observations WHERE tenant = $1",
        p => p.Value(tenant),
        static row => KeyValuePair.Create(new CostKey(row.GetString(0), row.GetString(1)), new Moments(row.GetInt64(2), row.GetDouble(3), row.GetDouble(4))),
        cancellationToken).ConfigureAwait(false);
}
