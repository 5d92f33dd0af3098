using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using AgentFlow.Client;

namespace AgentFlow.Cli.Load;

/// <summary>
/// Loads an orchestrator as remote agents do: register, heartbeat, callback, event, in turns. The tasks that callbacks are about
/// are dispatched before: each is accepted, in progress and done, in this order.
/// </summary>
internal sealed class OrchestratorLoad : IDisposable
{
    private const int CallsPerTask = 3;
    private const int Dispatchers = 16;

    // Tasks whose callbacks take turns: the three of one task are so far apart that they do not overtake each other.
    private const int Together = 200;

    private static readonly int Calls = Enum.GetValues<LoadCall>().Length;
    private static readonly TimeSpan RequestLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ArrivalLimit = TimeSpan.FromMinutes(5);

    private readonly LoadPlan _plan;
    private readonly Uri _target;
    private readonly string? _token;
    private readonly LoadAgents _agents;
    private readonly HttpClient _http;
    private readonly BridgeAgent _wire;
    private readonly string _run = Guid.NewGuid().ToString("N")[..8];
    private (string Id, string Agent)[] _tasks = [];

    /// <param name="agentAddress">Where the target reaches the agents.</param>
    /// <param name="token">Shown when tasks are dispatched and alerts read.</param>
    public OrchestratorLoad(LoadPlan plan, Uri target, string secret, string? token, LoadAgents agents, Uri agentAddress)
    {
        (_plan, _target, _token, _agents) = (plan, target, token, agents);
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = plan.Connections, UseProxy = false, UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = target, Timeout = RequestLimit };
        _wire = new BridgeAgent(_http, Encoding.UTF8.GetBytes(secret), agentAddress);
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Registers the agents, and dispatches the tasks that they will answer.</summary>
    /// <exception cref="CliException">The target does not take them.</exception>
    public async Task PrepareAsync(CancellationToken cancelled)
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, _plan.Agents), new ParallelOptions { MaxDegreeOfParallelism = Dispatchers, CancellationToken = cancelled }, async (agent, token) =>
        {
            if (await _wire.RegisterAsync(Agent(agent), token) is { } failure)
            {
                throw CliException.Failed($"{_target} does not register agents: {failure.Reason}: {failure.Sample}");
            }
        });
        int callbacks = _plan.Total / Calls + 1;
        _tasks = new (string, string)[((callbacks / CallsPerTask / Together) + 1) * Together];
        await Parallel.ForEachAsync(Enumerable.Range(0, _tasks.Length), new ParallelOptions { MaxDegreeOfParallelism = Dispatchers, CancellationToken = cancelled }, async (number, token) =>
            _tasks[number] = (await DispatchAsync(Agent(number % _plan.Agents), token), Agent(number % _plan.Agents)));

        // A callback may not come before its task does.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        limit.CancelAfter(ArrivalLimit);
        while (_agents.Taken < _tasks.Length)
        {
            try
            {
                await Task.Delay(20, limit.Token);
            }
            catch (OperationCanceledException) when (!cancelled.IsCancellationRequested)
            {
                throw CliException.Failed($"only {_agents.Taken} of {_tasks.Length} tasks reached the agents. Can the server reach them? See --agent-url.");
            }
        }
    }

    public async Task<LoadReport> RunAsync(double maxP95, double maxErrors, Func<TimeSpan>? serverCpu, CancellationToken cancelled)
    {
        CallTimes[] times = [.. Enumerable.Range(0, Calls).Select(_ => new CallTimes(_plan.Total))];
        (string Reason, string Sample)?[] failures = new (string, string)?[_plan.Total];
        long measuredFrom = 0;
        TimeSpan cpuBefore = default, serverBefore = default;
        var startedAt = DateTimeOffset.UtcNow;
        TimeSpan late = await OpenLoop.RunAsync(
            _plan.Total,
            _plan.Rate,
            _plan.Connections,
            async (number, token) =>
            {
                if (number == _plan.Unmeasured)
                {
                    measuredFrom = Stopwatch.GetTimestamp();
                    cpuBefore = Environment.CpuUsage.TotalTime;
                    serverBefore = serverCpu?.Invoke() ?? default;
                }

                failures[number] = await SendAsync(number, token);
            },
            (number, took) =>
            {
                if (number >= _plan.Unmeasured)
                {
                    times[number % Calls].Add(took, failures[number]);
                }
            },
            cancelled);
        TimeSpan measured = Stopwatch.GetElapsedTime(measuredFrom);
        double generator = (Environment.CpuUsage.TotalTime - cpuBefore) / measured;
        double? server = serverCpu is null ? null : (serverCpu() - serverBefore) / measured;
        CallResult[] calls = [.. times.Select((t, i) => t.Result(((LoadCall)i).ToString().ToLowerInvariant()))];
        CallResult all = CallTimes.Sum(times).Result("all");
        return new LoadReport(
            _target.ToString(),
            startedAt,
            _plan.Rate,
            _plan.Duration.TotalSeconds,
            _plan.WarmUp.TotalSeconds,
            _plan.Agents,
            _plan.Connections,
            all,
            calls,
            Math.Round(all.Requests / measured.TotalSeconds, 1),
            Math.Round(generator, 3),
            server is { } cores ? Math.Round(cores, 3) : null,
            Math.Round(late.TotalMilliseconds, 2),
            await AlertsAsync(startedAt, cancelled),
            maxP95,
            maxErrors,
            all.ErrorRate <= maxErrors && calls.All(c => c.P95Ms <= maxP95),
            string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription.Trim()}, {RuntimeInformation.FrameworkDescription}"));
    }

    private Task<(string Reason, string Sample)?> SendAsync(int number, CancellationToken cancelled)
    {
        int turn = number / Calls;
        string agent = Agent(turn % _plan.Agents);
        switch ((LoadCall)(number % Calls))
        {
            case LoadCall.Register:
                return _wire.RegisterAsync(agent, cancelled);
            case LoadCall.Heartbeat:
                return _wire.HeartbeatAsync(agent, cancelled);
            case LoadCall.Callback:
                int group = turn / (Together * CallsPerTask), within = turn % (Together * CallsPerTask);
                (string id, string owner) = _tasks[(group * Together) + (within % Together)];
                return _wire.CallbackAsync(owner, id, within / Together, cancelled);
            default:
                return _wire.EventAsync(agent, string.Create(CultureInfo.InvariantCulture, $"{_run}-{turn}"), cancelled);
        }
    }

    private async Task<string> DispatchAsync(string agent, CancellationToken cancelled)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/orchestrator/tasks/dispatch")
        {
            Content = new StringContent($$$"""{"action":"{{{LoadAgents.Action}}}","payload":{},"requested_by":"af load","agent_id":"{{{agent}}}","resources":{"timeout_ms":3600000,"retry":0}}""", Encoding.UTF8, "application/json"),
        };
        if (_token is not null)
        {
            request.Headers.Authorization = new("Bearer", _token);
        }

        using HttpResponseMessage answer = await _http.SendAsync(request, cancelled);
        string text = await answer.Content.ReadAsStringAsync(cancelled);
        return answer.StatusCode == HttpStatusCode.Accepted
            ? JsonElement.Parse(text).GetProperty("task_id").GetString()!
            : throw CliException.Failed($"{_target} does not dispatch tasks: {(int)answer.StatusCode}: {text}");
    }

    private async Task<IReadOnlyList<AlertEvent>?> AlertsAsync(DateTimeOffset since, CancellationToken cancelled)
    {
        if (!ServerAddress.TryParse(_target.ToString(), out ServerAddress? address))
        {
            return null;
        }

        using var client = new AgentFlowClient(new AgentFlowClientOptions(address) { Token = _token });
        try
        {
            return [.. (await client.ListAlertEventsAsync(500, null, cancelled)).Items.Where(e => e.At >= since).Reverse()];
        }
        catch (AgentFlowException)
        {
            return null;
        }
    }

    private string Agent(int number) => string.Create(CultureInfo.InvariantCulture, $"load-{_run}-{number}");
}
