using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AgentFlow.Farm.Tests.Support;

/// <summary>
/// Somebody else's platform, as far as the protocol shows it: it reads nothing but the JSON, runs every task on paper and
/// answers what really came of it. A test changes single answers to give it habits.
/// </summary>
internal sealed class ForeignPlatform : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, JsonObject> _scenarios = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _requests = new();
    private readonly ConcurrentQueue<JsonObject> _events = new();
    private readonly CancellationTokenSource _stop = new();
    private int _polls;

    private ForeignPlatform(WebApplication app) => _app = app;

    public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <summary>Every request as <c>METHOD path tenant</c>, in order.</summary>
    public string[] Requests => [.. _requests];

    public JsonObject? Fleet { get; private set; }

    /// <summary>What the scenario came to, before it is sent.</summary>
    public Action<JsonObject> ChangeResult { get; set; } = _ => { };

    /// <summary>Answers instead of the platform; returns false to let it answer itself.</summary>
    public Func<HttpContext, Task<bool>> Habit { get; set; } = _ => Task.FromResult(false);

    /// <summary>How often the result is asked for before it is there.</summary>
    public int PollsUntilDone { get; set; } = 2;

    /// <summary>Whether events close the connection after each one.</summary>
    public int EventsPerConnection { get; set; } = int.MaxValue;

    public ConcurrentQueue<string?> LastEventIds { get; } = new();

    public static async Task<ForeignPlatform> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(h => h.ShutdownTimeout = TimeSpan.FromMilliseconds(100));
        WebApplication app = builder.Build();
        var platform = new ForeignPlatform(app);
        app.UseWebSockets();
        app.Use((context, next) => platform.PassAsync(context, next));
        app.UseRouting();
        app.MapPost("/api/v1/stress-test/fleet", (RequestDelegate)platform.FleetAsync);
        app.MapPost("/api/v1/stress-test/scenario", (RequestDelegate)platform.ScenarioAsync);
        app.MapGet("/api/v1/stress-test/scenario/{id}", (RequestDelegate)platform.ResultAsync);
        app.MapGet("/api/v1/aoa/dashboard", (RequestDelegate)(c => WriteAsync(c, """{"agents":{"active":3,"total":10},"workflows":{"active_workflows":4},"chaos":{"recovery_rate":0.5},"costs":{"session_usd":0.25},"unknown":[]}""")));
        app.MapGet("/api/v1/aoa/events", (RequestDelegate)platform.EventsAsync);
        await app.StartAsync();
        return platform;
    }

    public static async Task WriteAsync(HttpContext context, string text, string type = "application/json", int status = 200)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        await context.Response.WriteAsync(text);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _app.DisposeAsync();
    }

    public void Raise(string type, params (string Name, JsonNode? Value)[] members)
    {
        var happened = new JsonObject { ["type"] = type };
        foreach (var (name, value) in members) happened[name] = value;
        _events.Enqueue(happened);
    }

    private async Task PassAsync(HttpContext context, RequestDelegate next)
    {
        _requests.Enqueue($"{context.Request.Method} {context.Request.Path} {context.Request.Headers["X-Tenant-ID"]}");
        if (!await Habit(context))
        {
            await next(context);
        }
    }

    private async Task FleetAsync(HttpContext context)
    {
        Fleet = (JsonObject)(await JsonNode.ParseAsync(context.Request.Body))!;
        await WriteAsync(context, new JsonObject { ["status"] = "success", ["agents_ingested"] = Fleet["agents"]!.AsArray().Count, ["extra"] = new JsonArray(1) }.ToJsonString());
    }

    private async Task ScenarioAsync(HttpContext context)
    {
        var scenario = (JsonObject)(await JsonNode.ParseAsync(context.Request.Body))!;
        string id = (string)scenario["scenario_id"]!;
        _scenarios[id] = Run(scenario);
        await WriteAsync(context, new JsonObject { ["status"] = "queued", ["scenario_id"] = id, ["workflows_queued"] = scenario["workflows"]!["workflows"]!.AsArray().Count }.ToJsonString());
    }

    private async Task ResultAsync(HttpContext context)
    {
        if (!_scenarios.TryGetValue((string)context.Request.RouteValues["id"]!, out JsonObject? result))
        {
            await WriteAsync(context, """{"detail":"not found"}""", status: 404);
            return;
        }

        var answer = (JsonObject)result.DeepClone();
        if (Interlocked.Increment(ref _polls) <= PollsUntilDone)
        {
            answer["status"] = "running";
            answer["verdict"] = "PENDING";
            answer["workflows_completed"] = 1;
        }
        else
        {
            ChangeResult(answer);
            Raise("scenario.completed", ("scenario_id", (string)answer["scenario_id"]!));
        }

        await WriteAsync(context, answer.ToJsonString());
    }

    private async Task EventsAsync(HttpContext context)
    {
        string? last = context.Request.Headers["Last-Event-ID"].FirstOrDefault();
        LastEventIds.Enqueue(last);
        int next = last is null ? 0 : int.Parse(last) + 1;
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _stop.Token);
        bool overSocket = context.WebSockets.IsWebSocketRequest;
        using System.Net.WebSockets.WebSocket? socket = overSocket ? await context.WebSockets.AcceptWebSocketAsync() : null;
        if (!overSocket)
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("\uFEFF: welcome\r\nretry: 10\r\n\r\n", gone.Token);
        }

        try
        {
            for (int sent = 0; sent < EventsPerConnection;)
            {
                if (_events.Skip(next).FirstOrDefault() is not { } happened)
                {
                    await Task.Delay(5, gone.Token);
                    continue;
                }

                if (socket is not null)
                {
                    await socket.SendAsync(Encoding.UTF8.GetBytes(happened.ToJsonString()), System.Net.WebSockets.WebSocketMessageType.Text, true, gone.Token);
                }
                else
                {
                    // Over two data lines, as the format allows.
                    await context.Response.WriteAsync($": still here\nid:{next}\ndata: {happened.ToJsonString()[..1]}\ndata:{happened.ToJsonString()[1..]}\n\n", gone.Token);
                }

                next++;
                sent++;
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>Runs the tasks on paper, one after another, each when what it depends on has ended; recovers from everything.</summary>
    private JsonObject Run(JsonObject scenario)
    {
        DateTimeOffset clock = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var results = new JsonArray();
        int tasks = 0;
        int chaos = 0;
        foreach (JsonNode? workflow in scenario["workflows"]!["workflows"]!.AsArray())
        {
            var told = new JsonArray();
            foreach (JsonNode? task in workflow!["tasks"]!.AsArray())
            {
                string? fault = (string?)task!["chaos_injection"]?["type"];
                int ms = Math.Min(900, (int)task["expected_duration_ms"]!);
                told.Add(new JsonObject
                {
                    ["task_id"] = (string)task["task_id"]!,
                    ["status"] = fault is null ? "completed" : "retried",
                    ["started_at"] = clock.ToString("o"),
                    ["completed_at"] = clock.AddMilliseconds(ms).ToString("o"),
                    ["duration_ms"] = ms,
                    ["assigned_agent_id"] = (string)scenario["agent_assignments"]![(string)workflow["workflow_id"]!]![(string)task["task_id"]!]!,
                    ["chaos_occurred"] = fault is not null,
                    ["chaos_type"] = fault,
                    ["retry_count"] = fault is null ? 0 : 1,
                });
                clock = clock.AddMilliseconds(ms);
                tasks++;
                chaos += fault is null ? 0 : 1;
                if (fault is not null)
                {
                    Raise("chaos.injected", ("workflow_id", (string)workflow["workflow_id"]!), ("chaos_type", fault));
                    Raise("chaos.recovered", ("workflow_id", (string)workflow["workflow_id"]!), ("chaos_type", fault));
                }
            }

            Raise("workflow.completed", ("workflow_id", (string)workflow["workflow_id"]!));
            results.Add(new JsonObject { ["workflow_id"] = (string)workflow["workflow_id"]!, ["status"] = "completed", ["tasks_completed"] = told.Count, ["tasks_failed"] = 0, ["total_duration_ms"] = 800, ["task_results"] = told });
        }

        Raise("workflow.completed", ("workflow_id", "somebody-elses"));
        return new JsonObject
        {
            ["scenario_id"] = (string)scenario["scenario_id"]!,
            ["status"] = "completed",
            ["verdict"] = "PASS",
            ["completion_rate"] = 1.0,
            ["chaos_recovery_rate"] = 1.0,
            ["workflows_completed"] = results.Count,
            ["workflows_failed"] = 0,
            ["total_tasks"] = tasks,
            ["tasks_completed"] = tasks,
            ["tasks_failed"] = 0,
            ["chaos_events_total"] = chaos,
            ["chaos_events_recovered"] = chaos,
            ["total_duration_ms"] = 4000,
            ["total_cost_usd"] = 0.15,
            ["validation"] = JsonNode.Parse("""{"completion_rate":{"expected":0.8,"actual":1,"passed":true},"chaos_recovery":{"expected":0.8,"actual":1,"passed":true},"task_completion":{"passed":true}}"""),
            ["analysis"] = JsonNode.Parse("""{"verdict":"PASS","metrics":{"throughput_tasks_per_sec":7.5,"avg_latency_ms":400}}"""),
            ["workflow_results"] = results,
            ["something_new"] = new JsonObject { ["nobody"] = "knows" },
        };
    }
}
