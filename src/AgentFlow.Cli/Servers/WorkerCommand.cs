using System.CommandLine;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Cli.Servers;

/// <summary><c>af worker</c>: a process that executes runs beside others, and serves nothing but its health.</summary>
internal static class WorkerCommand
{
    private const string AnyPort = "http://127.0.0.1:0";

    private static readonly Option<string?> Url = new("--url")
    {
        Description = "Where /healthz and /readyz answer. Default: a free port of this machine.",
        HelpName = "address",
    };

    public static Command Create()
    {
        var command = new Command("worker", "Execute the runs of a shared store until stopped (AF_MODE=data).") { Url };
        command.Does(async invocation => await ServeCommand.StayAsync(invocation, await ServeCommand.StartAsync(invocation, settings => Options(settings, invocation.Get(Url)))));
        return command;
    }

    private static ServerOptions Options(Settings settings, string? url)
    {
        ServerOptions options = ServeCommand.Listen(ServerOptions.From(settings) with { Mode = ProcessMode.Data }, url ?? AnyPort);
        return options.Store.IsShared
            ? options
            : throw CliException.Usage("a worker shares its store with others, and a SQLite file belongs to one process. Set AF_DB_DSN=postgres://user:password@host/database.");
    }
}
