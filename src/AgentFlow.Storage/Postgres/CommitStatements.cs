using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// The set-based statements of one wave, in the order in which they run. Each repeats what must hold for a row to be written
/// (owner, epoch, status, and the wake sequence where it matters), so that an item that lost a race drops out alone.
/// </summary>
internal sealed class CommitStatements
{
    private readonly RunColumns _create;
    private readonly List<Guid> _createId;
    private readonly List<string> _createTenant, _createWorkflow, _createVersion, _createResult;
    private readonly List<byte[]> _createDefinition;
    private readonly List<long> _createCost;
    private readonly List<long?> _createEndedAt;
    private readonly List<string?> _createIdempotencyKey, _createRequestHash;
    private readonly List<Guid?> _createParent;
    private readonly List<short> _createPriority;
    private readonly List<long> _createRank;
    private readonly List<long>? _parentKey, _parentSeq;
    private readonly List<long?>? _createMost;

    private readonly RunColumns _end;
    private readonly List<string> _endResult;
    private readonly List<long> _endWakeSeq, _endCost, _endedAt;

    private readonly RunColumns _append, _guarded;
    private readonly List<long> _guardedFirstSeq, _guardedWakeSeq;
    private readonly List<ReadOnlyMemory<byte>> _guardedFrame;
    private readonly List<long> _firstSeq;
    private readonly List<ReadOnlyMemory<byte>> _frame;

    private readonly SetStatement _storeBlob = new(
        """
        INSERT INTO blobs (tenant, hash, data)
        SELECT u.tenant, u.hash, u.data FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS u (tenant, hash, data)
        ON CONFLICT DO NOTHING
        """,
        takesSession: false);

    private readonly List<string> _blobTenant;
    private readonly List<ReadOnlyMemory<byte>> _blobHash, _blob;

    private readonly RunColumns _consume, _consumeGuarded;
    private readonly List<long> _item, _guardedItem, _guardedItemWakeSeq;

    private readonly RunColumns _snapshot;
    private readonly List<long> _snapshotSeq;
    private readonly List<ReadOnlyMemory<byte>> _snapshotData;

    private readonly RunColumns _park;
    private readonly List<long> _parkWakeSeq;

    private readonly RunColumns _timer;
    private readonly List<long> _timerWakeSeq, _due;
    private readonly List<int> _timerNode;

