using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Tests.Features.Bridge;

/// <summary>A server with a shared secret, and agents that sign as deployed ones do.</summary>
public sealed class BridgeServer : IAsyncDisposable
{
    public const string Secret = "shared-0123456789abcdef0123456789abcdef";

    private BridgeServer(RunningServer server) => Server = server;

    public RunningServer Server { get; private set; }

    public static async Task<BridgeServer> StartAsync(Func<BridgeSettings, BridgeSettings>? change = null, Func<ServerOptions, ServerOptions>? options = null)
    {
        var settings = new BridgeSettings { Secrets = [Secret] };
        return new BridgeServer(await RunningServer.StartAsync(o => (options?.Invoke(o) ?? o) with { Bridge = change?.Invoke(settings) ?? settings }));
    }

    public async Task RestartAsync(Func<BridgeSettings, BridgeSettings>? change = null)
    {
        var settings = new BridgeSettings { Secrets = [Secret] };
        Server = await Server.RestartAsync(o => o with { Bridge = change?.Invoke(settings) ?? settings });
    }

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    /// <summary>A token over claims, as jsonwebtoken would make it.</summary>
    public static string Sign(JsonNode claims, string secret = Secret, string header = """{"alg":"HS256","typ":"JWT"}""")
    {
        string text = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims.ToJsonString()))}";
        return $"{text}.{Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.ASCII.GetBytes(text)))}";
    }

    /// <summary>The claims of a deployed agent: the whole body, and what says whose it is.</summary>
    public static JsonObject Claims(object body, string agent, long? expires = null)
    {
        var claims = (JsonObject)JsonSerializer.SerializeToNode(body)!;
        claims["iss"] = agent;
        claims["aud"] = "auto-com-center";
        claims["iat"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        if (expires is { } end)
        {
            claims["exp"] = end;
        }

        return claims;
    }

    /// <summary>Sends a body under a token over it.</summary>
    public Task<Answer> SendAsync(string path, string agent, object body, string secret = Secret) => SendAsync(path, Sign(Claims(body, agent), secret), JsonSerializer.Serialize(body));

    public Task<Answer> SendAsync(string path, string token, string body) => Server.PostAsync($"/orchestrator/{path}", body, ("Authorization", $"Bearer {token}"));

    public async Task RegisterAsync(string agent, string baseUrl = "https://agents.example.com", params string[] capabilities)
    {
        Answer answer = await SendAsync("register", agent, new { agent_id = agent, name = agent, base_url = baseUrl, capabilities = capabilities.Length == 0 ? ["doc.read"] : capabilities });
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
    }

    public Task<Answer> CallbackAsync(string agent, string task, string status, object? result = null, object? error = null, string secret = Secret)
    {
        var body = new Dictionary<string, object> { ["task_id"] = task, ["status"] = status, ["trace_id"] = "t" };
        if (result is not null)
        {
            body["result"] = result;
        }

        if (error is not null)
        {
            body["error"] = error;
        }

        return SendAsync($"tasks/{task}/callback", agent, body, secret);
    }

    public async Task<JsonElement> DispatchAsync(object body, params (string Name, string Value)[] headers)
    {
        Answer answer = await Server.PostAsync("/orchestrator/tasks/dispatch", JsonSerializer.Serialize(body), headers);
        Assert.True(answer.Status == HttpStatusCode.Accepted, answer.Text);
        return answer.Json;
    }

    public async Task<JsonElement> TaskAsync(string id, Func<JsonElement, bool> wanted) => await Server.UntilAsync($"/orchestrator/tasks/{id}", wanted);

    public Task<JsonElement> TaskAsync(string id, string status) => TaskAsync(id, t => t.GetProperty("status").GetString() == status);

    /// <summary>Holds an answer to be an error of the bridge's shape.</summary>
    public static JsonElement Error(Answer answer, HttpStatusCode status, string code)
    {
        Assert.True(answer.Status == status, $"{answer.Status} {answer.Text}");
        Assert.Equal("application/json", answer.Type);
        Assert.False(answer.Json.GetProperty("success").GetBoolean());
        JsonElement error = answer.Json.GetProperty("error");
        Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.NotEqual("", error.GetProperty("message").GetString());
        return error;
    }
}
