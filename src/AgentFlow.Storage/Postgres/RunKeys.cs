using AgentFlow.Engine.Faults;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>Row keys for new runs, taken from the database a block at a time.</summary>
internal sealed class RunKeys(PostgresDatabase database) : IDisposable
{
    /// <summary>The increment of the sequence <c>run_keys</c>.</summary>
    private const int Block = 1024;

    private readonly SemaphoreSlim _gate = new(1, 1);
    private long _next;
    private long _end;

    public async ValueTask<long> NextAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_next == _end)
            {
                CrashPoint.Reach("postgres.keys.before");
                _next = await database.ReadAsync(ReserveAsync, cancellationToken).ConfigureAwait(false);
                CrashPoint.Reach("postgres.keys.after");
                _end = _next + Block;
            }

            return _next++;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private static async Task<long> ReserveAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand("SELECT nextval('run_keys')", connection);
        return (long)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }
}
