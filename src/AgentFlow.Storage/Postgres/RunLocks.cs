using AgentFlow.Engine.Ports;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Locks the rows of all runs that a batch changes, in the order of their keys: transactions of several processes then wait
/// for each other in one direction only.
/// </summary>
internal sealed class RunLocks
{
    private const string Known = """
        SELECT FROM runs r
        WHERE r.key IN (
            SELECT k FROM unnest($1::bigint[]) AS k
            UNION ALL
            SELECT x.key FROM unnest($2::text[], $3::uuid[]) AS u (tenant, id) JOIN runs x ON x.tenant = u.tenant AND x.id = u.id
        """;

    // Who is next in line may be given a place. Where more are given one than these, a deadlock can happen; the commit is repeated then.
    private const string Next = """

            UNION ALL
            SELECT p.run FROM unnest($4::text[], $5::smallint[], $6::text[]) AS s (tenant, kind, name)
            CROSS JOIN LATERAL (
                SELECT w.run FROM places w WHERE w.tenant = s.tenant AND w.kind = s.kind AND w.name = s.name AND NOT w.held ORDER BY w.number LIMIT 256) p
        """;

    private const string InOrder = ")\nORDER BY r.key FOR NO KEY UPDATE OF r";

    private readonly Statement _plain = new(Known + InOrder, withPlaces: false);
    private readonly Statement _withPlaces = new(Known + Next + InOrder, withPlaces: true);
    private Statement _used;

    public RunLocks() => _used = _plain;

    public NpgsqlBatchCommand Command => _used.Set.Command;

    /// <param name="places">Names that are locked; who waits there is locked too.</param>
    /// <param name="fewest">Changed rows that need locks. One needs none where nothing is waited for while it is held.</param>
    /// <returns>
    /// Whether locks are needed. An inbox item always needs one, because it is decided by what the row says before it is
    /// changed.
    /// </returns>
    public bool Fill(IEnumerable<CommitWave> waves, CommitBatch batch, PlaceLocks? places, int fewest)
    {
        _used = places is null ? _plain : _withPlaces;
        _used.Set.Clear();
        foreach (CommitWave wave in waves)
        {
            wave.AddLocks(_used.Rows);
        }

        foreach (InboxAppend item in batch.Inbox)
        {
            _used.Add(item.Tenant, item.Run);
        }

        foreach (RunAppend append in batch.Frames)
        {
            append.Cross?.Items.ForEach(item => _used.Add(append.Tenant, item.Run));
        }

        if (places is not null)
        {
            _used.AddPlaces(places);
        }

        return _used.Named > 0 || places is not null || _used.Rows.Count >= fewest;
    }

    private sealed class Statement
    {
        private readonly List<string> _tenant;
        private readonly List<Guid> _id;
        private readonly List<string>? _placeTenant, _placeName;
        private readonly List<short>? _placeKind;

        public Statement(string sql, bool withPlaces)
        {
            Set = new SetStatement(sql, takesSession: false);
            Rows = Set.Column<long>(Bigint);
            _tenant = Set.Column<string>(Text);
            _id = Set.Column<Guid>(Uuid);
            if (withPlaces)
            {
                _placeTenant = Set.Column<string>(Text);
                _placeKind = Set.Column<short>(Smallint);
                _placeName = Set.Column<string>(Text);
            }
        }

        public SetStatement Set { get; }

        public List<long> Rows { get; }

        public int Named => _id.Count;

        public void Add(string tenant, Contracts.Ids.Ulid run)
        {
            _tenant.Add(Parameters.Storable(tenant));
            _id.Add(Parameters.ToUuid(run));
        }

        public void AddPlaces(PlaceLocks places)
        {
            _placeTenant!.AddRange(places.Tenants);
            _placeKind!.AddRange(places.Kinds);
            _placeName!.AddRange(places.Names);
        }
    }
}
