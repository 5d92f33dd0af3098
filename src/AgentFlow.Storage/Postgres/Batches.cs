using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>Batches: their statements travel together, run in one transaction, and are answered together.</summary>
internal static class Batches
{
    public static NpgsqlBatchCommand AddCommand(this NpgsqlBatch batch, string sql)
    {
        var command = new NpgsqlBatchCommand(sql);
        batch.BatchCommands.Add(command);
        return command;
    }

    /// <returns>The statement's parameters, to be filled.</returns>
    public static NpgsqlParameterCollection Add(this NpgsqlBatch batch, string sql) => batch.AddCommand(sql).Parameters;
}
