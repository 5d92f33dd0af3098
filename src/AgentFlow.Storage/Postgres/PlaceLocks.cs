using AgentFlow.Engine.Ports;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>Locks the names of everything shared that a batch touches, in one order, before any row.</summary>
internal sealed class PlaceLocks
{
    private readonly SetStatement _statement = new("SELECT lock_places($1, $2, $3)", takesSession: false);
    private readonly List<string> _tenant, _name;
    private readonly List<short> _kind;

    public PlaceLocks()
    {
        _tenant = _statement.Column<string>(Text);
        _kind = _statement.Column<short>(Smallint);
        _name = _statement.Column<string>(Text);
    }

    public NpgsqlBatchCommand Command => _statement.Command;

    public IReadOnlyList<string> Tenants => _tenant;

    public IReadOnlyList<short> Kinds => _kind;

    public IReadOnlyList<string> Names => _name;

    /// <returns>False when the batch touches nothing shared.</returns>
    public bool Fill(List<RunAppend> frames)
    {
        _statement.Clear();
        foreach (RunAppend append in frames)
        {
            Add(append);
        }

        return _tenant.Count > 0;
    }

    private void Add(RunAppend append)
    {
        if (append.Cross is not { } cross)
        {
            return;
        }

        foreach ((Engine.Runs.Journal.SharedKind kind, string name) in cross.Requests.Select(r => (r.Kind, r.Name)).Concat(cross.Returns.Select(r => (r.Kind, r.Name))))
        {
            _tenant.Add(Parameters.Storable(append.Tenant));
            _kind.Add((short)kind);
            _name.Add(Parameters.Storable(name));
        }

        cross.Children.ForEach(Add);
    }
}
