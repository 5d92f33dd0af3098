using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>The first statement of a commit: keeps the session while it lasts, and finds out whether runs must be counted.</summary>
internal sealed class HoldStatement
{
    private readonly NpgsqlParameter<long> _session = new() { NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint };

    public HoldStatement(bool counting)
    {
        Command.Parameters.Add(_session);
        Command.Parameters.Value(counting);
    }

    public NpgsqlBatchCommand Command { get; } = new("SELECT hold_session($1, $2)");

    public long Session
    {
        set => _session.TypedValue = value;
    }
}
