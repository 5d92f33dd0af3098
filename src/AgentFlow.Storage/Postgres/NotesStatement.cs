using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>Puts notes where they wait to be chained.</summary>
internal sealed class NotesStatement
{
    private readonly SetStatement _statement = new(
        """
        INSERT INTO audit_intake (tenant, at, actor, action, resource, decision, trace, details)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[])
        """,
        takesSession: false);

    private readonly List<string> _tenant, _actor, _action, _resource, _decision, _trace;
    private readonly List<long> _at;
    private readonly List<ReadOnlyMemory<byte>> _details;

    public NotesStatement()
    {
        _tenant = _statement.Column<string>(Text);
        _at = _statement.Column<long>(Bigint);
        _actor = _statement.Column<string>(Text);
        _action = _statement.Column<string>(Text);
        _resource = _statement.Column<string>(Text);
        _decision = _statement.Column<string>(Text);
        _trace = _statement.Column<string>(Text);
        _details = _statement.Column<ReadOnlyMemory<byte>>(Bytea);
    }

    public NpgsqlBatchCommand Command => _statement.Command;

    /// <returns>False when there is nothing to write.</returns>
    public bool Fill(IReadOnlyList<NoteAppend> notes)
    {
        _statement.Clear();
        foreach (NoteAppend append in notes)
        {
            AuditNote note = append.Note.Storable();
            _tenant.Add(note.Tenant);
            _at.Add(note.At);
            _actor.Add(note.Actor);
            _action.Add(note.Action);
            _resource.Add(note.Resource);
            _decision.Add(note.Decision);
            _trace.Add(note.Trace);
            _details.Add(note.Details.Utf8);
        }

        return notes.Count > 0;
    }
}
