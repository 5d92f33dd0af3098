using System.Diagnostics;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Sqlite;

/// <summary>A database in a folder of its own that goes with the test; or one in memory, where whoever needs the file is skipped.</summary>
public sealed class TemporarySqlite : IDisposable
{
    private const string Variable = "AF_TEST_SQLITE";
    private readonly string _folder = Directory.CreateTempSubdirectory("af-sqlite-").FullName;

    public TemporarySqlite() => Database = SqliteDatabase.Open(IsInMemory ? SqliteDatabase.InMemory : Path);

    public static bool IsInMemory => Environment.GetEnvironmentVariable(Variable) == "memory";

    /// <summary>Has a process test in memory.</summary>
    public static KeyValuePair<string, string?> InMemory => new(Variable, "memory");

    public string Path
    {
        get
        {
            Assert.SkipWhen(IsInMemory, "it needs a file");
            return System.IO.Path.Combine(_folder, "agentflow.db");
        }
    }

    public SqliteDatabase Database { get; private set; }

    public void Reopen()
    {
        string path = Path;
        Database.Dispose();
        Database = SqliteDatabase.Open(path);
    }

    public void Dispose()
    {
        Database.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}

public sealed class SqliteRunStoreTests : RunStoreCompliance
{
    private const string Marks = "AF_TEST_MARKS";
    private readonly TemporarySqlite _sqlite = new();

    private SqliteRunStore? _store;

    protected override IRunStore Store => _store ??= new SqliteRunStore(_sqlite.Database);

