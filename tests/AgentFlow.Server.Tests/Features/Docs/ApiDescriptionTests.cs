using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;

namespace AgentFlow.Server.Tests.Features.Docs;

public sealed class ApiDescriptionTests : IAsyncLifetime
{
    private RunningServer _server = null!;
    private JsonElement _document;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        Answer answer = await _server.GetAsync("/api/v1/openapi.json");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        _document = answer.Json;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public void Paths_HaveEveryMappedEndpoint()
    {
        string[] undescribed = ["GET /api/v1/openapi.json", "GET /docs/{file}"];
        IEnumerable<string> mapped = _server.Endpoints.SelectMany(e => e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(m => $"{m} {e.RoutePattern.RawText}"));
        IEnumerable<string> described = Operations().Select(o => $"{o.Method.ToUpperInvariant()} {o.Path}");
        Assert.Equal(mapped.Except(undescribed).Order(), described.Order());
    }

    [Fact]
    public void Operations_AreComplete()
    {
        Assert.All(Operations(), o =>
        {
            Assert.NotEqual("", o.Operation.GetProperty("summary").GetString());
            Assert.NotEqual("", o.Operation.GetProperty("operationId").GetString());
            JsonElement responses = o.Operation.GetProperty("responses");
            Assert.Contains(responses.EnumerateObject(), r => r.Name[0] == '2');
            foreach (JsonProperty response in responses.EnumerateObject())
            {
                Assert.True(response.Value.GetProperty("description").GetString()!.Length > 3, $"{o.Path} {response.Name}");
                if (response.Name[0] is '4' or '5')
                {
                    JsonElement content = response.Value.GetProperty("content");
                    if (o.Path.StartsWith("/orchestrator/", StringComparison.Ordinal))
                    {
                        Assert.True(content.GetProperty("application/json").TryGetProperty("schema", out _), $"{o.Path} {response.Name}");
                        continue;
                    }

                    Assert.Equal("#/components/schemas/Problem", content.GetProperty("application/problem+json").GetProperty("schema").GetProperty("$ref").GetString());
                }
            }

            foreach (string parameter in o.Path.Split('/').Where(p => p.StartsWith('{')).Select(p => p.Trim('{', '}')))
            {
                Assert.Contains(Parameters(o.Operation), p => p.GetProperty("name").GetString() == parameter && p.GetProperty("in").GetString() == "path");
            }
        });
        Assert.Equal(Operations().Count(), Operations().Select(o => o.Operation.GetProperty("operationId").GetString()).Distinct().Count());
    }

    [Fact]
    public void References_LeadSomewhere()
    {
        JsonElement schemas = _document.GetProperty("components").GetProperty("schemas");
        foreach (string reference in References(_document))
        {
            Assert.StartsWith("#/components/schemas/", reference);
            Assert.True(schemas.TryGetProperty(reference["#/components/schemas/".Length..], out _), reference);
        }
    }

    [Fact]
    public void Members_AreSnakeCase()
    {
        foreach (JsonProperty schema in _document.GetProperty("components").GetProperty("schemas").EnumerateObject())
        {
            if (schema.Value.TryGetProperty("properties", out JsonElement properties))
            {
                Assert.All(properties.EnumerateObject(), p => Assert.Matches("^[a-z][a-z0-9]*(_[a-z0-9]+)*$", p.Name));
            }
        }
    }

    [Theory]
    [InlineData("/api/v1/workflows", "application/json")]
    [InlineData("/api/v1/workflows/{id}/execute", "application/json")]
    [InlineData("/api/v1/runs/{id}/cancel", "application/json")]
    [InlineData("/api/v1/runs/{id}/signal", "application/json")]
    [InlineData("/api/v1/runs/{id}/pause", "application/json")]
    [InlineData("/api/v1/runs/{id}/resume", "application/json")]
    [InlineData("/api/v1/runs/{id}/steps/{step}/resolve", "application/json")]
    public async Task Body_Members_AreThoseThatTheServerReads(string path, string type)
    {
        JsonElement body = _document.GetProperty("paths").GetProperty(path).GetProperty("post").GetProperty("requestBody");
        JsonElement schema = body.GetProperty("content").GetProperty(type).GetProperty("schema");
        string[] described = schema.TryGetProperty("properties", out JsonElement properties) ? [.. properties.EnumerateObject().Select(p => p.Name)] : [];

        // The server names what it takes when it is given something else.
        Answer answer = await _server.PostAsync(path.Replace("{id}", "x").Replace("{step}", "1"), """{"no such member":1}""");
        JsonElement refused = answer.Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED").GetProperty("errors").EnumerateArray().Single(e => e.GetProperty("pointer").GetString() == "/no such member");
        string taken = refused.GetProperty("remedy").GetString()!;
        Assert.Equal(described.Order(), taken["It takes ".Length..^1].Split(", ", StringSplitOptions.RemoveEmptyEntries).Order());
    }

    [Theory]
    [InlineData("/api/v1/workflows")]
    [InlineData("/api/v1/workflows/{id}")]
    [InlineData("/api/v1/workflows/{id}/versions")]
    [InlineData("/api/v1/runs")]
    [InlineData("/api/v1/tools")]
    public async Task QueryParameters_AreThoseThatTheServerReads(string path)
    {
        IEnumerable<string> described = Parameters(_document.GetProperty("paths").GetProperty(path).GetProperty("get")).Where(p => p.GetProperty("in").GetString() == "query").Select(p => p.GetProperty("name").GetString()!);
        JsonElement problem = (await _server.GetAsync(path.Replace("{id}", "x") + "?zzzzzzzzzzzz=1")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
        string taken = problem.GetProperty("errors")[0].GetProperty("remedy").GetString()!;
        Assert.Equal(described.Order(), taken["It takes ".Length..^1].Split(", ").Order());
    }

    private static IEnumerable<JsonElement> Parameters(JsonElement operation) =>
        operation.TryGetProperty("parameters", out JsonElement parameters) ? parameters.EnumerateArray() : [];

    private static IEnumerable<string> References(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p => p.Name == "$ref" && p.Value.ValueKind == JsonValueKind.String ? [p.Value.GetString()!] : References(p.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(References),
        _ => [],
    };

    private IEnumerable<(string Path, string Method, JsonElement Operation)> Operations() =>
        from path in _document.GetProperty("paths").EnumerateObject()
        from method in path.Value.EnumerateObject()
        select (path.Name, method.Name, method.Value);
}
