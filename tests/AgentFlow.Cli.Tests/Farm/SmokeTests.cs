using System.Diagnostics;
using System.Text.Json;
using AgentFlow.Cli.Tests.Durability;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Farm;

/// <summary>The protocol's own smoke test, typed as it stands, into a shell beside a fresh <c>af farm serve</c> and a fresh <c>af serve</c>.</summary>
public sealed class SmokeTests : IDisposable
{
    // The commands of the hand-over document, line by line. A reader puts in where the two are, and keeps what the first one prints.
    private const string Generate = """curl "http://farm:5000/api/agents/stress-scenario?scale=small&workflow_count=3&seed=42" """;

    private const string Post = """
        curl -X POST "http://aoa:8000/api/v1/stress-test/scenario" \
          -H "Content-Type: application/json" \
          -H "X-Tenant-ID: test-tenant" \
          -d @scenario.json
        """;

    private const string Poll = """curl "http://aoa:8000/api/v1/stress-test/scenario/{scenario_id}" """;
    private const string Dashboard = """curl "http://aoa:8000/api/v1/aoa/dashboard" -H "X-Tenant-ID: test-tenant" """;
    private const string GenerateChaos = """curl "http://farm:5000/api/agents/stress-scenario?scale=small&chaos_rate=0.5&seed=99" """;

    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task QuickSmokeTest_LineByLine_Passes()
    {
        Assert.SkipUnless(await HasCurlAsync(), "curl is not installed: apt-get install curl");
        using AfProcess farm = _af.Start("farm", "serve", "--url", "http://127.0.0.1:0", "-o", "json");
        string oracle = JsonElement.Parse(await farm.LineAsync("url")).GetProperty("url").GetString()!.TrimEnd('/');
        using ServedAf aoa = await ServedAf.StartAsync(_af);

        foreach ((string generate, int workflows) in new[] { (Generate, 3), (GenerateChaos, 5) })
        {
            JsonElement scenario = await CurlAsync(generate.TrimEnd() + " > scenario.json && cat scenario.json", oracle, aoa);
            JsonElement queued = await CurlAsync(Post, oracle, aoa);
            string id = scenario.GetProperty("scenario_id").GetString()!;
            Assert.Equal(("queued", id, workflows), (queued.GetProperty("status").GetString(), queued.GetProperty("scenario_id").GetString(), queued.GetProperty("workflows_queued").GetInt32()));
            // No header here, as the document has it: the scenario of another tenant than the default one is found.
            JsonElement result = await UntilEndedAsync(Poll.Replace("{scenario_id}", id, StringComparison.Ordinal), oracle, aoa);
            Assert.Equal(("completed", "PASS"), (result.GetProperty("status").GetString(), result.GetProperty("verdict").GetString()));
            Assert.True(result.GetProperty("chaos_recovery_rate").GetDouble() >= 0.8, result.ToString());
            Assert.Equal(scenario.GetProperty("summary").GetProperty("total_tasks").GetInt32(), result.GetProperty("total_tasks").GetInt32());
            foreach (string check in new[] { "completion_rate", "chaos_recovery", "task_completion" })
            {
                Assert.True(result.GetProperty("validation").GetProperty(check).GetProperty("passed").GetBoolean(), $"{check}: {result}");
            }

            Assert.NotEqual("", result.GetProperty("analysis").GetProperty("summary").GetString());
        }

        JsonElement dashboard = await CurlAsync(Dashboard, oracle, aoa);
        Assert.Equal((8, 0, 0), (dashboard.GetProperty("workflows").GetProperty("completed").GetInt32(), dashboard.GetProperty("workflows").GetProperty("pending").GetInt32(), dashboard.GetProperty("workflows").GetProperty("active_workflows").GetInt32()));
        Assert.True(dashboard.GetProperty("agents").GetProperty("total").GetInt32() > 0);
    }

    private async Task<JsonElement> UntilEndedAsync(string command, string oracle, ServedAf aoa)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        while (true)
        {
            JsonElement result = await CurlAsync(command, oracle, aoa);
            if (result.GetProperty("status").GetString() != "running")
            {
                return result;
            }

            Assert.False(patience.IsCancellationRequested, result.ToString());
            await Task.Delay(100, CancellationToken.None);
        }
    }

    private async Task<JsonElement> CurlAsync(string command, string oracle, ServedAf aoa)
    {
        string line = command.Replace("http://farm:5000", oracle, StringComparison.Ordinal).Replace("http://aoa:8000", $"http://127.0.0.1:{aoa.Port}", StringComparison.Ordinal);
        (int code, string output, string error) = await ShellAsync(line, _af.Folder);
        Assert.True(code == 0, $"{line}\n{error}");
        return JsonElement.Parse(output);
    }

    private static async Task<bool> HasCurlAsync() => (await ShellAsync("curl --version", Path.GetTempPath())).Code == 0;

    private static async Task<(int Code, string Out, string Error)> ShellAsync(string command, string folder)
    {
        using var shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", command]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = shell.StandardError.ReadToEndAsync();
        string output = await shell.StandardOutput.ReadToEndAsync();
        using var patience = new CancellationTokenSource(Af.Patience);
        await shell.WaitForExitAsync(patience.Token);
        return (shell.ExitCode, output, await error);
    }
}
