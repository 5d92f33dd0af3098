using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
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
    private readonly List<long?>? _createMost;

    private readonly RunColumns _end;
    private readonly List<string> _endResult;
    private readonly List<long> _endWakeSeq, _endCost, _endedAt;

    private readonly RunColumns _append;
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

    private readonly RunColumns _consume;
    private readonly List<long> _item;

    private readonly RunColumns _snapshot;
    private readonly List<long> _snapshotSeq;
    private readonly List<ReadOnlyMemory<byte>> _snapshotData;

    private readonly RunColumns _park;
    private readonly List<long> _parkWakeSeq;

    private readonly RunColumns _timer;
    private readonly List<long> _timerWakeSeq, _due;
    private readonly List<int> _timerNode;

    /// <param name="counting">Whether runs are counted: then those that begin take a place, if there is one, and those that end give theirs back.</param>
    public CommitStatements(bool counting)
    {
        _create = new RunColumns(counting ? CountedStatements.Create : """
            INSERT INTO runs (key, id, tenant, workflow, version, definition, status, owner, epoch, result, cost, ended_at, idempotency_key, request_hash)
            SELECT u.key, u.id, u.tenant, u.workflow, u.version, u.definition, u.status, $1, u.epoch, u.result, u.cost, u.ended_at, u.idempotency_key, u.request_hash
            FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bytea[], $11::bigint[], $12::bigint[], $13::text[], $14::text[])
                AS u (key, epoch, status, id, tenant, workflow, version, result, definition, cost, ended_at, idempotency_key, request_hash)
            """);
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

    public SetStatement Park => _park.Statement;

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

        if (append.Snapshot is { } snapshot)
        {
            _snapshot.Add(append, shown);
            _snapshotSeq.Add(append.NextSeq);
            _snapshotData.Add(snapshot);
        }

        if (append.Then == RowChange.Park)
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
    }

    /// <param name="repeated">The batch was tried before and some of it may stand already.</param>
    public void AddTo(NpgsqlBatch batch, long session, bool repeated)
    {
        Create.SkipsTaken = repeated || _createIdempotencyKey.Exists(key => key is not null);
        Append.SkipsTaken = repeated;
        foreach (SetStatement statement in Order)
        {
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
    private SetStatement[] Order => field ??= [Create, End, Append, _storeBlob, _consume.Statement, _snapshot.Statement, Park, _timer.Statement];

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
