using System.CommandLine;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Logins;

/// <summary><c>af login</c>: tokens for a server, kept for the verbs that follow.</summary>
internal static class LoginCommand
{
    private const string UsualTenant = "default";

    private static readonly Option<string?> User = new("--user") { Description = "Who logs in. Default: it is asked for.", HelpName = "name" };
    private static readonly Option<string?> Password = new("--password-file") { Description = "The file that holds the password, - for standard input. Default: it is asked for where there is a terminal, else standard input.", HelpName = "file" };

    public static Command Create()
    {
        var command = new Command("login", "Log in to a server; the verbs that follow show who you are.") { User, Password };
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        ServerAddress server = Named(invocation);
        string tenant = invocation.Tenant ?? UsualTenant;
        string user = invocation.Get(User) ?? SecretInput.AskOpenly("User: ", "--user", invocation.Terminal);
        string password = await SecretInput.ReadAsync(invocation.Get(Password), "Password: ", invocation.Terminal, invocation.Cancelled);
        using var client = new AgentFlowClient(new AgentFlowClientOptions(server));
        TokenPair tokens = await client.LogInAsync(tenant, user, password, invocation.Cancelled);
        var file = new LoginFile(server);
        var login = Login.Of(server.ToString(), tenant, user, tokens, TimeProvider.System.GetUtcNow());
        using (await file.LockAsync(invocation.Cancelled))
        {
            file.Write(login);
        }

        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(new LoggedIn(login.Server, tenant, user, login.EndsAt), CliJson.Default.LoggedIn);
        }
        else
        {
            invocation.Terminal.Say($"logged in to {server} as {user} in tenant {tenant}, until {login.EndsAt:yyyy-MM-dd HH:mm} UTC.", Tone.Strong);
        }

        if (invocation.Token is not null)
        {
            invocation.Terminal.Note($"{GlobalOptions.TokenVariable} is set and goes before the login: unset it to use the login.");
        }

        return ExitCode.Ok;
    }

    /// <summary>The server that one logs in to or out of.</summary>
    internal static ServerAddress Named(Invocation invocation) => invocation.Server
        ?? throw CliException.Usage($"name the server with --server or {GlobalOptions.ServerVariable}: the engine in this process asks nobody who they are.");
}

/// <summary><c>af logout</c>: ends the login and forgets it.</summary>
internal static class LogoutCommand
{
    public static Command Create()
    {
        var command = new Command("logout", "End your login to a server and forget its tokens.");
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        ServerAddress server = LoginCommand.Named(invocation);
        var file = new LoginFile(server);
        using IDisposable alone = await file.LockAsync(invocation.Cancelled);
        Login? login;
        try
        {
            login = file.Read();
        }
        catch (CliException)
        {
            // What cannot be read is removed all the same.
            file.Remove();
            throw;
        }

        if (login is null)
        {
            invocation.Terminal.Note($"there is no login to {server}.");
            return ExitCode.Ok;
        }

        file.Remove();
        using var client = new AgentFlowClient(new AgentFlowClientOptions(server));
        try
        {
            await client.RevokeAsync(login.RefreshToken, invocation.Cancelled);
        }
        catch (ServerUnreachableException e)
        {
            throw CliException.Unreachable($"the tokens are gone from this machine, but {server} does not know yet that they are void ({e.Message}); they are until {login.EndsAt:yyyy-MM-dd HH:mm} UTC.");
        }

        invocation.Terminal.Say($"logged out of {server}.", Tone.Strong);
        return ExitCode.Ok;
    }
}

/// <summary>What <c>af login -o json</c> prints: no token.</summary>
internal sealed record LoggedIn(string Server, string Tenant, string User, DateTimeOffset EndsAt);
