using System.CommandLine;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Tools;

/// <summary><c>af tools</c>: what workflows may call.</summary>
internal static class ToolsCommand
{
    public static Command Create()
    {
        var list = new Command("list", "List the tools that steps can call.");
        list.Does(ListAsync);
        return new Command("tools", "What workflows can call.") { list };
    }

    private static async Task<int> ListAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenStatelessAsync(invocation);
        var tools = new List<Tool>();
        string? cursor = null;
        do
        {
            Page<Tool> page = await connection.Client.ListToolsAsync(cursor, cancellationToken: invocation.Cancelled);
            tools.AddRange(page.Items);
            cursor = page.NextCursor;
        }
        while (cursor is not null);

        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteArray(tools, CliJson.Default.Tool);
            return ExitCode.Ok;
        }

        var table = new TableView(
            invocation.Terminal, new TableColumn("Tool", IsFixed: true), new TableColumn("Contract", IsFixed: true), new TableColumn("Effects", IsFixed: true),
            new TableColumn("Permissions"), new TableColumn("Description"));
        foreach (Tool tool in tools)
        {
            table.Add(tool.Id, tool.Version, tool.Effects, string.Join(", ", tool.Permissions), Excerpt.OneLine(tool.Description));
        }

        table.Print();
        return ExitCode.Ok;
    }
}
