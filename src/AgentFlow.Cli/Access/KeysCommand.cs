using System.CommandLine;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Access;

/// <summary><c>af keys</c>: API keys.</summary>
internal static class KeysCommand
{
    private static readonly Argument<string> Name = new("name") { Description = "What the key is for." };
    private static readonly Argument<string> Id = new("id") { Description = "The key's id." };
    private static readonly Option<string?> User = new("--user") { Description = "Whose key it is. Default: yours.", HelpName = "name" };
    private static readonly Option<string[]> Roles = new("--role") { Description = "A role of a key that is nobody's, on a server that does not ask who is calling; can be repeated.", HelpName = "name", DefaultValueFactory = _ => [] };
    private static readonly Option<string[]> Scopes = new("--scope") { Description = "A grant that narrows the key, such as runs.read or runs.*; can be repeated. Default: everything that its user may do.", HelpName = "permission", DefaultValueFactory = _ => [] };
    private static readonly Option<decimal?> Days = new("--days") { Description = "Days until the key expires. Default: it does not.", HelpName = "n" };

    public static Command Create() => new("keys", "Manage API keys.")
    {
        ConnectedVerb.Create("list", "List the API keys that you may see, newest first.", ListAsync, []),
        ConnectedVerb.Create("create", "Make an API key and print it, once.", CreateAsync, [Name], User, Roles, Scopes, Days),
        ConnectedVerb.Create("disable", "End an API key for good.", DisableAsync, [Id]),
        SigningKeysCommand.Create(),
    };

    private static async Task<int> ListAsync(Invocation invocation, Connection connection)
    {
        List<ApiKey> keys = await Listing.AllAsync((cursor, size) => connection.Client.ListApiKeysAsync(cursor, size, invocation.Cancelled));
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteArray(keys, CliJson.Default.ApiKey);
            return ExitCode.Ok;
        }

        var table = new TableView(
            invocation.Terminal, new TableColumn("Key", IsFixed: true), new TableColumn("For"), new TableColumn("Owner", IsFixed: true), new TableColumn("Allows"),
            new TableColumn("Created", IsFixed: true), new TableColumn("Expires", IsFixed: true), new TableColumn("Disabled", IsFixed: true));
        foreach (ApiKey key in keys)
        {
            string allows = key.Scopes is { } scopes ? string.Join(", ", scopes) : key.Owner is null ? string.Join(", ", key.Roles) : "what its owner may do";
            table.Add(key.Id, key.Name, key.Owner ?? "", allows, Listing.Time(key.CreatedAt), Listing.Time(key.ExpiresAt), Listing.Time(key.DisabledAt));
        }

        table.Print();
        return ExitCode.Ok;
    }

    private static async Task<int> CreateAsync(Invocation invocation, Connection connection)
    {
        string[]? roles = invocation.Get(Roles) is { Length: > 0 } r ? r : null;
        string[]? scopes = invocation.Get(Scopes) is { Length: > 0 } s ? s : null;
        CreatedApiKey created = await connection.Client.CreateApiKeyAsync(new NewApiKey(invocation.Get(Name)!, invocation.Get(User), roles, scopes, invocation.Get(Days)), invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(created, CliJson.Default.CreatedApiKey);
            return ExitCode.Ok;
        }

        invocation.Terminal.Out.WriteLine(created.Key);
        invocation.Terminal.Note($"this is shown once; its id is {created.About.Id}. Use it as: export AF_TOKEN=…");
        return ExitCode.Ok;
    }

    private static async Task<int> DisableAsync(Invocation invocation, Connection connection)
    {
        ApiKey key = await connection.Client.DisableApiKeyAsync(invocation.Get(Id)!, invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(key, CliJson.Default.ApiKey);
        }
        else
        {
            invocation.Terminal.Say($"{key.Id} ({key.Name}) is disabled.", Tone.Strong);
        }

        return ExitCode.Ok;
    }
}
