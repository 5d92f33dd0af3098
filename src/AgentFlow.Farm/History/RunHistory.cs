using System.Text.Json;
using AgentFlow.Farm.StressTests;

namespace AgentFlow.Farm.History;

/// <summary>
/// Every stress test that was started, in one SQLite file that several processes may share. A record is on disk before
/// its test starts and changes in one write when it ends, so a kill at any moment leaves either of the two. A test whose
/// process has not said that it lives for <see cref="Silence"/> is on record as <c>execution_error</c> from then on.
/// Safe for concurrent use.
/// </summary>
public sealed class RunHistory : IDisposable
{
    /// <summary>How long a process may be silent about its tests before they count as lost.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly SqliteFile _file;
    private readonly TimeProvider _clock;

    /// <param name="path">The file; its folder is made when it is not there.</param>
    /// <exception cref="HistoryException">The file cannot be used, or is something else.</exception>
    public RunHistory(string path, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(path);
        _clock = clock;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HistoryException($"the folder of {path} cannot be made: {e.Message}");
        }

        _file = new SqliteFile(path);
        try
        {
            _file.Execute("PRAGMA journal_mode = WAL");
            _file.Execute("PRAGMA synchronous = FULL");
            _file.Execute("CREATE TABLE IF NOT EXISTS stress_test_runs (number INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, status TEXT NOT NULL, alive INTEGER NOT NULL, record TEXT NOT NULL)");
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Puts a test that is about to start on record.</summary>
    public void Start(StressTestRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        lock (_gate)
        {
            _file.Execute("INSERT INTO stress_test_runs (run, status, alive, record) VALUES (?, ?, ?, ?)", run.RunId, run.Status, Now, Text(run));
        }
    }

    /// <summary>Says that a test is still under way.</summary>
    public void Beat(string run)
    {
        lock (_gate)
        {
            _file.Execute("UPDATE stress_test_runs SET alive = ? WHERE run = ? AND status = 'running'", Now, run);
        }
    }

    /// <summary>Replaces a test's record by its last one.</summary>
    public void Finish(StressTestRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        lock (_gate)
        {
            _file.Execute("UPDATE stress_test_runs SET status = ?, alive = ?, record = ? WHERE run = ?", run.Status, Now, Text(run), run.RunId);
        }
    }

    /// <summary>The newest tests first.</summary>
    /// <param name="limit">Most tests to give.</param>
    public StressTestRuns List(int limit)
    {
        lock (_gate)
        {
            EndLost();
            List<StressTestRun> runs = _file.Query("SELECT record FROM stress_test_runs ORDER BY number DESC LIMIT ?", Read, (long)limit);
            long total = _file.Query("SELECT COUNT(*) FROM stress_test_runs", row => row.Number(0))[0];
            return new StressTestRuns(runs, runs.Count, total);
        }
    }

    /// <returns><see langword="null"/> when there is no such test.</returns>
    public StressTestRun? Find(string run)
    {
        lock (_gate)
        {
            EndLost();
            return _file.Query("SELECT record FROM stress_test_runs WHERE run = ?", Read, run).FirstOrDefault();
        }
    }

    public void Dispose() => _file.Dispose();

    private long Now => _clock.GetUtcNow().ToUnixTimeMilliseconds();

    private static string Text(StressTestRun run) => JsonSerializer.Serialize(run, FarmJson.Default.StressTestRun);

    private static StressTestRun Read(SqliteFile.Row row) => JsonSerializer.Deserialize(row.Text(0), FarmJson.Default.StressTestRun)!;

    private void EndLost()
    {
        long before = Now - (long)Silence.TotalMilliseconds;
        foreach (StressTestRun lost in _file.Query("SELECT record FROM stress_test_runs WHERE status = 'running' AND alive < ?", Read, before))
        {
            StressTestRun ended = lost with { Status = StressTestStatus.ExecutionError, Outcome = StressTestOutcome.Failed, Error = "FARM's process ended before the test did. Start it again." };
            // Its process may have come back between the two statements.
            _file.Execute("UPDATE stress_test_runs SET status = ?, record = ? WHERE run = ? AND status = 'running' AND alive < ?", ended.Status, Text(ended), ended.RunId, before);
        }
    }
}
