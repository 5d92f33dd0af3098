using System.CommandLine;
using System.Net;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Farm.History;
using AgentFlow.Farm.Http;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Cli.Farm;

/// <summary><c>af farm serve</c>: FARM's HTTP API until it is stopped.</summary>
internal static class FarmServeCommand
{
    private static readonly Option<string> Url = new("--url") { Description = "Where to listen. Port 0 takes a free one. Default: http://127.0.0.1:5000.", DefaultValueFactory = _ => "http://127.0.0.1:5000", HelpName = "address" };
    private static readonly Option<string[]> Targets = new("--allow-target") { Description = "A platform that callers may have tested, as host or host:port; can be repeated. Default: any. Needed when other machines can reach FARM.", HelpName = "host" };

    public static Command Create()
    {
        var command = new Command("serve", "Serve FARM's HTTP API until stopped.") { Url, FarmOptions.History, Targets };
        command.Does(ServeAsync);
        return command;
    }

    private static async Task<int> ServeAsync(Invocation invocation)
    {
        string url = invocation.Get(Url)!;
        if (ListenAddress.Parse(url, out string problem) is not ListenAddress.Tcp { IsTls: false } listen)
        {
            throw CliException.Usage($"--url {url}: {(problem.Length > 0 ? problem : "FARM speaks plain HTTP on an address and port; write http://127.0.0.1:5000")}.");
        }

        string[] allowed = invocation.Get(Targets) ?? [];
        if (!listen.IsLocal && allowed.Length == 0)
        {
            throw CliException.Usage($"--url {url}: other machines can reach this address, and FARM asks nobody who they are. Name the platforms that they may have tested with --allow-target, or listen on 127.0.0.1.");
        }

        string history = invocation.Get(FarmOptions.History)!;
        await using FarmServer server = await StartAsync(new FarmServerOptions(new IPEndPoint(listen.Address, listen.Port), history, allowed.Length == 0 ? null : allowed), invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteLine(new ServingAt(server.Url, history), CliJson.Default.ServingAt);
        }
        else
        {
            invocation.Terminal.Say($"FARM serves {server.Url} and keeps its stress tests in {history}. Ctrl-C stops it.", Tone.Strong);
        }

        await Task.Delay(Timeout.InfiniteTimeSpan, invocation.Cancelled).ContinueWith(static _ => { }, TaskScheduler.Default);
        invocation.Terminal.Note("stopping: stress tests under way end as execution_error.");
        return ExitCode.Ok;
    }

    private static async Task<FarmServer> StartAsync(FarmServerOptions options, CancellationToken cancelled)
    {
        try
        {
            return await FarmServer.StartAsync(options, cancelled);
        }
        catch (HistoryException e)
        {
            throw CliException.Unreachable(e.Message);
        }
        catch (IOException e)
        {
            throw CliException.Failed($"{e.Message} Give another port with --url.");
        }
    }
}
