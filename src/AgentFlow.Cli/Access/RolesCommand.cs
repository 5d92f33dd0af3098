using System.CommandLine;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Access;

/// <summary><c>af roles</c>: what can be given to users.</summary>
internal static class RolesCommand
{
    private static readonly Argument<string> Name = new("name") { Description = "The role's name." };
    private static readonly Option<string[]> Allow = new("--allow") { Description = "A grant, such as runs.read or network.*; can be repeated.", HelpName = "permission", DefaultValueFactory = _ => [] };
    private static readonly Option<string[]> Tools = new("--tool") { Description = "A tool that runs of its holders may call, such as skill.echo or crm.*; can be repeated. Default: every one.", HelpName = "id", DefaultValueFactory = _ => [] };
    private static readonly Option<string[]> Workflows = new("--workflow") { Description = "A workflow whose runs may be started under the role, such as support or support*; can be repeated. Default: every one.", HelpName = "name", DefaultValueFactory = _ => [] };
    private static readonly Option<decimal?> Cost = new("--max-run-cost") { Description = "Most dollars that a run started under the role may cost.", HelpName = "dollars" };
    private static readonly Option<string?> About = new("--description") { Description = "What the role is for.", HelpName = "text" };

    public static Command Create() => new("roles", "Manage what can be given to users.")
    {
        ConnectedVerb.Create("list", "List roles by name, those that every tenant has included.", ListAsync, []),
        ConnectedVerb.Create("save", "Add or replace a role of the tenant's own.", SaveAsync, [Name], Allow, Tools, Workflows, Cost, About),
        ConnectedVerb.Create("remove", "Remove a role of the tenant's own from everybody.", RemoveAsync, [Name]),
    };

    private static async Task<int> ListAsync(Invocation invocation, Connection connection)
    {
        List<Role> roles = await Listing.AllAsync((cursor, size) => connection.Client.ListRolesAsync(cursor, size, invocation.Cancelled));
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteArray(roles, CliJson.Default.Role);
            return ExitCode.Ok;
        }

        var table = new TableView(invocation.Terminal, new TableColumn("Role", IsFixed: true), new TableColumn("From", IsFixed: true), new TableColumn("Description"), new TableColumn("Permissions"));
        foreach (Role role in roles)
        {
            table.Add(role.Name, role.BuiltIn ? "AgentFlow" : "tenant", role.Description, string.Join(", ", role.Permissions));
        }

        table.Print();
        return ExitCode.Ok;
    }

    private static async Task<int> SaveAsync(Invocation invocation, Connection connection)
    {
        string[]? tools = invocation.Get(Tools) is { Length: > 0 } t ? t : null;
        string[]? workflows = invocation.Get(Workflows) is { Length: > 0 } w ? w : null;
        var wanted = new Role(invocation.Get(Name)!, invocation.Get(About) ?? "", invocation.Get(Allow)!, tools, workflows, invocation.Get(Cost));
        Role role = await connection.Client.SaveRoleAsync(wanted, invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(role, CliJson.Default.Role);
        }
        else
        {
            invocation.Terminal.Say($"{role.Name}: {string.Join(", ", role.Permissions)}", Tone.Strong);
        }

        return ExitCode.Ok;
    }

    private static async Task<int> RemoveAsync(Invocation invocation, Connection connection)
    {
        await connection.Client.RemoveRoleAsync(invocation.Get(Name)!, invocation.Cancelled);
        invocation.Terminal.Note($"{invocation.Get(Name)} is gone; nobody has it any more.");
        return ExitCode.Ok;
    }
}
