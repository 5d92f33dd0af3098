using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// What the frames of a wave do to other runs and to what runs share. Everything hangs on the frame: only one that this very
/// transaction has written does anything, so that a refused frame does nothing and a repeated one nothing twice. Names and rows of
/// runs are locked before (<see cref="PlaceLocks"/>, <see cref="RunLocks"/>).
/// </summary>
internal sealed class CrossStatements
{
    /// <summary>Joins what was written here and now: <c>u</c> has the key and the first sequence.</summary>
    public const string WrittenHere = "JOIN journal j ON j.run = u.key AND j.first_seq = u.first_seq AND j.xid = pg_current_xact_id()::text::bigint";

    private readonly FrameColumns _return = new($"""
        DELETE FROM places p USING unnest($1::bigint[], $2::bigint[], $3::text[], $4::integer[]) AS u (key, first_seq, tenant, step) {WrittenHere}
        WHERE p.tenant = u.tenant AND p.run = u.key AND p.step = u.step
        """);

    private readonly List<string> _returnTenant;
    private readonly List<int> _returnStep;

    private readonly FrameColumns _request = new($"""
        INSERT INTO places (tenant, kind, name, run, step, size)
        SELECT u.tenant, u.kind, u.name, u.key, u.step, u.size
        FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::smallint[], $5::text[], $6::integer[], $7::integer[]) WITH ORDINALITY
            AS u (key, first_seq, tenant, kind, name, step, size, n) {WrittenHere}
        ORDER BY u.n
        """);

    private readonly List<string> _requestTenant, _requestName;
    private readonly List<short> _requestKind;
    private readonly List<int> _requestStep, _requestSize;

    private readonly FrameColumns _post = new($"""
        SELECT p.id, p.status, p.owner
        FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::uuid[], $5::smallint[], $6::text[], $7::bytea[]) AS u (key, first_seq, tenant, id, kind, dedupe, data) {WrittenHere}
        JOIN runs r ON r.tenant = u.tenant AND r.id = u.id
        CROSS JOIN LATERAL put_item(r.key, u.kind, u.dedupe, u.data) p
        """);

    private readonly List<string> _postTenant, _postDedupe;
    private readonly List<Guid> _postRun;
    private readonly List<short> _postKind;
    private readonly List<ReadOnlyMemory<byte>> _postData;

    private readonly SetStatement _settle = new(
        """
        SELECT s.id, s.status, s.owner
        FROM (SELECT DISTINCT v.tenant, v.kind, v.name FROM unnest($1::text[], $2::smallint[], $3::text[]) AS v (tenant, kind, name)) u
        CROSS JOIN LATERAL settle_places(u.tenant, u.kind, u.name) s
        """,
        takesSession: false);

    private readonly List<string> _settleTenant, _settleName;
    private readonly List<short> _settleKind;

    public CrossStatements()
    {
        _returnTenant = _return.Statement.Column<string>(Text);
        _returnStep = _return.Statement.Column<int>(Integer);
        _requestTenant = _request.Statement.Column<string>(Text);
        _requestKind = _request.Statement.Column<short>(Smallint);
        _requestName = _request.Statement.Column<string>(Text);
        _requestStep = _request.Statement.Column<int>(Integer);
        _requestSize = _request.Statement.Column<int>(Integer);
        _postTenant = _post.Statement.Column<string>(Text);
        _postRun = _post.Statement.Column<Guid>(Uuid);
        _postKind = _post.Statement.Column<short>(Smallint);
        _postDedupe = _post.Statement.Column<string>(Text);
        _postData = _post.Statement.Column<ReadOnlyMemory<byte>>(Bytea);
        _settleTenant = _settle.Column<string>(Text);
        _settleKind = _settle.Column<short>(Smallint);
        _settleName = _settle.Column<string>(Text);
    }

    public void Add(RunAppend append)
    {
        if (append.Cross is not { } cross)
        {
            return;
        }

        string tenant = Parameters.Storable(append.Tenant);
        foreach (PlaceReturn left in cross.Returns)
        {
            _return.Add(append);
            _returnTenant.Add(tenant);
            _returnStep.Add(left.Step);
            Settle(tenant, (short)left.Kind, left.Name);
        }

        foreach (PlaceRequest request in cross.Requests)
        {
            _request.Add(append);
            _requestTenant.Add(tenant);
            _requestKind.Add((short)request.Kind);
            _requestName.Add(Parameters.Storable(request.Name));
            _requestStep.Add(request.Step);
            _requestSize.Add(request.Size);
            Settle(tenant, (short)request.Kind, request.Name);
        }

        foreach (CrossItem item in cross.Items)
        {
            _post.Add(append);
            _postTenant.Add(tenant);
            _postRun.Add(Parameters.ToUuid(item.Run));
            _postKind.Add((short)item.Kind);
            _postDedupe.Add(Parameters.Storable(item.Dedupe));
            _postData.Add(item.Data);
        }
    }

    /// <returns>How many of the statements give rows (<see cref="ReadAsync"/>), one result each.</returns>
    public int AddTo(NpgsqlBatch batch)
    {
        foreach (SetStatement statement in Order)
        {
            if (statement.Rows > 0)
            {
                batch.BatchCommands.Add(statement.Command);
            }
        }

        return (_post.Statement.Rows > 0 ? 1 : 0) + (_settle.Rows > 0 ? 1 : 0);
    }

    public void Clear()
    {
        foreach (SetStatement statement in Order)
        {
            statement.Clear();
        }
    }

    /// <summary>Reads which runs were given something by one result.</summary>
    public static async Task ReadAsync(NpgsqlDataReader reader, ICollection<TouchedRun> touched, CancellationToken cancellationToken)
    {
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            touched.Add(new TouchedRun(Parameters.ToUlid(reader.GetGuid(0)), (RunStatus)reader.GetInt16(1), reader.GetInt64(2)));
        }
    }

    /// <summary>Who leaves makes room before anybody is given a place.</summary>
    private SetStatement[] Order => field ??= [_return.Statement, _request.Statement, _post.Statement, _settle];

    private void Settle(string tenant, short kind, string name)
    {
        _settleTenant.Add(tenant);
        _settleKind.Add(kind);
        _settleName.Add(Parameters.Storable(name));
    }

    /// <summary>The columns that name the frame.</summary>
    private sealed class FrameColumns
    {
        private readonly List<long> _key, _firstSeq;

        public FrameColumns(string sql)
        {
            Statement = new SetStatement(sql, takesSession: false);
            _key = Statement.Column<long>(Bigint);
            _firstSeq = Statement.Column<long>(Bigint);
        }

        public SetStatement Statement { get; }

        public void Add(RunAppend append)
        {
            _key.Add(RunKey.From(append.Key).Row);
            _firstSeq.Add(append.FirstSeq);
        }
    }
}

/// <summary>A run that a frame of another one has put something into the inbox of.</summary>
/// <param name="Before">Its status before.</param>
/// <param name="Owner">The session that owns it, or owned it last.</param>
internal readonly record struct TouchedRun(Ulid Run, RunStatus Before, long Owner)
{
    /// <summary>Whether it can be claimed now and could not before.</summary>
    public bool WasParked => Before is RunStatus.Waiting or RunStatus.Paused;

    /// <summary>Whether another process has it in memory and has to be told.</summary>
    public bool IsElsewhere(long session) => Before == RunStatus.Running && Owner != session;
}
