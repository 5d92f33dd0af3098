using System.Diagnostics;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Sqlite;

/// <summary>A database in a folder of its own that goes with the test.</summary>
public sealed class TemporarySqlite : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("af-sqlite-").FullName;

    public TemporarySqlite() => Database = SqliteDatabase.Open(Path);

    public string Path => System.IO.Path.Combine(_folder, "agentflow.db");

    public SqliteDatabase Database { get; private set; }

    public void Reopen()
    {
        Database.Dispose();
        Database = SqliteDatabase.Open(Path);
    }

    public void Dispose()
    {
        Database.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}

public sealed class SqliteRunStoreTests : RunStoreCompliance
{
    private readonly TemporarySqlite _sqlite = new();

    private SqliteRunStore? _store;

    protected override IRunStore Store => _store ??= new SqliteRunStore(_sqlite.Database);

    public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public override ValueTask DisposeAsync()
    {
        _sqlite.Dispose();
        return ValueTask.CompletedTask;
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

        var start = new ProcessStartInfo("dotnet", [typeof(SqliteDatabaseTests).Assembly.Location, "-noColor", "-class", "AgentFlow.Storage.Tests.Sqlite.*"])
        {
            RedirectStandardOutput = true,
            Environment = { ["AF_SQLITE_ENGINE"] = "bundled" },
        };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0 && output.Contains("Failed: 0", StringComparison.Ordinal), output);
    }
}
