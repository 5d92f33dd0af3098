using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Secrets;
using Microsoft.AspNetCore.Http;

namespace AgentFlow.Server.Tests.Features.Secrets;

/// <summary>Against a double that speaks Vault's KV version 2 as its API documentation has it, over real sockets.</summary>
public sealed class VaultSecretsTests : IAsyncLifetime
{
    private const string Token = "hvs.test-token";

    private readonly Dictionary<string, List<JsonObject>> _data = new(StringComparer.Ordinal);
    private readonly Dictionary<string, JsonObject> _custom = new(StringComparer.Ordinal);
    private World _vault = null!;
    private VaultSecrets _secrets = null!;
    private int? _status;
    private string _token = Token;

    public async ValueTask InitializeAsync()
    {
        _vault = await World.StartAsync(AnswerAsync);
        _secrets = Secrets(_vault.Address);
    }

    public async ValueTask DisposeAsync()
    {
        _secrets.Dispose();
        await _vault.DisposeAsync();
    }

    private VaultSecrets Secrets(Uri address) => new(new VaultSettings(address, _token, "secret", "agentflow/{tenant}", "team"));

    private async Task AnswerAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        if (_status is { } status)
        {
            context.Response.StatusCode = status;
            return;
        }

        if (request.Headers["X-Vault-Token"] != Token || request.Headers["X-Vault-Namespace"] != "team")
        {
            context.Response.StatusCode = 403;
            await context.Response.WriteAsync("""{"errors":["permission denied"]}""");
            return;
        }

        string path = request.Path.Value!;
        string name = path[(path.IndexOf("/agentflow/", StringComparison.Ordinal) + 1)..];
        if (path.StartsWith("/v1/secret/data/", StringComparison.Ordinal))
        {
            if (request.Method == "POST")
            {
                JsonObject body = (await JsonSerializer.DeserializeAsync<JsonObject>(request.Body))!;
                List<JsonObject> versions = _data.TryGetValue(name, out List<JsonObject>? known) ? known : _data[name] = [];
                versions.Add(body["data"]!.DeepClone().AsObject());
                await context.Response.WriteAsync($$$"""{"data":{"version":{{{versions.Count}}}}}""");
                return;
            }

            await WriteAsync(context, _data.TryGetValue(name, out List<JsonObject>? found)
                ? new JsonObject { ["data"] = new JsonObject { ["data"] = found[^1].DeepClone(), ["metadata"] = new JsonObject { ["version"] = found.Count, ["created_time"] = "2026-01-02T03:04:05.678Z", ["custom_metadata"] = _custom.GetValueOrDefault(name)?.DeepClone() } } }
                : null);
            return;
        }

