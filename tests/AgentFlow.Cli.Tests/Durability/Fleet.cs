using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;
using AgentFlow.Cli.Tests.Support.Chaos;
using AgentFlow.Storage.Tests.Postgres;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>A control process, workers and an outside world on one PostgreSQL; every connection between them goes through a relay.</summary>
internal sealed class Fleet : IAsyncDisposable
{
    private static readonly TimeSpan CallerPatience = TimeSpan.FromSeconds(3);

    private readonly List<Af> _folders = [];
    private readonly List<ServedAf> _workers = [];
    private readonly List<ChaosProxy> _workersToDatabase = [];

    private Fleet(PostgresCluster cluster, EffectLedger ledger, TimeSpan lease)
    {
        Lease = lease;
        Ledger = ledger;
        ApiToDatabase = new ChaosProxy(cluster.Port);
        WorkersToTool = new ChaosProxy(ledger.Port);
    }

    public TimeSpan Lease { get; }

    public EffectLedger Ledger { get; }

    public string Schema { get; private set; } = "";

    public ServedAf Api { get; private set; } = null!;

    public IReadOnlyList<ServedAf> Workers => _workers;

    public ChaosProxy ApiToDatabase { get; }

    public IReadOnlyList<ChaosProxy> WorkersToDatabase => _workersToDatabase;

    public ChaosProxy WorkersToTool { get; }

    public ChaosProxy ClientToApi { get; private set; } = null!;

    public IEnumerable<ChaosProxy> Links => [ApiToDatabase, .. _workersToDatabase, WorkersToTool, ClientToApi];

    /// <param name="standby">Where the processes look when the cluster is not the primary any more.</param>
    public static async Task<Fleet> StartAsync(PostgresCluster cluster, int workers, TimeSpan lease, PostgresCluster? standby = null)
    {
        var fleet = new Fleet(cluster, await EffectLedger.StartAsync(), lease);
        try
        {
            fleet.Schema = await cluster.CreateSchemaAsync();
            string Dsn(int port) => standby is null ? cluster.Dsn(fleet.Schema, port) : cluster.Dsn(fleet.Schema, port).Replace(
                string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port}"),
                string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1:{port},127.0.0.1:{standby.Port}"),
                StringComparison.Ordinal);
            fleet.Api = await ServedAf.StartAsync(fleet.Folder(Dsn(fleet.ApiToDatabase.Port), mode: "control"));
            fleet.ClientToApi = new ChaosProxy(fleet.Api.Port);
            await fleet.Api.SaveAsync(DurabilityFlows.Calls);
            for (int i = 0; i < workers; i++)
            {
                fleet._workersToDatabase.Add(new ChaosProxy(cluster.Port));
                fleet._workers.Add(await ServedAf.StartAsync(fleet.Folder(Dsn(fleet._workersToDatabase[i].Port), mode: null), verb: "worker"));
            }

            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks for a run until it is accepted, as a caller with a key does.</summary>
    public async Task<string> AcceptAsync(string id)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        object input = new { url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{WorkersToTool.Port}/effect"), id };
        while (true)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(patience.Token);
            limit.CancelAfter(CallerPatience);
            try
            {
                using HttpResponseMessage response = await Api.PostRunAsync("calls", isAsync: true, input, key: id, limit.Token);
                if (response.StatusCode == HttpStatusCode.Accepted)
                {
                    return (await response.Content.ReadFromJsonAsync<JsonElement>(patience.Token)).GetProperty("job_id").GetString()!;
                }

                Assert.True(response.StatusCode == HttpStatusCode.ServiceUnavailable, await response.Content.ReadAsStringAsync(patience.Token));
            }
            catch (OperationCanceledException) when (!patience.IsCancellationRequested)
            {
                // No answer: it may have been accepted, and its key tells.
            }

            await Task.Delay(50, patience.Token);
        }
    }

    /// <summary>Waits for the end of a run, whatever becomes of single questions.</summary>
    public async Task CompletedAsync(string run)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        string last = "";
        while (true)
        {
            using var limit = new CancellationTokenSource(CallerPatience);
            try
            {
                using HttpResponseMessage response = await Api.Http.GetAsync($"/api/v1/runs/{run}", limit.Token);
                last = await response.Content.ReadAsStringAsync(limit.Token);
                if (response.IsSuccessStatusCode)
                {
                    using JsonDocument view = JsonDocument.Parse(last);
                    string status = view.RootElement.GetProperty("status").GetString()!;
                    if (status == "completed")
                    {
                        return;
                    }

                    Assert.True(status is "queued" or "running" or "waiting", last);
                }
            }
            catch (OperationCanceledException)
            {
                last = "no answer";
            }

            Assert.False(patience.IsCancellationRequested, $"{run} is stuck: {last}\n{Said()}");
            await Task.Delay(20, CancellationToken.None);
        }
    }

    /// <summary>A run that is over: one end, nothing missing or doubled in its journal, one key for each of its effects.</summary>
    public async Task CheckAsync(string id, string run)
    {
        List<JsonElement> events = await Api.EventsAsync(run);
        string[] types = [.. events.Select(e => e.GetProperty("type").GetString()!)];
        Assert.Equal(Enumerable.Range(0, events.Count), events.Select(e => e.GetProperty("seq").GetInt32()));
        Assert.Equal("run_completed", types[^1]);
        Assert.Equal((1, 3), (types.Count(t => t == "run_completed"), types.Count(t => t == "step_succeeded")));
        EffectLedger.Effect[] effects = [.. Ledger.Effects.Where(e => e.Run == id)];
        Assert.Equal([0, 1, 2], effects.Select(e => e.Step).Distinct().Order());
        Assert.Equal(3, effects.Select(e => e.Key).Distinct().Count());
        Assert.True(effects.Length <= types.Count(t => t == "step_started"), $"{run}: {effects.Length} calls, and fewer were announced");
    }

    /// <summary>What the processes have logged, for messages of failed assertions.</summary>
    public string Said() => string.Join("\n", new[] { Api }.Concat(_workers).Select((p, i) => $"--- process {i}\n{p.Process.ErrorSoFar}"));

    public async ValueTask DisposeAsync()
    {
        foreach (ServedAf served in _workers.Append(Api).OfType<ServedAf>())
        {
            served.Dispose();
        }

        foreach (ChaosProxy link in Links.OfType<ChaosProxy>())
        {
            await link.DisposeAsync();
        }

        await Ledger.DisposeAsync();
        _folders.ForEach(f => f.Dispose());
    }

    private Af Folder(string dsn, string? mode)
    {
        var af = new Af();
        _folders.Add(af);
        af.Environment["AF_DB_DSN"] = dsn;
        af.Environment["AF_MODE"] = mode;
        af.Environment["AF_LEASE"] = Lease.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        af.Environment["AF_HTTP_ALLOW"] = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{WorkersToTool.Port}");
        return af;
    }
}
