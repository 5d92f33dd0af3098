using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Tests.Features.Access;

/// <summary>A server that asks callers who they are, its first administrator, and tenants beside it.</summary>
public sealed partial class GuardedServer : IAsyncDisposable
{
    private GuardedServer(RunningServer server, string output)
    {
        Server = server;
        Output = output;
    }

    public RunningServer Server { get; }

    /// <summary>What the first start told the operator.</summary>
    public string Output { get; }

    /// <summary>Credentials of the first administrator.</summary>
    public (string Name, string Value) Admin => Bearer(KeyText().Match(Output).Value);

    public string AdminPassword => PasswordText().Match(Output).Groups[1].Value;

    public static async Task<GuardedServer> StartAsync(Func<ServerOptions, ServerOptions>? change = null)
    {
        using var output = new StringWriter();
        RunningServer server = await RunningServer.StartAsync(o => (change?.Invoke(o) ?? o) with { Access = AccessMode.Required, Credentials = output });
        return new GuardedServer(server, output.ToString());
    }

    public static (string Name, string Value) Bearer(string token) => ("Authorization", "Bearer " + token);

    /// <summary>Adds a tenant, and gives credentials of its administrator.</summary>
    public async Task<(string Name, string Value)> AddTenantAsync(string tenant)
    {
        Answer created = await Server.PostAsync("/api/v1/access/tenants", $$"""{"name":"{{tenant}}"}""", Admin);
        Assert.Equal(HttpStatusCode.Created, created.Status);
        // The password would have to be exchanged for a token; the store is asked directly for a key instead.
        return await AddKeyOfAsync(tenant, created.Json.GetProperty("admin").GetString()!);
    }

    /// <summary>Adds a user with roles by the authority of somebody, and gives credentials of the user.</summary>
    public async Task<(string Name, string Value)> AddUserAsync((string Name, string Value) by, string name, params string[] roles)
    {
        Answer created = await Server.PostAsync("/api/v1/access/users", JsonSerializer.Serialize(new { name, roles }), by);
        Assert.True(created.Status == HttpStatusCode.Created, created.Text);
        return Bearer(await KeyAsync(by, new { name = "test", user = name }));
    }

    /// <summary>Makes a key and gives its text.</summary>
    public async Task<string> KeyAsync((string Name, string Value) by, object body)
    {
        Answer created = await Server.PostAsync("/api/v1/access/keys", JsonSerializer.Serialize(body), by);
        Assert.True(created.Status == HttpStatusCode.Created, created.Text);
        return created.Json.GetProperty("key").GetString()!;
    }

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    private async Task<(string Name, string Value)> AddKeyOfAsync(string tenant, string user)
    {
        AgentFlow.Engine.Access.UserAccount owner = (await Server.Access.FindUserAsync(tenant, user, default))!;
        var key = AgentFlow.Engine.Access.ApiKeyText.Create(tenant, AgentFlow.Contracts.Ids.Ulid.Parse(owner.Id.ToString()), out string text);
        await Server.Access.AddKeyAsync(tenant, new AgentFlow.Engine.Access.ApiKey(key.Id, "test", key.Hash, owner.Id, [], null, "test", 0), default);
        return Bearer(text);
    }

    [GeneratedRegex(@"afk_\S+\.\S+\.\S+")]
    private static partial Regex KeyText();

    [GeneratedRegex(@"password +(\S+)")]
    private static partial Regex PasswordText();
}
