using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AgentFlow.Cli.Tests.Durability;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Secrets;

/// <summary>
/// A thousand runs hand a secret to somebody who tells it again in every shape, while the server is killed again and again. It
/// then stands in no file, log, journal, message, error or answer.
/// </summary>
public sealed class SecretLeakTests
{
    private const string Secret = "Tr0ub4dor&3/pl4nted+\"val\\ue\"=~";
    private const int Runs = 1000;
    private const int Kills = 5;

    private static readonly string[] Forms =
    [
        "Tr0ub4dor", "pl4nted", Uri.EscapeDataString(Secret)[..20], Convert.ToHexString(Encoding.UTF8.GetBytes(Secret))[..24], Convert.ToHexStringLower(Encoding.UTF8.GetBytes(Secret))[..24],
        Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret))[..24], Convert.ToBase64String(Encoding.UTF8.GetBytes("user:" + Secret))[8..32], Convert.ToBase64String(Encoding.UTF8.GetBytes("Bearer " + Secret))[12..36],
        Convert.ToBase64String(Encoding.UTF8.GetBytes("x" + Secret))[4..28], string.Concat(Secret.Take(6).Select(c => $"\\u{(int)c:X4}")),
    ];

    private static string Workflow(int port) => $$$"""
        language: 1
        name: tell
        version: 1.0.0
        planner: fsm
        initial_state: lost
        final_states: [said, failed]
        states:
          lost: { tool: skill.http_call, input: { method: GET, url: "http://127.0.0.1:9/secret://api?key=secret://api" }, on_success: call, on_error: call }
          call:
            tool: skill.http_call
            input: { method: POST, url: "http://127.0.0.1:{{{port}}}/?way=${input.way}", headers: { Authorization: "Bearer secret://api" }, body: { text: "${input.text}", db: "secret://db#password" } }
            retry: { max_attempts: 2, initial: 10ms, max: 10ms }
            on_success: said
            on_error: failed
          said: { tool: skill.echo, input: { answer: "${steps.call.output}" } }
          failed: { tool: skill.echo, input: { error: "${error}" } }
        """;

    [Fact]
    public async Task ThousandRuns_WithFailuresAndKills_TellTheSecretNowhere()
    {
        await using TellTale told = await TellTale.StartAsync(Secret);
        using var af = new Af();
        af.Environment["AF_HTTP_ALLOW"] = $"127.0.0.1:{told.Port},127.0.0.1:9";
        af.Environment["AF_LOG_LEVEL"] = "trace";
        af.Environment["AF_SECRET_DB__PASSWORD"] = "db:" + Secret;
        Assert.Equal(0, (await af.RunAsync(Secret + "\n", ["secrets", "set", "api", "--rotate-every", "0.00001"])).Code);
        var random = new Random(7);
        var logs = new StringBuilder();
        ServedAf server = await ServedAf.StartAsync(af);
        try
        {
            await server.SaveAsync(Workflow(told.Port));
            await server.SaveAsync(Af.Hold);
            for (int kill = 0; kill <= Kills; kill++)
            {
                int from = kill * Runs / (Kills + 1);
                int to = (kill + 1) * Runs / (Kills + 1);
                await Parallel.ForEachAsync(Enumerable.Range(from, to - from), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
                    await server.ExecuteAsync("tell", isAsync: true, new { way = i % TellTale.Ways, text = i % 3 == 0 ? "secret://api" : $"they say it is {Secret}" }, $"k{i}"));
                string held = await server.ExecuteAsync("hold", isAsync: true, new { told = Secret });
                using (HttpResponseMessage signal = await server.Http.PostAsJsonAsync($"/api/v1/runs/{held}/signal", new { name = "go", payload = new { sent_back = Secret } }))
                {
                    Assert.True(signal.IsSuccessStatusCode);
                }

                if (kill < Kills)
                {
                    await Task.Delay(random.Next(50, 400));
                    server.Process.SendKill();
                    await server.Process.EndAsync();
                    AssertNone(af);
                    logs.Append(server.Process.ErrorSoFar);
                    ServedAf killed = server;
                    server = await ServedAf.StartAsync(af, port: killed.Port);
                    killed.Dispose();
                }
            }

            await EndedAsync(server);
            foreach (string run in await server.RunsAsync())
            {
                AssertNone((await server.Http.GetStringAsync($"/api/v1/runs/{run}")) + string.Concat(await server.EventsAsync(run)), $"run {run}");
            }

            AssertNone(await server.Http.GetStringAsync("/api/v1/audit/export"), "the audit");
            AssertNone(await server.Http.GetStringAsync("/api/v1/secrets"), "the list of secrets");
            AssertNone((await af.RunAsync("secrets", "status", "--server", $"http://127.0.0.1:{server.Port}")).ToString(), "af secrets status");
            AssertNone(af);
            server.Process.SendTerminate();
            AfResult end = await server.Process.EndAsync();
            logs.Append(end.Out).Append(end.Error);
        }
        finally
        {
            server.Dispose();
        }

        AssertNone(af);
        AssertNone(logs.ToString(), "the logs");
        Assert.Contains("was to be replaced", logs.ToString(), StringComparison.Ordinal);
        Assert.True(told.Asked >= Runs, $"only {told.Asked} requests carried the secret");
        TestContext.Current.TestOutputHelper?.WriteLine($"{told.Asked} requests, {logs.Length} characters of logs");
    }

    private static async Task EndedAsync(ServedAf server)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        foreach (string status in new[] { "queued", "running", "waiting" })
        {
            while ((await server.Http.GetFromJsonAsync<JsonElement>($"/api/v1/runs?filter[status]={status}", patience.Token)).GetProperty("total_count").GetInt32() > 0)
            {
                await Task.Delay(50, patience.Token);
            }
        }
    }

    /// <summary>Every file that there is: database, log, its index, witness, the encrypted secrets.</summary>
    private static void AssertNone(Af af)
    {
        // Locks are empty, and held.
        string[] files = [.. Directory.GetFiles(af.Folder, "*", SearchOption.AllDirectories).Where(f => !f.EndsWith(".lock", StringComparison.Ordinal))];
        Assert.Contains(files, f => f.EndsWith("-wal", StringComparison.Ordinal) || f.EndsWith(".db", StringComparison.Ordinal));
        foreach (string file in files)
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            byte[] content = new byte[stream.Length];
            stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            AssertNone(Encoding.Latin1.GetString(content), file);
        }
    }

    private static void AssertNone(string text, string where)
    {
        foreach (string form in Forms)
        {
            int at = text.IndexOf(form, StringComparison.Ordinal);
            Assert.True(at < 0, $"'{form}' stands in {where}: …{(at < 0 ? "" : text[Math.Max(0, at - 200)..Math.Min(text.Length, at + 100)])}…");
        }
    }
}
