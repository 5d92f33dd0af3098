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
        command.Does(RunAsync);
        return command;
    }

    public static Option<string?> UrlOption() => new("--url")
    {
        Description = "Where to listen: a loopback address and port, or unix:/path. Port 0 takes a free one. Default: AF_URL, else http://127.0.0.1:8000.",
        HelpName = "address",
    };

    /// <summary>Starts a server where <c>--url</c> says, and says where it is.</summary>
    public static async Task<EngineHost> StartAsync(Invocation invocation, string? url)
    {
        EngineHost host = await EngineHost.StartAsync(settings => Listen(ServerOptions.From(settings), url), invocation.Cancelled);
        Terminal terminal = invocation.Terminal;
        if (terminal.IsJson)
        {
            terminal.WriteLine(new ServingAt(host.Url, host.Database), CliJson.Default.ServingAt);
        }
        else
        {
            terminal.Say($"AgentFlow serves {host.Url} from {host.Database}. Ctrl-C stops it.", Tone.Strong);
        }

        return host;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        await using EngineHost host = await StartAsync(invocation, invocation.Get(Url));
        await Task.Delay(Timeout.InfiniteTimeSpan, invocation.Cancelled).ContinueWith(static _ => { }, TaskScheduler.Default);
        invocation.Terminal.Note("stopping: answers under way are finished first.");
        return ExitCode.Ok;
    }

    private static ServerOptions Listen(ServerOptions options, string? url)
    {
        if (url is null)
        {
            return options;
        }

        return options with { Listen = ListenAddress.Parse(url, out string problem) ?? throw CliException.Usage($"--url {url}: {problem}") };
    }
}

/// <summary>What <c>af serve -o json</c> says when it is ready.</summary>
internal sealed record ServingAt(string Url, string Database);
