using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Frames and what hangs on them, written by one pass over the statements of <see cref="CommitStatements"/>. A run occurs
/// once in a wave, or with plain appends only, because a statement sees the rows as they were before it.
/// </summary>
/// <param name="counting">Whether runs are counted.</param>
internal sealed class CommitWave(bool counting)
{
    private readonly Dictionary<Ulid, bool> _runs = [];
    private readonly List<RunAppend> _appends = [];
    private readonly HashSet<(string Tenant, string Key)> _keys = [];
    private readonly CommitStatements _statements = new(counting);
    private CommitStatements? _children;
    private CrossStatements? _cross;
    private bool _unproven;

    public IReadOnlyList<RunAppend> Appends => _appends;

    /// <summary>Whether every run that was to be parked was parked.</summary>
    public bool AllParked => !_statements.Park.FellShort;

    /// <summary>Whether every row was created, ended and appended as asked. If not, reading decides about each.</summary>
    public bool AllWritten => !_unproven && !_statements.Create.FellShort && !_statements.End.FellShort && !_statements.Append.FellShort && !_statements.Guarded.FellShort;

    /// <returns>False when an earlier item of the run has to be written first.</returns>
    public bool TryAdd(RunAppend append)
    {
        // Where runs are counted, the second one of a key must not take a place before the first one is there.
        if (counting && append.Creation?.IdempotencyKey is { } key && !_keys.Add((append.Tenant, key)))
        {
            return false;
        }

        bool plain = append.Change == RowChange.None && append.Then == RowChange.None && append.Snapshot is null;
        if (!_runs.TryAdd(append.Run, plain) && !(plain && _runs[append.Run]))
        {
            return false;
        }

        _appends.Add(append);
        // Without a frame no row tells afterwards that the item was written.
        _unproven |= append.Frame.IsEmpty && append.Then == RowChange.None;
        return true;
    }

    /// <summary>Adds the keys of the rows that the wave changes.</summary>
    public void AddLocks(List<long> rows)
    {
        foreach (RunAppend append in _appends)
        {
            if (append.Change == RowChange.None && (append.Then != RowChange.None || append.Cross is not null))
            {
                rows.Add(RunKey.From(append.Key).Row);
            }
        }
    }

    /// <returns>How many statements give rows, for <see cref="CrossStatements.ReadAsync"/>.</returns>
    public int AddTo(NpgsqlBatch batch, long session, bool repeated)
    {
        // Unique keys are inserted in one order by everybody, so that two processes never wait for each other's.
        IEnumerable<RunAppend> creations = _appends.Where(a => a.Change != RowChange.None);
        foreach (RunAppend creation in _appends.Count(a => a.Creation?.IdempotencyKey is not null) > 1
            ? creations.OrderBy(a => a.Tenant, StringComparer.Ordinal).ThenBy(a => a.Creation!.IdempotencyKey, StringComparer.Ordinal)
            : creations)
        {
            _statements.AddCreation(creation, ShownAfter(creation));
        }

        foreach ((string tenant, Payload blob) in _appends.Concat(Children).SelectMany(a => a.Blobs, (a, b) => (a.Tenant, Blob: b))
            .OrderBy(b => b.Tenant, StringComparer.Ordinal).ThenBy(b => Convert.ToHexString(b.Blob.Hash.Span), StringComparer.Ordinal))
        {
            _statements.AddBlob(tenant, blob);
        }

        foreach (RunAppend append in _appends)
        {
            _statements.AddAppend(append, ShownAfter(append));
        }

        int results = 0;
        _statements.AddTo(batch, session, repeated, beforeParking: () => results = AddCross(batch, session, repeated));
        return results;
    }

    private IEnumerable<RunAppend> Children => _appends.Where(a => a.Cross is not null).SelectMany(a => a.Cross!.Children);

    /// <summary>Adds what frames do to other runs, if any does.</summary>
    private int AddCross(NpgsqlBatch batch, long session, bool repeated)
    {
        if (!_appends.Exists(a => a.Cross is not null))
        {
            return 0;
        }

        _children ??= new CommitStatements(counting, children: true);
        _cross ??= new CrossStatements();
        foreach (RunAppend append in _appends)
        {
            _cross.Add(append);
            foreach (RunAppend child in append.Cross?.Children ?? [])
            {
                _children.AddChild(child, ShownAfter(child), append);
                _cross.Add(child);
            }
        }

        _children.AddTo(batch, session, repeated);
        return _cross.AddTo(batch);
    }

    public void Clear()
    {
        _runs.Clear();
        _appends.Clear();
        _keys.Clear();
        _statements.Clear();
        _children?.Clear();
        _cross?.Clear();
        _unproven = false;
    }

    /// <summary>The status that the run's row shows while its frame is written: after a creation or an end, before a parking.</summary>
    private static RunStatus ShownAfter(RunAppend append) => append switch
    {
        { Then: RowChange.End } => append.Status,
        { Then: RowChange.Park, Change: not RowChange.None } => append.Status,
        { Change: RowChange.CreateQueued } => RunStatus.Queued,
        _ => RunStatus.Running,
    };
}
