using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;
using AgentFlow.Engine.Faults;
using AgentFlow.Storage.Tests.Postgres;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>
/// <c>af serve</c> kills itself at every point around its durable writes (<see cref="CrashPoints"/>), one a life, while users
/// start runs and talk to them; the next life goes on with what is on disk, and dies at the next point.
/// </summary>
public sealed class CrashPointTests
{
    private const int Users = 6;
    private const int Attempts = 4;
    private const int KilledBySignal9 = 128 + 9;

    /// <summary>A life that has taken this many runs without reaching its point is ended, and the next one tries for longer.</summary>
    private const int RunsInFirstLife = 24;

    /// <summary>For one in which nothing moves. Runs are counted, not seconds, because a busy machine has slow ones.</summary>
    private static readonly TimeSpan LongestFirstLife = TimeSpan.FromSeconds(30);

    private const int Lanes = 2;

    private static readonly string[] OnceALife = ["sqlite.release", "set_aside", "postgres.register", "postgres.session_end"];

    private static IEnumerable<string> OnSqlite => CrashPoints.Everywhere.Concat(CrashPoints.Sqlite);

    [Fact]
    public Task Serve_DiesAtEveryPointOnSqlite_NothingAcceptedIsLostOrDoneTwice() => OnSqliteAsync(times: 1, seed: 1);

    [Fact]
    [Trait("Suite", "slow")]
    public Task Serve_DiesFourHundredTimesOnSqlite_NothingAcceptedIsLostOrDoneTwice() => OnSqliteAsync(times: 4, seed: 2);

    [Fact]
    public Task Serve_DiesAtThePointsOfPostgres_NothingAcceptedIsLostOrDoneTwice() => OnPostgresAsync(CrashPoints.Postgres, times: 1, seed: 3);

    /// <summary>A child's start and end, the last arrival at a barrier, a permit's return.</summary>
    [Fact]
    public Task Serve_DiesWhereRunsTouchEachOtherOnPostgres_NothingIsLeakedOrGivenTwice() =>
        OnPostgresAsync(CrashPoints.FrameParts.Where(p => p.StartsWith("child_", StringComparison.Ordinal) || p.StartsWith("place_", StringComparison.Ordinal) || p == "ended").SelectMany(p => new[] { $"frame.{p}.before", $"frame.{p}.after" }), times: 1, seed: 5);

    [Fact]
    public Task Serve_DiesWhereRunsTouchEachOtherOnSqlite_NothingIsLeakedOrGivenTwice() =>
        RunAsync(
            CrashPoints.Everywhere.Concat(CrashPoints.Sqlite).Where(p => p.Contains("child_", StringComparison.Ordinal) || p.Contains("place_", StringComparison.Ordinal) || p.StartsWith("frame.ended", StringComparison.Ordinal)),
            times: 1,
            seed: 6,
            [.. Enumerable.Range(0, Lanes).Select(_ => new CrashStore.SqliteFile())]);

    [Fact]
    [Trait("Suite", "slow")]
    public Task Serve_DiesAtEveryPointOnPostgres_NothingAcceptedIsLostOrDoneTwice() => OnPostgresAsync(CrashPoints.Everywhere.Concat(CrashPoints.Postgres), times: 2, seed: 4);

    private static Task OnSqliteAsync(int times, int seed) =>
        RunAsync(OnSqlite, times, seed, [.. Enumerable.Range(0, Lanes).Select(_ => new CrashStore.SqliteFile())]);

    private static async Task OnPostgresAsync(IEnumerable<string> points, int times, int seed)
    {
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        await using PostgresCluster cluster = await PostgresCluster.StartAsync();
        var stores = new List<CrashStore>();
        while (stores.Count < Lanes)
        {
            stores.Add(new CrashStore.PostgresSchema(cluster, await cluster.CreateSchemaAsync()));
        }

        await RunAsync(points, times, seed, stores);
    }

