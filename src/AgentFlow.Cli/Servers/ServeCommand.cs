using System.CommandLine;
using AgentFlow.Cli.Terminals;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Cli.Servers;

/// <summary><c>af serve</c>: the HTTP API until it is stopped.</summary>
internal static class ServeCommand
{
    private static readonly Option<string?> Url = UrlOption();

    public static Command Create()
    {
        var command = new Command("serve", "Serve the HTTP API until stopped.") { Url };
        command.Does(async invocation => await StayAsync(invocation, await StartAsync(invocation, invocation.Get(Url))));
        return command;
    }

    public static Option<string?> UrlOption() => new("--url")
    {
        Description = "Where to listen: an address and port, or unix:/path. Port 0 takes a free one. Default: AF_URL, else http://127.0.0.1:8000.",
        HelpName = "address",
    };

    /// <summary>Starts a server where <c>--url</c> says, and says where it is.</summary>
    public static Task<EngineHost> StartAsync(Invocation invocation, string? url) => StartAsync(invocation, settings => Listen(ServerOptions.From(settings), url));

    /// <summary>Starts a process, and says what it does.</summary>
    public static async Task<EngineHost> StartAsync(Invocation invocation, Func<Settings, ServerOptions> configure)
    {
        var mode = ProcessMode.All;
        EngineHost host = await EngineHost.StartAsync(
            settings =>
            {
                ServerOptions options = configure(settings);
                mode = options.Mode;
                return options;
            },
            invocation.Cancelled);
        Terminal terminal = invocation.Terminal;
        if (terminal.IsJson)
        {
            terminal.WriteLine(new ServingAt(host.Url, host.Database), CliJson.Default.ServingAt);
        }
        else
        {
            string does = mode switch
            {
                ProcessMode.Control => $"serves {host.Url} from {host.Database}; workers execute",
                ProcessMode.Data => $"executes the runs of {host.Database}; its health is at {host.Url}/readyz",
                _ => $"serves {host.Url} from {host.Database}",
            };
            terminal.Say($"AgentFlow {does}. Ctrl-C stops it.", Tone.Strong);
        }

        return host;
    }

    /// <summary>Lives until the user or the system stops the process.</summary>
    public static async Task<int> StayAsync(Invocation invocation, EngineHost host)
    {
        await using (host)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, invocation.Cancelled).ContinueWith(static _ => { }, TaskScheduler.Default);
            invocation.Terminal.Note("stopping: answers and steps under way are finished first.");
        }

        return ExitCode.Ok;
    }

    public static ServerOptions Listen(ServerOptions options, string? url)
    {
        if (url is null)
        {
            return options;
        }

        ServerOptions moved = options with { Listen = ListenAddress.Parse(url, out string problem) ?? throw CliException.Usage($"--url {url}: {problem}") };
        return moved.AccessProblem() is { } exposed ? throw CliException.Usage($"--url {url}: {exposed}") : moved;
    }
}

/// <summary>What <c>af serve -o json</c> says when it is ready.</summary>
internal sealed record ServingAt(string Url, string Database);