        switch (request.Method)
        {
            case "LIST":
                string[] keys = [.. _data.Keys.Where(k => k.StartsWith(name + "/", StringComparison.Ordinal)).Select(k => k[(name.Length + 1)..])];
                await WriteAsync(context, keys.Length == 0 ? null : new JsonObject { ["data"] = new JsonObject { ["keys"] = new JsonArray([.. keys.Append("folder/").Select(k => (JsonNode)k)]) } });
                break;
            case "POST":
                _custom[name] = (await JsonSerializer.DeserializeAsync<JsonObject>(request.Body))!["custom_metadata"]!.DeepClone().AsObject();
                context.Response.StatusCode = 204;
                break;
            case "DELETE":
                _data.Remove(name);
                context.Response.StatusCode = 204;
                break;
            default:
                await WriteAsync(context, _data.TryGetValue(name, out List<JsonObject>? versions) ? new JsonObject
                {
                    ["data"] = new JsonObject
                    {
                        ["current_version"] = versions.Count,
                        ["created_time"] = "2026-01-01T00:00:00Z",
                        ["updated_time"] = "2026-01-02T00:00:00Z",
                        ["custom_metadata"] = _custom.GetValueOrDefault(name)?.DeepClone(),
                        ["versions"] = new JsonObject { [$"{versions.Count}"] = new JsonObject { ["created_time"] = "2026-01-02T00:00:00Z" } },
                    },
                }
                : null);
                break;
        }
    }

    private static Task WriteAsync(HttpContext context, JsonObject? answer)
    {
        context.Response.StatusCode = answer is null ? 404 : 200;
        return context.Response.WriteAsync(answer?.ToJsonString() ?? """{"errors":[]}""");
    }

    [Fact]
    public async Task Set_ThenFind_GivesTheNewestVersion()
    {
        await _secrets.SetAsync("acme", "api", new Dictionary<string, string> { [""] = "first-value" }, TimeSpan.FromDays(30), default);
        SecretState state = await _secrets.SetAsync("acme", "api", new Dictionary<string, string> { [""] = "second-value" }, null, default);
        Assert.Equal(("2", TimeSpan.FromDays(30), DateTimeOffset.Parse("2026-02-01T03:04:05.678Z", System.Globalization.CultureInfo.InvariantCulture)), (state.Version, state.RotateEvery, state.DueAt));
        Secret found = (await _secrets.FindAsync("acme", "api", default))!;
        Assert.Equal("second-value", found.Fields[""]);
        Assert.DoesNotContain("second-value", $"{found}", StringComparison.Ordinal);
        Assert.Null(await _secrets.FindAsync("other", "api", default));
        Assert.Contains("POST /v1/secret/data/agentflow/acme/api", _vault.Asked);
    }

    [Fact]
    public async Task Fields_AreKeysOfThePath()
    {
        _data["agentflow/default/db"] = [JsonNode.Parse("""{"user":"ann","password":"long-password","port":5432}""")!.AsObject()];
        Secret found = (await _secrets.FindAsync("default", "db", default))!;
        Assert.Equal(("ann", "long-password", "5432"), (found.Fields["user"], found.Fields["password"], found.Fields["port"]));
        Assert.Equal(["password", "port", "user"], found.State.Fields);
    }

    [Fact]
    public async Task List_Folder_NamesSecretsAndLeavesFoldersOut()
    {
        await _secrets.SetAsync("acme", "b", new Dictionary<string, string> { [""] = "some-value" }, TimeSpan.FromDays(10), default);
        await _secrets.SetAsync("acme", "a", new Dictionary<string, string> { [""] = "some-value" }, null, default);
        IReadOnlyList<SecretState> listed = await _secrets.ListAsync("acme", default);
        Assert.Equal(["a", "b"], listed.Select(s => s.Name));
        Assert.Equal(DateTimeOffset.Parse("2026-01-12T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture), listed[1].DueAt);
        Assert.Empty(await _secrets.ListAsync("other", default));
        Assert.True(await _secrets.RemoveAsync("acme", "a", default));
        Assert.False(await _secrets.RemoveAsync("acme", "a", default));
    }

    [Theory]
    [InlineData(403, "refuses (403)")]
    [InlineData(503, "answered 503")]
    [InlineData(429, "answered 429")]
    [InlineData(401, "does not take the credentials")]
    [InlineData(302, "answered 302")]
    public async Task Find_Refused_SaysWhyAndNothingElse(int status, string why)
    {
        _status = status;
        SecretUnavailableException thrown = await Assert.ThrowsAsync<SecretUnavailableException>(async () => await _secrets.FindAsync("acme", "api", default));
        Assert.Contains(why, thrown.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Token, thrown.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Find_NobodyThere_SaysSo()
    {
        await _vault.DisposeAsync();
        Assert.Contains("cannot be reached", (await Assert.ThrowsAsync<SecretUnavailableException>(async () => await _secrets.FindAsync("acme", "api", default))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Find_WrongToken_Refuses()
    {
        _token = "hvs.other";
        using VaultSecrets other = Secrets(_vault.Address);
        Assert.Contains("(403)", (await Assert.ThrowsAsync<SecretUnavailableException>(async () => await other.FindAsync("acme", "api", default))).Message, StringComparison.Ordinal);
    }
}
