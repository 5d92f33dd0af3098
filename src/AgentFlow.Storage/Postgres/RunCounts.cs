using AgentFlow.Engine.Ports;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Locks the counts of the tenants whose runs a batch begins or ends, in the order of their names: what is decided by a number
/// stands until the commit. Rows of runs are locked before these, by everybody.
/// </summary>
internal sealed class RunCounts
{
    private readonly SetStatement _statement = new("SELECT FROM run_counts c WHERE c.tenant = ANY ($1::text[]) ORDER BY c.tenant FOR NO KEY UPDATE OF c", takesSession: false);
    private readonly List<string> _tenant;

    public RunCounts() => _tenant = _statement.Column<string>(Text);

    public NpgsqlBatchCommand Command => _statement.Command;

    public bool IsNeeded => _tenant.Count > 0;

    /// <returns>False when the batch neither begins nor ends a run.</returns>
    public bool Fill(List<RunAppend> frames)
    {
        _statement.Clear();
        _tenant.AddRange(frames.Where(f => f.Change != RowChange.None || f.Then == RowChange.End || f.Cross is { Children.Count: > 0 }).Select(f => Parameters.Storable(f.Tenant)).Distinct(StringComparer.Ordinal));
        return IsNeeded;
    }
}