    /// <param name="children">
    /// For runs that do steps of others: each is created only with the frame that says so (<see cref="CrossStatements.WrittenHere"/>),
    /// and everything else hangs on its row.
    /// </param>
    /// <param name="counting">Whether runs are counted: then those that begin take a place, if there is one, and those that end give theirs back.</param>
    public CommitStatements(bool counting, bool children = false)
    {
        _create = new RunColumns(CreateStatement.Of(counting, children));
        _createId = Create.Column<Guid>(Uuid);
        _createTenant = Create.Column<string>(Text);
        _createWorkflow = Create.Column<string>(Text);
        _createVersion = Create.Column<string>(Text);
        _createResult = Create.Column<string>(Text);
        _createDefinition = Create.Column<byte[]>(Bytea);
        _createCost = Create.Column<long>(Bigint);
        _createEndedAt = Create.Column<long?>(Bigint);
        _createIdempotencyKey = Create.Column<string?>(Text);
        _createRequestHash = Create.Column<string?>(Text);
        _createParent = Create.Column<Guid?>(Uuid);
        _createPriority = Create.Column<short>(Smallint);
        _createRank = Create.Column<long>(Bigint);
        _parentKey = children ? Create.Column<long>(Bigint) : null;
        _parentSeq = children ? Create.Column<long>(Bigint) : null;
        _createMost = counting ? Create.Column<long?>(Bigint) : null;

        _end = new RunColumns(counting ? CountedStatements.End : """
            UPDATE runs r SET status = u.status, result = u.result, cost = u.cost, ended_at = u.ended_at
            FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[])
                AS u (key, epoch, status, wake_seq, result, cost, ended_at)
            WHERE r.key = u.key AND r.owner = $1 AND r.epoch = u.epoch AND r.status = 1 AND r.wake_seq = u.wake_seq
            """);
        _endWakeSeq = End.Column<long>(Bigint);
        _endResult = End.Column<string>(Text);
        _endCost = End.Column<long>(Bigint);
        _endedAt = End.Column<long>(Bigint);

        _append = new RunColumns("""
            INSERT INTO journal (run, first_seq, data)
            SELECT u.key, u.first_seq, u.data
            FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[], $6::bytea[]) AS u (key, epoch, status, first_seq, data)
            JOIN runs r ON r.key = u.key AND r.owner = $1 AND r.epoch = u.epoch AND r.status = u.status
            """);
        _firstSeq = Append.Column<long>(Bigint);
        _frame = Append.Column<ReadOnlyMemory<byte>>(Bytea);

        // A frame that gives up waiting for a place is written only if nothing has arrived: it might be the place.
        _guarded = new RunColumns("""
            INSERT INTO journal (run, first_seq, data)
            SELECT u.key, u.first_seq, u.data
            FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[], $6::bytea[], $7::bigint[]) AS u (key, epoch, status, first_seq, data, wake_seq)
            JOIN runs r ON r.key = u.key AND r.owner = $1 AND r.epoch = u.epoch AND r.status = u.status AND r.wake_seq = u.wake_seq
            """);
        _guardedFirstSeq = Guarded.Column<long>(Bigint);
        _guardedFrame = Guarded.Column<ReadOnlyMemory<byte>>(Bytea);
        _guardedWakeSeq = Guarded.Column<long>(Bigint);

        _blobTenant = _storeBlob.Column<string>(Text);
        _blobHash = _storeBlob.Column<ReadOnlyMemory<byte>>(Bytea);
        _blob = _storeBlob.Column<ReadOnlyMemory<byte>>(Bytea);

        _consume = new RunColumns("""
            UPDATE inbox i SET consumed = true
            FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[]) AS u (key, epoch, status, item)
            JOIN runs r ON r.key = u.key AND r.owner = $1 AND r.epoch = u.epoch AND r.status = u.status
            WHERE i.id = u.item AND i.run = u.key
            """);
        _item = _consume.Statement.Column<long>(Bigint);

        _consumeGuarded = new RunColumns("""
            UPDATE inbox i SET consumed = true
            FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[], $6::bigint[]) AS u (key, epoch, status, item, wake_seq)
            JOIN runs r ON r.key = u.key AND r.owner = $1 AND r.epoch = u.epoch AND r.status = u.status AND r.wake_seq = u.wake_seq
            WHERE i.id = u.item AND i.run = u.key
            """);
        _guardedItem = _consumeGuarded.Statement.Column<long>(Bigint);
        _guardedItemWakeSeq = _consumeGuarded.Statement.Column<long>(Bigint);

        _snapshot = new RunColumns("""
            INSERT INTO snapshots (run, seq, data)
            SELECT u.key, u.seq, u.data
            FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[], $6::bytea[]) AS u (key, epoch, status, seq, data)
            JOIN runs r ON r.key = u.key AND r.owner = $1 AND r.epoch = u.epoch AND r.status = u.status
            ON CONFLICT (run) DO UPDATE SET seq = excluded.seq, data = excluded.data WHERE snapshots.seq < excluded.seq
            """);
        _snapshotSeq = _snapshot.Statement.Column<long>(Bigint);
        _snapshotData = _snapshot.Statement.Column<ReadOnlyMemory<byte>>(Bytea);

        // A run that this ownership has parked already may be parked again: the answer to the first time was lost.
        _park = new RunColumns("""
            UPDATE runs r SET status = u.status
            FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[]) AS u (key, epoch, status, wake_seq)
            WHERE r.key = u.key AND r.owner = $1 AND r.epoch = u.epoch AND r.status IN (1, 2, 3) AND r.wake_seq = u.wake_seq
            """);
        _parkWakeSeq = Park.Column<long>(Bigint);

        _timer = new RunColumns("""
            INSERT INTO timers (due, run, timer)
            SELECT u.due, u.key, u.timer
            FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[], $6::bigint[], $7::integer[]) AS u (key, epoch, status, wake_seq, due, timer)
            JOIN runs r ON r.key = u.key AND r.owner = $1 AND r.epoch = u.epoch AND r.status = u.status AND r.wake_seq = u.wake_seq
            ON CONFLICT DO NOTHING
            """);
        _timerWakeSeq = _timer.Statement.Column<long>(Bigint);
        _due = _timer.Statement.Column<long>(Bigint);
        _timerNode = _timer.Statement.Column<int>(Integer);
    }

    public SetStatement Create => _create.Statement;

    public SetStatement End => _end.Statement;

    public SetStatement Append => _append.Statement;

    public SetStatement Guarded => _guarded.Statement;

    public SetStatement Park => _park.Statement;

    /// <param name="parent">The frame that says that the run was started.</param>
    public void AddChild(RunAppend append, RunStatus shown, RunAppend parent)
    {
        AddCreation(append, shown);
        _parentKey!.Add(RunKey.From(parent.Key).Row);
        _parentSeq!.Add(parent.FirstSeq);
        AddAppend(append, shown);
    }

    public void AddCreation(RunAppend append, RunStatus shown)
    {
        RunCreation creation = append.Creation!;
        _create.Add(append, shown);
        _createId.Add(Parameters.ToUuid(append.Run));
        _createTenant.Add(Parameters.Storable(append.Tenant));
        _createWorkflow.Add(Parameters.Storable(creation.Workflow));
        _createVersion.Add(Parameters.Storable(creation.Version));
        _createResult.Add(Parameters.Storable(append.Result));
        _createDefinition.Add(Convert.FromHexString(creation.DefinitionHash));
        _createCost.Add(append.CostNanoDollars);
        _createEndedAt.Add(append.Then == RowChange.End ? append.At : null);
        _createIdempotencyKey.Add(creation.IdempotencyKey is { } key ? Parameters.Storable(key) : null);
        _createRequestHash.Add(creation.IdempotencyKey is null ? null : Parameters.Storable(creation.RequestHash));
        _createParent.Add(creation.Parent is { } parent ? Parameters.ToUuid(parent) : null);
        _createPriority.Add((short)creation.Priority);
        _createRank.Add(RunPriority.Rank(append.Run, creation.Priority));
        _createMost?.Add(creation.MaxRuns);
    }