    public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public override ValueTask DisposeAsync()
    {
        _sqlite.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// A deferred item is on disk after the next commit, and after one that had nothing to write too, which SQLite does not sync. Seen
    /// from outside: this test, run again under strace.
    /// </summary>
    [Fact]
    public async Task Commit_AfterADeferredItem_IsSynced_AlsoWhenEverythingWasRefused()
    {
        Assert.SkipWhen(TemporarySqlite.IsInMemory, "it needs a file");
        if (Environment.GetEnvironmentVariable(Marks) is { } folder)
        {
            RunAppend run = await Commit(Create());
            var deferred = new CommitBatch { IsDeferred = true };
            deferred.Inbox.Add(Item(run, "a"));
            File.Delete(Path.Combine(folder, "mark-0"));
            await Store.CommitAsync(deferred, default);
            File.Delete(Path.Combine(folder, "mark-1"));
            Assert.Equal(CommitOutcome.Woken, (await Commit(Next(run, 3, RowChange.End))).Outcome);
            File.Delete(Path.Combine(folder, "mark-2"));
            Assert.Equal(CommitOutcome.Woken, (await Commit(Next(run, 3, RowChange.End))).Outcome);
            File.Delete(Path.Combine(folder, "mark-3"));
            return;
        }

        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace is not installed; ./test installs it");
        string log = Path.GetTempFileName();
        var start = new ProcessStartInfo("strace", ["-f", "-o", log, "-e", "trace=fsync,fdatasync,unlink,unlinkat", "dotnet", typeof(SqliteRunStoreTests).Assembly.Location, "-noColor", "-method", "*" + nameof(Commit_AfterADeferredItem_IsSynced_AlsoWhenEverythingWasRefused)])
        {
            RedirectStandardOutput = true,
            Environment = { [Marks] = Path.GetTempPath() },
        };
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(output.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", StringComparison.Ordinal), output);
        string[] calls = await File.ReadAllLinesAsync(log);
        File.Delete(log);
        int Mark(int number) => Array.FindIndex(calls, c => c.Contains($"mark-{number}\"", StringComparison.Ordinal));
        int Syncs(int from) => calls[Mark(from)..Mark(from + 1)].Count(c => c.Contains("sync(", StringComparison.Ordinal));
        Assert.Equal((0, 1, 0), (Syncs(0), Syncs(1), Syncs(2)));
    }

    protected override ValueTask ReopenAsync()
    {
        _sqlite.Reopen();
        _store = null;
        return ValueTask.CompletedTask;
    }
}

public sealed class SqliteAccessStoreTests : AccessStoreCompliance, IDisposable
{
    private readonly TemporarySqlite _sqlite = new();

    protected override IAccessStore Store => new SqliteAccessStore(_sqlite.Database);

    public void Dispose() => _sqlite.Dispose();
}

public sealed class SqliteTokenStoreTests : TokenStoreCompliance, IDisposable
{
    private readonly TemporarySqlite _sqlite = new();

    protected override ITokenStore Store => new SqliteTokenStore(_sqlite.Database);

    public void Dispose() => _sqlite.Dispose();
}

public sealed class SqliteCatalogueTests : CatalogueCompliance, IDisposable
{
    private readonly TemporarySqlite _sqlite = new();

    protected override ICatalogue Catalogue => new SqliteCatalogue(_sqlite.Database);

    public void Dispose() => _sqlite.Dispose();
}

public sealed class SqliteHostTests : HostCompliance
{
    private readonly TemporarySqlite _sqlite = new();

    protected override IRunStore Store => new SqliteRunStore(_sqlite.Database);

    protected override ICatalogue Catalogue => new SqliteCatalogue(_sqlite.Database);

    public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

    protected override ValueTask CloseStoreAsync()
    {
        _sqlite.Dispose();
        return ValueTask.CompletedTask;
    }

    protected override ValueTask ReopenAsync()
    {
        _sqlite.Reopen();
        return ValueTask.CompletedTask;
    }

    protected override Task<long> BytesOnDiskAsync()
    {
        using (var connection = new SqliteConnection(_sqlite.Path, readOnly: false))
        {
            connection.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
        }

        return Task.FromResult(new FileInfo(_sqlite.Path).Length);
    }
}

public class SqliteDatabaseTests
{
    [Fact]
    public void Open_SecondTime_SaysWhoHasItAndWhatToDo()
    {
        using var sqlite = new TemporarySqlite();
        var thrown = Assert.Throws<DatabaseLockedException>(() => SqliteDatabase.Open(sqlite.Path));
        Assert.Contains($"process {Environment.ProcessId}", thrown.Message);
        Assert.Contains("--server", thrown.Message);
    }

    [Fact]
    public void Open_NewerSchema_IsRefused()
    {
        using var sqlite = new TemporarySqlite();
        sqlite.Database.Write(c => c.Execute("INSERT INTO schema_migrations VALUES (9999, 'future', 0)"));
        sqlite.Database.Dispose();
        Assert.Contains("9999", Assert.Throws<SqliteException>(() => SqliteDatabase.Open(sqlite.Path)).Message);
    }

    [Fact]
    public void Open_NoDatabase_IsAnErrorThatNamesTheFile()
    {
        string folder = Directory.CreateTempSubdirectory("af-sqlite-").FullName;
        string path = Path.Combine(folder, "x.db");
        File.WriteAllText(path, new string('z', 5000));
        Assert.Throws<SqliteException>(() => SqliteDatabase.Open(path));
        File.WriteAllBytes(path, []);
        SqliteDatabase.Open(path).Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Checkpoint_ManyCommits_KeepsTheLogSmall()
    {
        using var sqlite = new TemporarySqlite();
        var store = new SqliteRunStore(sqlite.Database);
        byte[] frame = new byte[2000];
        for (int i = 0; i < 12_000; i++)
        {
            sqlite.Database.Write(c => c.Prepare("INSERT INTO journal (run, first_seq, data) VALUES (1, ?, ?)").Bind(i).Bind(frame).Run(), durable: false);
            sqlite.Database.NoteWritten(2);
        }

        Assert.NotNull(store);
        SpinWait.SpinUntil(() => new FileInfo(sqlite.Path).Length > 10_000_000, TimeSpan.FromSeconds(20));
        Assert.True(new FileInfo(sqlite.Path).Length > 10_000_000, "nothing was moved into the file");
    }

    /// <summary>The library is chosen once per process, so the other choice is tested in another process: this one, run again.</summary>
    [Fact]
    public void Engine_Bundled_PassesTheSameSuite()
    {
        if (Environment.GetEnvironmentVariable("AF_SQLITE_ENGINE") == "bundled")
        {
            SqliteEngine.Load();
            Assert.StartsWith("3.35", SqliteEngine.Version);
            return;
        }

        Assert.SkipWhen(TemporarySqlite.IsInMemory, "it runs this suite once more");
        RunAgain(new("AF_SQLITE_ENGINE", "bundled"));
    }

    [Fact]
    public void InMemory_PassesTheSameSuite()
    {
        if (TemporarySqlite.IsInMemory)
        {
            using var sqlite = new TemporarySqlite();
            Assert.False(sqlite.Database.IsDurable);
            return;
        }

        Assert.SkipUnless(Environment.GetEnvironmentVariable("AF_SQLITE_ENGINE") is null, "it runs this suite once more");
        RunAgain(TemporarySqlite.InMemory);
    }

    [Fact]
    public void InMemory_TwoOfThem_AreTwoDatabases()
    {
        using var first = SqliteDatabase.Open(SqliteDatabase.InMemory);
        using var second = SqliteDatabase.Open(SqliteDatabase.InMemory);
        first.Write(c => c.Execute("CREATE TABLE t (x)"));
        Assert.Throws<SqliteException>(() => second.Read(c => c.Prepare("SELECT * FROM t").Read()));
        Assert.False(first.Read(c => c.Prepare("SELECT * FROM t").Read()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ReadOrWrite_ThrowsHalfway_NextOneBeginsAnew(bool inMemory)
    {
        using TemporarySqlite? file = inMemory ? null : new TemporarySqlite();
        using SqliteDatabase database = file?.Database ?? SqliteDatabase.Open(SqliteDatabase.InMemory);
        const string numbers = "SELECT * FROM (VALUES (1), (2), (3)) WHERE column1 > ?";
        database.Write(c => c.Execute("CREATE TABLE t (x)"));
        Assert.Throws<FormatException>(() => database.Read<bool>(c => c.Prepare(numbers).Bind(0).Read() ? throw new FormatException() : true));
        Assert.Throws<FormatException>(() => database.Write(c =>
        {
            c.Prepare("INSERT INTO t VALUES (?)").Bind(1).Run();
            Assert.True(c.Prepare(numbers).Bind(0).Read());
            throw new FormatException();
        }));
        long Last(SqliteConnection connection)
        {
            long last = 0;
            SqliteStatement statement = connection.Prepare(numbers).Bind(2);
            while (statement.Read())
            {
                last = last * 10 + statement.Int64(0);
            }

            return last;
        }

        Assert.Equal(3, database.Read(Last));
        database.Write(c => Assert.Equal(3, Last(c)));
        Assert.False(database.Read(c => c.Prepare("SELECT * FROM t").Read()));
    }

    /// <summary>While somebody reads, others write; each reader sees what was there when he began, however long he takes.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Read_WhileOthersWrite_SeesOneState(bool inMemory)
    {
        using TemporarySqlite? file = inMemory ? null : new TemporarySqlite();
        using SqliteDatabase database = file?.Database ?? SqliteDatabase.Open(SqliteDatabase.InMemory);
        database.Write(c => c.Execute("CREATE TABLE t (x); INSERT INTO t VALUES (0), (0)"));
        Task writing = Task.Run(() =>
        {
            for (int i = 0; i < 2_000; i++)
            {
                database.Write(c => c.Execute("UPDATE t SET x = x + 1"), durable: false);
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            while (!writing.IsCompleted)
            {
                Assert.Equal(0, database.Read(c =>
                {
                    SqliteStatement two = c.Prepare("SELECT x FROM t ORDER BY rowid");
                    Assert.True(two.Read());
                    long first = two.Int64(0);
                    Assert.True(two.Read());
                    long second = two.Int64(0);
                    two.Reset();
                    SqliteStatement sum = c.Prepare("SELECT sum(x) FROM t");
                    sum.Read();
                    long both = sum.Int64(0);
                    sum.Reset();
                    return Math.Abs(first - second) + Math.Abs(both - first - second);
                }));
            }
        })));
        await writing;
    }

    private static void RunAgain(KeyValuePair<string, string?> variable)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(SqliteDatabaseTests).Assembly.Location, "-noColor", "-class", "AgentFlow.Storage.Tests.Sqlite.*"])
        {
            RedirectStandardOutput = true,
            Environment = { variable },
        };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0 && output.Contains("Failed: 0", StringComparison.Ordinal), output);
    }
}
