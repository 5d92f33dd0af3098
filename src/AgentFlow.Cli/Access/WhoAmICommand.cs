using System.CommandLine;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Access;

/// <summary><c>af whoami</c>: who the server takes you for.</summary>
internal static class WhoAmICommand
{
    public static Command Create()
    {
        var command = new Command("whoami", "Print who the server takes you for, and what you may do.");
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        Identity me = await connection.Client.WhoAmIAsync(invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(me, CliJson.Default.Identity);
            return ExitCode.Ok;
        }

        invocation.Terminal.Say($"{me.Actor} ({me.Name}) in tenant {me.Tenant}", Tone.Strong);
        invocation.Terminal.Say($"roles: {string.Join(", ", me.Roles)}");
        invocation.Terminal.Say($"permissions: {string.Join(", ", me.Permissions)}");
        if (me.ExpiresAt is { } end)
        {
            invocation.Terminal.Say($"until {Listing.Time(end)} UTC");
        }

        return ExitCode.Ok;
    }
}
