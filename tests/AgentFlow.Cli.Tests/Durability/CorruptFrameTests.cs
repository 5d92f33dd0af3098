using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;
using AgentFlow.Cli.Tests.Support.Disks;
using AgentFlow.Contracts.Ids;
using AgentFlow.Storage.Tests.Postgres;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>Bytes of a stored frame are not what was written: the error has its code and names the frame, and concerns that run only.</summary>
public sealed class CorruptFrameTests
{
    [Fact]
    public async Task Sqlite_FramesDamaged_ConcernTheirRunsOnly()
    {
        using var af = new Af();
        await RunAsync(af, (run, index) => Task.FromResult(StoreFile.DamageFrame(Path.Combine(af.Folder, ".af", "agentflow.db"), Ulid.Parse(run), index)));
    }

    [Fact]
    public async Task Postgres_FramesDamaged_ConcernTheirRunsOnly()
    {
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        await using PostgresCluster cluster = await PostgresCluster.StartAsync();
        string schema = await cluster.CreateSchemaAsync();
        using var af = new Af();
        af.Environment["AF_DB_DSN"] = cluster.Dsn(schema);
        af.Environment["AF_LEASE"] = "1";
        await RunAsync(af, (run, index) => cluster.QueryAsync<long>(string.Create(CultureInfo.InvariantCulture, $"""
            UPDATE {schema}.journal j SET data = set_byte(j.data, length(j.data) / 2, get_byte(j.data, length(j.data) / 2) # 255)
            FROM (SELECT f.run, f.first_seq FROM {schema}.journal f JOIN {schema}.runs r ON r.key = f.run
                  WHERE r.id = '{new Guid(Ulid.Parse(run).ToByteArray(), bigEndian: true)}' ORDER BY f.first_seq LIMIT 1 OFFSET {index}) d
            WHERE j.run = d.run AND j.first_seq = d.first_seq RETURNING j.first_seq
            """)));
    }

    /// <param name="damageAsync">Damages the n-th frame of a run, and gives its sequence.</param>
    private static async Task RunAsync(Af af, Func<string, int, Task<long>> damageAsync)
    {
        string ended, held, sound;
        using (ServedAf server = await ServedAf.StartAsync(af))
        {
            await server.SaveAsync(DurabilityFlows.Barriers);
            await server.SaveAsync(Af.Hold);
            ended = await server.ExecuteAsync("barriers", isAsync: false);
            held = await server.ExecuteAsync("hold", isAsync: true);
            sound = await server.ExecuteAsync("hold", isAsync: true);
            await server.BecomesAsync(held, "waiting");
            await server.BecomesAsync(sound, "waiting");
            server.Process.SendKill();
        }

        long endedAt = await damageAsync(ended, 2);
        long heldAt = await damageAsync(held, 0);
        Assert.True(endedAt > 0);
        using ServedAf restarted = await ServedAf.StartAsync(af);
        await AssertCorruptAsync(restarted, $"/api/v1/runs/{ended}", ended, endedAt);
        await AssertCorruptAsync(restarted, $"/api/v1/runs/{ended}/events", ended, endedAt);

        // The run is looked at when something comes for it, and set aside.
        await restarted.SignalAsync(held, "go", "once");
        await restarted.SignalAsync(sound, "go", "once");
        await restarted.BecomesAsync(sound, "completed");
        await restarted.Process.ErrorLineAsync($"Frame {heldAt} of run {held} cannot be read");
        await restarted.BecomesAsync(held, "diverged");
        JsonElement aside = await restarted.Http.GetFromJsonAsync<JsonElement>($"/api/v1/runs/{held}");
        Assert.Equal(("diverged", "RUN_DIVERGED"), (aside.GetProperty("status").GetString(), aside.GetProperty("error").GetProperty("code").GetString()));
        Assert.StartsWith($"Frame {heldAt} of run {held} cannot be read", aside.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await restarted.Http.GetAsync($"/api/v1/runs/{held}/plan")).StatusCode);
        await AssertCorruptAsync(restarted, $"/api/v1/runs/{held}/events", held, heldAt);
        using var patience = new CancellationTokenSource(Af.Patience);
        HttpResponseMessage refused;
        while ((refused = await restarted.Http.PostAsJsonAsync($"/api/v1/runs/{held}/signal", new { name = "go" }, patience.Token)).IsSuccessStatusCode)
        {
            await Task.Delay(20, patience.Token);
        }

        JsonElement problem = await refused.Content.ReadFromJsonAsync<JsonElement>(patience.Token);
        Assert.Equal("RUN_DIVERGED", problem.GetProperty("code").GetString());
        Assert.Contains($"Frame {heldAt} of run {held}", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);

        string fresh = await restarted.ExecuteAsync("barriers", isAsync: false);
        Assert.Equal("completed", await restarted.StatusAsync(fresh));
        Assert.Equal([fresh, sound, held, ended], await restarted.RunsAsync());
    }

    private static async Task AssertCorruptAsync(ServedAf server, string address, string run, long seq)
    {
        using HttpResponseMessage response = await server.Http.GetAsync(address);
        JsonElement problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal((HttpStatusCode.InternalServerError, "FRAME_CORRUPT"), (response.StatusCode, problem.GetProperty("code").GetString()));
        Assert.StartsWith($"Frame {seq} of run {run} cannot be read", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }
}
