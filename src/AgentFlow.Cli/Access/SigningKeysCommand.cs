using System.CommandLine;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Access;

/// <summary><c>af keys signing</c>: the keys that access tokens are signed with.</summary>
internal static class SigningKeysCommand
{
    private static readonly Argument<string> Id = new("id") { Description = "The key's id, which tokens name as kid." };

    public static Command Create() => new("signing", "Manage the keys that the deployment signs access tokens with.")
    {
        ConnectedVerb.Create("list", "List the keys under which tokens may be out, newest first.", ListAsync, []),
        ConnectedVerb.Create("rotate", "Let every process sign with a new key; tokens that are out stay good until they expire.", RotateAsync, []),
        ConnectedVerb.Create("retire", "End a key and every token under it at once.", RetireAsync, [Id]),
    };

    private static async Task<int> ListAsync(Invocation invocation, Connection connection)
    {
        List<SigningKey> keys = await Listing.AllAsync((cursor, size) => connection.Client.ListSigningKeysAsync(cursor, size, invocation.Cancelled));
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteArray(keys, CliJson.Default.SigningKey);
            return ExitCode.Ok;
        }

        var table = new TableView(invocation.Terminal, new TableColumn("Key", IsFixed: true), new TableColumn("Algorithm", IsFixed: true), new TableColumn("Created", IsFixed: true), new TableColumn("Retires", IsFixed: true));
        foreach (SigningKey key in keys)
        {
            table.Add(key.Id, key.Algorithm, Listing.Time(key.CreatedAt), Listing.Time(key.RetiresAt));
        }

        table.Print();
        return ExitCode.Ok;
    }

    private static async Task<int> RotateAsync(Invocation invocation, Connection connection)
    {
        RotatedKeys rotated = await connection.Client.RotateSigningKeysAsync(invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(rotated, CliJson.Default.RotatedKeys);
        }
        else
        {
            invocation.Terminal.Say(rotated.Retired.Count == 0 ? "no key signs anything yet." : $"{rotated.Retired.Count} key(s) sign nothing any more; tokens under them expire by themselves.", Tone.Strong);
        }

        return ExitCode.Ok;
    }

    private static async Task<int> RetireAsync(Invocation invocation, Connection connection)
    {
        SigningKey key = await connection.Client.RetireSigningKeyAsync(invocation.Get(Id)!, invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(key, CliJson.Default.SigningKey);
        }
        else
        {
            invocation.Terminal.Say($"{key.Id} is retired; every token under it is void.", Tone.Strong);
        }

        return ExitCode.Ok;
    }
}
