using System.Collections;
using AgentFlow.Engine.Faults;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// A statement that works on many rows at once: $1 is the session where it matters, each further parameter an array with one
/// element a row. It is filled, run as part of a batch, and emptied for the next one, so that a commit allocates little.
/// </summary>
internal sealed class SetStatement
{
    private readonly string _sql;
    private readonly List<IList> _columns = [];
    private readonly NpgsqlParameter<long> _session = new() { NpgsqlDbType = NpgsqlDbType.Bigint };

    public SetStatement(string sql, bool takesSession = true)
    {
        Planted.Change(Bug.FenceMissing, ref sql, sql.Replace(" AND r.owner = $1 AND r.epoch = u.epoch", "", StringComparison.Ordinal));
        _sql = sql;
        Command = new NpgsqlBatchCommand(sql);
        if (takesSession)
        {
            Command.Parameters.Add(_session);
        }
    }

    public NpgsqlBatchCommand Command { get; }

    /// <summary>Rows that the statement was given.</summary>
    public int Rows => _columns[0].Count;

    /// <summary>Whether the last run touched another number of rows than it was given.</summary>
    public bool FellShort => Rows > 0 && Command.RecordsAffected != Rows;

    /// <summary>
    /// For an insertion: skips rows whose key is taken. Without it a taken key fails the whole batch, and an insertion costs
    /// half as much, because the server need not make it undoable.
    /// </summary>
    public bool SkipsTaken
    {
        set
        {
            string sql = value ? _sql + "\nON CONFLICT DO NOTHING" : _sql;
            if (Command.CommandText != sql)
            {
                Command.CommandText = sql;
            }
        }
    }

    public long Session
    {
        set => _session.TypedValue = value;
    }

    /// <summary>Adds an array parameter; the caller fills the list that it gets.</summary>
    public List<T> Column<T>(NpgsqlDbType element)
    {
        var values = new List<T>();
        Command.Parameters.Add(new NpgsqlParameter<List<T>> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | element });
        _columns.Add(values);
        return values;
    }

    public void Clear()
    {
        foreach (IList column in _columns)
        {
            column.Clear();
        }
    }
}
