using System.Net;
using System.Text.Json;
using AgentFlow.Server.Configuration;
using AgentFlow.Storage.Tests.Postgres;
using Npgsql;

namespace AgentFlow.Server.Tests;

/// <summary>Control and data processes on one PostgreSQL, each with agents of its own, so that it shows where a step ran.</summary>
public sealed class SeveralProcessesTests(SeveralProcessesTests.Cluster cluster) : IClassFixture<SeveralProcessesTests.Cluster>, IAsyncLifetime
{
    private const string TwoGates = """
        language: 1
        name: gates
        version: 1.0.0
        agents:
          gate: { kind: custom, type: gate }
        planner: fsm
        initial_state: first
        final_states: [done]
        states:
          first: { agent: gate, input: { gate: one }, on_success: second }
          second: { agent: gate, input: { gate: two }, on_success: done }
          done: { tool: skill.echo, outcome: passed }
        """;

    private readonly List<RunningServer> _servers = [];
    private string _schema = "";

    public async ValueTask InitializeAsync()
    {
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        _schema = await (await cluster.Server.Value).CreateSchemaAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (RunningServer server in _servers)
        {
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task Execute_ThroughControl_AnswersWithTheEnd()
    {
        RunningServer control = await StartAsync(ProcessMode.Control);
        await StartAsync(ProcessMode.Data);
        await control.SaveAsync(Flows.Loop(5));
        for (int i = 0; i < 20; i++)
        {
            Answer answer = await control.PostAsync("/api/v1/workflows/loop/execute", """{"input":{"n":1}}""");
            Assert.Equal((HttpStatusCode.OK, "completed", "looped"), (answer.Status, answer.Json.GetProperty("status").GetString(), answer.Json.GetProperty("outcome").GetString()));
        }
    }

    [Fact]
    public async Task Execute_VersionSavedElsewhere_IsTheNewestAtOnce()
    {
        RunningServer one = await StartAsync(ProcessMode.All);
        RunningServer other = await StartAsync(ProcessMode.All);
        for (int i = 1; i <= 5; i++)
        {
            await one.SaveAsync(Flows.Loop(1).Replace("1.0.0", $"1.0.{i}"));
            JsonElement run = (await other.PostAsync("/api/v1/workflows/loop/execute", "{}")).Json;
            Assert.Equal($"1.0.{i}", run.GetProperty("version").GetString());
        }
    }

    [Fact]
    public async Task Quota_OfRuns_IsExactOverAllProcesses()
    {
        RunningServer one = await StartAsync(ProcessMode.All);
        RunningServer other = await StartAsync(ProcessMode.All);
        await one.SaveAsync(Flows.Wait);
        string[] before = [await one.StartAsync("wait"), await other.StartAsync("wait")];
        Answer set = await one.SendAsync(HttpMethod.Put, "/api/v1/access/tenants/default/quotas", RunningServer.Content("""{"runs":6}"""u8.ToArray(), "application/json"));
        Assert.Equal((HttpStatusCode.OK, 2), (set.Status, set.Json.GetProperty("quotas")[0].GetProperty("used").GetInt32()));
        // The other process may go by what it read before for five seconds.
        await other.UntilAsync("/api/v1/access/quotas", q => q.GetProperty("quotas")[0].TryGetProperty("limit", out _));
        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => (i % 2 == 0 ? one : other).PostAsync("/api/v1/workflows/wait/execute?async=true", "{}")));
        Assert.Equal(4, answers.Count(a => a.Status == HttpStatusCode.Accepted));
        Assert.All(answers.Where(a => a.Status != HttpStatusCode.Accepted), a => a.Problem(HttpStatusCode.TooManyRequests, "RUN_QUOTA_EXCEEDED"));

        // A run that one process began and another one ends gives its place back, to whoever asks.
        await other.PostAsync($"/api/v1/runs/{before[0]}/signal", """{"name":"go"}""");
        await one.PostAsync($"/api/v1/runs/{before[1]}/cancel", "{}");
        await one.EndAsync(before[0]);
        await other.EndAsync(before[1]);
        answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => (i % 2 == 0 ? one : other).PostAsync("/api/v1/workflows/wait/execute?async=true", "{}")));
        Assert.Equal(2, answers.Count(a => a.Status == HttpStatusCode.Accepted));

        // A process that stops takes no place with it, and one that starts knows the count.
        await other.StopAsync();
        RunningServer third = await StartAsync(ProcessMode.All);
        (await third.PostAsync("/api/v1/workflows/wait/execute", "{}")).Problem(HttpStatusCode.TooManyRequests, "RUN_QUOTA_EXCEEDED");
        Assert.Equal(6, await cluster.QueryAsync<long>($"SELECT count(*) FROM {_schema}.runs WHERE status < 6"));
        Assert.Equal(6, await cluster.QueryAsync<long>($"SELECT active FROM {_schema}.run_counts"));
    }

    [Fact]
    public async Task Token_RevokedInOneProcess_EndsInTheOthersStreamsIncluded()
    {
        using var output = new StringWriter();
        RunningServer one = await StartAsync(ProcessMode.All, o => o with { Access = AccessMode.Required, Credentials = output });
        RunningServer other = await StartAsync(ProcessMode.All, o => o with { Access = AccessMode.Required, Credentials = TextWriter.Null });
        string password = System.Text.RegularExpressions.Regex.Match(output.ToString(), @"password +(\S+)").Groups[1].Value;
        JsonElement tokens = (await one.PostAsync("/api/v1/auth/token", JsonSerializer.Serialize(new { grant_type = "password", username = "admin", password }))).Json;
        (string, string) bearer = ("Authorization", "Bearer " + tokens.GetProperty("access_token").GetString());
        // The other process never saw the key, nor the user.
        await other.SaveAsync(Flows.Wait, bearer);
        string run = await other.StartAsync("wait", "{}", bearer);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/runs/{run}/stream");
        request.Headers.TryAddWithoutValidation(bearer.Item1, bearer.Item2);
        using HttpResponseMessage stream = await other.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, stream.StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await one.PostAsync("/api/v1/auth/revoke", JsonSerializer.Serialize(new { token = tokens.GetProperty("refresh_token").GetString() }))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await one.GetAsync("/api/v1/runs", bearer)).Status);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while ((await other.GetAsync("/api/v1/runs", bearer)).Status != HttpStatusCode.Unauthorized)
        {
            await Task.Delay(100, limit.Token);
        }

        Assert.Contains("event: closed", await stream.Content.ReadAsStringAsync(limit.Token));
        string refresh = JsonSerializer.Serialize(new { grant_type = "refresh_token", refresh_token = tokens.GetProperty("refresh_token").GetString() });
        Assert.Equal(HttpStatusCode.Unauthorized, (await other.PostAsync("/api/v1/auth/token", refresh)).Status);
    }

    [Fact]
    public async Task Stream_OfARunElsewhere_HasItsWholeJournal()
    {
        RunningServer control = await StartAsync(ProcessMode.Control);
        await StartAsync(ProcessMode.Data);
        await control.SaveAsync(Flows.Wait);
        string id = await control.StartAsync("wait");
        Task<string> stream = control.Http.GetStringAsync($"/api/v1/runs/{id}/stream");
        await control.InStatusAsync(id, "waiting");
        Assert.Equal(HttpStatusCode.Accepted, (await control.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go"}""")).Status);
        await control.EndAsync(id);
        int[] seen = [.. (await stream).Split('\n').Where(l => l.StartsWith("id: ", StringComparison.Ordinal)).Select(l => int.Parse(l[4..]))];
        JsonElement events = (await control.GetAsync($"/api/v1/runs/{id}/events")).Json;
        Assert.Equal(Enumerable.Range(0, events.GetProperty("items").GetArrayLength()), seen);
    }

    [Fact]
    public async Task Cancel_StepInFlightElsewhere_IsStopped()
    {
        RunningServer control = await StartAsync(ProcessMode.Control);
        RunningServer worker = await StartAsync(ProcessMode.Data);
        await control.SaveAsync(TwoGates);
        string id = await control.StartAsync("gates");
        await UntilAsync(() => worker.Agents.Calls == 1);
        Assert.Equal(HttpStatusCode.Accepted, (await control.PostAsync($"/api/v1/runs/{id}/cancel", null)).Status);
        Assert.Equal("cancelled", (await control.EndAsync(id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Migrate_RunWithAStepInFlight_GoesOnElsewhere()
    {
        RunningServer one = await StartAsync(ProcessMode.All);
        await one.SaveAsync(TwoGates);
        string id = await one.StartAsync("gates");
        await UntilAsync(() => one.Agents.Calls == 1);
        RunningServer other = await StartAsync(ProcessMode.All);
        Assert.Equal(HttpStatusCode.Accepted, (await other.PostAsync($"/api/v1/runs/{id}/migrate", null)).Status);
        await UntilAsync(async () => (await cluster.QueryAsync<long>($"SELECT count(*) FROM {_schema}.inbox WHERE NOT consumed")) == 0 || one.Agents.Calls > 1);
        one.Agents.Open("one");
        await UntilAsync(() => other.Agents.Calls == 1);
        other.Agents.Open("two");
        Assert.Equal("completed", (await one.EndAsync(id)).GetProperty("status").GetString());
        Assert.Equal((1, 1), (one.Agents.Calls, other.Agents.Calls));
    }

    [Fact]
    public async Task Stop_RunsWithWorkLeft_AreHandedOver()
    {
        RunningServer one = await StartAsync(ProcessMode.All);
        await one.SaveAsync(TwoGates);
        string[] ids = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => one.StartAsync("gates")));
        await UntilAsync(() => one.Agents.Calls == 10);
        RunningServer other = await StartAsync(ProcessMode.All);
        Task stopped = one.StopAsync();
        one.Agents.Open("one");
        await UntilAsync(() => other.Agents.Calls == 10);
        await stopped;
        other.Agents.Open("two");
        foreach (string id in ids)
        {
            Assert.Equal("completed", (await other.EndAsync(id)).GetProperty("status").GetString());
        }

        // Every step ran once: the first ones here, the second ones there.
        Assert.Equal((10, 10), (one.Agents.Calls, other.Agents.Calls));
    }

    [Fact]
    public async Task LostLease_RunsInFlight_EndOnceElsewhere()
    {
        RunningServer one = await StartAsync(ProcessMode.All);
        await one.SaveAsync(TwoGates);
        string[] ids = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => one.StartAsync("gates")));
        await UntilAsync(() => one.Agents.Calls == 5);
        RunningServer other = await StartAsync(ProcessMode.All);
        other.Agents.Open("one");
        other.Agents.Open("two");
        await cluster.ExecuteAsync($"UPDATE {_schema}.sessions SET lease = '0', expires_at = clock_timestamp() - interval '1 minute' WHERE id IN (SELECT owner FROM {_schema}.runs WHERE status = 1)");
        foreach (string id in ids)
        {
            JsonElement run = await other.EndAsync(id);
            Assert.True(run.GetProperty("status").GetString() == "completed", run.ToString());
        }

        // What the first process still holds must not count any more, and its calls have been told to stop.
        one.Agents.Open("one");
        JsonElement idle = await one.UntilAsync("/readyz", r => r.GetProperty("resident_runs").GetInt32() == 0);
        Assert.Equal("ready", idle.GetProperty("status").GetString());
        Assert.Equal(0, await cluster.QueryAsync<long>($"SELECT count(*) FROM {_schema}.runs WHERE result <> 'passed'"));
        one.Agents.Open("two");
        Assert.Equal("completed", (await one.PostAsync("/api/v1/workflows/gates/execute", "{}")).Json.GetProperty("status").GetString());
    }

    [Fact]
    public async Task Execute_MoreThanMayWait_IsRefusedAndNothingIsLost()
    {
        RunningServer control = await StartAsync(ProcessMode.Control, o => o with { MaxQueued = 10 });
        await control.SaveAsync(Flows.Loop(2));
        List<string> accepted = [];
        Answer refused;
        while ((refused = await control.PostAsync("/api/v1/workflows/loop/execute?async=true", "{}")).Status == HttpStatusCode.Accepted)
        {
            accepted.Add(refused.Json.GetProperty("run_id").GetString()!);
            // The count lags behind by what is being written.
            Assert.InRange(accepted.Count, 1, 20);
        }

        refused.Problem(HttpStatusCode.TooManyRequests, "RATE_LIMITED");
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
        Assert.InRange(accepted.Count, 10, 20);
        await StartAsync(ProcessMode.Data);
        foreach (string id in accepted)
        {
            await control.EndAsync(id);
        }

        await UntilAsync(async () => (await control.PostAsync("/api/v1/workflows/loop/execute?async=true", "{}")).Status == HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task Schedule_SeveralHostsOfWhichSomeStop_StartsOneRunForEachDueTime()
    {
        RunningServer one = await StartAsync(ProcessMode.All);
        RunningServer other = await StartAsync(ProcessMode.All);
        // Its own times are years away: it is due when the test says so.
        await one.SaveAsync("""
            language: 1
            name: report
            version: 1.0.0
            on: { cron: [{ name: rare, schedule: "0 0 29 2 *", missed: catch_up }] }
            planner: fsm
            initial_state: done
            final_states: [done]
            states:
              done: { tool: skill.echo, input: {}, outcome: sent }
            """);
        await using FiringGate gate = await FiringGate.CreateAsync((await cluster.Server.Value).Dsn(_schema), _schema);
        List<string> runs = [];
        for (int i = 0; i < 4; i++)
        {
            // Both have started the run of the due time, and neither has noted it yet.
            await gate.CloseAsync();
            await gate.FallDueAsync(runs.Count);
            await UntilAsync(async () => await gate.WaitingAsync() == 2);
            Assert.Equal(runs.Count + 1, await cluster.QueryAsync<long>($"SELECT count(*) FROM {_schema}.runs"));
            await gate.OpenAsync();
            runs.Add(await gate.NotedAsync());
        }

        // One of them stops between the start and the note: the other one goes on alone.
        await gate.CloseAsync();
        await gate.FallDueAsync(runs.Count);
        await UntilAsync(async () => await gate.WaitingAsync() == 2);
        await one.StopAsync();
        await UntilAsync(async () => await gate.WaitingAsync() == 1);
        await gate.OpenAsync();
        runs.Add(await gate.NotedAsync());
        await gate.FallDueAsync(runs.Count);
        runs.Add(await gate.NotedAsync());

        // The last one stops there as well: whoever comes next finds the run that it has started.
        await gate.CloseAsync();
        await gate.FallDueAsync(runs.Count);
        await UntilAsync(async () => await gate.WaitingAsync() == 1);
        await other.StopAsync();
        await UntilAsync(async () => await gate.WaitingAsync() == 0);
        Assert.Equal(runs.Count + 1, await cluster.QueryAsync<long>($"SELECT count(*) FROM {_schema}.runs"));
        await gate.OpenAsync();
        RunningServer third = await StartAsync(ProcessMode.All);
        runs.Add(await gate.NotedAsync());

        Assert.Equal(runs.Count, runs.Distinct().Count());
        foreach (string run in runs)
        {
            Assert.Equal("sent", (await third.EndAsync(run)).GetProperty("outcome").GetString());
        }

        Assert.Equal(runs.Count, (await third.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt64());
    }

    [Fact]
    public async Task Data_Api_IsNotServed()
    {
        RunningServer worker = await StartAsync(ProcessMode.Data);
        Assert.Equal(HttpStatusCode.OK, (await worker.GetAsync("/readyz")).Status);
        (await worker.GetAsync("/api/v1/runs")).Problem(HttpStatusCode.NotFound, "NOT_FOUND");
    }

    private static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await condition())
        {
            await Task.Delay(10, limit.Token);
        }
    }

    private async Task<RunningServer> StartAsync(ProcessMode mode, Func<ServerOptions, ServerOptions>? change = null)
    {
        var store = new StoreAddress.Postgres((await cluster.Server.Value).Dsn(_schema));
        RunningServer server = await RunningServer.StartAsync(o => (change ?? (static same => same))(o with { Store = store, Mode = mode, Lease = TimeSpan.FromSeconds(5), ShutdownTimeout = TimeSpan.FromSeconds(20) }));
        _servers.Add(server);
        return server;
    }

    /// <summary>Holds every host up between the start of a schedule's run and the note that it was started.</summary>
    private sealed class FiringGate : IAsyncDisposable
    {
        private const long Lock = 42;

        private readonly NpgsqlConnection _connection;
        private readonly string _schema;
        private readonly DateTimeOffset _first = DateTimeOffset.UtcNow.AddMinutes(-50);

        private FiringGate(NpgsqlConnection connection, string schema) => (_connection, _schema) = (connection, schema);

        public static async Task<FiringGate> CreateAsync(string connectionString, string schema)
        {
            var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync();
            var gate = new FiringGate(connection, schema);
            await gate.RunAsync($"""
                CREATE FUNCTION {schema}.gate() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared({Lock}); RETURN NEW; END';
                CREATE TRIGGER gate BEFORE UPDATE ON {schema}.triggers FOR EACH ROW WHEN (NEW.last_run IS DISTINCT FROM OLD.last_run) EXECUTE FUNCTION {schema}.gate();
                """);
            return gate;
        }

        public ValueTask DisposeAsync() => _connection.DisposeAsync();

        public Task CloseAsync() => RunAsync($"SELECT pg_advisory_lock({Lock})");

        public Task OpenAsync() => RunAsync($"SELECT pg_advisory_unlock({Lock})");

        /// <summary>Makes the schedule due at a time of its own.</summary>
        public async Task FallDueAsync(int minute) => Assert.Equal(1, await RunAsync($"UPDATE {_schema}.triggers SET next_at = {_first.AddMinutes(minute).ToUnixTimeMilliseconds()}, version = version + 1"));

        /// <summary>Hosts that have started a run and want to note it.</summary>
        public async Task<long> WaitingAsync()
        {
            await using var command = new NpgsqlCommand("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE triggers SET%' AND pid <> pg_backend_pid()", _connection);
            return (long)(await command.ExecuteScalarAsync())!;
        }

        /// <summary>Waits until the due time is dealt with, and gives its run.</summary>
        public async Task<string> NotedAsync()
        {
            string run = "";
            await UntilAsync(async () =>
            {
                await using var command = new NpgsqlCommand($"SELECT last_run FROM {_schema}.triggers WHERE next_at > {DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()}", _connection);
                run = (string?)await command.ExecuteScalarAsync() ?? "";
                return run.Length > 0;
            });
            return run;
        }

        private async Task<int> RunAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, _connection);
            return await command.ExecuteNonQueryAsync();
        }
    }

    /// <summary>One PostgreSQL for all of these tests.</summary>
    public sealed class Cluster : IAsyncDisposable
    {
        public Lazy<Task<PostgresCluster>> Server { get; } = new(PostgresCluster.StartAsync);

        public async Task<T> QueryAsync<T>(string sql) => await (await Server.Value).QueryAsync<T>(sql);

        public async Task<int> ExecuteAsync(string sql) => await (await Server.Value).ExecuteAsync(sql);

        public async ValueTask DisposeAsync()
        {
            if (Server.IsValueCreated)
            {
                await (await Server.Value).DisposeAsync();
            }
        }
    }
}
