using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using AgentFlow.Server.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Tests;

/// <summary>The real server on a free loopback port, with a database file of its own, and a client to it.</summary>
public sealed class RunningServer : IAsyncDisposable
{
    private readonly string _directory;
    private readonly bool _ownsDirectory;
    private WebApplication? _app;

    private RunningServer(string directory, bool ownsDirectory, TestAgents agents)
    {
        _directory = directory;
        _ownsDirectory = ownsDirectory;
        Agents = agents;
    }

    public TestAgents Agents { get; }

    public string DatabasePath => Path.Combine(_directory, "agentflow.db");

    /// <summary>What the server has mapped.</summary>
    public IEnumerable<RouteEndpoint> Endpoints => ((IEndpointRouteBuilder)_app!).DataSources.SelectMany(s => s.Endpoints).OfType<RouteEndpoint>();

    /// <summary>The server's own store of users and keys.</summary>
    public AgentFlow.Engine.Access.IAccessStore Access => Engine.Store.Access;

    /// <summary>The server's own registry of agents.</summary>
    public AgentFlow.Engine.Ports.IAgentStore Registry => Engine.Store.Agents;

    /// <summary>The server's own memory of triggers.</summary>
    public AgentFlow.Engine.Ports.ITriggerStore Triggers => Engine.Store.Triggers;

    /// <summary>The server's own hub.</summary>
    internal AgentFlow.Server.Features.Activities.ActivityHub Activity => Engine.Activity;

    public HttpClient Http { get; private set; } = null!;

    public Uri Address => Http.BaseAddress!;

    private HostedEngine Engine => _app!.Services.GetServices<IHostedService>().OfType<HostedEngine>().Single();

    public static Task<RunningServer> StartAsync(Func<ServerOptions, ServerOptions>? change = null) =>
        StartAsync(Directory.CreateTempSubdirectory("agentflow-server-").FullName, ownsDirectory: true, change);

    /// <summary>Stops the server and starts another one on the same database.</summary>
    public async Task<RunningServer> RestartAsync(Func<ServerOptions, ServerOptions>? change = null)
    {
        await StopAsync();
        return await StartAsync(_directory, ownsDirectory: true, change);
    }

    /// <summary>Stops as Ctrl+C does.</summary>
    public async Task StopAsync()
    {
        if (_app is { } app)
        {
            _app = null;
            await app.StopAsync();
            await app.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Http.Dispose();
        if (_ownsDirectory && Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    public async Task<Answer> GetAsync(string path, params (string Name, string Value)[] headers) => await SendAsync(HttpMethod.Get, path, null, headers);

    public async Task<Answer> PostAsync(string path, string? json, params (string Name, string Value)[] headers) =>
        await SendAsync(HttpMethod.Post, path, json is null ? null : Content(Encoding.UTF8.GetBytes(json), "application/json"), headers);

    public async Task<Answer> PostYamlAsync(string path, string yaml, params (string Name, string Value)[] headers) =>
        await SendAsync(HttpMethod.Post, path, Content(Encoding.UTF8.GetBytes(yaml), "application/yaml"), headers);

    public async Task<Answer> SendAsync(HttpMethod method, string path, HttpContent? content, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using HttpResponseMessage response = await Http.SendAsync(request);
        return new Answer(response.StatusCode, response.Headers, response.Content.Headers, await response.Content.ReadAsByteArrayAsync());
    }

    public static ByteArrayContent Content(byte[] bytes, string? type)
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        return content;
    }

    /// <summary>Takes the database away from the running server.</summary>
    public void BreakStore() => Engine.DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>Stores a workflow and fails the test when the server does not take it.</summary>
    public async Task SaveAsync(string yaml, params (string Name, string Value)[] headers)
    {
        Answer saved = await PostYamlAsync("/api/v1/workflows", yaml, headers);
        Assert.True(saved.Status is HttpStatusCode.Created or HttpStatusCode.OK, saved.Text);
    }

    /// <summary>Starts a run and gives its id.</summary>
    public async Task<string> StartAsync(string workflow, string input = "{}", params (string Name, string Value)[] headers)
    {
        Answer started = await PostAsync($"/api/v1/workflows/{workflow}/execute?async=true", $$"""{"input":{{input}}}""", headers);
        Assert.Equal(HttpStatusCode.Accepted, started.Status);
        return started.Json.GetProperty("run_id").GetString()!;
    }

    /// <summary>Reads a run until it is as wanted.</summary>
    public Task<JsonElement> RunAsync(string id, Func<JsonElement, bool> wanted, params (string Name, string Value)[] headers) =>
        UntilAsync($"/api/v1/runs/{id}", wanted, headers);

    /// <summary>Reads an address until its answer is as wanted; the limit only keeps a broken server from hanging the tests.</summary>
    public async Task<JsonElement> UntilAsync(string path, Func<JsonElement, bool> wanted, params (string Name, string Value)[] headers)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            JsonElement answer = (await GetAsync(path, headers)).Json;
            if (wanted(answer))
            {
                return answer;
            }

            Assert.False(limit.IsCancellationRequested, $"{path} never came to what was wanted; it is {answer}");
            await Task.Delay(10);
        }
    }

    public Task<JsonElement> EndAsync(string id, params (string Name, string Value)[] headers) =>
        RunAsync(id, static r => r.GetProperty("status").GetString() is "completed" or "failed" or "cancelled", headers);

    public Task<JsonElement> InStatusAsync(string id, string status) => RunAsync(id, r => r.GetProperty("status").GetString() == status);

    private static async Task<RunningServer> StartAsync(string directory, bool ownsDirectory, Func<ServerOptions, ServerOptions>? change)
    {
        var agents = new TestAgents();
        var server = new RunningServer(directory, ownsDirectory, agents);
        var options = new ServerOptions
        {
            Store = new StoreAddress.Sqlite(Path.Combine(directory, "agentflow.db")),
            Listen = new ListenAddress.Tcp(IPAddress.Loopback, 0),
            LogLevel = LogLevel.None,
            HandlesSignals = false,
            AgentTypes = agents.Types,
            ShutdownTimeout = TimeSpan.FromSeconds(5),
        };
        server._app = await AgentFlowApp.BuildAsync(change is null ? options : change(options));
        await server._app.StartAsync();
        server.Http = new HttpClient { BaseAddress = new Uri(server._app.Urls.First()), Timeout = TimeSpan.FromSeconds(60) };
        return server;
    }
}

/// <summary>A whole answer.</summary>
public sealed record Answer(HttpStatusCode Status, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public JsonElement Json => JsonElement.Parse(Body);

    public string? Tag => Headers.ETag?.ToString();

    public string? Type => ContentHeaders.ContentType?.MediaType;

    /// <summary>Holds the answer to be problem details of a code, complete and consistent.</summary>
    public JsonElement Problem(HttpStatusCode status, string code)
    {
        Assert.Equal((status, "application/problem+json"), (Status, Type));
        JsonElement problem = Json;
        Assert.Equal(code, problem.GetProperty("code").GetString());
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        Assert.Equal("/docs/errors/" + code, problem.GetProperty("type").GetString());
        Assert.Matches("^[0-9a-f]{32}$", problem.GetProperty("trace_id").GetString());
        Assert.NotEqual("", problem.GetProperty("title").GetString());
        return problem;
    }
}