    public void AddBlob(string tenant, Payload blob)
    {
        _blobTenant.Add(Parameters.Storable(tenant));
        _blobHash.Add(blob.Hash);
        _blob.Add(blob.Utf8);
    }

    /// <summary>Adds everything of an item but its creation and blobs.</summary>
    /// <param name="shown">The status of the run's row while the frame is written.</param>
    public void AddAppend(RunAppend append, RunStatus shown)
    {
        bool creates = append.Change != RowChange.None;
        if (append.Then == RowChange.End && !creates)
        {
            _end.Add(append, shown);
            _endWakeSeq.Add(append.WakeSeq);
            _endResult.Add(Parameters.Storable(append.Result));
            _endCost.Add(append.CostNanoDollars);
            _endedAt.Add(append.At);
        }

        if (append.Cross is { Withdraws: true } && append.Then != RowChange.End)
        {
            AddGuarded(append, shown);
        }
        else
        {
            AddFrame(append, shown);
        }

        if (append.Snapshot is { } snapshot)
        {
            _snapshot.Add(append, shown);
            _snapshotSeq.Add(append.NextSeq);
            _snapshotData.Add(snapshot);
        }

        if (append.Then == RowChange.Park)
        {
            AddParking(append, creates);
        }
    }

    /// <param name="repeated">The batch was tried before and some of it may stand already.</param>
    /// <param name="beforeParking">Adds what follows from the frames: a run that is given something by it is not parked.</param>
    public void AddTo(NpgsqlBatch batch, long session, bool repeated, Action? beforeParking = null)
    {
        Create.SkipsTaken = repeated || _createIdempotencyKey.Exists(key => key is not null);
        Append.SkipsTaken = repeated;
        Guarded.SkipsTaken = repeated;
        foreach (SetStatement statement in Order)
        {
            if (statement == Park)
            {
                beforeParking?.Invoke();
            }

            if (statement.Rows > 0)
            {
                statement.Session = session;
                batch.BatchCommands.Add(statement.Command);
            }
        }
    }

    public void Clear()
    {
        foreach (SetStatement statement in Order)
        {
            statement.Clear();
        }
    }

    /// <summary>An end comes before its frame, which is only written when the run really ended; a parking comes after, because its frame stays.</summary>
    private SetStatement[] Order => field ??= [Create, End, Append, Guarded, _storeBlob, _consume.Statement, _consumeGuarded.Statement, _snapshot.Statement, Park, _timer.Statement];

    private void AddFrame(RunAppend append, RunStatus shown)
    {
        if (!append.Frame.IsEmpty)
        {
            _append.Add(append, shown);
            _firstSeq.Add(append.FirstSeq);
            _frame.Add(append.Frame);
        }

        foreach (long item in append.Consumed)
        {
            _consume.Add(append, shown);
            _item.Add(item);
        }
    }

    private void AddGuarded(RunAppend append, RunStatus shown)
    {
        _guarded.Add(append, shown);
        _guardedFirstSeq.Add(append.FirstSeq);
        _guardedFrame.Add(append.Frame);
        _guardedWakeSeq.Add(append.WakeSeq);
        foreach (long item in append.Consumed)
        {
            _consumeGuarded.Add(append, shown);
            _guardedItem.Add(item);
            _guardedItemWakeSeq.Add(append.WakeSeq);
        }
    }

    private void AddParking(RunAppend append, bool creates)
    {
        if (!creates)
        {
            _park.Add(append, append.Status);
            _parkWakeSeq.Add(append.WakeSeq);
        }

        foreach ((long due, int node) in append.Timers)
        {
            _timer.Add(append, append.Status);
            _timerWakeSeq.Add(append.WakeSeq);
            _due.Add(due);
            _timerNode.Add(node);
        }
    }

    /// <summary>The columns that every statement about runs begins with.</summary>
    private sealed class RunColumns
    {
        private readonly List<long> _key;
        private readonly List<int> _epoch;
        private readonly List<short> _status;

        public RunColumns(string sql)
        {
            Statement = new SetStatement(sql);
            _key = Statement.Column<long>(Bigint);
            _epoch = Statement.Column<int>(Integer);
            _status = Statement.Column<short>(Smallint);
        }

        public SetStatement Statement { get; }

        public void Add(RunAppend append, RunStatus status)
        {
            RunKey key = RunKey.From(append.Key);
            _key.Add(key.Row);
            _epoch.Add(key.Epoch);
            _status.Add((short)status);
        }
    }
}
