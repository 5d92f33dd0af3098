using System.CommandLine;
using AgentFlow.Cli.Workflows;
using AgentFlow.Client;

namespace AgentFlow.Cli.Servers;

/// <summary><c>af dev</c>: a server that always has the workflow files as they are on disk.</summary>
internal static class DevCommand
{
    private static readonly Argument<string> Folder = new("dir") { Description = "The folder with the workflow files.", DefaultValueFactory = _ => "." };
    private static readonly Option<string?> Url = ServeCommand.UrlOption();

    public static Command Create()
    {
        var command = new Command("dev", "Serve, and validate and register workflow files whenever they change.") { Folder, Url };
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        string folder = invocation.Get(Folder)!;
        if (!Directory.Exists(folder))
        {
            throw CliException.Usage($"there is no folder {folder}.");
        }

        // Before the first look: a change in between is a change.
        using var watch = new WorkflowWatch(folder);
        await using EngineHost host = await ServeCommand.StartAsync(invocation, invocation.Get(Url));
        ServerAddress address = ServerAddress.TryParse(host.Url, out ServerAddress? parsed) ? parsed : throw new InvalidOperationException($"{host.Url} is no address.");
        using var client = new AgentFlowClient(new AgentFlowClientOptions(address) { Tenant = invocation.Tenant, Token = invocation.Token });
        var sync = new WorkflowSync(client, invocation.Terminal, folder, TimeProvider.System);
        try
        {
            int files = await sync.RunAsync(invocation.Cancelled);
            invocation.Terminal.Note($"watching {files} workflow {(files == 1 ? "file" : "files")} in {folder}.");
            while (true)
            {
                await watch.NextAsync(invocation.Cancelled);
                await sync.RunAsync(invocation.Cancelled);
            }
        }
        catch (OperationCanceledException)
        {
            invocation.Terminal.Note("stopping: answers under way are finished first.");
            return ExitCode.Ok;
        }
    }
}
