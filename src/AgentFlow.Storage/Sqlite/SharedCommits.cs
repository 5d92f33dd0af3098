namespace AgentFlow.Storage.Sqlite;

/// <summary>
/// Small writes that come at the same time share one transaction, and so one wait for the disk. Each still succeeds or fails by
/// itself; nobody's thread waits for the disk but one.
/// </summary>
internal sealed class SharedCommits(SqliteDatabase database)
{
    // A transaction this long holds up the engine's own writes by a few milliseconds.
    private const int MaxPerCommit = 256;

    private readonly Queue<Waiting> _waiting = new();
    private bool _committing;

    /// <summary>Runs a write; on disk when the task ends.</summary>
    /// <param name="rows">About how many rows it writes.</param>
    public Task<T> RunAsync<T>(Func<SqliteConnection, T> write, int rows = 1)
    {
        var waiting = new Waiting<T>(write, rows);
        lock (_waiting)
        {
            _waiting.Enqueue(waiting);
            if (_committing)
            {
                return waiting.Task;
            }

            _committing = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(static commits => commits.CommitAll(), this, preferLocal: false);
        return waiting.Task;
    }

    private void CommitAll()
    {
        var batch = new List<Waiting>(MaxPerCommit);
        while (true)
        {
            batch.Clear();
            lock (_waiting)
            {
                while (batch.Count < MaxPerCommit && _waiting.TryDequeue(out Waiting? next))
                {
                    batch.Add(next);
                }

                if (batch.Count == 0)
                {
                    _committing = false;
                    return;
                }
            }

            Commit(batch);
        }
    }

    private void Commit(List<Waiting> batch)
    {
        try
        {
            database.Write(connection =>
            {
                foreach (Waiting waiting in batch)
                {
                    waiting.Run(connection);
                }
            });
        }
        catch (Exception e)
        {
            batch.ForEach(w => w.Fail(e));
            return;
        }

        database.NoteWritten(batch.Sum(w => w.Rows));
        batch.ForEach(static w => w.Succeed());
    }

    private abstract class Waiting(int rows)
    {
        public int Rows => rows;

        /// <summary>A failure of its own undoes this write alone.</summary>
        public abstract void Run(SqliteConnection connection);

        public abstract void Succeed();

        public abstract void Fail(Exception failure);
    }

    private sealed class Waiting<T>(Func<SqliteConnection, T> write, int rows) : Waiting(rows)
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T? _result;
        private Exception? _failure;

        public Task<T> Task => _done.Task;

        public override void Run(SqliteConnection connection)
        {
            connection.Execute("SAVEPOINT shared");
            try
            {
                _result = write(connection);
            }
            catch (Exception e) when (e is not SqliteException { IsConstraint: false })
            {
                _failure = e;
                connection.Execute("ROLLBACK TO shared");
            }

            connection.Execute("RELEASE shared");
        }

        public override void Succeed()
        {
            if (_failure is null)
            {
                _done.SetResult(_result!);
            }
            else
            {
                _done.SetException(_failure);
            }
        }

        public override void Fail(Exception failure) => _done.SetException(_failure ?? failure);
    }
}
