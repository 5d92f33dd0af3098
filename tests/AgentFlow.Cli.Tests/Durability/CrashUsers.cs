using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>
/// People who use a server that dies all the time: each asks again, under the same key, until somebody answers, and holds the
/// server to every answer.
/// </summary>
internal sealed class CrashUsers(HttpClient client, int ledgerPort)
{
    private const string Effect = """tool: skill.http_call, retry: { max_attempts: 20, initial: 20ms, max: 50ms }, input: { method: POST, body: {}, url: "${input.url}?run=${input.id}&step=""";

    private static readonly string[] Workflows =
    [
        $$$"""
        language: 1
        name: trip
        version: 1.0.0
        planner: fsm
        initial_state: s0
        final_states: [s3]
        states:
          s0: { {{{Effect}}}0&pad=3000" }, on_success: short }
          short: { wait: { for: 60ms }, on_success: s1 }
          s1: { {{{Effect}}}1&refuse=true" }, on_success: gate }
          gate: { wait: { signal: go }, on_success: s2 }
          s2: { {{{Effect}}}2" }, on_success: long }
          long: { wait: { for: 1200ms }, on_success: s3 }
          s3: { {{{Effect}}}3" } }
        """,
        $$$"""
        language: 1
        name: ask
        version: 1.0.0
        planner: fsm
        initial_state: s0
        final_states: [done]
        states:
          s0: { {{{Effect}}}0&slow=true" }, on_unknown: ask, on_success: done }
          done: { tool: skill.echo, input: {} }
        """,
        $$$"""
        language: 1
        name: spin
        version: 1.0.0
        planner: fsm
        initial_state: again
        final_states: [done]
        states:
          again: { tool: skill.echo, input: {}, transitions: [ { condition: "steps.again.visits < 140", target: again } ], on_success: s0 }
          s0: { {{{Effect}}}0" }, on_success: done }
          done: { tool: skill.echo, input: {} }
        """,
        $$$"""
        language: 1
        name: undo
        version: 1.0.0
        planner: fsm
        initial_state: s0
        final_states: [done]
        states:
          s0: { {{{Effect}}}0" }, compensate: { {{{Effect}}}1" } }, on_success: gate }
          gate: { wait: { signal: never, timeout: 50ms }, on_success: done }
          done: { tool: skill.echo, input: {} }
        """,
        """
        language: 1
        name: kid
        version: 1.0.0
        planner: fsm
        initial_state: meet
        final_states: [done]
        states:
          meet: { barrier: { name: "${input.id}", parties: 2 }, on_success: done }
          done: { tool: skill.echo, input: {} }
        """,
        $$$"""
        language: 1
        name: family
        version: 1.0.0
        planner: dag
        steps:
          - { id: k1, workflow: { name: kid, input: { id: "${input.id}" } } }
          - { id: k2, workflow: { name: kid, version: 1.x, input: { id: "${input.id}" } } }
          - { id: s0, depends_on: [k1, k2], semaphore: { name: till, permits: 1 }, {{{Effect}}}0" } }
        """,
        """
        language: 1
        name: sitter
        version: 1.0.0
        planner: fsm
        initial_state: gate
        final_states: [done]
        states:
          gate: { wait: { signal: never }, on_success: done }
          done: { tool: skill.echo, input: {} }
        """,
        """
        language: 1
        name: brood
        version: 1.0.0
        planner: fsm
        initial_state: sit
        final_states: [sit]
        states:
          sit: { workflow: { name: sitter }, semaphore: { name: nest, permits: 2 } }
        """,
        $$$"""
        language: 1
        name: people
        version: 1.0.0
        planner: fsm
        initial_state: ask
        final_states: [s0]
        states:
          ask: { human: { title: Pick a number, form: { type: integer } }, on_success: s0 }
          s0: { {{{Effect}}}0" }, approval: { role: approver } }
        """,
        """
        language: 1
        name: hold
        version: 1.0.0
        planner: fsm
        initial_state: gate
        final_states: [done]
        states:
          gate: { wait: { signal: go }, on_success: done }
          done: { tool: skill.echo, input: {} }
        """,
    ];

    private int _next, _answers;
    private volatile bool _stopping;

    /// <summary>Runs that a server has accepted.</summary>
    public ConcurrentBag<Trip> Accepted { get; } = [];

