using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;
using AgentFlow.Cli.Tests.Support.Disks;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>The disk is full: the server says so, keeps what it has, and goes on once there is room.</summary>
public sealed class FullDiskTests
{
    /// <summary>A frame of the log: a page and its header.</summary>
    private const int LogFrame = 4096 + 24;

    /// <summary>Frames that the first block of the log's index describes (SQLite's file format, 4.4).</summary>
    private const int FramesOfFirstBlock = 4062;

    private readonly Dictionary<string, string> _accepted = new(StringComparer.Ordinal);
    private int _asked;

    [Fact]
    public async Task Serve_DiskFull_AnswersUnavailableAndGoesOnWhenThereIsRoom()
    {
        Assert.SkipWhen(SmallDisk.Missing is not null, SmallDisk.Missing ?? "");
        using var disk = new SmallDisk(megabytes: 4);
        using var af = new Af();
        af.Environment["AF_DB_DSN"] = "sqlite:" + Path.Combine(disk.Folder, "agentflow.db");
        using (ServedAf server = await ServedAf.StartAsync(af))
        {
            await server.SaveAsync(DurabilityFlows.Barriers);
            await server.SaveAsync(Af.Hold);
            string held = await server.ExecuteAsync("hold", isAsync: true);
            await AskAsync(server, times: 5);
            disk.Fill();
            await UntilRefusedAsync(server);

            // Reading goes on, the process lives, and whoever asks for what cannot be hears it at once.
            Assert.Equal("waiting", await server.StatusAsync(held));
            Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/healthz")).StatusCode);
            await AssertUnavailableAsync(await server.Http.GetAsync("/readyz"));
            await AssertUnavailableAsync(await server.Http.PostAsJsonAsync($"/api/v1/runs/{held}/signal", new { name = "go", id = "once" }));
            await AssertUnavailableAsync(await server.PostRunAsync("barriers", isAsync: true, key: "later"));

            disk.MakeRoom();
            await ReadyAsync(server);
            await server.SignalAsync(held, "go", "once");
            await server.BecomesAsync(held, "completed");
            await CheckAsync(server);
            server.Process.SendKill();
        }

        using ServedAf restarted = await ServedAf.StartAsync(af);
        await CheckAsync(restarted);
        StoreFile.Check(Path.Combine(disk.Folder, "agentflow.db"));
    }

    [Fact]
    public async Task Serve_DiskFullWhenTheIndexOfTheLogGrows_IsNoReasonToEnd()
    {
        Assert.SkipWhen(SmallDisk.Missing is not null, SmallDisk.Missing ?? "");
        using var disk = new SmallDisk(megabytes: 40);
        using var af = new Af();
        string database = Path.Combine(disk.Folder, "agentflow.db");
        af.Environment["AF_DB_DSN"] = "sqlite:" + database;
        using ServedAf server = await ServedAf.StartAsync(af);
        await server.SaveAsync(Af.Echo);
        await server.SaveAsync(DurabilityFlows.Barriers);
        int frames = 0;
        while ((frames = Frames(database)) < FramesOfFirstBlock - 200)
        {
            await server.ExecuteAsync("echo", isAsync: false, new { message = new string('x', 150_000) + frames });
        }

        // Room for the log to its 4,062nd frame, and not for the 32 KiB that its index needs then.
        disk.Fill(free: ((FramesOfFirstBlock - frames) * LogFrame) + (4 * 4096));
        await UntilRefusedAsync(server);
        Assert.Contains("SQLite error 4874", server.Process.ErrorSoFar, StringComparison.Ordinal);
        disk.MakeRoom();
        await ReadyAsync(server);
        await CheckAsync(server);
    }

    private static int Frames(string database) => (int)(new FileInfo(database + "-wal").Length / LogFrame);

    private static async Task ReadyAsync(ServedAf server)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        while (!(await server.Http.GetAsync("/readyz", patience.Token)).IsSuccessStatusCode)
        {
            await Task.Delay(20, patience.Token);
        }
    }

    private static async Task AssertUnavailableAsync(HttpResponseMessage response)
    {
        using (response)
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            Assert.Equal("STORE_UNAVAILABLE", (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
            Assert.NotNull(response.Headers.RetryAfter);
        }
    }

    private async Task AskAsync(ServedAf server, int times)
    {
        for (int i = 0; i < times; i++)
        {
            string key = $"k{_asked++}";
            _accepted[key] = await server.ExecuteAsync("barriers", isAsync: true, key: key);
        }
    }

    private async Task UntilRefusedAsync(ServedAf server)
    {
        while (true)
        {
            using HttpResponseMessage response = await server.PostRunAsync("barriers", isAsync: true, key: $"k{_asked++}");
            if (response.StatusCode != HttpStatusCode.Accepted)
            {
                await AssertUnavailableAsync(response);
                return;
            }

            _accepted[$"k{_asked - 1}"] = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("job_id").GetString()!;
        }
    }

    /// <summary>Every key has one run, the acknowledged ones the run that was named, and every run ends once.</summary>
    private async Task CheckAsync(ServedAf server)
    {
        var runs = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < _asked; i++)
        {
            string run = await server.ExecuteAsync("barriers", isAsync: true, key: $"k{i}");
            Assert.Equal(_accepted.GetValueOrDefault($"k{i}", run), run);
            runs.Add(run);
            await server.BecomesAsync(run, "completed");
            Assert.Single(await server.EventsAsync(run), e => e.GetProperty("type").GetString() == "run_completed");
        }

        Assert.Equal(_asked, runs.Count);
    }
}
