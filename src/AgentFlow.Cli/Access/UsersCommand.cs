using System.CommandLine;
using AgentFlow.Cli.Logins;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Access;

/// <summary><c>af users</c>: who works in a tenant.</summary>
internal static class UsersCommand
{
    private static readonly Argument<string> Name = new("name") { Description = "The name under which the user logs in." };
    private static readonly Argument<string[]> RoleNames = new("roles") { Description = "All roles that the user has from now on.", Arity = ArgumentArity.ZeroOrMore };
    private static readonly Option<string[]> Roles = new("--role") { Description = "A role of the user; can be repeated.", HelpName = "name", DefaultValueFactory = _ => [] };
    private static readonly Option<string?> Password = new("--password-file") { Description = "The file that holds the password, - for standard input. Without it the user works by API keys alone.", HelpName = "file" };
    private static readonly Option<string?> NewPassword = new("--password-file") { Description = "The file that holds the password, - for standard input. Default: it is asked for where there is a terminal, else standard input.", HelpName = "file" };

    public static Command Create() => new("users", "Manage who works in a tenant.")
    {
        ConnectedVerb.Create("list", "List users by name.", ListAsync, []),
        ConnectedVerb.Create("create", "Add a user.", CreateAsync, [Name], Roles, Password),
        ConnectedVerb.Create("roles", "Replace a user's roles.", SetRolesAsync, [Name, RoleNames]),
        ConnectedVerb.Create("password", "Give a user a new password.", SetPasswordAsync, [Name], NewPassword),
        ConnectedVerb.Create("disable", "Disable a user and end their logins.", (i, c) => ChangeAsync(i, c.Client.DisableUserAsync), [Name]),
        ConnectedVerb.Create("enable", "Enable a user again.", (i, c) => ChangeAsync(i, c.Client.EnableUserAsync), [Name]),
    };

    private static async Task<int> ListAsync(Invocation invocation, Connection connection)
    {
        List<User> users = await Listing.AllAsync((cursor, size) => connection.Client.ListUsersAsync(cursor, size, invocation.Cancelled));
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteArray(users, CliJson.Default.User);
            return ExitCode.Ok;
        }

        var table = new TableView(invocation.Terminal, new TableColumn("User", IsFixed: true), new TableColumn("Roles"), new TableColumn("Login"), new TableColumn("Created", IsFixed: true), new TableColumn("Disabled", IsFixed: true));
        foreach (User user in users)
        {
            table.Add(user.Name, string.Join(", ", user.Roles), user.CanLogIn ? "password" : "keys only", Listing.Time(user.CreatedAt), Listing.Time(user.DisabledAt));
        }

        table.Print();
        return ExitCode.Ok;
    }

    private static async Task<int> CreateAsync(Invocation invocation, Connection connection)
    {
        string? password = invocation.Get(Password) is { } file ? await SecretInput.ReadAsync(file, "", invocation.Terminal, invocation.Cancelled) : null;
        return Answer(invocation, await connection.Client.CreateUserAsync(new NewUser(invocation.Get(Name)!, password, invocation.Get(Roles)!), invocation.Cancelled));
    }

    private static async Task<int> SetRolesAsync(Invocation invocation, Connection connection) =>
        Answer(invocation, await connection.Client.SetUserRolesAsync(invocation.Get(Name)!, invocation.Get(RoleNames)!, invocation.Cancelled));

    private static async Task<int> SetPasswordAsync(Invocation invocation, Connection connection)
    {
        await connection.Client.SetUserPasswordAsync(invocation.Get(Name)!, await SecretInput.ReadAsync(invocation.Get(NewPassword), "New password: ", invocation.Terminal, invocation.Cancelled), invocation.Cancelled);
        invocation.Terminal.Note($"{invocation.Get(Name)} has a new password; logins under the old one have ended.");
        return ExitCode.Ok;
    }

    private static async Task<int> ChangeAsync(Invocation invocation, Func<string, CancellationToken, Task<User>> change) =>
        Answer(invocation, await change(invocation.Get(Name)!, invocation.Cancelled));

    private static int Answer(Invocation invocation, User user)
    {
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(user, CliJson.Default.User);
        }
        else
        {
            invocation.Terminal.Say($"{user.Name}: {(user.Roles.Count == 0 ? "no roles" : string.Join(", ", user.Roles))}{(user.DisabledAt is null ? "" : " (disabled)")}", Tone.Strong);
        }

        return ExitCode.Ok;
    }
}