    public async Task PublishAsync(CancellationToken cancellationToken)
    {
        foreach (string yaml in Workflows)
        {
            (HttpStatusCode status, JsonElement answer) = await AskAsync(HttpMethod.Post, "/api/v1/workflows", yaml, null, cancellationToken);
            Assert.True((int)status < 300, $"{status}: {answer}");
        }
    }

    /// <summary>Uses the server until <see cref="Stop"/>; returns when everything that was begun has ended.</summary>
    public Task UseAsync(int users, bool shared, CancellationToken cancellationToken) =>
        Task.WhenAll([VersionsAsync(cancellationToken), .. Enumerable.Range(0, users).Select(_ => UserAsync(shared, cancellationToken))]);

    public void Stop() => _stopping = true;

    /// <summary>Starts a run until somebody says that it is accepted.</summary>
    public async Task<string> ExecuteAsync(string workflow, string id, CancellationToken cancellationToken)
    {
        (HttpStatusCode status, JsonElement answer) = await AskAsync(
            HttpMethod.Post,
            $"/api/v1/workflows/{workflow}/execute?async=true",
            JsonSerializer.Serialize(new { input = new { url = $"http://127.0.0.1:{ledgerPort}/effect", id } }),
            id,
            cancellationToken);
        Assert.True(status == HttpStatusCode.Accepted, $"{status}: {answer}");
        return answer.GetProperty("job_id").GetString()!;
    }

    public async Task<JsonElement> GetAsync(string path, CancellationToken cancellationToken) => (await AskAsync(HttpMethod.Get, path, null, null, cancellationToken)).Answer;

