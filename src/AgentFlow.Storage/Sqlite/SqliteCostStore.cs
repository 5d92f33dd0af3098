using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Sqlite;

/// <summary>What was observed of the use of steps, in the same file as the runs.</summary>
public sealed class SqliteCostStore(SqliteDatabase database) : ICostStore
{
    public ValueTask AddAsync(string tenant, IReadOnlyCollection<KeyValuePair<CostKey, Moments>> observed, CancellationToken cancellationToken)
    {
        database.Write(connection =>
        {
            foreach ((CostKey key, Moments moments) in observed)
            {
                connection.Prepare(
                    """
                    INSERT INTO cost_observations (tenant, subject, measure, count, sum, square_sum) VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (tenant, subject, measure) DO UPDATE SET
                        count = count + excluded.count, sum = sum + excluded.sum, square_sum = square_sum + excluded.square_sum
                    """)
                    .Bind(tenant).Bind(key.Subject).Bind(key.Measure).Bind(moments.Count).Bind(moments.Sum).Bind(moments.SquareSum).Run();
            }
        });
        return default;
    }

    public ValueTask<IReadOnlyList<KeyValuePair<CostKey, Moments>>> ReadAsync(string tenant, CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyList<KeyValuePair<CostKey, Moments>>>(database.Read(connection =>
    {
        var observed = new List<KeyValuePair<CostKey, Moments>>();
        SqliteStatement rows = connection.Prepare("SELECT subject, measure, count, sum, square_sum FROM cost_observations WHERE tenant = ?").Bind(tenant);
        while (rows.Read())
        {
            observed.Add(KeyValuePair.Create(new CostKey(rows.Text(0), rows.Text(1)), new Moments(rows.Int64(2), rows.Double(3), rows.Double(4))));
        }

        return observed;
    }));
}
