using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace AgentFlow.Cli.Clusters;

/// <summary>A PostgreSQL server of a local cluster, from the system's own binaries, reachable from this machine only.</summary>
internal sealed class LocalPostgres
{
    private const string User = "agentflow";
    private const string Superuser = "root";
    private const string ServiceUser = "postgres";
    private const string Packages = "/usr/lib/postgresql";

    private readonly string _bin;
    private readonly string _folder;

    private LocalPostgres(string bin, string folder) => (_bin, _folder) = (bin, folder);

    private string Data => Path.Combine(_folder, "data");

    private string PasswordFile => Path.Combine(_folder, "password");

    private string Log => Path.Combine(_folder, "postgres.log");

    /// <exception cref="CliException">PostgreSQL is not installed.</exception>
    public static LocalPostgres In(string folder)
    {
        string? bin = Directory.Exists(Packages)
            ? Directory.GetDirectories(Packages).OrderByDescending(d => int.TryParse(Path.GetFileName(d), out int version) ? version : 0).Select(d => Path.Combine(d, "bin")).FirstOrDefault(HasServer)
            : null;
        bin ??= (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').FirstOrDefault(HasServer);
        return new LocalPostgres(bin ?? throw CliException.Failed("PostgreSQL is not installed here. On Debian or Ubuntu: apt-get install postgresql. Elsewhere put initdb, postgres and pg_ctl on the PATH."), folder);
    }

    private static bool HasServer(string folder) => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres"));

    /// <summary>Starts the server, making its database first where there is none. A server that runs already is left alone.</summary>
    /// <returns>Its DSN.</returns>
    public async Task<string> StartAsync(CancellationToken cancelled)
    {
        if (!File.Exists(Path.Combine(Data, "PG_VERSION")))
        {
            await CreateAsync(cancelled);
        }

        if (RunningPort() is not { } port)
        {
            port = FreePort();
            string options = string.Create(CultureInfo.InvariantCulture, $"-p {port} -k {_folder} -c listen_addresses=127.0.0.1 -c max_connections=200");
            await RunAsync("pg_ctl", ["-D", Data, "-l", Log, "-w", "-t", "60", "-o", options, "start"], cancelled);
        }

        string password = await File.ReadAllTextAsync(PasswordFile, cancelled);
        return string.Create(CultureInfo.InvariantCulture, $"postgres://{User}:{password}@127.0.0.1:{port}/postgres");
    }

    /// <summary>Stops the server once every transaction under way is over.</summary>
    public async Task StopAsync(CancellationToken cancelled)
    {
        if (RunningPort() is not null)
        {
            await RunAsync("pg_ctl", ["-D", Data, "-m", "fast", "-w", "-t", "60", "stop"], cancelled);
        }
    }

    /// <summary>The port of the running server, from the file that it keeps while it runs.</summary>
    public int? RunningPort()
    {
        string file = Path.Combine(Data, "postmaster.pid");
        try
        {
            string[] lines = File.ReadAllLines(file);
            return lines.Length > 3 && Directory.Exists("/proc/" + lines[0].Trim()) ? int.Parse(lines[3], CultureInfo.InvariantCulture) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private async Task CreateAsync(CancellationToken cancelled)
    {
        Directory.CreateDirectory(_folder);
        await File.WriteAllTextAsync(PasswordFile, RandomNumberGenerator.GetHexString(32, lowercase: true), cancelled);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(PasswordFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        if (Environment.UserName == Superuser)
        {
            // PostgreSQL refuses to run as root; its own user takes the folder.
            await ExecuteAsync("chown", ["-R", ServiceUser, _folder], cancelled);
        }

        await RunAsync("initdb", ["-D", Data, "-U", User, "-A", "scram-sha-256", "--pwfile", PasswordFile, "--locale=C", "--encoding=UTF8", "--no-instructions"], cancelled);
    }

    private Task RunAsync(string program, string[] arguments, CancellationToken cancelled)
    {
        string path = Path.Combine(_bin, program);
        return Environment.UserName == Superuser
            ? ExecuteAsync("runuser", ["-u", ServiceUser, "--", path, .. arguments], cancelled)
            : ExecuteAsync(path, arguments, cancelled);
    }

    private async Task ExecuteAsync(string program, string[] arguments, CancellationToken cancelled)
    {
        // The server that pg_ctl leaves behind must not hold a pipe of this process: what is said goes to a file.
        string said = Path.Combine(Path.GetTempPath(), $"af-cluster-{Guid.NewGuid():N}");
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "said=$1; shift; exec \"$@\" >\"$said\" 2>&1 </dev/null", "sh", said, program, .. arguments]) { WorkingDirectory = "/" })!;
            await process.WaitForExitAsync(cancelled);
            if (process.ExitCode != 0)
            {
                throw CliException.Failed($"{Path.GetFileName(program)} failed: {(await File.ReadAllTextAsync(said, cancelled)).Trim()} (folder {_folder}; name another one with --dir)");
            }
        }
        finally
        {
            File.Delete(said);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
