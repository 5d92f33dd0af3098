using System.Text;
using AgentFlow.Client;
using AgentFlow.Server.Configuration;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Cli.Servers;

/// <summary>The engine inside this process, behind a Unix socket in a folder that only this user can enter.</summary>
internal sealed class EmbeddedServer : IAsyncDisposable
{
    private const string LogVariable = "AF_LOG_LEVEL";
    private const string SocketName = "af.sock";
    private const string FolderPrefix = "af-";

    // sun_path holds 108 bytes with its final zero.
    private const int MaxSocketPath = 107;

    private readonly EngineHost _host;
    private readonly string _folder;

    private EmbeddedServer(EngineHost host, string folder, bool isTemporary) => (_host, _folder, IsTemporary) = (host, folder, isTemporary);

    public ServerAddress Address => ServerAddress.Unix(Path.Combine(_folder, SocketName));

    /// <summary>Whether its database is gone when it is disposed.</summary>
    public bool IsTemporary { get; }

    /// <summary>What messages call it.</summary>
    public string Place => IsTemporary ? "a temporary database" : _host.Database;

    /// <summary>Starts on the database of the settings.</summary>
    /// <exception cref="CliException">The settings are wrong, or another process has the database.</exception>
    public static Task<EmbeddedServer> StartAsync(CancellationToken cancelled) => StartAsync((options, _) => options, isTemporary: false, cancelled);

    /// <summary>Starts on the database of the settings, and lets its runs rest.</summary>
    public static Task<EmbeddedServer> StartForReadingAsync(CancellationToken cancelled) =>
        StartAsync((options, _) => options with { Executes = false }, isTemporary: false, cancelled);

    /// <summary>Starts on one database file.</summary>
    public static Task<EmbeddedServer> StartAsync(string database, CancellationToken cancelled) =>
        StartAsync((options, _) => options with { Store = new StoreAddress.Sqlite(database) }, isTemporary: false, cancelled);

    /// <summary>Starts on a database of its own, in memory.</summary>
    public static Task<EmbeddedServer> StartTemporaryAsync(CancellationToken cancelled) =>
        StartAsync((options, folder) => options with { Store = new StoreAddress.Memory(Path.Combine(folder, "store")) }, isTemporary: true, cancelled);

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<EmbeddedServer> StartAsync(Func<ServerOptions, string, ServerOptions> choose, bool isTemporary, CancellationToken cancelled)
    {
        string folder = CreateFolder();
        try
        {
            EngineHost host = await EngineHost.StartAsync(settings => choose(Options(settings, folder), folder), cancelled);
            return new EmbeddedServer(host, folder, isTemporary);
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    private static ServerOptions Options(Settings settings, string folder)
    {
        // Whoever can open the file needs no other permission.
        ServerOptions options = ServerOptions.From(settings) with { Mode = ProcessMode.All, Access = AccessMode.Open, Listen = new ListenAddress.Unix(Path.Combine(folder, SocketName)) };
        // What a server reports while it works is noise around a verb's own output.
        return settings[LogVariable] is null ? options with { LogLevel = LogLevel.Warning } : options;
    }

    private static string CreateFolder()
    {
        string folder = Directory.CreateTempSubdirectory(FolderPrefix).FullName;
        if (Encoding.UTF8.GetByteCount(Path.Combine(folder, SocketName)) <= MaxSocketPath)
        {
            return folder;
        }

        Directory.Delete(folder);
        throw CliException.Usage($"the temporary folder {Path.GetTempPath()} has too long a name for a socket in it. Set TMPDIR=/tmp.");
    }
}
