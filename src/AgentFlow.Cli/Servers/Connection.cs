using AgentFlow.Cli.Logins;
using AgentFlow.Client;

namespace AgentFlow.Cli.Servers;

/// <summary>
/// A client, and whatever it needs to have somebody to talk to: a server that the user named, or the engine inside this
/// process, behind a socket that only this user can open. Verbs don't see the difference.
/// </summary>
internal sealed class Connection : IAsyncDisposable
{
    private readonly EmbeddedServer? _embedded;
    private readonly string _prefix = "";
    private readonly string _suffix = "";

    private Connection(AgentFlowClient client, string place) => (Client, Place) = (client, place);

    private Connection(AgentFlowClient client, EmbeddedServer embedded, string prefix)
        : this(client, embedded.Place) => (_embedded, _prefix) = (embedded, prefix);

    private Connection(AgentFlowClient client, string place, string suffix)
        : this(client, place) => _suffix = suffix;

    public AgentFlowClient Client { get; }

    /// <summary>Where runs are, for messages.</summary>
    public string Place { get; }

    /// <summary>Whether runs stop when this process ends, to go on later.</summary>
    public bool IsEmbedded => _embedded is not null;

    /// <summary>Whether runs are gone when this process ends.</summary>
    public bool IsTemporary => _embedded is { IsTemporary: true };

    /// <summary>The named server, else the engine on the usual database.</summary>
    /// <exception cref="CliException">Another process has the database, or the settings are wrong.</exception>
    public static Task<Connection> OpenAsync(Invocation invocation) =>
        invocation.Server is { } server ? Task.FromResult(Remote(invocation, server)) : EmbedAsync(invocation, EmbeddedServer.StartAsync, "");

    /// <summary>The named server, else the engine on the usual database without executing anything: looking at runs must not start steps.</summary>
    public static Task<Connection> OpenForReadingAsync(Invocation invocation) =>
        invocation.Server is { } server ? Task.FromResult(Remote(invocation, server)) : EmbedAsync(invocation, EmbeddedServer.StartForReadingAsync, "");

    /// <summary>The named server, else the engine on a database that is gone afterwards: for what needs no memory.</summary>
    public static Task<Connection> OpenStatelessAsync(Invocation invocation) =>
        invocation.Server is { } server ? Task.FromResult(Remote(invocation, server)) : OpenOwnAsync(invocation, database: null);

    /// <summary>The engine in this process, whatever server is named.</summary>
    /// <param name="database">A SQLite file; <see langword="null"/> takes one that is gone afterwards.</param>
    public static Task<Connection> OpenOwnAsync(Invocation invocation, string? database) => database is null
        ? EmbedAsync(invocation, EmbeddedServer.StartTemporaryAsync, "")
        : EmbedAsync(invocation, cancelled => EmbeddedServer.StartAsync(database, cancelled), $"AF_DB_DSN=sqlite:{database} ");

    /// <summary>A command that goes on where this one is, as the user can type it.</summary>
    public string CommandLine(string arguments) => $"{_prefix}af {arguments}{_suffix}";

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (_embedded is not null)
        {
            await _embedded.DisposeAsync();
        }
    }

    private static Connection Remote(Invocation invocation, ServerAddress server) =>
        new(NewClient(invocation, server), server.ToString(), Environment.GetEnvironmentVariable(GlobalOptions.ServerVariable) == server.ToString() ? "" : $" --server {server}");

    private static async Task<Connection> EmbedAsync(Invocation invocation, Func<CancellationToken, Task<EmbeddedServer>> start, string prefix)
    {
        string? tenant = invocation.Tenant;
        EmbeddedServer embedded = await start(invocation.Cancelled);
        return new Connection(new AgentFlowClient(new AgentFlowClientOptions(embedded.Address) { Tenant = tenant }), embedded, prefix);
    }

    /// <summary>Shows the token that the user gives, else that of their login.</summary>
    private static AgentFlowClient NewClient(Invocation invocation, ServerAddress server)
    {
        var options = new AgentFlowClientOptions(server) { Tenant = invocation.Tenant, Token = invocation.Token };
        return new AgentFlowClient(options.Token is null && StoredLogin.Find(server) is { } login ? options with { TokenSource = login.TokenAsync } : options);
    }
}
