using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace AgentFlow.Storage.Tests.Postgres;

/// <summary>A PostgreSQL server of its own, in a folder and on a port of its own. Its disk is the real one: <c>fsync=on</c>.</summary>
public sealed class PostgresCluster : IAsyncDisposable
{
    private const string User = "agentflow";
    private const string Password = "not:a/secret";

    private static readonly string Binaries = Environment.GetEnvironmentVariable("AF_TEST_POSTGRES_BIN") ?? "/usr/lib/postgresql/15/bin";

    private readonly string _folder;
    private readonly int _port;
    private readonly Lazy<NpgsqlDataSource> _admin;
    private Process? _server;
    private int _schemas;

    private PostgresCluster(string folder, int port)
    {
        _folder = folder;
        _port = port;
        _admin = new Lazy<NpgsqlDataSource>(() => NpgsqlDataSource.Create(Dsn("public")));
    }

    /// <summary>Why there is no server here; <see langword="null"/> when one can be started.</summary>
    public static string? Missing => File.Exists(Path.Combine(Binaries, "postgres"))
        ? null
        : $"PostgreSQL's binaries are not in {Binaries}; install Debian's postgresql-15, or set AF_TEST_POSTGRES_BIN";

    public int Port => _port;

    /// <summary>For questions and changes that no store has a method for. Names tables with their schema.</summary>
    public NpgsqlDataSource Admin => _admin.Value;

    public static Task<PostgresCluster> StartAsync() => StartAsync(async cluster =>
    {
        await File.WriteAllTextAsync(Path.Combine(cluster._folder, "password"), Password);
        await RunAsync(As("initdb", "-D", cluster.Data, "-U", User, "-A", "scram-sha-256", "--pwfile", Path.Combine(cluster._folder, "password"), "--locale=C", "--encoding=UTF8", "--no-instructions"));
    });

    /// <summary>A second server that follows this one. From then on this one answers no commit that the other one does not have.</summary>
    public async Task<PostgresCluster> FollowAsync()
    {
        string source = string.Create(CultureInfo.InvariantCulture, $"host=127.0.0.1 port={_port} user={User} password={Password}");
        PostgresCluster standby = await StartAsync(cluster => RunAsync(As("pg_basebackup", "-D", cluster.Data, "-R", "-c", "fast", "-X", "stream", "-d", source)));
        await ExecuteAsync("ALTER SYSTEM SET synchronous_standby_names = '*'");
        await ExecuteAsync("SELECT pg_reload_conf()");
        return standby;
    }

    /// <summary>Makes a server that followed another one take its place.</summary>
    public Task PromoteAsync() => QueryAsync<bool>("SELECT pg_promote(true, 60)");

    private static async Task<PostgresCluster> StartAsync(Func<PostgresCluster, Task> create)
    {
        string folder = Directory.CreateTempSubdirectory("af-postgres-").FullName;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        var cluster = new PostgresCluster(folder, port);
        try
        {
            if (Environment.UserName == "root")
            {
                await RunAsync("chown", ["postgres", folder]);
            }

            await create(cluster);
            await cluster.RestartAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <param name="schema">Where the store keeps its tables.</param>
    /// <param name="port">Another way to the server than its own port.</param>
    public string Dsn(string schema, int? port = null) => string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port ?? _port};Username={User};Password={Password};Database=postgres;Search Path={schema}");

    public string Uri(string schema, string user = User, string password = Password, string database = "postgres", string query = "") => string.Create(
        CultureInfo.InvariantCulture,
        $"postgres://{System.Uri.EscapeDataString(user)}:{System.Uri.EscapeDataString(password)}@127.0.0.1:{_port}/{database}?search_path={schema}{query}");

    /// <summary>An empty place for one test.</summary>
    public async Task<string> CreateSchemaAsync()
    {
        string schema = "t" + Interlocked.Increment(ref _schemas).ToString(CultureInfo.InvariantCulture);
        await ExecuteAsync($"CREATE SCHEMA {schema}");
        return schema;
    }

    public async Task<int> ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = Admin.CreateCommand(sql);
        return await command.ExecuteNonQueryAsync();
    }

    public async Task<T> QueryAsync<T>(string sql)
    {
        await using NpgsqlCommand command = Admin.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Ends the server and everything that it has started, as a power cut would.</summary>
    public void Kill()
    {
        _server!.Kill(entireProcessTree: true);
        _server.WaitForExit();
        _server.Dispose();
        _server = null;
    }

    public async Task RestartAsync()
    {
        (string file, string[] arguments) = As(
            "postgres", "-D", Data, "-p", _port.ToString(CultureInfo.InvariantCulture), "-k", _folder,
            // Shared memory in its own folder: a server that is killed leaves nothing behind elsewhere.
            "-c", "dynamic_shared_memory_type=mmap", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=on", "-c", "max_connections=300", "-c", "logging_collector=on", "-c", "log_min_messages=warning");
        _server = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            try
            {
                Admin.Clear();
                await ExecuteAsync("SELECT 1");
                return;
            }
            catch (NpgsqlException e) when (!_server.HasExited && !limit.IsCancellationRequested)
            {
                Debug.WriteLine(e.Message);
                await Task.Delay(50, limit.Token);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_admin.IsValueCreated)
        {
            await _admin.Value.DisposeAsync();
        }

        if (_server is not null)
        {
            Kill();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private string Data => Path.Combine(_folder, "data");

    /// <summary>PostgreSQL refuses to run as root.</summary>
    private static (string File, string[] Arguments) As(string program, params string[] arguments) => Environment.UserName == "root"
        ? ("setpriv", ["--reuid=postgres", "--regid=postgres", "--init-groups", Path.Combine(Binaries, program), .. arguments])
        : (Path.Combine(Binaries, program), arguments);

    private static Task RunAsync((string File, string[] Arguments) program) => RunAsync(program.File, program.Arguments);

    private static async Task RunAsync(string file, string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{file}: {errors}{await output}");
    }
}
