using AgentFlow.Benchmarks.Stores;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Benchmarks.Floors;

/// <summary>
/// Bare Npgsql: prepared statements over arrays, one round trip a transaction, two tables. With enough callers two
/// connections take turns, so that one batch is written while the other's callers go on.
/// </summary>
internal sealed class PostgresFloor : Floor
{
    private const int LeastForTwo = 16;

    private readonly PostgresServer _server;
    private readonly string _schema;
    private readonly Stack<Connection> _idle = new();

    private PostgresFloor(PostgresServer server, string schema, int callers, int writers)
        : base(callers, writers)
    {
        _server = server;
        _schema = schema;
    }

    public static async Task<PostgresFloor> OpenAsync(PostgresServer server, int callers)
    {
        int writers = callers < LeastForTwo ? 1 : 2;
        string schema = await server.CreateSchemaAsync();
        await server.ExecuteAsync($"""
            CREATE TABLE {schema}.runs (key bigint PRIMARY KEY, id uuid NOT NULL UNIQUE, workflow text NOT NULL, status smallint NOT NULL) WITH (fillfactor = 70);
            CREATE TABLE {schema}.journal (run bigint NOT NULL, first_seq bigint NOT NULL, data bytea NOT NULL, PRIMARY KEY (run, first_seq));
            """);
        var floor = new PostgresFloor(server, schema, callers, writers);
        for (int i = 0; i < writers; i++)
        {
            floor._idle.Push(await Connection.OpenAsync(server.Dsn(schema)));
        }

        return floor;
    }

    protected override async ValueTask CommitAsync(List<Write> batch)
    {
        Connection connection;
        lock (_idle)
        {
            connection = _idle.Pop();
        }

        await connection.CommitAsync(batch).ConfigureAwait(false);
        lock (_idle)
        {
            _idle.Push(connection);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (Connection connection in _idle)
        {
            await connection.DisposeAsync();
        }

        await _server.ExecuteAsync($"DROP SCHEMA {_schema} CASCADE");
    }

    private sealed class Connection : IAsyncDisposable
    {
        private readonly NpgsqlConnection _connection;
        private readonly NpgsqlBatch _batch;
        private readonly NpgsqlBatchCommand _create = new("INSERT INTO runs SELECT u.key, u.id, 'floor', 1 FROM unnest($1, $2) AS u (key, id)");
        private readonly NpgsqlBatchCommand _end = new("UPDATE runs SET status = 6 WHERE key = ANY ($1)");
        private readonly NpgsqlBatchCommand _append = new("INSERT INTO journal SELECT u.run, u.first_seq, u.data FROM unnest($1, $2, $3) AS u (run, first_seq, data)");
        private readonly List<long> _created = [], _ended = [], _run = [], _seq = [];
        private readonly List<Guid> _id = [];
        private readonly List<byte[]> _data = [];

        private Connection(NpgsqlConnection connection)
        {
            _connection = connection;
            _batch = new NpgsqlBatch(connection);
            Bind(_create, _created, NpgsqlDbType.Bigint);
            Bind(_create, _id, NpgsqlDbType.Uuid);
            Bind(_end, _ended, NpgsqlDbType.Bigint);
            Bind(_append, _run, NpgsqlDbType.Bigint);
            Bind(_append, _seq, NpgsqlDbType.Bigint);
            Bind(_append, _data, NpgsqlDbType.Bytea);
        }

        public static async Task<Connection> OpenAsync(string dsn)
        {
            var connection = new NpgsqlConnection(dsn + ";Pooling=false;Max Auto Prepare=16;Auto Prepare Min Usages=2;Options=-c plan_cache_mode=force_generic_plan -c enable_seqscan=off");
            await connection.OpenAsync();
            return new Connection(connection);
        }

        public async Task CommitAsync(List<Write> batch)
        {
            foreach (Write write in batch)
            {
                if (write.IsFirst)
                {
                    _created.Add(write.Run);
                    _id.Add(new Guid((int)write.Run, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
                }
                else if (write.IsLast)
                {
                    _ended.Add(write.Run);
                }

                _run.Add(write.Run);
                _seq.Add(write.Index);
                _data.Add(write.Frame);
            }

            Use(_create, _created.Count);
            Use(_end, _ended.Count);
            Use(_append, _run.Count);
            await _batch.ExecuteNonQueryAsync().ConfigureAwait(false);
            _batch.BatchCommands.Clear();
            _created.Clear();
            _id.Clear();
            _ended.Clear();
            _run.Clear();
            _seq.Clear();
            _data.Clear();
        }

        public async ValueTask DisposeAsync()
        {
            await _batch.DisposeAsync();
            await _connection.DisposeAsync();
        }

        private void Use(NpgsqlBatchCommand command, int rows)
        {
            if (rows > 0)
            {
                _batch.BatchCommands.Add(command);
            }
        }

        private static void Bind<T>(NpgsqlBatchCommand command, List<T> values, NpgsqlDbType element) =>
            command.Parameters.Add(new NpgsqlParameter<List<T>> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | element });
    }
}
