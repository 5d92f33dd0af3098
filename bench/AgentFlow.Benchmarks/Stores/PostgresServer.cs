using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace AgentFlow.Benchmarks.Stores;

/// <summary>A PostgreSQL server of its own with the settings that a fresh installation has, on the real disk.</summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("af-bench-postgres-").FullName;
    private readonly string _password = Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
    private readonly int _port = FreePort();
    private Process? _server;
    private int _schemas;

    private PostgresServer()
    {
    }

    /// <summary>Where the newest installed server's programs are; <see langword="null"/> when there is none.</summary>
    public static string? Binaries { get; } = Environment.GetEnvironmentVariable("AF_TEST_POSTGRES_BIN") is { } given
        ? given
        : Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin")).Where(d => File.Exists(Path.Combine(d, "postgres"))).Order(StringComparer.Ordinal).LastOrDefault()
            : null;

    public static async Task<PostgresServer> StartAsync()
    {
        var server = new PostgresServer();
        try
        {
            string passwordFile = Path.Combine(server._folder, "password");
            await File.WriteAllTextAsync(passwordFile, server._password);
            if (Environment.UserName == "root")
            {
                await RunAsync(new ProcessStartInfo("chown", ["-R", "postgres", server._folder]));
            }

            await RunAsync(AsUser("initdb", "-D", server.Data, "-U", "af", "-A", "scram-sha-256", "--pwfile", passwordFile, "--locale=C", "--encoding=UTF8", "--no-instructions"));
            // Durable, and else as initdb leaves it: what is said here says where to listen and what must not be off.
            server._server = Process.Start(AsUser(
                "postgres", "-D", server.Data, "-p", server._port.ToString(CultureInfo.InvariantCulture), "-k", server._folder,
                "-c", "listen_addresses=127.0.0.1", "-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "full_page_writes=on"))!;
            server._server.OutputDataReceived += static (_, _) => { };
            server._server.ErrorDataReceived += static (_, _) => { };
            server._server.BeginOutputReadLine();
            server._server.BeginErrorReadLine();
            await server.WaitAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public string Dsn(string schema) => string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={_port};Username=af;Password={_password};Database=postgres;Search Path={schema}");

    /// <summary>As <c>AF_DB_DSN</c> has it.</summary>
    public string Uri(string schema) => string.Create(CultureInfo.InvariantCulture, $"postgres://af:{_password}@127.0.0.1:{_port}/postgres?search_path={schema}");

    /// <summary>Processor time of the server's processes that are alive.</summary>
    public TimeSpan ProcessorTime()
    {
        string postmaster = PostmasterId();
        double ticks = 0;
        foreach (string process in Directory.GetDirectories("/proc").Where(d => char.IsAsciiDigit(Path.GetFileName(d)[0])))
        {
            try
            {
                // After the name in brackets: state, parent, …, user and system time as the 12th and 13th field.
                string stat = File.ReadAllText(Path.Combine(process, "stat"));
                string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                if (fields[1] == postmaster)
                {
                    ticks += double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has ended meanwhile.
            }
        }

        return TimeSpan.FromSeconds(ticks / 100);
    }

    public async Task<string> CreateSchemaAsync()
    {
        string schema = "b" + Interlocked.Increment(ref _schemas).ToString(CultureInfo.InvariantCulture);
        await ExecuteAsync($"CREATE SCHEMA {schema}");
        return schema;
    }

    public async Task<object?> ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Dsn("public") + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 120 };
        return await command.ExecuteScalarAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            // Fast shutdown: PostgreSQL's own meaning of SIGINT.
            Process.Start("kill", ["-INT", PostmasterId()]).WaitForExit();
            await _server.WaitForExitAsync();
            _server.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private string Data => Path.Combine(_folder, "data");

    private string PostmasterId() => File.ReadLines(Path.Combine(Data, "postmaster.pid")).First();

    private async Task WaitAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            try
            {
                await ExecuteAsync("SELECT 1");
                return;
            }
            catch (NpgsqlException) when (!_server!.HasExited && !limit.IsCancellationRequested)
            {
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    /// <summary>PostgreSQL refuses to run as root.</summary>
    private static ProcessStartInfo AsUser(string program, params string[] arguments)
    {
        string file = Path.Combine(Binaries!, program);
        ProcessStartInfo start = Environment.UserName == "root"
            ? new ProcessStartInfo("setpriv", ["--reuid=postgres", "--regid=postgres", "--init-groups", file, .. arguments])
            : new ProcessStartInfo(file, arguments);
        start.RedirectStandardError = start.RedirectStandardOutput = true;
        return start;
    }

    private static async Task RunAsync(ProcessStartInfo start)
    {
        start.RedirectStandardError = start.RedirectStandardOutput = true;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{start.FileName} failed: {errors}{await output}");
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
