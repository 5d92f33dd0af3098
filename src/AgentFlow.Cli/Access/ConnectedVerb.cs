using System.CommandLine;
using AgentFlow.Cli.Servers;

namespace AgentFlow.Cli.Access;

/// <summary>A verb that asks or changes one thing on the server, or on the engine in this process without executing anything.</summary>
internal static class ConnectedVerb
{
    public static Command Create(string name, string description, Func<Invocation, Connection, Task<int>> work, Argument[] arguments, params Option[] options)
    {
        var command = new Command(name, description);
        Array.ForEach(arguments, command.Add);
        Array.ForEach(options, command.Add);
        command.Does(async invocation =>
        {
            await using Connection connection = await Connection.OpenForReadingAsync(invocation);
            return await work(invocation, connection);
        });
        return command;
    }
}
