using AgentFlow.Server;
using AgentFlow.Server.Configuration;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Tools;
using Microsoft.AspNetCore.Builder;

namespace AgentFlow.Cli.Servers;

/// <summary>A server inside this process: its database is open, its engine works, it answers.</summary>
internal sealed class EngineHost : IAsyncDisposable
{
    private const string KestrelUnixPrefix = "http://unix:";

    private readonly WebApplication _app;

    private EngineHost(WebApplication app, string database) => (_app, Database) = (app, database);

    /// <summary>The database, as people call it: the file, or the server without its password.</summary>
    public string Database { get; }

    /// <summary>Where it listens, with the port that it got, as <c>--server</c> takes it.</summary>
    public string Url => _app.Urls.First() is var url && url.StartsWith(KestrelUnixPrefix, StringComparison.Ordinal) ? url["http://".Length..] : url;

    /// <exception cref="CliException">The settings are wrong, another process has the database, or the address is taken.</exception>
    public static async Task<EngineHost> StartAsync(Func<Settings, ServerOptions> configure, CancellationToken cancelled)
    {
        ServerOptions options = Configure(configure);
        WebApplication app = await BuildAsync(options, cancelled);
        try
        {
            await app.StartAsync(cancelled);
            return new EngineHost(app, Name(options));
        }
        catch (IOException e)
        {
            await app.DisposeAsync();
            throw CliException.Failed($"cannot listen on {options.Listen}: {e.Message} Name another address with --url; port 0 takes a free one.");
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _app.StopAsync(CancellationToken.None);
        }
        catch (OperationCanceledException)
        {
            // The time to stop (AF_DRAIN) is over: what was under way ends here, as if it had been killed.
        }

        await _app.DisposeAsync();
    }

    private static string Name(ServerOptions options) => options.Store is StoreAddress.Sqlite file ? file.Path : options.Store.ToString();

    private static ServerOptions Configure(Func<Settings, ServerOptions> configure)
    {
        try
        {
            // Signals are Interrupts' business.
            return configure(Settings.Load()) with { HandlesSignals = false };
        }
        catch (OptionsException e)
        {
            throw CliException.Usage(e.Message);
        }
    }

    private static async Task<WebApplication> BuildAsync(ServerOptions options, CancellationToken cancelled)
    {
        try
        {
            return await AgentFlowApp.BuildAsync(options, cancelled);
        }
        catch (DatabaseLockedException e)
        {
            throw CliException.Unreachable($"{e.Message} ({DatabaseLockedException.Code})");
        }
        catch (StoreUnavailableException e)
        {
            throw CliException.Unreachable($"{e.Message} ({StoreUnavailableException.Code})");
        }
        catch (Exception e) when (e is ToolConfigurationException or OptionsException)
        {
            throw CliException.Usage(e.Message);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed($"cannot open the database {Name(options)}: {e.Message}");
        }
    }
}