    /// <summary>Asks until a living server answers.</summary>
    private async Task<(HttpStatusCode Status, JsonElement Answer)> AskAsync(HttpMethod method, string path, string? body, string? key, CancellationToken cancellationToken)
    {
        while (true)
        {
            using var request = new HttpRequestMessage(method, path);
            if (body is not null)
            {
                request.Content = new StringContent(body, Encoding.UTF8, body.StartsWith('{') ? "application/json" : "application/yaml");
            }

            if (key is not null)
            {
                request.Headers.Add("Idempotency-Key", key);
            }

            try
            {
                using HttpResponseMessage response = await client.SendAsync(request, cancellationToken);
                if (response.StatusCode != HttpStatusCode.ServiceUnavailable)
                {
                    return (response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken));
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
            {
                // It died before it answered, or has not started yet.
            }

            await Task.Delay(15, cancellationToken);
        }
    }

    private async Task UserAsync(bool shared, CancellationToken cancellationToken)
    {
        while (!_stopping)
        {
            int number = Interlocked.Increment(ref _next);
            string workflow = (number % 10) switch
            {
                0 => "spin",
                6 => "undo",
                7 => "family",
                8 => "brood",
                9 => "people",
                1 or 2 => "ask",
                3 => "hold",
                _ => "trip",
            };
            string id = string.Create(CultureInfo.InvariantCulture, $"r{number}");
            var trip = new Trip(id, workflow, await ExecuteAsync(workflow, id, cancellationToken));
            Accepted.Add(trip);
            Assert.Equal(trip.Run, await ExecuteAsync(workflow, id, cancellationToken));
            if (workflow == "trip")
            {
                // Signals race with the run on its way to the wait: early, late, and, when they come thick, between a turn and its commit.
                (int signals, int apart) = number % 10 == 5 ? (30, 6) : (3, 40);
                await Task.WhenAll(Enumerable.Range(1, signals).Select(i => SignalAsync(trip, i, i * apart, cancellationToken)));
                if (number % 10 == 4)
                {
                    await CommandAsync(trip, "pause", cancellationToken);
                    await CommandAsync(trip, "resume", cancellationToken);
                }
                else if (shared)
                {
                    await CommandAsync(trip, "migrate", cancellationToken);
                }
            }
            else if (workflow is "hold" or "brood")
            {
                if (workflow == "hold")
                {
                    await AskAsync(HttpMethod.Post, $"/api/v1/runs/{trip.Run}/plan", """{"changes":[{"insert":{"id":"between","tool":"skill.echo","input":{}},"before":"done"}]}""", id, cancellationToken);
                }
                else
                {
                    // A child needs a moment to be there.
                    await Task.Delay(250, cancellationToken);
                }

                await CommandAsync(trip, "cancel", cancellationToken);
            }

            trip.Status = await EndAsync(trip, cancellationToken);
        }
    }

    /// <summary>Tells a run something that it takes unless it has ended.</summary>
    /// <returns>Whether it was taken.</returns>
    private async Task<bool> CommandAsync(Trip trip, string command, CancellationToken cancellationToken, string body = "{}")
    {
        (HttpStatusCode status, JsonElement answer) = await AskAsync(HttpMethod.Post, $"/api/v1/runs/{trip.Run}/{command}", body, trip.Id, cancellationToken);
        Assert.True(status is HttpStatusCode.Accepted or HttpStatusCode.Conflict, $"{command}: {status}: {answer}");
        trip.Commands.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{command} {body} {status} {DateTime.UtcNow:HH:mm:ss.fff}"));
        return status == HttpStatusCode.Accepted;
    }

    private async Task SignalAsync(Trip trip, int number, int delay, CancellationToken cancellationToken)
    {
        await Task.Delay(delay, cancellationToken);
        if (await CommandAsync(trip, "signal", cancellationToken, JsonSerializer.Serialize(new { name = "go", id = $"g{number}", payload = number })))
        {
            trip.Signals.Add(number);
        }
    }

    /// <summary>Answers and approves what a run asks people.</summary>
    private async Task AnswerAsync(Trip trip, CancellationToken cancellationToken)
    {
        JsonElement open = await GetAsync($"/api/v1/human-tasks?filter[run_id]={trip.Run}&filter[status]=pending", cancellationToken);
        foreach (JsonElement task in open.GetProperty("items").EnumerateArray())
        {
            string id = task.GetProperty("id").GetString()!;
            int number = Interlocked.Increment(ref _answers);
            (HttpStatusCode status, JsonElement answer) = task.TryGetProperty("approval", out _)
                ? await AskAsync(HttpMethod.Post, $"/api/v1/approvals/{id}/approve", """{"reason":"fine"}""", null, cancellationToken)
                : await AskAsync(HttpMethod.Post, $"/api/v1/human-tasks/{id}/complete", JsonSerializer.Serialize(new { answer = number }), null, cancellationToken);
            // Whoever is told of a conflict has answered in a life before, or was too late.
            Assert.True(status is HttpStatusCode.OK or HttpStatusCode.Conflict, $"{status}: {answer}");
            if (status == HttpStatusCode.OK && !task.TryGetProperty("approval", out _))
            {
                trip.Answers.Add(number);
            }
        }
    }

    /// <summary>Waits for the end, and answers when the run asks what became of a step.</summary>
    private async Task<string> EndAsync(Trip trip, CancellationToken cancellationToken)
    {
        while (true)
        {
            JsonElement run = await GetAsync($"/api/v1/runs/{trip.Run}", cancellationToken);
            string status = run.GetProperty("status").GetString()!;
            if (status is "completed" or "failed" or "cancelled" or "diverged")
            {
                return status;
            }

            foreach (JsonElement step in run.GetProperty("steps").EnumerateArray().Where(s => s.GetProperty("status").GetString() == "asked"))
            {
                await AskAsync(HttpMethod.Post, $"/api/v1/runs/{trip.Run}/steps/{step.GetProperty("id").GetString()}/resolve", """{"resolution":"retry"}""", null, cancellationToken);
            }

            if (trip.Workflow == "people")
            {
                await AnswerAsync(trip, cancellationToken);
            }

            await Task.Delay(40, cancellationToken);
        }
    }

    private async Task VersionsAsync(CancellationToken cancellationToken)
    {
        for (int version = 1; !_stopping; version++)
        {
            string yaml = Workflows[^1].Replace("hold", "other", StringComparison.Ordinal).Replace("1.0.0", string.Create(CultureInfo.InvariantCulture, $"1.0.{version}"), StringComparison.Ordinal);
            await AskAsync(HttpMethod.Post, "/api/v1/workflows", yaml, null, cancellationToken);
            await Task.Delay(250, cancellationToken);
        }
    }

    /// <summary>An accepted run.</summary>
    internal sealed record Trip(string Id, string Workflow, string Run)
    {
        /// <summary>Signals that were accepted.</summary>
        public ConcurrentBag<int> Signals { get; } = [];

        /// <summary>What it was told, with the answer and when that came.</summary>
        public ConcurrentQueue<string> Commands { get; } = [];

        /// <summary>Answers to its human task that were acknowledged.</summary>
        public ConcurrentBag<int> Answers { get; } = [];

        public string Status { get; set; } = "";
    }
}
