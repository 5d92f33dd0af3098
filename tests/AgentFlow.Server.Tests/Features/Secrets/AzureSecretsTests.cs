using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Secrets;
using Microsoft.AspNetCore.Http;

namespace AgentFlow.Server.Tests.Features.Secrets;

/// <summary>Against a double that speaks Entra's token endpoint and Key Vault's REST API 7.4 as their documentation has it, over real sockets.</summary>
public sealed class AzureSecretsTests : IAsyncLifetime
{
    private const string ClientSecret = "client~secret";

    private readonly SortedDictionary<string, JsonObject> _secretsInVault = new(StringComparer.Ordinal);
    private World _azure = null!;
    private AzureSecrets _secrets = null!;
    private int _tokens;
    private bool _revoked;
    private string? _nextLink;

    public async ValueTask InitializeAsync()
    {
        _azure = await World.StartAsync(AnswerAsync);
        _secrets = Secrets();
    }

    public async ValueTask DisposeAsync()
    {
        _secrets.Dispose();
        await _azure.DisposeAsync();
    }

    private string Place => _azure.Address.ToString().TrimEnd('/');

    private AzureSecrets Secrets(string secret = ClientSecret) => new(new AzureSettings($"{Place}/kv", "contoso", "client-1", secret, _azure.Address), TimeProvider.System);

    private async Task AnswerAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        if (request.Path == "/contoso/oauth2/v2.0/token")
        {
            IFormCollection form = await request.ReadFormAsync();
            bool good = form["grant_type"] == "client_credentials" && form["client_id"] == "client-1" && form["client_secret"] == ClientSecret && form["scope"] == "https://vault.azure.net/.default";
            context.Response.StatusCode = good ? 200 : 401;
            await context.Response.WriteAsync(good ? $$"""{"token_type":"Bearer","expires_in":3599,"access_token":"token-{{Interlocked.Increment(ref _tokens)}}"}""" : """{"error":"invalid_client"}""");
            return;
        }

        if (request.Headers.Authorization != $"Bearer token-{_tokens}" || _revoked || request.Query["api-version"] != "7.4")
        {
            _revoked = false;
            context.Response.StatusCode = 401;
            return;
        }

        string name = request.Path.Value!["/kv/secrets".Length..].Trim('/');
        if (name.Length == 0)
        {
            JsonNode[] page = [.. _secretsInVault.Values.Skip(request.Query.ContainsKey("skip") ? 1 : 0).Take(request.Query.ContainsKey("skip") ? 100 : 1).Select(s =>
            {
                JsonObject item = s.DeepClone().AsObject();
                item.Remove("value");
                return item;
            })];
            await context.Response.WriteAsync(new JsonObject
            {
                ["value"] = new JsonArray(page),
                ["nextLink"] = request.Query.ContainsKey("skip") || _secretsInVault.Count < 2 ? null : _nextLink ?? $"{Place}/kv/secrets?api-version=7.4&skip=1",
            }.ToJsonString());
            return;
        }

        if (request.Method == "PUT")
        {
            JsonObject body = (await JsonSerializer.DeserializeAsync<JsonObject>(request.Body))!;
            JsonObject attributes = body["attributes"]?.DeepClone().AsObject() ?? [];
            attributes["created"] = 1_767_323_045;
            attributes["updated"] = 1_767_323_045;
            _secretsInVault[name] = new JsonObject { ["value"] = body["value"]!.DeepClone(), ["id"] = $"{Place}/secrets/{name}/{_secretsInVault.Count + 100:x}", ["attributes"] = attributes, ["tags"] = body["tags"]?.DeepClone() };
        }

        if (!_secretsInVault.TryGetValue(name, out JsonObject? found))
        {
            context.Response.StatusCode = 404;
            await context.Response.WriteAsync("""{"error":{"code":"SecretNotFound"}}""");
            return;
        }

        if (request.Method == "DELETE")
        {
            _secretsInVault.Remove(name);
        }

        await context.Response.WriteAsync(found.ToJsonString());
    }

    [Fact]
    public async Task Set_ThenFind_GivesTheValueAndTheSchedule()
    {
        SecretState state = await _secrets.SetAsync("default", "api-key", new Dictionary<string, string> { [""] = "azure-value" }, TimeSpan.FromDays(90), default);
        Assert.Equal((TimeSpan.FromDays(90), "64"), (state.RotateEvery, state.Version));
        Assert.InRange(state.DueAt!.Value, DateTimeOffset.UtcNow.AddDays(89), DateTimeOffset.UtcNow.AddDays(91));
        Assert.Equal("azure-value", (await _secrets.FindAsync("default", "api-key", default))!.Fields[""]);
        Assert.Null(await _secrets.FindAsync("default", "unknown", default));
        Assert.Equal(1, _tokens);
        Assert.True(await _secrets.RemoveAsync("default", "api-key", default));
        Assert.False(await _secrets.RemoveAsync("default", "api-key", default));
    }

    [Fact]
    public async Task Find_TokenRevoked_AsksForAnother()
    {
        await _secrets.SetAsync("default", "api", new Dictionary<string, string> { [""] = "azure-value" }, null, default);
        _revoked = true;
        Assert.NotNull(await _secrets.FindAsync("default", "api", default));
        Assert.Equal(2, _tokens);
    }

    [Fact]
    public async Task Find_WrongClientSecret_SaysSoWithoutIt()
    {
        using AzureSecrets other = Secrets("wrong-secret");
        SecretUnavailableException thrown = await Assert.ThrowsAsync<SecretUnavailableException>(async () => await other.FindAsync("default", "api", default));
        Assert.Contains("AF_AZURE_CLIENT_SECRET", thrown.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong-secret", thrown.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_Pages_AreFollowedInTheVaultAlone()
    {
        foreach (string name in new[] { "c", "a", "b" })
        {
            await _secrets.SetAsync("default", name, new Dictionary<string, string> { [""] = "azure-value" }, null, default);
        }

        Assert.Equal(["a", "b", "c"], (await _secrets.ListAsync("default", default)).Select(s => s.Name));
        await using World evil = await World.StartAsync(_ => Task.CompletedTask);
        _nextLink = $"{evil.Address}secrets?api-version=7.4";
        Assert.Equal(["a"], (await _secrets.ListAsync("default", default)).Select(s => s.Name));
        Assert.Empty(evil.Asked);
    }

    [Fact]
    public async Task OneVaultForAll_IsTheDefaultTenantsAlone()
    {
        await _secrets.SetAsync("default", "api", new Dictionary<string, string> { [""] = "azure-value" }, null, default);
        int asked = _azure.Asked.Count;
        Assert.Null(await _secrets.FindAsync("acme", "api", default));
        Assert.Empty(await _secrets.ListAsync("acme", default));
        await Assert.ThrowsAsync<SecretUnavailableException>(async () => await _secrets.SetAsync("acme", "api", new Dictionary<string, string> { [""] = "azure-value" }, null, default));
        Assert.Equal(asked, _azure.Asked.Count);
    }
}