    private static async Task RunAsync(IEnumerable<string> points, int times, int seed, IReadOnlyList<CrashStore> stores)
    {
        var random = new Random(seed);
        string[] lives = [.. Enumerable.Range(0, times).SelectMany(_ => points.OrderBy(_ => random.Next()))
            // The first time is the rarest moment; on later rounds any of the first four.
            .Select((point, i) => i < points.Count() || OnceALife.Any(p => point.StartsWith(p, StringComparison.Ordinal))
                ? point
                : string.Create(CultureInfo.InvariantCulture, $"{point}:{random.Next(1, 5)}"))];
        await Task.WhenAll(lives.Index().GroupBy(l => l.Index % Lanes).Select(lane => Task.Run(() => LaneAsync(stores[lane.Key], [.. lane.Select(l => l.Item)]))));
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}: {lives.Length} kills at {points.Count()} points");
    }

    /// <summary>One database, and all the lives that it sees.</summary>
    private static async Task LaneAsync(CrashStore store, string[] lives)
    {
        await using EffectLedger ledger = await EffectLedger.StartAsync();
        using var af = new Af { Program = FaultsFlavour.Af };
        af.Environment["AF_HTTP_ALLOW"] = $"127.0.0.1:{ledger.Port}";
        af.Environment["AF_LOG_LEVEL"] = "error";
        // Small segments that are dropped a second later: each life seals and drops.
        af.Environment["AF_AUDIT_SEGMENT_RECORDS"] = "20";
        af.Environment["AF_AUDIT_RETENTION"] = "0.00001";
        af.Environment["AF_AUDIT_EXPORT"] = Path.Combine(af.Folder, "audit");
        store.Configure(af);
        string url = $"http://127.0.0.1:{FreePort()}";
        using var client = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(20) };
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60) + (lives.Length * Attempts * Attempts * LongestFirstLife));
        var users = new CrashUsers(client, ledger.Port);
        var damaged = new List<string>();
        using (AfProcess first = af.Start("serve", "--url", url))
        {
            await users.PublishAsync(patience.Token);
        }

        Task use = users.UseAsync(Users, store.IsShared, patience.Token);
        foreach (string life in lives)
        {
            if (life.StartsWith("set_aside", StringComparison.Ordinal))
            {
                damaged.Add(await DamageAsync(store, af, url, users, damaged.Count, patience.Token));
            }

            await DieAsync(af, url, life, users, ledger, use);
        }

        af.Environment.Remove("AF_CRASH_POINT");
        using AfProcess last = af.Start("serve", "--url", url);
        users.Stop();
        try
        {
            await use.WaitAsync(Af.Patience, patience.Token);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"After {lives.Length} lives the last one does not end what was begun. {await OpenRunsAsync(users)}");
        }

        JsonElement aside = await users.GetAsync("/api/v1/runs?filter[status]=diverged&page[size]=100", patience.Token);
        Assert.Equal(damaged.Order(StringComparer.Ordinal), aside.GetProperty("items").EnumerateArray().Select(r => r.GetProperty("id").GetString()).Order(StringComparer.Ordinal));

        await CheckAsync(users, ledger, patience.Token);
        await AuditedAsync(users, client, Path.Combine(af.Folder, "audit"), patience.Token);
    }

    /// <summary>One life, up to its point. Some points need a life that ended at the right moment before: then the next one tries.</summary>
    private static async Task DieAsync(Af af, string url, string life, CrashUsers users, EffectLedger ledger, Task use)
    {
        af.Environment["AF_CRASH_POINT"] = life;
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            using AfProcess server = af.Start("serve", "--url", url);
            Task<AfResult> end = server.EndAsync();
            if (life.StartsWith("postgres.session_end", StringComparison.Ordinal))
            {
                // The one write of a process that is told to go.
                await users.GetAsync("/api/v1/runs", CancellationToken.None).WaitAsync(Af.Patience, CancellationToken.None);
                server.SendTerminate();
            }

            Task first = await Task.WhenAny(end, use, OldAgeAsync(users, attempt, end));
            if (first == use)
            {
                await use;
            }

            if (first != end)
            {
                // So the next life has a step to ask about; and the first time will do.
                await ledger.SlowCallAsync();
                server.SendKill();
                af.Environment["AF_CRASH_POINT"] = life.Split(':')[0];
            }

            AfResult result = await end;
            await ledger.NextLifeAsync(looks: 2);
            if (first == end)
            {
                Assert.True(result.Code == KilledBySignal9 && result.Error.Contains($"crash point {life.Split(':')[0]}:", StringComparison.Ordinal), $"{life}: {result}");
                return;
            }
        }

        af.Environment.Remove("AF_CRASH_POINT");
        using AfProcess witness = af.Start("serve", "--url", url);
        Assert.Fail($"{life} was never reached: what the users do does not lead there, or the point is gone. {await OpenRunsAsync(users)}");
    }

    /// <summary>What a living server says of the runs that nobody has seen end.</summary>
    private static async Task<string> OpenRunsAsync(CrashUsers users)
    {
        var open = new List<string>();
        foreach (CrashUsers.Trip trip in users.Accepted.Where(t => t.Status.Length == 0))
        {
            JsonElement run = await users.GetAsync($"/api/v1/runs/{trip.Run}", CancellationToken.None).WaitAsync(Af.Patience, CancellationToken.None);
            List<JsonElement> journal = await EventsAsync(users, trip.Run, CancellationToken.None);
            open.Add($"{trip.Workflow} {trip.Run} ({string.Join(", ", trip.Commands)}) {run.GetRawText()}\n{string.Join(", ", journal.Select(e => $"{e.GetProperty("at")} {e.GetProperty("type")}"))}\n{string.Join('\n', journal.TakeLast(12).Select(e => e.GetRawText()))}");
        }

        return $"{open.Count} runs are open.\n{string.Join('\n', open)}";
    }

    /// <summary>Ends when a life has had its chance.</summary>
    private static async Task OldAgeAsync(CrashUsers users, int attempt, Task end)
    {
        using var longest = new CancellationTokenSource(attempt * LongestFirstLife);
        int last = users.Accepted.Count + (attempt * RunsInFirstLife);
        while (users.Accepted.Count < last && !longest.IsCancellationRequested && !end.IsCompleted)
        {
            await Task.Delay(50, CancellationToken.None);
        }
    }

    /// <summary>A run whose first frame is not what was written, ready to be claimed by the next life.</summary>
    private static async Task<string> DamageAsync(CrashStore store, Af af, string url, CrashUsers users, int number, CancellationToken cancellationToken)
    {
        af.Environment.Remove("AF_CRASH_POINT");
        string run;
        using (AfProcess server = af.Start("serve", "--url", url))
        {
            run = await users.ExecuteAsync("hold", $"damaged-{number}", cancellationToken);
        }

        await store.DamageAsync(af, run);
        return run;
    }

    private static async Task CheckAsync(CrashUsers users, EffectLedger ledger, CancellationToken cancellationToken)
    {
        ILookup<string, EffectLedger.Effect> effects = ledger.Effects.ToLookup(e => e.Run);
        int repeated = 0;
        foreach (CrashUsers.Trip trip in users.Accepted)
        {
            Assert.Equal(trip.Workflow switch { "hold" or "brood" => "cancelled", "undo" => "failed", _ => "completed" }, trip.Status);
            Assert.Equal(trip.Run, await users.ExecuteAsync(trip.Workflow, trip.Id, cancellationToken));
            var journal = new RunJournal(await EventsAsync(users, trip.Run, cancellationToken));
            journal.EndsOnce();
            journal.NoStepRunsAfterItsOutcome();
            journal.HoldsSignals(trip.Signals);
            journal.IsDecidedOnce(trip.Workflow == "people", trip.Answers);
            foreach (IGrouping<int, EffectLedger.Effect> calls in effects[trip.Id].GroupBy(e => e.Step))
            {
                string what = $"step {calls.Key} of {trip.Workflow} {trip.Run}";
                Assert.True(calls.Select(c => c.Key).Distinct().Count() == 1, $"{what} used several keys");
                Assert.True(calls.Select(c => c.Life).Distinct().Count() == calls.Count(), $"{what} took effect twice in one life");
                Assert.True(calls.Count() <= journal.Starts(trip.Workflow == "undo" && calls.Key == 1 ? "s0.compensate" : $"s{calls.Key}"), $"{what} took effect more often than it was announced");
                repeated += calls.Count() - 1;
            }

            int steps = trip.Workflow switch { "trip" => 4, "undo" => 2, "hold" or "brood" => 0, _ => 1 };
            Assert.Equal(steps, effects[trip.Id].Select(e => e.Step).Distinct().Count());
            await CheckChildrenAsync(users, trip, cancellationToken);
        }

        // Whoever held or waited for something has given it back.
        foreach (string shared in new[] { "semaphores", "barriers" })
        {
            JsonElement left = await users.GetAsync($"/api/v1/{shared}", cancellationToken);
            Assert.True(left.GetProperty("total_count").GetInt64() == 0, left.GetRawText());
        }

        Assert.Empty(ledger.Effects.Select(e => e.Run).Distinct().Except(users.Accepted.Select(t => t.Id)));
        TestContext.Current.TestOutputHelper?.WriteLine($"{users.Accepted.Count} runs, {ledger.Effects.Count} effects, {repeated} repeated after a kill, {ledger.Life} lives");
    }

    /// <summary>Each intent of a step has one child, and no child outlives the step.</summary>
    private static async Task CheckChildrenAsync(CrashUsers users, CrashUsers.Trip trip, CancellationToken cancellationToken)
    {
        if (trip.Workflow is not ("family" or "brood"))
        {
            return;
        }

        JsonElement children = await users.GetAsync($"/api/v1/runs?filter[parent]={trip.Run}", cancellationToken);
        string[] ends = [.. children.GetProperty("items").EnumerateArray().Select(c => c.GetProperty("status").GetString()!)];
        Assert.True(trip.Workflow == "family" ? ends is ["completed", "completed"] : ends is [] or ["cancelled"], $"{trip.Workflow} {trip.Run}: {string.Join(", ", ends)}");
        foreach (JsonElement child in children.GetProperty("items").EnumerateArray())
        {
            var journal = new RunJournal(await EventsAsync(users, child.GetProperty("id").GetString()!, cancellationToken));
            journal.EndsOnce();
            journal.NoStepRunsAfterItsOutcome();
        }
    }

    /// <summary>The chain is whole after all that, and with what was exported it tells each run's start and end once.</summary>
    private static async Task AuditedAsync(CrashUsers users, HttpClient client, string exports, CancellationToken cancellationToken)
    {
        HashSet<string> runs = [.. users.Accepted.Select(t => $"run:{t.Run}")];
        while (true)
        {
            using HttpResponseMessage verified = await client.PostAsync("/api/v1/audit/verify", null, cancellationToken);
            JsonElement report = await verified.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
            Assert.True(report.GetProperty("intact").GetBoolean(), report.ToString());
            string kept = await client.GetStringAsync("/api/v1/audit/export", cancellationToken);
            JsonElement[] records = [.. (Directory.Exists(exports) ? Directory.GetFiles(exports, "*.jsonl") : []).SelectMany(File.ReadAllLines).Concat(kept.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                .Select(line => JsonElement.Parse(line)).Where(r => r.TryGetProperty("number", out _)).DistinctBy(r => r.GetProperty("number").GetInt64())];
            Assert.Equal(records.Length, records.Max(r => r.GetProperty("number").GetInt64()) + 1);
            string[] Told(string action) => [.. records.Where(r => r.GetProperty("action").GetString() == action).Select(r => r.GetProperty("resource").GetString()!).Where(runs.Contains)];
            Assert.Equal(Told("run.started").Distinct().Count(), Told("run.started").Length);
            Assert.Equal(Told("run.ended").Distinct().Count(), Told("run.ended").Length);

            // A process that died may hold the chains for a while; what it has left is chained and dropped after that.
            if (report.GetProperty("first").GetInt64() > 0 && runs.SetEquals(Told("run.started")) && runs.SetEquals(Told("run.ended")))
            {
                return;
            }

            await Task.Delay(100, cancellationToken);
        }
    }

    private static async Task<List<JsonElement>> EventsAsync(CrashUsers users, string run, CancellationToken cancellationToken)
    {
        var events = new List<JsonElement>();
        string? next = $"/api/v1/runs/{run}/events?limit=500";
        while (next is not null)
        {
            JsonElement page = await users.GetAsync(next, cancellationToken);
            events.AddRange(page.GetProperty("items").EnumerateArray());
            next = page.GetProperty("next_cursor") is { ValueKind: not JsonValueKind.Null } cursor ? $"/api/v1/runs/{run}/events?limit=500&from={cursor}" : null;
        }

        return events;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
