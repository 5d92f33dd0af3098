using System.CommandLine;
using AgentFlow.Cli.Access;
using AgentFlow.Cli.Servers;
using AgentFlow.Client;
using AgentFlow.Engine.Agents.Import;

namespace AgentFlow.Cli.Agents;

/// <summary><c>af agents</c>: the registry of agents, and trees of identity files.</summary>
internal static class AgentsCommand
{
    private static readonly Argument<string> Name = new("agent") { Description = "The agent's id or name." };
    private static readonly Argument<string?> Folder = new("folder") { Description = "The tree of identity files: Markdown with YAML front matter.", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Argument<string> Target = new("folder") { Description = "Where the tree is written." };
    private static readonly Option<string?> Kind = Only("kind"), Role = Only("role"), Category = Only("category"), Specialist = Only("specialist"), Status = Only("status"), Capability = Only("capability");
    private static readonly Option<bool> Catalogue = new("--catalogue") { Description = "Import the identities that ship with af, one for each role." };
    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Only read the tree and say what is wrong with it." };
    private static readonly Option<bool> Strict = new("--strict") { Description = "Fail when a file is rejected." };
    private static readonly Option<bool> Force = new("--force") { Description = "Write over files that are there." };

    public static Command Create() => new("agents", "Keep the registry of agents.")
    {
        ConnectedVerb.Create("list", "List agents of every kind, by name.", ListAsync, [], Kind, Role, Category, Specialist, Status, Capability),
        ConnectedVerb.Create("show", "Print one agent with what was measured of it.", ShowAsync, [Name]),
        ConnectedVerb.Create("stats", "Count agents by role, category and status, and add up their budgets.", StatsAsync, []),
        Import(),
        ConnectedVerb.Create("export", "Write the identities as a tree of files that can be imported.", ExportAsync, [Target], Force),
        ConnectedVerb.Create("remove", "Remove an agent.", RemoveAsync, [Name]),
    };

    private static Option<string?> Only(string name) => new("--" + name) { Description = $"Only this {name}.", HelpName = name };

    private static Command Import()
    {
        var command = new Command("import", "Import a tree of identity files: what is sound is added or renewed, and every other file is named with its line and reason.") { Folder, Catalogue, DryRun, Strict };
        command.Does(ImportAsync);
        return command;
    }

    private static async Task<int> ListAsync(Invocation invocation, Connection connection)
    {
        var query = new AgentQuery
        {
            Kind = invocation.Get(Kind),
            Role = invocation.Get(Role),
            Category = invocation.Get(Category),
            Specialist = invocation.Get(Specialist),
            Status = invocation.Get(Status),
            Capability = invocation.Get(Capability),
        };
        AgentText.List(invocation.Terminal, await Listing.AllAsync((cursor, size) => connection.Client.ListAgentsAsync(query, cursor, size, invocation.Cancelled)));
        return ExitCode.Ok;
    }

    private static async Task<int> ShowAsync(Invocation invocation, Connection connection)
    {
        AgentText.Show(invocation.Terminal, await FindAsync(invocation, connection));
        return ExitCode.Ok;
    }

    private static async Task<int> StatsAsync(Invocation invocation, Connection connection)
    {
        AgentText.Stats(invocation.Terminal, await connection.Client.GetAgentStatsAsync(invocation.Cancelled));
        return ExitCode.Ok;
    }

    private static async Task<int> RemoveAsync(Invocation invocation, Connection connection)
    {
        Agent agent = await FindAsync(invocation, connection);
        await connection.Client.RemoveAgentAsync(agent.AgentId, invocation.Cancelled);
        invocation.Terminal.Note($"{agent.Name} is removed");
        return ExitCode.Ok;
    }

    private static async Task<int> ImportAsync(Invocation invocation)
    {
        bool isCatalogue = invocation.Get(Catalogue);
        string folder = (invocation.Get(Folder), isCatalogue) switch
        {
            (null, true) => Path.Combine(AppContext.BaseDirectory, "templates", "agents"),
            ({ } given, false) => given,
            _ => throw CliException.Usage("name a folder, or say --catalogue."),
        };
        if (!Directory.Exists(folder))
        {
            throw CliException.Usage($"there is no folder {folder}.");
        }

        TreeRead tree;
        try
        {
            tree = IdentityTree.Read(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed($"cannot read {folder}: {e.Message}");
        }

        ImportReport report;
        if (invocation.Get(DryRun))
        {
            report = ImportReport.Of(folder, tree, outcomes: null);
        }
        else
        {
            await using Connection connection = await Connection.OpenForReadingAsync(invocation);
            report = ImportReport.Of(folder, tree, await AgentTree.SendAsync(connection.Client, tree, invocation.Cancelled));
        }

        AgentText.Imported(invocation.Terminal, report);
        return invocation.Get(Strict) && report.Rejected.Count > 0 ? ExitCode.Failed : ExitCode.Ok;
    }

    private static async Task<int> ExportAsync(Invocation invocation, Connection connection)
    {
        string root = Path.GetFullPath(invocation.Get(Target)!);
        List<Agent> agents = await Listing.AllAsync((cursor, size) => connection.Client.ListAgentsAsync(null, cursor, size, invocation.Cancelled));
        var written = new List<string>();
        foreach (Agent listed in agents.Where(a => a.Kind != "remote"))
        {
            Agent agent = await connection.Client.GetAgentAsync(listed.AgentId, invocation.Cancelled);
            string path = AgentTree.PathOf(agent);
            string file = Path.Combine(root, path);
            if (written.Contains(path, StringComparer.OrdinalIgnoreCase) || (File.Exists(file) && !invocation.Get(Force)))
            {
                throw CliException.Failed($"{file} is there already. Export into an empty folder, or say --force.");
            }

            try
            {
                Directory.CreateDirectory(Path.GetDirectoryName(file)!);
                await File.WriteAllTextAsync(file, IdentityText.Of(agent), invocation.Cancelled);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw CliException.Failed($"cannot write {file}: {e.Message}");
            }

            written.Add(path);
        }

        AgentText.Exported(invocation.Terminal, root, written);
        return ExitCode.Ok;
    }

    private static async Task<Agent> FindAsync(Invocation invocation, Connection connection)
    {
        string name = invocation.Get(Name)!;
        try
        {
            return await connection.Client.GetAgentAsync(name, invocation.Cancelled);
        }
        catch (AgentFlowException e) when (e.Code == "AGENT_NOT_FOUND")
        {
            return await connection.Client.GetAgentByNameAsync(name, invocation.Cancelled);
        }
    }
}
